"""Which status may follow which, what news change, and the document by which requests are compared."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callhub import Call, CallOutcome, CallRequest, CallStatus, Contact
from callhub.model.call import as_of, merged
from callhub.model.lifecycle import FOLLOWS, TERMINAL, follows
from callhub.model.source import Source
from callhub.policy import intake
from tests.core.kit import NUMBER, START, secrets_in

if TYPE_CHECKING:
    import msgspec

statuses = st.sampled_from(CallStatus)
outcomes = st.none() | st.sampled_from(CallOutcome)
S = CallStatus
ORDER = (S.SCHEDULED, S.QUEUED, S.RINGING, S.IN_PROGRESS)


# The table


def test_every_status_is_in_the_table() -> None:
    assert set(FOLLOWS) == set(CallStatus)
    assert {S.ENDED, S.CANCELLED, S.FAILED} == TERMINAL == {each for each in CallStatus if each.terminal}


def test_what_is_over_stays_as_it_is() -> None:
    for current in TERMINAL:
        assert [news for news in CallStatus if follows(news, current)] == [current]


def test_the_same_again_may_always_be_said() -> None:
    assert all(follows(status, status) for status in CallStatus)


def test_nothing_that_was_accepted_falls_into_doubt() -> None:
    assert [current for current in CallStatus if follows(S.IN_DOUBT, current)] == [S.IN_DOUBT]


def test_doubt_turns_into_anything() -> None:
    assert all(follows(news, S.IN_DOUBT) for news in CallStatus)


@given(st.lists(statuses.filter(lambda status: status is not S.UNKNOWN), min_size=1))
def test_a_status_only_moves_forward(news: list[CallStatus]) -> None:
    current, ranks = S.IN_DOUBT, [-1]
    for each in news:
        current = each if follows(each, current) else current
        ranks.append(_rank(current))
    assert ranks == sorted(ranks)
    over = [each for each in news if each.terminal]
    if over:
        assert current is over[0]


def test_a_word_that_callhub_does_not_know_moves_nothing_back() -> None:
    call = call_of(S.IN_PROGRESS)
    for news in (S.UNKNOWN, S.SCHEDULED):
        call = merged(call, call_of(news))
    assert call.status in (S.IN_PROGRESS, S.UNKNOWN)


def _rank(status: CallStatus) -> int:
    return ORDER.index(status) if status in ORDER else len(ORDER) if status.terminal else -1


@pytest.mark.parametrize(("earlier", "later"), [*pairwise(ORDER), (S.SCHEDULED, S.IN_PROGRESS)])
def test_the_way_of_a_call(earlier: CallStatus, later: CallStatus) -> None:
    assert follows(later, earlier)
    assert not follows(earlier, later)
    for over in TERMINAL:
        assert follows(over, earlier)
        assert not follows(earlier, over)


# News


def call_of(status: CallStatus, outcome: CallOutcome | None = None, **fields: Any) -> Call:
    return Call(id="c1", provider="erzycall", provider_call_id="v1", status=status, outcome=outcome, **fields)


calls = st.builds(
    call_of,
    statuses,
    outcomes,
    provider_status=st.sampled_from(["new", "processing", "ended"]),
    started_at=st.none() | st.just(START),
    duration=st.none() | st.just(timedelta(seconds=45)),
    to=st.none() | st.just(NUMBER),
    script=st.none() | st.just("onboarding"),
    results=st.sampled_from([{}, {"city": "Ipoh"}]),
    metadata=st.sampled_from([{}, {"order": 1}]),
    source=st.none() | st.just(Source(b"{}")),
)


@given(ours=calls, news=calls)
def test_news_never_move_a_call_backwards(ours: Call, news: Call) -> None:
    now = merged(ours, news)
    assert now.status is (news.status if follows(news.status, ours.status) else ours.status)
    if not follows(news.status, ours.status):
        assert now.outcome is ours.outcome


@given(ours=calls, news=calls)
def test_news_lose_nothing_that_is_known(ours: Call, news: Call) -> None:
    now = merged(ours, news)
    for name in Call.__struct_fields__:
        if getattr(ours, name) not in (None, {}, ()) and name not in ("status", "outcome"):
            assert getattr(now, name) not in (None, {}, ())
    assert (now.id, now.metadata, now.attempts) == (ours.id, ours.metadata, ours.attempts)
    assert now.outcome or not ours.outcome


@given(ours=calls, news=calls)
def test_the_same_news_twice_change_nothing_more(ours: Call, news: Call) -> None:
    once = merged(ours, news)
    assert merged(once, news) == once


@given(call=calls)
def test_no_news_change_nothing(call: Call) -> None:
    assert merged(call, call) == call


@given(ours=calls, news=calls)
def test_what_we_said_first_stays(ours: Call, news: Call) -> None:
    now = merged(ours, news)
    assert now.to == (ours.to or news.to)
    assert now.script == (ours.script or news.script)


def test_late_news_change_nothing_that_the_vendor_said_since() -> None:
    ours = call_of(S.ENDED, CallOutcome.CONVERSATION, provider_status="ended", duration=timedelta(seconds=45))
    now = merged(ours, call_of(S.IN_PROGRESS, provider_status="processing", duration=timedelta(seconds=3)))
    assert (now.status, now.provider_status, now.duration) == (S.ENDED, "ended", timedelta(seconds=45))


def test_an_outcome_that_is_known_stays_known() -> None:
    """The vendor told the reason once, by a webhook for instance, and a later reading lacks it."""
    ours = call_of(S.ENDED, CallOutcome.VOICEMAIL, ended_reason="voicemail")
    assert merged(ours, call_of(S.ENDED, CallOutcome.UNKNOWN)).outcome is CallOutcome.VOICEMAIL


def test_an_outcome_that_was_unknown_may_become_known() -> None:
    ours = call_of(S.ENDED, CallOutcome.UNKNOWN)
    assert merged(ours, call_of(S.ENDED, CallOutcome.BUSY)).outcome is CallOutcome.BUSY


def test_what_is_queued_for_later_is_scheduled() -> None:
    later = call_of(S.QUEUED, scheduled_at=START + timedelta(hours=1))
    assert as_of(later, START).status is S.SCHEDULED
    assert as_of(later, START + timedelta(hours=1)).status is S.QUEUED
    assert as_of(call_of(S.QUEUED), START).status is S.QUEUED
    for status in set(CallStatus) - {S.QUEUED}:
        assert as_of(call_of(status, scheduled_at=START + timedelta(hours=1)), START).status is status


# What a call shows


def test_a_call_as_json() -> None:
    call = call_of(
        S.ENDED,
        CallOutcome.CONVERSATION,
        to=NUMBER,
        scheduled_at=START,
        duration=timedelta(seconds=45.5),
        source=Source(b'{"data": [{"id": "v1"}]}', ("data", 0)),
    )
    plain = json.loads(json.dumps(call.to_dict()))
    assert (plain["status"], plain["outcome"], plain["duration"]) == ("ended", "conversation", 45.5)
    assert plain["scheduled_at"] == "2026-03-02T09:00:00Z"
    assert set(plain) == set(Call.__struct_fields__) - {"source"}
    assert call.raw == {"id": "v1"}
    assert call_of(S.QUEUED).raw is None


def test_nothing_public_shows_a_person() -> None:
    contact = Contact(id="erzycall:c", name="Ahmad", phone=NUMBER, email="a@example.com", notes="n")
    request = CallRequest(to=NUMBER, contact=contact, variables={"n": NUMBER}, idempotency_key="k")
    call = call_of(S.ENDED, to=NUMBER, transcript="Hello", source=Source(NUMBER.encode()))
    for shown in (contact, request, call, call.source, [call], {"call": call}):
        assert secrets_in(repr(shown)) == secrets_in(str(shown)) == []
        assert "Ahmad" not in repr(shown)
        assert "Hello" not in repr(shown)


@pytest.mark.parametrize("kind", [Call, Contact, CallRequest])
def test_what_is_said_does_not_change(kind: type[msgspec.Struct]) -> None:
    made = kind(**({"id": "x"} if kind is not CallRequest else {}))
    with pytest.raises(AttributeError):
        made.id = "y"  # type: ignore[attr-defined]


# The document


def test_a_document_as_it_stands_in_ledgers() -> None:
    """This text is in people's databases: another one is a Conflict for every call under way."""
    request = CallRequest(
        to=NUMBER,
        script="onboarding",
        variables={"name": "Ahmad", "sum": 12.5, "year": 2026},
        first_message="Hëllo",
        scheduled_at=datetime(2026, 12, 1, 15, 0, tzinfo=timezone(timedelta(hours=8))),
        from_number="+14155559999",
        record=False,
        extras={"aicaller": {"telephonyProvider": "twilio"}},
        provider="erzycall",
        idempotency_key="order-1",
        metadata={"order": 1009},
        timeout=5,
        allow_default_script=True,
    )
    assert intake.document(request) == (
        '{"extras":{"aicaller":{"telephonyProvider":"twilio"}},"first_message":"Hëllo",'
        '"from_number":"+14155559999","record":false,"scheduled_at":"2026-12-01T07:00:00Z",'
        '"script":"onboarding","to":"+14155550123","v":1,'
        '"variables":{"name":"Ahmad","sum":12.5,"year":2026}}'
    )


