"""Bad input: one clear error, by field, with no secret in it, and nothing sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

import callhub
from callhub import (
    CallhubError,
    ConfigurationError,
    Contact,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    UnknownProvider,
    Unreachable,
    UnsupportedFeature,
)
from callhub.provider.http import Response, to_json
from tests.core.kit import (
    HUB_CLASSES,
    KEYS,
    NUMBER,
    PERSON,
    SCRIPTS,
    START,
    RawServer,
    closed_port,
    http_answer,
    secrets_in,
    serving,
    told,
    wish,
)

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from tests.core.kit import Side, Vendor, World

NATIONAL = NUMBER.removeprefix("+1")
WIDE = "+" + NATIONAL.translate({48 + digit: 0xFF10 + digit for digit in range(10)})
PATHS = {"erzycall": "/api/v1/calls", "aicaller": "/v1/phoneCalls"}
TOO_FAR = datetime.max.replace(tzinfo=timezone(timedelta(hours=-12)))


def refused(act: Callable[..., Any], *args: Any, **keywords: Any) -> CallhubError:
    """Give the error that this raises, having looked that it tells nothing it shouldn't."""
    with pytest.raises(CallhubError) as caught:
        act(*args, **keywords)
    text = told(caught.value)
    assert secrets_in(text) == []
    assert NATIONAL not in text
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) > 20
    return caught.value


def invalid(act: Callable[..., Any], *args: Any, **keywords: Any) -> InvalidRequest:
    error = refused(act, *args, **keywords)
    assert type(error) is InvalidRequest
    assert error.dialed == "no"
    for name, message in error.fields.items():
        assert name in str(error)
        assert message
    return error


# What is wrong whichever vendor carries it

WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("a national number", {"to": NATIONAL}, "to must be in E.164 form"),
    ("spaces", {"to": f"+1 415 {NATIONAL[3:]}"}, "to must be in E.164 form"),
    ("a leading zero", {"to": "+0" + NATIONAL}, "to must be in E.164 form"),
    ("too many digits", {"to": NUMBER + "99999"}, "to must be in E.164 form"),
    ("a line break", {"to": NUMBER + "\n"}, "to must be in E.164 form"),
    ("full-width digits", {"to": WIDE}, "to must be in E.164 form"),
    ("a URI", {"to": "tel:" + NUMBER}, "to must be in E.164 form"),
    ("no text", {"to": int(NUMBER)}, "to must be in E.164 form"),
    ("empty", {"to": ""}, "to must be in E.164 form"),
    ("nobody to call", {"to": None}, "to is missing: give the number to dial, or a contact that has one"),
    ("a wrong caller", {"from_number": NATIONAL}, "from_number must be in E.164 form"),
    ("a naive datetime", {"scheduled_at": datetime(2027, 1, 1)}, "scheduled_at has no time zone: say which"),  # noqa: DTZ001
    ("the past", {"scheduled_at": START - timedelta(seconds=1)}, "scheduled_at is not in the future"),
    ("this instant", {"scheduled_at": START}, "scheduled_at is not in the future"),
    ("text for a time", {"scheduled_at": "2027-01-01T00:00:00Z"}, "scheduled_at must be a datetime"),
    ("an unmapped script", {"script": "onbording"}, "script is not configured; configured: onboarding"),
    ("no script's name", {"script": ""}, "script must be a name from the configuration"),
    ("text to speak, empty", {"first_message": " "}, "first_message must be text"),
    ("no time at all", {"timeout": 0}, "timeout must be more than 0"),
    ("a negative time", {"timeout": -1.0}, "timeout must be more than 0"),
    ("no number of seconds", {"timeout": float("nan")}, "timeout must be a number of seconds"),
    ("endless", {"timeout": float("inf")}, "timeout must be a number of seconds"),
    ("True seconds", {"timeout": True}, "timeout must be a number of seconds"),
    ("no timeout", {"timeout": None}, "timeout must be a number of seconds"),
    ("a spoken list", {"variables": {"names": ["a", "b"]}}, "variables 'names' must be text or a number"),
    ("a spoken truth", {"variables": {"vip": True}}, "variables 'vip' must be text or a number"),
    ("a spoken nothing", {"variables": {"name": None}}, "variables 'name' must be text or a number"),
    ("no number", {"variables": {"sum": float("nan")}}, "variables 'sum' must be text or a number"),
    ("no variables", {"variables": ["a"]}, "variables must be a dict"),
    ("no metadata", {"metadata": "x"}, "metadata must be a dict"),
    ("metadata that no JSON holds", {"metadata": {"at": START}}, "metadata holds a value that can't be"),
    ("no extras", {"extras": "x"}, "extras must be a dict"),
    ("extras for nobody", {"extras": {"erzicall": {}}}, "extras 'erzicall' is no configured provider"),
    ("a contact in no book", {"contact": "contact_456"}, "contact is in no book: give the id of a contact"),
    ("no contact", {"contact": 5}, "contact must be a callhub.Contact"),
    ("no recording", {"record": "yes"}, "record must be True, False or None"),
    ("an empty key", {"idempotency_key": ""}, "idempotency_key must be printable text of 1 to 255"),
    ("a long key", {"idempotency_key": "k" * 256}, "idempotency_key must be printable text of 1 to 255"),
    ("a key of two lines", {"idempotency_key": "a\nb"}, "idempotency_key must be printable text"),
    ("no key's text", {"idempotency_key": 5}, "idempotency_key must be printable text"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "sentence"), [pytest.param(*rest, id=name) for name, *rest in WRONG])
