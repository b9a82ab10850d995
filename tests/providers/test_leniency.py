"""What a vendor sends is read leniently: one strange field costs that field, never the call."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callhub import Call, CallStatus
from callhub.provider.http import Response, Unreadable
from callhub.provider.order import CallFilter, ContactFilter
from tests.providers.kit import AICALLER, ERZYCALL, PROVIDERS, drive, example

if TYPE_CHECKING:
    from collections.abc import Iterator

JUNK: list[Any] = [
    None,
    True,
    5,
    -1,
    1.5,
    10**30,
    1e300,
    "",
    "x",
    "2025-13-45T00:00:00Z",
    "2025-01-15T10:30:00",
]
JUNK += [[], [None], [1, "a", {}], [[1]], {}, {"a": 1}, {"key": 1}]
ID = {"erzycall": "id", "aicaller": "_id"}
SAMPLES = {
    "erzycall": example("erzycall.calls.get.response")["data"]
    | {
        "endedReason": "voicemail",
        "startedAt": "2025-01-15T10:31:00Z",
        "scheduledAt": "2025-01-15T10:31:00Z",
        "transcript": [{"role": "user"}],
        "recordingUrl": "https://example.com/r.mp3",
    },
    "aicaller": example("aicaller.phoneCalls.get.response")["data"] | {"status": "completed"},
}
# Which of a call's fields each of the vendor's fields feeds; one that stands alone feeds one of its own name.
FEEDS = {
    "erzycall": {
        "status": {"status", "outcome", "provider_status", "held_by"},
        "from": {"from_number"},
        "contactId": {"contact"},
        "caseId": {"script"},
        "createdAt": {"created_at"},
        "endedReason": {"ended_reason", "outcome"},
        "startedAt": {"started_at"},
        "scheduledAt": {"scheduled_at"},
        "recordingUrl": {"recording_url"},
    },
    "aicaller": {
        "status": {"status", "outcome", "provider_status", "ended_reason", "answered_by", "callback_at"},
        "statusExtraInfo": {"outcome", "ended_reason", "answered_by", "callback_at"},
        "toPhoneNumber": {"to"},
        "fromPhoneNumber": {"from_number"},
        "nameOfHuman": {"contact"},
        "callTemplateId": {"script"},
        "promptVariableValues": {"variables"},
        "resultValues": {"results"},
        "callDelayedUntil": {"scheduled_at", "held_by"},
        "createdAt": {"created_at"},
        "callStartedAt": {"started_at"},
        "callEndedAt": {"ended_at"},
        "callDuration": {"duration"},
        "recordingUrl": {"recording_url"},
    },
}
CASES = [(name, field) for name, sample in SAMPLES.items() for field in sample if field != ID[name]]


def read(name: str, told: dict[str, Any]) -> Call:
    _, call = drive(PROVIDERS[name].get_call("x"), json.dumps({"data": told}).encode())
    assert isinstance(call, Call)
    return call


@pytest.mark.parametrize(("name", "field"), CASES)
def test_a_strange_field_costs_that_field_only(name: str, field: str) -> None:
    usual = read(name, SAMPLES[name])
    touched = FEEDS[name].get(field, {field}) | {"source"}
    for junk in JUNK:
        call = read(name, SAMPLES[name] | {field: junk})
        assert call.raw[field] == junk
        changed = {each for each in Call.__struct_fields__ if getattr(call, each) != getattr(usual, each)}
        assert changed <= touched


@pytest.mark.parametrize(("name", "field"), [("erzycall", "duration"), ("aicaller", "createdAt")])
def test_half_a_character_costs_that_field_only(name: str, field: str) -> None:
    assert read(name, SAMPLES[name] | {field: "\ud83d"}).provider_call_id


@pytest.mark.parametrize(("name", "field"), CASES)
def test_a_field_that_is_missing_costs_that_field_only(name: str, field: str) -> None:
    usual = read(name, SAMPLES[name])
    call = read(name, {key: value for key, value in SAMPLES[name].items() if key != field})
    changed = {each for each in Call.__struct_fields__ if getattr(call, each) != getattr(usual, each)}
    assert changed <= FEEDS[name].get(field, {field}) | {"source"}


@pytest.mark.parametrize("name", PROVIDERS)
def test_fields_that_callhub_does_not_know_change_nothing(name: str) -> None:
    more = {f"new{number}": junk for number, junk in enumerate(JUNK)}
    usual, call = read(name, SAMPLES[name]), read(name, SAMPLES[name] | more)
    assert [each for each in Call.__struct_fields__ if getattr(call, each) != getattr(usual, each)] == [
        "source"
    ]
    assert call.raw == SAMPLES[name] | more


@pytest.mark.parametrize("name", PROVIDERS)
def test_only_the_id_is_needed(name: str) -> None:
    call = read(name, {ID[name]: "x1"})
    assert (call.provider_call_id, call.status, call.outcome) == ("x1", CallStatus.UNKNOWN, None)


@pytest.mark.parametrize("name", PROVIDERS)
def test_every_field_may_be_strange_at_once(name: str) -> None:
    for junk in JUNK:
        told = dict.fromkeys(SAMPLES[name], junk) | {ID[name]: "x1"}
        assert read(name, told).provider_call_id == "x1"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text("ab\né", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("name", PROVIDERS)
@settings(max_examples=20)
@given(data=st.data())
def test_whatever_stands_in_the_fields_the_call_is_read(name: str, data: st.DataObject) -> None:
    fields = data.draw(st.lists(st.sampled_from([*SAMPLES[name]]), unique=True))
    told = SAMPLES[name] | {field: data.draw(json_values) for field in fields} | {ID[name]: "x1"}
    assert read(name, told).provider_call_id == "x1"


@pytest.mark.parametrize("name", PROVIDERS)
@pytest.mark.parametrize(
    "told", [None, [], "x", 5, {}, {"data": None}, {"data": []}, {"data": {}}, {"id": "x"}]
)
def test_without_an_id_nothing_is_read(name: str, told: Any) -> None:
    provider = PROVIDERS[name]
    with pytest.raises(Unreadable) as caught:
        drive(provider.get_call("x"), json.dumps(told).encode())
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None  # it would quote the answer


@pytest.mark.parametrize("name", PROVIDERS)
@settings(max_examples=25)
@given(body=st.binary(max_size=20))
def test_whatever_bytes_come_they_are_unreadable_at_worst(name: str, body: bytes) -> None:
    provider = PROVIDERS[name]
    for flow in (provider.get_call("x"), provider.list_calls(CallFilter(), None, 10)):
        try:
            drive(flow, body)
        except Unreadable as error:
            assert error.__context__ is None  # noqa: PT017 - what is read without an error is fine


NAN = b'{"data": {"%s": "x1", "status": "%s", "%s": NaN}}'


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("erzycall", NAN % (b"id", b"ended", b"duration")),
        ("aicaller", NAN % (b"_id", b"busy", b"callDuration")),
    ],
)
def test_a_length_that_is_no_number(name: str, body: bytes) -> None:
    _, call = drive(PROVIDERS[name].get_call("x"), body)
    assert (call.provider_call_id, call.duration) == ("x1", None)


# Lists


def pages(name: str, items: list[Any], **more: Any) -> Any:
    _, page = drive(
        PROVIDERS[name].list_calls(CallFilter(), None, 100), json.dumps({"data": items} | more).encode()
    )
    return page


@pytest.mark.parametrize("name", PROVIDERS)
def test_strange_fields_cost_no_call_of_a_list(name: str) -> None:
    sample = SAMPLES[name]
    items = [
        sample | {field: junk, ID[name]: f"x{n}"} for n, (field, junk) in enumerate(_pairs(sample, ID[name]))
    ]
    assert [call.provider_call_id for call in pages(name, items).items] == [
        f"x{n}" for n in range(len(items))
    ]


def _pairs(sample: dict[str, Any], but: str) -> Iterator[tuple[str, Any]]:
    fields = [field for field in sample if field != but]
    return zip(fields * 2, JUNK * 5, strict=False)


@pytest.mark.parametrize("pagination", [None, [], "x", {}, {"hasMore": None}])
def test_a_strange_pagination_is_an_end(pagination: Any) -> None:
    page = pages("erzycall", [SAMPLES["erzycall"]], pagination=pagination)
    assert (len(page.items), page.cursor) == (1, None)


def test_more_without_saying_where_is_no_end() -> None:
    with pytest.raises(Unreadable):
        pages("erzycall", [SAMPLES["erzycall"]], pagination={"cursor": 5, "hasMore": True})


# What else is read


def test_a_strange_contact_is_read() -> None:
    usual = example("erzycall.contacts.get.response")["data"]
    for field in (*(set(usual) - {"id"}), "groupIds", "customFields", "notes"):
        for junk in JUNK:
            body = json.dumps({"data": usual | {field: junk}}).encode()
            _, contact = drive(ERZYCALL.get_contact("x"), body)
            assert contact.id == "erzycall:contact_456"
            _, page = drive(
                ERZYCALL.list_contacts(ContactFilter(), None, 10),
                json.dumps({"data": [usual | {field: junk}]}).encode(),
            )
            assert [each.id for each in page.items] == ["erzycall:contact_456"]


def test_a_strange_script_or_endpoint_is_read() -> None:
    for junk in JUNK:
        case = {"id": "c1", "title": junk, "status": junk, "createdAt": junk}
        _, script = drive(ERZYCALL.get_script("x"), json.dumps({"data": case}).encode())
        assert script.id == "erzycall:c1"
        hook = dict.fromkeys(("url", "events", "secret", "isActive", "description", "createdAt"), junk)
        _, (listed,) = drive(ERZYCALL.list_webhooks(), json.dumps({"data": [hook | {"id": "w1"}]}).encode())
        assert listed.id == "erzycall:w1"


@pytest.mark.parametrize("name", PROVIDERS)
def test_reading_an_error_never_fails(name: str) -> None:
    provider = PROVIDERS[name]
    bodies = [json.dumps(junk).encode() for junk in JUNK]
    bodies += [json.dumps({"error": junk}).encode() for junk in JUNK]
    for key in ("code", "message", "details"):
        bodies += [
            json.dumps({"error": {"code": "X", "message": "m"} | {key: junk}}).encode() for junk in JUNK
        ]
    bodies += [json.dumps({"error": {"details": [junk]}}).encode() for junk in JUNK]
    bodies += [b"", b"\xff\xfe", b"[" * 100_000, b"<html>", b"1" * 5000]
    for body in bodies:
        told = provider.read_error(Response(400, {}, body))
        assert told.code is None or isinstance(told.code, str)
        assert isinstance(told.message, str)


@pytest.mark.parametrize("value", ["", "x", "-1", "1.5", "nan", "inf", "1e999", "9" * 400, "٣"])
def test_reading_a_limit_never_fails(value: str) -> None:
    for headers in (
        {"x-ratelimit-remaining": value, "x-ratelimit-reset": "5"},
        {"x-ratelimit-remaining": "5", "x-ratelimit-reset": value},
    ):
        limit = ERZYCALL.rate_limit(Response(200, headers))
        assert limit is None or isinstance(limit.remaining, int)
    assert AICALLER.rate_limit(Response(200, {})) is None