def test_the_smallest_document() -> None:
    assert intake.document(CallRequest()) == '{"v":1}'
    assert intake.document(CallRequest(to=NUMBER, contact="erzycall:c1")) == (
        '{"contact":"erzycall:c1","to":"+14155550123","v":1}'
    )


def test_the_document_of_a_contact_holds_what_was_given() -> None:
    """With a field more on `Contact` a later callhub would otherwise write another text."""
    request = CallRequest(to=NUMBER, contact=Contact(name="Ahmad"))
    assert intake.document(request) == '{"contact":{"name":"Ahmad"},"to":"+14155550123","v":1}'


def test_a_contact_that_was_read_is_the_same_request_however_it_was_read() -> None:
    by_id, by_list = (
        Contact(id="erzycall:c1", name="Ahmad", source=Source(body, trail))
        for body, trail in (
            (b'{"data": {"id": "c1"}}', ("data",)),
            (b'{"data": [{"id": "c1"}]}', ("data", 0)),
        )
    )
    documents = {intake.document(CallRequest(to=NUMBER, contact=each)) for each in (by_id, by_list)}
    assert len(documents) == 1


@given(st.dictionaries(st.text("abé😀"), st.text("ab\n") | st.integers(), max_size=4))
def test_the_order_of_variables_is_no_difference(variables: dict[str, Any]) -> None:
    turned = reversed(variables.items())
    assert intake.document(CallRequest(variables=variables)) == intake.document(
        CallRequest(variables=dict(turned))
    )