def test_what_is_wrong_is_refused_here(
    hub: Any, vendor: Vendor, change: dict[str, Any], sentence: str
) -> None:
    error = invalid(hub.calls.create, **wish(vendor) | change)
    assert sentence in str(error)
    assert next(iter(change)) in error.fields
    ours = "idempotency_key" in change or isinstance(change.get("contact"), str)
    assert error.provider == (None if ours else vendor.name)
    assert vendor.relay.seen == []
    assert list(hub.calls.history()) == []


def test_a_call_with_nothing_to_say_is_refused_in_one_sentence(hub: Any, vendor: Vendor) -> None:
    said = {"erzycall": "is missing, and so is first_message", "aicaller": "is needed by AICaller"}
    error = invalid(hub.calls.create, **wish(vendor, script=None, first_message=None))
    assert error.fields["script"].startswith(said[vendor.name])
    assert error.fields["script"].count(" is ") <= 1
    assert vendor.relay.seen == []


def test_a_script_that_is_not_found_is_not_missing_too(hub: Any, vendor: Vendor) -> None:
    error = invalid(hub.calls.create, **wish(vendor, script="onbording"))
    assert "is needed" not in str(error)


def test_every_problem_is_named_at_once(hub: Any, vendor: Vendor) -> None:
    error = invalid(
        hub.calls.create,
        to=NATIONAL,
        provider=vendor.name,
        script="onbording",
        scheduled_at=START - timedelta(days=1),
        variables={"vip": True},
        from_number="1",
        timeout=-1,
        record="maybe",
        metadata={"at": START},
        extras={"erzicall": {}},
    )
    always = {"to", "script", "scheduled_at", "variables", "from_number", "timeout", "record", "metadata"}
    also = {"erzycall": {"extras"}, "aicaller": {"extras", "contact"}}
    assert set(error.fields) == always | also[vendor.name]


def test_two_problems_of_one_field_are_both_named(hub: Any, vendor: Vendor) -> None:
    error = invalid(hub.calls.create, **wish(vendor, variables={"vip": True, "names": []}))
    assert "'vip'" in error.fields["variables"]
    assert "'names'" in error.fields["variables"]


@pytest.mark.parametrize("field", ["variables", "extras"])
def test_what_can_not_be_written_down_is_named_with_the_rest(hub: Any, vendor: Vendor, field: str) -> None:
    value = {"variables": {"x": object()}, "extras": {vendor.name: {"x": object()}}}[field]
    error = invalid(hub.calls.create, **wish(vendor, to=NATIONAL) | {field: value})
    assert {"to", field} <= set(error.fields)


@pytest.mark.parametrize(
    "change",
    [{"scheduled_at": TOO_FAR}, {"metadata": {"note": "\ud83d"}}, {"timeout": 1e12}],
    ids=["too far", "half a character", "ages"],
)
def test_what_python_allows_and_nothing_else_does(hub: Any, vendor: Vendor, change: dict[str, Any]) -> None:
    error = invalid(hub.calls.create, **wish(vendor) | change)
    assert next(iter(change)) in error.fields
    assert vendor.relay.seen == []


def test_a_number_that_can_not_exist_is_refused_where_that_is_asked_for(side: Side, vendor: Vendor) -> None:
    impossible = "+1234567890"
    hub = side.hub(numbers="valid")
    error = invalid(hub.calls.create, **wish(vendor, to=impossible))
    assert "numbers='valid'" in error.fields["to"]
    assert impossible not in told(error)
    assert vendor.relay.seen == []
    assert side.hub().calls.create(**wish(vendor, to=impossible)).to == impossible
    assert hub.calls.create(**wish(vendor, to="+14155552671")).provider_call_id


def test_a_script_of_another_vendor(hub: Any, vendor: Vendor) -> None:
    other = {"erzycall": "aicaller", "aicaller": "erzycall"}[vendor.name]
    error = invalid(hub.calls.create, **wish(vendor, script=f"{other}:x1"))
    assert f"script is a script of {other}, and the call goes through {vendor.name}" in str(error)
    assert vendor.relay.seen == []


def test_a_script_that_is_mapped_for_others_only(side: Side, vendor: Vendor) -> None:
    other = {"erzycall": "aicaller", "aicaller": "erzycall"}[vendor.name]
    hub = side.hub(scripts={"onboarding": {other: "x1"}})
    error = invalid(hub.calls.create, **wish(vendor))
    assert f"add it under scripts.onboarding.{vendor.name}" in str(error)
    assert vendor.relay.seen == []


def test_a_variable_that_the_mapping_needs(side: Side, vendor: Vendor) -> None:
    mapped = {"id": "x1", "variables": {"customer": "name", "mail": "contact.email"}}
    hub = side.hub(scripts={"onboarding": {vendor.name: mapped}})
    error = invalid(hub.calls.create, **wish(vendor, variables={"other": "x"}))
    assert "'name' is missing" in error.fields["variables"]
    assert "'contact.email' is missing" in error.fields["variables"]
    assert vendor.relay.seen == []


def test_a_field_that_callhub_sets_itself(hub: Any, vendor: Vendor) -> None:
    name = {"erzycall": "scheduledAt", "aicaller": "callDelayedUntil"}[vendor.name]
    error = invalid(hub.calls.create, **wish(vendor, extras={vendor.name: {name: "x"}}))
    assert error.fields == {"extras": f"hold {name}, which callhub sets: use its own keywords"}
    assert vendor.relay.seen == []


def test_a_vendors_extras_stay_away_from_the_other(hub: Any, world: World) -> None:
    extras = {"aicaller": {"telephonyProvider": "telnyx"}}
    for vendor in (world.erzycall, world.aicaller):
        hub.calls.create(**wish(vendor, extras=extras))
    assert b"telnyx" not in world.erzycall.posts[0].body
    assert b'"telephonyProvider":"telnyx"' in world.aicaller.posts[0].body


# What one vendor needs or lacks


def test_a_first_message_that_is_too_long_for_erzycall(hub: Any, erzycall: Vendor) -> None:
    error = invalid(hub.calls.create, **wish(erzycall, first_message="x" * 1001))
    assert "1,000 characters at ErzyCall" in error.fields["first_message"]
    assert erzycall.relay.seen == []
    hub.calls.create(**wish(erzycall, first_message="x" * 1000))


def test_what_no_vendor_is_told_of_a_contact_keeps_no_call_from_being_placed(side: Side) -> None:
    contact = Contact(name="A", tags=("a\ud800",), custom_fields={"object": object()})
    assert side.hub().calls.create(**wish("aicaller", contact=contact)).status == "queued"


@pytest.mark.parametrize("contact", [None, Contact(email="a@example.com"), Contact(name="")])
def test_aicaller_needs_a_name(hub: Any, aicaller: Vendor, contact: Contact | None) -> None:
    error = invalid(hub.calls.create, **wish(aicaller, contact=contact))
    assert error.fields == {"contact": "must have the name, which AICaller needs: contact=Contact(name=…)"}
    assert aicaller.relay.seen == []


def test_aicaller_needs_a_template(hub: Any, aicaller: Vendor) -> None:
    error = invalid(hub.calls.create, **wish(aicaller, script=None, allow_default_script=True))
    assert error.fields == {"script": "is needed by AICaller: name a call template"}
    assert aicaller.relay.seen == []


@pytest.mark.parametrize(
    ("name", "change", "sentence"),
    [
        ("erzycall", {"record": True}, "record can't be carried by ErzyCall. Recording is not part"),
        (
            "aicaller",
            {"first_message": "Hello"},
            "first_message can't be carried by AICaller. Put the opening",
        ),
    ],
)
def test_what_a_vendor_lacks(
    hub: Any, world: World, name: str, change: dict[str, Any], sentence: str
) -> None:
    error = refused(hub.calls.create, **wish(name) | change)
    assert type(error) is UnsupportedFeature
    assert (error.provider, error.dialed) == (name, "no")
    assert sentence in str(error)
    assert getattr(world, name).relay.seen == []


@pytest.mark.parametrize(("name", "setting"), [("erzycall", "from_number"), ("aicaller", "phone_number_id")])
def test_without_a_number_to_call_from(side: Side, world: World, name: str, setting: str) -> None:
    settings = {key: value for key, value in world.settings[name].items() if key != setting}
    hub = side.hub(providers={name: settings})
    error = refused(hub.calls.create, **wish(name))
    assert type(error) is ConfigurationError
    assert error.provider == name
    assert "from_number is needed by" in str(error)
    assert getattr(world, name).relay.seen == []
    assert hub.calls.create(**wish(name, from_number="+14155559999")).provider_call_id


def test_a_wrong_value_and_a_lacking_feature_are_named_together(hub: Any, aicaller: Vendor) -> None:
    error = invalid(hub.calls.create, **wish(aicaller, to=NATIONAL, first_message="Hello"))
    assert set(error.fields) == {"to", "first_message"}


def test_a_contact_of_another_vendors_book(hub: Any, world: World) -> None:
    error = refused(hub.calls.create, **wish(world.erzycall, contact="aicaller:x1"))
    assert type(error) is UnsupportedFeature
    assert "AICaller can't do this: contact book" in str(error)
    assert world.erzycall.relay.seen == world.aicaller.relay.seen == []


def test_nothing_is_read_for_a_request_that_is_wrong_anyway(hub: Any, erzycall: Vendor) -> None:
    invalid(
        hub.calls.create,
        **wish(erzycall, to=None, contact="erzycall:contact_456", scheduled_at=START - timedelta(1)),
    )
    assert erzycall.relay.seen == []


# Which vendor


def test_an_unknown_provider(hub: Any, world: World) -> None:
    error = refused(hub.calls.create, **wish("erzicall"))
    assert type(error) is UnknownProvider
    assert error.provider == "erzicall"
    assert "configured: aicaller, erzycall" in str(error)
    assert world.erzycall.relay.seen == world.aicaller.relay.seen == []


def test_no_provider_is_picked_in_silence(hub: Any, world: World) -> None:
    error = refused(hub.calls.create, **wish("erzycall", provider=None))
    assert type(error) is ConfigurationError
    assert "provider=" in str(error)
    assert "aicaller, erzycall" in str(error)
    assert world.erzycall.relay.seen == []