@given(st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)), st.integers(-14, 14))  # noqa: DTZ001
def test_the_zone_is_no_difference(at: datetime, hours: int) -> None:
    aware = at.replace(tzinfo=UTC)
    elsewhere = aware.astimezone(timezone(timedelta(hours=hours)))
    assert intake.document(CallRequest(scheduled_at=aware)) == intake.document(
        CallRequest(scheduled_at=elsewhere)
    )


CHANGES = [
    {"to": NUMBER},
    {"script": "s"},
    {"variables": {"a": 1}},
    {"variables": {"a": "1"}},
    {"contact": "erzycall:c1"},
    {"contact": Contact(name="A")},
    {"first_message": ""},
    {"first_message": "x"},
    {"scheduled_at": START},
    {"from_number": NUMBER},
    {"record": True},
    {"record": False},
    {"extras": {"aicaller": {}}},
]


def test_every_difference_is_a_difference() -> None:
    documents = [intake.document(CallRequest(**change)) for change in ({}, *CHANGES)]  # type: ignore[arg-type]
    assert len(set(documents)) == len(documents)


def test_the_document_knows_every_field() -> None:
    """A new field of a request has to be decided about: is it said to the person, or not?"""
    unsaid = {
        "provider",
        "hold",
        "route",
        "idempotency_key",
        "metadata",
        "timeout",
        "allow_default_script",
        "on_unknown",
    }
    assert set(intake.SAID) | unsaid == set(CallRequest.__struct_fields__)