def test_no_provider_at_all(side: Side) -> None:
    error = refused(side.hub(providers={}).calls.create, **wish("erzycall", provider=None))
    assert type(error) is ConfigurationError
    assert "configured: none" in str(error)


# The configuration


def constructed(**options: Any) -> ConfigurationError | UnknownProvider:
    errors = [refused(kind, **{"ledger": "sqlite://"} | options) for kind in HUB_CLASSES.values()]
    assert len({(type(error), str(error)) for error in errors}) == 1
    assert isinstance(errors[0], ConfigurationError | UnknownProvider)
    return errors[0]


@pytest.mark.parametrize("name", ["erzycall", "aicaller"])
@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://api.example.com", "must be https: over plain http anybody on the way could read the key"),
        ("http://127.0.0.1.example.com", "must be https"),
        ("http://10.0.0.1:9001", "must be https"),
        ("http://localhost.example.com", "must be https"),
        ("http://127.0.0.1@example.com", "must not hold a user"),
        (f"https://{KEYS['erzycall']}@example.com", "must not hold a user"),
        ("https://example.com?key=1", "must not hold"),
        ("https://example.com#here", "must not hold"),
        ("ftp://127.0.0.1", "must be an https URL"),
        ("api.example.com", "must be an https URL"),
        ("https://", "must be an https URL"),
        ("", "must be an https URL"),
    ],
)
def test_a_base_url_that_is_unsafe(world: World, name: str, url: str, sentence: str) -> None:
    error = constructed(providers={name: world.settings[name] | {"base_url": url}})
    assert error.provider == name
    assert f"base_url {sentence}" in str(error)
    assert f"CALLHUB_{name.upper()}_" in str(error)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9", "http://localhost:9/", "http://[::1]:9", "https://x.example"]
)
def test_a_base_url_that_is_safe(side: Side, world: World, url: str) -> None:
    side.hub(providers={"erzycall": world.settings["erzycall"] | {"base_url": url}})


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1:99999",
        "https://exa mple.com",
        "https://example.com\n",
        "https://example.com?",
        "https://a.b#",
    ],
)
def test_a_base_url_that_is_none(world: World, url: str) -> None:
    constructed(providers={"erzycall": world.settings["erzycall"] | {"base_url": url}})


def test_a_request_that_can_not_even_be_made_is_no_maybe(side: Side, world: World) -> None:
    settings = world.settings["erzycall"] | {"base_url": "http://127.0.0.1:9\n"}
    with pytest.raises((ConfigurationError, Unreachable)):
        side.hub(providers={"erzycall": settings}).calls.create(**wish("erzycall"))


@pytest.mark.parametrize("name", ["erzycall", "aicaller"])
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"api_key": ""}, "api_key must be printable ASCII"),
        ({"api_key": KEYS["erzycall"] + "\r\nx-evil: 1"}, "api_key must be printable ASCII"),
        ({"api_key": KEYS["erzycall"] + " x"}, "api_key must be printable ASCII"),
        ({"api_key": KEYS["erzycall"] + "é"}, "api_key must be printable ASCII"),
        ({"apikey": KEYS["erzycall"]}, "apikey is not a setting"),
    ],
)
def test_a_setting_that_is_wrong(world: World, name: str, change: dict[str, str], sentence: str) -> None:
    error = constructed(providers={name: world.settings[name] | change})
    assert error.provider == name
    assert sentence in str(error)


@pytest.mark.parametrize("name", ["erzycall", "aicaller"])
def test_a_setting_that_is_missing(name: str) -> None:
    error = constructed(providers={name: {}})
    assert error.provider == name
    assert "api_key is missing" in str(error)
    assert f"set CALLHUB_{name.upper()}_API_KEY and the like, or [providers.{name}] in callhub.toml" in str(
        error
    )


def test_a_from_number_that_is_none(world: World) -> None:
    error = constructed(providers={"erzycall": world.settings["erzycall"] | {"from_number": NATIONAL}})
    assert "from_number must be in E.164 form" in str(error)


def test_a_provider_that_is_not_installed() -> None:
    error = constructed(providers={"erzicall": {}})
    assert type(error) is UnknownProvider
    assert str(error) == "no provider 'erzicall' is installed; installed: aicaller, erzycall"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"numbers": "any"}, "numbers must be one of e164, valid"),
        ({"ledger": "mysql://user:hunter2@host/db"}, "the ledger must be given as sqlite:///path"),
        ({"ledger": "calls.db"}, "the ledger must be given as sqlite:///path"),
        ({"scripts": {"onboarding": "case_789"}}, "scripts.onboarding must name providers"),
        (
            {"scripts": {"onboarding": {"erzycall": ""}}},
            "scripts.onboarding.erzycall must be the vendor's id",
        ),
        ({"scripts": {"onboarding": {"erzycall": {"ID": "x"}}}}, "scripts.onboarding.erzycall must be"),
        (
            {"scripts": {"onboarding": {"erzycall": {"id": "x", "variables": {"a": "contact.age"}}}}},
            "scripts.onboarding.erzycall.variables: contact.age is unknown; known: contact.name",
        ),
        ({"http_client": object()}, "http_client must be an httpx2."),
    ],
)
def test_an_option_that_is_wrong(options: dict[str, Any], sentence: str) -> None:
    for kind in HUB_CLASSES.values():
        error = refused(kind, **{"ledger": "sqlite://"} | options)
        assert type(error) is ConfigurationError
        assert sentence in str(error)
        assert "hunter2" not in told(error)


def test_settings_that_are_no_table() -> None:
    constructed(providers={"erzycall": KEYS["erzycall"]})


# Keys that the vendor doesn't accept


@pytest.mark.parametrize(
    ("key", "told_so"),
    [
        ("ek_test_revoked", ("AuthenticationFailed", "KEY_REVOKED", "it may be wrong, revoked or expired")),
        ("ek_test_expired", ("AuthenticationFailed", "KEY_EXPIRED", "it may be wrong, revoked or expired")),
        ("not-a-key", ("AuthenticationFailed", "UNAUTHORIZED", "it may be wrong, revoked or expired")),
        ("ek_test_readonly", ("PermissionDenied", "INSUFFICIENT_SCOPE", "give the key that right")),
    ],
    ids=["revoked", "expired", "wrong", "read only"],
)
def test_a_key_that_erzycall_does_not_accept(side: Side, erzycall: Vendor, key: str, told_so: Any) -> None:
    kind, code, advice = told_so
    hub = side.hub(providers={"erzycall": erzycall.settings | {"api_key": key}})
    error = refused(hub.calls.create, **wish(erzycall))
    assert type(error).__name__ == kind
    assert (error.code, error.provider, error.dialed) == (code, "erzycall", "no")
    assert advice in str(error)
    assert "CALLHUB_ERZYCALL_API_KEY" in str(error)
    assert key not in told(error)
    assert erzycall.live() == {}


def test_a_scope_that_is_missing_is_named(side: Side, erzycall: Vendor) -> None:
    hub = side.hub(providers={"erzycall": erzycall.settings | {"api_key": "ek_test_readonly"}})
    assert "calls:write" in str(refused(hub.calls.create, **wish(erzycall)))
    assert hub.calls.get("erzycall:abc123").terminal


def test_a_key_that_aicaller_does_not_accept(side: Side, aicaller: Vendor) -> None:
    hub = side.hub(providers={"aicaller": aicaller.settings | {"api_key": "wrong-key"}})
    for act in (hub.calls.create, lambda **_: hub.calls.get("aicaller:x1")):
        error = refused(act, **wish(aicaller))
        assert type(error).__name__ == "AuthenticationFailed"
        assert (error.provider, error.dialed) == ("aicaller", "no")
        assert "check CALLHUB_AICALLER_API_KEY" in str(error)
    assert aicaller.live() == {}


@pytest.mark.parametrize("status", [400, 401, 404, 422, 429, 500, 503])
def test_what_a_vendor_echoes_is_blanked_out(hub: Any, vendor: Vendor, status: int) -> None:
    spoken = f"({NATIONAL[:3]}) {NATIONAL[3:6]}-{NATIONAL[6:]}"
    said = f"No, {NUMBER} {spoken} a@example.com {KEYS[vendor.name]}\r\nno"
    code = {400: "VALIDATION_ERROR", 401: "UNAUTHORIZED", 404: "NOT_FOUND", 422: "INVALID_PHONE"}.get(
        status, "X"
    )
    envelope = {"error": {"code": code, "message": said, "details": [{"field": NUMBER, "message": said}]}}
    body = to_json(envelope) if vendor.name == "erzycall" else said.encode()
    vendor.rig(Response(status, {"retry-after": "999", "x-request-id": "r-1"}, body))
    error = refused(hub.calls.create, **wish(vendor))
    assert spoken not in told(error)
    assert "a@example.com" not in told(error)
    assert error.request_id == "r-1"


@pytest.mark.parametrize("code", [NUMBER, KEYS["erzycall"], "a\nb", 5, ["x"], None], ids=ascii)
def test_a_code_is_not_trusted_either(hub: Any, erzycall: Vendor, code: object) -> None:
    erzycall.rig(Response(400, {}, to_json({"error": {"code": code, "message": "no"}})))
    assert refused(hub.calls.create, **wish(erzycall)).dialed == "maybe"


# Reading


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (Response(200, {"content-type": "text/html"}, b"<html>hello</html>"), "can't be understood"),
        (Response(200, {}, b""), "can't be understood"),
        (Response(200, {}, b"[]"), "can't be understood"),
        (Response(200, {}, b'{"data": {}}'), "can't be understood"),
        (Response(200, {}, b'"' + b"x" * 10_485_760 + b'"'), "the answer is too large"),
        (Response(307, {"location": "https://elsewhere.invalid/"}), "answered 307"),
        (Response(503, {}, b"<html>no</html>"), "answered 503"),
    ],
    ids=["html", "empty", "list", "no id", "10 MB", "redirect", "503"],
)
def test_an_answer_to_a_reading_that_is_no_answer(
    hub: Any, vendor: Vendor, answer: Response, sentence: str
) -> None:
    call = hub.calls.create(**wish(vendor))
    vendor.rig(answer, method="GET")
    error = refused(hub.calls.get, call.id)
    assert type(error) is Unreachable
    assert error.provider == vendor.name
    assert vendor.title in str(error)
    assert sentence in str(error)
    assert f"CALLHUB_{vendor.name.upper()}_BASE_URL" in str(error)
    assert hub.calls.get(call.id, refresh=False).status is callhub.CallStatus.QUEUED


def test_an_error_that_is_nested_beyond_all_measure(hub: Any, erzycall: Vendor) -> None:
    erzycall.rig(Response(500, {}, b"[" * 100_000), method="GET")
    refused(hub.calls.get, "erzycall:abc123")


def test_a_redirect_is_not_followed(hub: Any, world: World, vendor: Vendor) -> None:
    other = world.aicaller if vendor is world.erzycall else world.erzycall
    vendor.rig(Response(307, {"location": other.url + "/api/v1/calls"}))
    assert type(refused(hub.calls.create, **wish(vendor))) is OutcomeUnknown
    assert {hit.path for hit in vendor.posts} == {PATHS[vendor.name]}
    assert len({hit.body for hit in vendor.posts}) == 1
    assert vendor.name == "erzycall" or len(vendor.posts) == 1
    assert other.relay.seen == []


@pytest.mark.parametrize("library", ["httpx2", "httpx"])
def test_a_redirect_is_not_followed_by_a_client_that_follows_them(
    side: Side, world: World, vendor: Vendor, library: str
) -> None:
    other = world.aicaller if vendor is world.erzycall else world.erzycall
    hub = side.hub(http_client=side.client(library, follow_redirects=True))
    for status in (301, 302, 303, 307, 308):
        vendor.rig(Response(status, {"location": other.url + "/api/v1/calls"}))
        assert type(refused(hub.calls.create, **wish(vendor))) is OutcomeUnknown
        vendor.rig(Response(status, {"location": other.url + "/api/v1/calls"}), method="GET")
        assert type(refused(hub.calls.get, f"{vendor.name}:x1")) is Unreachable
    assert other.relay.seen == []


def test_a_429_while_reading(hub: Any, vendor: Vendor) -> None:
    call = hub.calls.create(**wish(vendor))
    vendor.fail("rate_limit", "rate_limit_bare", method="GET")
    assert hub.calls.get(call.id).id == call.id
    assert len(vendor.clock.slept) == 2
    vendor.rig(Response(429, {"retry-after": "3600"}), method="GET")
    error = refused(hub.calls.get, call.id)
    assert type(error) is RateLimited
    assert error.retry_after == timedelta(hours=1)
    assert len(vendor.clock.slept) == 2


def test_a_closed_port_while_reading(side: Side, vendor: Vendor) -> None:
    gone = {vendor.name: vendor.settings | {"base_url": f"http://127.0.0.1:{closed_port()}"}}
    error = refused(side.hub(providers=gone).calls.get, f"{vendor.name}:x1")
    assert type(error) is Unreachable
    assert str(error) == (
        f"no answer from {vendor.title}: could not connect; "
        f"check the network and CALLHUB_{vendor.name.upper()}_BASE_URL"
    )


def test_a_hang_is_given_up(hub: Any, vendor: Vendor) -> None:
    vendor.fail(*["hang_before"] * 3)
    error = refused(hub.calls.create, **wish(vendor, timeout=0.2))
    assert type(error) is OutcomeUnknown
    assert "no answer in time" in str(error)


@pytest.mark.parametrize("trouble", ["self-signed", "wrong host"])
@pytest.mark.parametrize("library", [None, "httpx2", "httpx"])
def test_a_tls_failure(side: Side, vendor: Vendor, library: str | None, trouble: str) -> None:
    """Our own client doesn't know the authority; those passed in do, unless they are made without it."""

    def talk(server: RawServer, line: socket.socket) -> None:
        server.request_of(line)
        line.sendall(http_answer(b"{}"))

    host = "127.0.0.1" if trouble == "self-signed" else "other.example"
    options: dict[str, Any] = {"verify": True} if trouble == "self-signed" else {}
    client = side.client(library, **options) if library else None
    with RawServer(talk, tls=serving(host)) as server:
        there = {vendor.name: vendor.settings | {"base_url": f"https://{server.address}"}}
        error = refused(side.hub(providers=there, http_client=client).calls.create, **wish(vendor))
        assert server.requests == []
    assert type(error) is Unreachable
    assert (error.dialed, error.provider) == ("no", vendor.name)
    assert "the TLS handshake failed" in str(error)


# Ids

BAD_IDS = ["a/b", "..", "a/../b", "a?b=c", "a#b", "a\nb", "a\r\nb", "a%2Fb", "a\\b", "a b", "", ".", "a\x00b"]


@pytest.mark.parametrize("prefix", ["", "erzycall:", "aicaller:"])
@pytest.mark.parametrize("bad", BAD_IDS, ids=ascii)
def test_an_id_that_could_lead_elsewhere(hub: Any, world: World, prefix: str, bad: str) -> None:
    acts = [
        hub.calls.get,
        hub.calls.cancel,
        hub.calls.wait,
        hub.contacts.get,
        hub.contacts.delete,
        hub.scripts.get,
        hub.webhooks.delete,
        lambda text: hub.contacts.update(text, name="x"),
        lambda text: hub.webhooks.update(text, active=False),
    ]
    for act in acts:
        error = invalid(act, prefix + bad)
        assert "must be printable, without spaces" in str(error)
    assert world.erzycall.relay.seen == world.aicaller.relay.seen == []


@pytest.mark.parametrize("bad", [None, 5, b"x"])
def test_an_id_that_is_no_text(hub: Any, bad: object) -> None:
    for act in (hub.calls.get, hub.calls.cancel, hub.calls.wait, hub.contacts.get):
        invalid(act, bad)


def test_a_bad_id_of_a_vendors_names_the_vendor(hub: Any) -> None:
    assert invalid(hub.calls.get, "erzycall:a/b").provider == "erzycall"


@pytest.mark.parametrize("act", ["get", "cancel", "wait"])
def test_an_id_that_nobody_knows(hub: Any, vendor: Vendor, act: str) -> None:
    error = refused(getattr(hub.calls, act), "01a1fd7e-5231-7d86-bd27-adbd4e55eeda")
    assert type(error) is NotFound
    assert "a vendor's own call is '<provider>:<vendor id>'" in str(error)
    assert vendor.relay.seen == []
    assert type(refused(getattr(hub.calls, act), "elsewhere:x1")) is UnknownProvider


def test_an_id_that_the_vendor_does_not_know(hub: Any, vendor: Vendor) -> None:
    error = refused(hub.calls.get, f"{vendor.name}:nobody")
    assert type(error) is NotFound
    assert error.provider == vendor.name
    assert str(error).startswith(f"{vendor.title} answered 404")


@pytest.mark.parametrize("bad", ["..", ".", ""], ids=ascii)
def test_an_id_of_a_vendors_own_operation(hub: Any, erzycall: Vendor, bad: str) -> None:
    operations = hub.provider("erzycall")
    for act in (
        operations.get_inbound_assistant,
        lambda text: operations.update_inbound_assistant(text, name="x"),
    ):
        with pytest.raises(CallhubError):
            act(bad)
    assert [
        each for each in erzycall.requests if not each.startswith("GET /api/v1/assistants/inbound/")
    ] == []
    assert erzycall.relay.seen == []


@pytest.mark.parametrize("bad", ["a/b", "a?b", "a#b", "a\nb", "a/../b", "%2e%2e"], ids=ascii)
def test_an_id_of_a_vendors_own_operation_is_escaped(hub: Any, erzycall: Vendor, bad: str) -> None:
    with pytest.raises(CallhubError):
        hub.provider("erzycall").get_inbound_assistant(bad)
    (hit,) = erzycall.relay.seen
    assert hit.path.startswith("/api/v1/assistants/inbound/")
    assert hit.path.count("/") == 5
    assert hit.query == {}


# Lists and books


@pytest.mark.parametrize(
    ("keywords", "field"),
    [
        ({"status": "done"}, "status"),
        ({"since": datetime(2026, 1, 1)}, "since"),  # noqa: DTZ001
        ({"until": datetime(2026, 1, 1)}, "until"),  # noqa: DTZ001
        ({"since": "2026-01-01"}, "since"),
    ],
)
def test_a_filter_that_means_nothing(hub: Any, world: World, keywords: dict[str, Any], field: str) -> None:
    for listing in (hub.calls.list, hub.calls.history):
        assert set(invalid(lambda **words: list(listing(**words)), **keywords).fields) == {field}  # noqa: B023
    assert world.erzycall.relay.seen == []


def test_a_page_of_nothing(hub: Any) -> None:
    assert set(invalid(lambda: list(hub.calls.list(page_size=0))).fields) == {"page_size"}


def test_a_list_by_a_script_that_is_not_configured(hub: Any) -> None:
    invalid(lambda: list(hub.calls.list(script="onbording")))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"name": ""}, id="no name"),
        pytest.param({"name": "x" * 201}, id="a long name"),
        pytest.param({"phone": NATIONAL}, id="no number"),
        pytest.param({"notes": "x" * 5001}, id="long notes"),
        pytest.param({"tags": ["x"] * 21}, id="many tags"),
        pytest.param({"tags": ["x" * 51]}, id="a long tag"),
        pytest.param({"groups": ["x"] * 21}, id="many groups"),
        pytest.param({"timezone": "Asia/Kuala_Lumpur"}, id="a zone"),
        pytest.param({"email": 5}, id="no text"),
    ],
)
def test_a_contact_beyond_the_vendors_limits(hub: Any, erzycall: Vendor, change: dict[str, Any]) -> None:
    given = {"name": PERSON, "phone": NUMBER, "provider": "erzycall"} | change
    assert set(invalid(hub.contacts.create, **given).fields) == set(change)
    assert erzycall.relay.seen == []


def test_every_problem_of_a_contact_is_named_at_once(hub: Any) -> None:
    error = invalid(hub.contacts.create, name="", phone=NATIONAL, provider="erzycall")
    assert set(error.fields) == {"name", "phone"}
    error = invalid(
        hub.contacts.update, "erzycall:contact_456", notes="x" * 5001, tags=["x"] * 21, groups=["x"] * 21
    )
    assert set(error.fields) == {"notes", "tags", "groups"}


@pytest.mark.parametrize("changes", [{}, {"title": "x"}, {"id": "x"}])
def test_a_change_of_nothing_that_can_be_changed(hub: Any, erzycall: Vendor, changes: dict[str, Any]) -> None:
    for update in (hub.contacts.update, hub.webhooks.update):
        assert "fields: " in str(invalid(update, "erzycall:x1", **changes))
    assert erzycall.relay.seen == []


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"url": "http://example.com/hook"}, id="plain http"),
        pytest.param({"events": []}, id="no events"),
        pytest.param({"events": ["call.ended"] * 11}, id="many events"),
        pytest.param({"description": "x" * 501}, id="a long description"),
    ],
)
def test_a_webhook_beyond_the_vendors_limits(hub: Any, erzycall: Vendor, change: dict[str, Any]) -> None:
    given = {"url": "https://example.com/hook"} | change
    assert set(invalid(partial(hub.webhooks.register, "erzycall"), **given).fields) == set(change)
    assert erzycall.relay.seen == []


@pytest.mark.parametrize(
    ("text", "limit", "field"), [("J", 10, "text"), ("Jo", 0, "limit"), ("Jo", 51, "limit")]
)
def test_a_search_beyond_the_vendors_limits(
    hub: Any, erzycall: Vendor, text: str, limit: int, field: str
) -> None:
    error = invalid(lambda: hub.contacts.search(text, provider="erzycall", limit=limit))
    assert set(error.fields) == {field}
    assert erzycall.relay.seen == []


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda hub: hub.calls.wait("erzycall:abc123", timeout=None), id="waiting without end"),
        pytest.param(lambda hub: list(hub.calls.list(page_size="5")), id="a page of text"),
        pytest.param(
            lambda hub: list(hub.contacts.list(provider="erzycall", page_size=0)), id="an empty page"
        ),
        pytest.param(lambda hub: hub.contacts.search(None, provider="erzycall"), id="searching nothing"),
        pytest.param(
            lambda hub: hub.contacts.create(name=PERSON, phone=NUMBER, provider="erzycall", tags="vip"),
            id="a tag for each letter",
        ),
        pytest.param(
            lambda hub: hub.webhooks.register("erzycall", "https://a.example", events="call.ended"),
            id="an event for each letter",
        ),
        pytest.param(
            lambda hub: hub.calls.create(**wish("erzycall", script="erzycall:")), id="a script of no name"
        ),
        pytest.param(
            lambda hub: hub.calls.create(**wish("aicaller", contact=Contact(name=5))),  # type: ignore[arg-type]
            id="a person called 5",
        ),
    ],
)
def test_what_is_of_another_form_is_refused_here_too(
    hub: Any, world: World, act: Callable[[Any], object]
) -> None:
    with pytest.raises((InvalidRequest, UnsupportedFeature)):
        act(hub)
    assert world.erzycall.relay.seen == world.aicaller.relay.seen == []


def test_callhubs_own_book_is_meant_where_none_is_named(hub: Any, world: World) -> None:
    made = hub.contacts.create(name=PERSON, phone=NUMBER)
    assert ":" not in (made.id or ":")
    assert [contact.id for contact in hub.contacts.list()] == [made.id]
    assert [contact.id for contact in hub.contacts.search(PERSON[:3])] == [made.id]
    assert world.erzycall.relay.seen == world.aicaller.relay.seen == []


def test_what_aicaller_lacks(hub: Any, aicaller: Vendor) -> None:
    acts: list[tuple[Callable[[], Any], str]] = [
        (lambda: hub.calls.cancel("aicaller:x1"), "cancel a call"),
        (lambda: hub.contacts.get("aicaller:x1"), "contact book"),
        (lambda: list(hub.contacts.list(provider="aicaller")), "contact book"),
        (lambda: hub.contacts.search("Jo", provider="aicaller"), "contact book"),
        (lambda: hub.contacts.create(name=PERSON, phone=NUMBER, provider="aicaller"), "contact book"),
        (lambda: list(hub.scripts.list(provider="aicaller")), "list scripts"),
        (lambda: hub.scripts.get("aicaller:x1"), "list scripts"),
        (lambda: hub.webhooks.list("aicaller"), "manage webhook endpoints"),
        (lambda: hub.webhooks.register("aicaller", "https://example.com"), "manage webhook endpoints"),
        (lambda: list(hub.calls.list(provider="aicaller", contact_id="x1")), "filter calls by contact"),
        (lambda: hub.provider("aicaller").get_transcript("x1"), "read the transcript"),
    ]
    for act, feature in acts:
        error = refused(act)
        assert type(error) is UnsupportedFeature
        assert error.provider == "aicaller"
        assert str(error).startswith(f"AICaller can't do this: {feature}. ")
        assert str(error).endswith(".")
        assert len(str(error).partition(feature)[2]) > 15  # and says what to do instead
    assert aicaller.relay.seen == []


def test_a_vendors_own_operation_that_it_does_not_have(hub: Any) -> None:
    with pytest.raises(AttributeError, match="list_inbound_assistants"):
        hub.provider("erzycall").dial_everybody()
    with pytest.raises(UnknownProvider):
        hub.provider("elsewhere")


def test_nothing_that_is_wrong_reaches_the_ledger(side: Side, vendor: Vendor, world: World) -> None:
    hub = side.hub()
    invalid(hub.calls.create, **wish(vendor, to=NATIONAL, idempotency_key="order-1"))
    call = hub.calls.create(**wish(vendor, idempotency_key="order-1"))
    assert len(call.attempts) == 1
    assert world.clock.now() == START == START.astimezone(UTC)
    assert list(SCRIPTS) == ["onboarding"]
