"""What else a vendor keeps: contacts, scripts, webhook endpoints, assistants; and its rate limit."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callhub import Conflict, Contact, InvalidState, NotFound, OutcomeUnknown, RateLimited, Unreachable
from callhub.policy import retry
from callhub.provider.capability import Feature
from callhub.provider.http import Response, to_json
from callhub.provider.sandbox import SandboxClock
from callhub_erzycall.sandbox import ErzyCallSandbox
from tests.core.kit import NUMBER, PERSON, START, wish

if TYPE_CHECKING:
    from callhub.provider.sandbox import Hit
    from tests.core.kit import Side, Vendor, World

BOOK = "erzycall"


def add(hub: Any, number: int = 0, **fields: Any) -> Any:
    return hub.contacts.create(
        **{"name": f"{PERSON} {number}", "phone": f"+14155550{200 + number}", "provider": BOOK} | fields
    )


# Contacts


def test_a_contact_from_its_first_to_its_last_day(hub: Any, erzycall: Vendor) -> None:
    made = add(
        hub, email="a@example.com", notes="n", tags=["vip"], groups=["g1"], custom_fields={"company": "Acme"}
    )
    assert made.id.startswith("erzycall:contact_")
    assert (made.provider, made.name, made.phone) == (BOOK, f"{PERSON} 0", "+14155550200")
    assert (made.email, made.notes, made.tags, made.groups) == ("a@example.com", "n", ("vip",), ("g1",))
    assert (made.custom_fields, made.created_at) == ({"company": "Acme"}, START)
    assert made.raw["title"] == made.name
    assert hub.contacts.get(made.id).id == made.id
    changed = hub.contacts.update(made.id, name="B", tags=("gold", "late"))
    assert (changed.name, changed.tags, changed.notes) == ("B", ("gold", "late"), "n")
    assert json.loads(erzycall.relay.seen[-1].body) == {"title": "B", "tags": ["gold", "late"]}
    assert hub.contacts.delete(made.id) is None
    with pytest.raises(NotFound):
        hub.contacts.get(made.id)


def test_a_number_that_the_book_has_already(hub: Any, erzycall: Vendor) -> None:
    add(hub)
    with pytest.raises(Conflict) as caught:
        add(hub, name="Somebody else")
    assert (caught.value.code, caught.value.provider, caught.value.dialed) == ("CONFLICT", BOOK, "no")
    assert len(erzycall.posts) == 2


@pytest.mark.parametrize("mishap", ["drop_after", "error_after", "truncate_after"])
def test_a_contact_is_added_once_though_the_answer_is_lost(hub: Any, erzycall: Vendor, mishap: str) -> None:
    erzycall.fail(mishap)
    made = add(hub)
    assert len(erzycall.posts) == 2
    assert len({hit.headers["idempotency-key"] for hit in erzycall.posts}) == 1
    assert [each.id for each in hub.contacts.list(provider=BOOK)] == [made.id, "erzycall:contact_456"]


def test_a_change_whose_answer_is_lost_is_not_repeated(hub: Any, erzycall: Vendor) -> None:
    erzycall.fail("error_after", method="PATCH")
    with pytest.raises(Unreachable):
        hub.contacts.update("erzycall:contact_456", name="B")
    assert len(erzycall.relay.seen) == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=10)
@given(size=st.integers(1, 120))
def test_each_contact_is_listed_once(hub: Any, erzycall: Vendor, size: int) -> None:
    while len(erzycall.posts) < 6:
        add(hub, len(erzycall.posts))
    listed = [each.id for each in hub.contacts.list(provider=BOOK, page_size=size)]
    assert len(listed) == len(set(listed)) == 7


def test_the_books_filters(hub: Any, erzycall: Vendor) -> None:
    first = add(hub, 1, tags=["gold"], groups=["g1"])
    add(hub, 2, tags=["silver"], groups=["g2"])

    def found(**filters: Any) -> list[str]:
        return [each.id for each in hub.contacts.list(provider=BOOK, **filters)]

    assert found(search=f"{PERSON} 1") == found(tags=["gold"]) == found(group="g1") == [first.id]
    assert [hit.query for hit in erzycall.relay.seen[2:]] == [
        {"limit": "100", "search": f"{PERSON} 1"},
        {"limit": "100", "tags": "gold"},
        {"limit": "100", "groupId": "g1"},
    ]


def test_searching_a_book(hub: Any, erzycall: Vendor) -> None:
    made = [add(hub, number).id for number in range(3)]
    assert [each.id for each in hub.contacts.search(PERSON, provider=BOOK)] == made[::-1]
    assert [each.id for each in hub.contacts.search("+14155550201", provider=BOOK, limit=1)] == [made[1]]
    assert erzycall.relay.seen[-1].query == {"q": "+14155550201", "limit": "1"}


def test_a_call_to_a_contact_of_the_book(hub: Any, erzycall: Vendor) -> None:
    made = add(hub)
    call = hub.calls.create(to=None, contact=made.id, script="onboarding", provider=BOOK)
    assert (call.to, call.contact) == (made.phone, made.id)
    assert json.loads(erzycall.posts[-1].body)["contactId"] == made.id.removeprefix("erzycall:")


def test_a_contact_whose_number_is_given_is_not_read(hub: Any, erzycall: Vendor) -> None:
    hub.calls.create(**wish(erzycall, contact="erzycall:contact_456"))
    assert erzycall.requests == ["POST /api/v1/calls"]


def test_a_contact_of_one_book_on_a_call_through_another_vendor(hub: Any, world: World) -> None:
    made = add(hub, email="a@example.com")
    call = hub.calls.create(to=None, contact=made.id, script="onboarding", provider="aicaller")
    body = json.loads(world.aicaller.posts[0].body)
    assert (body["nameOfHuman"], body["toEmailAddress"]) == (made.name, "a@example.com")
    assert (body["toPhoneNumber"], call.to) == (made.phone, made.phone)


def test_a_contact_that_does_not_exist_is_not_called(hub: Any, erzycall: Vendor) -> None:
    with pytest.raises(NotFound) as caught:
        hub.calls.create(to=None, contact="erzycall:nobody", script="onboarding", provider=BOOK)
    assert caught.value.dialed == "no"
    assert erzycall.posts == []


def test_a_mapping_takes_variables_from_the_contact(side: Side, vendor: Vendor) -> None:
    mapped = {
        "id": "case_789",
        "variables": {"customer": "name", "mail": "contact.email", "who": "contact.name"},
    }
    hub = side.hub(scripts={"onboarding": {vendor.name: mapped}})
    contact = Contact(name=PERSON, email="a@example.com", notes="secret")
    hub.calls.create(**wish(vendor, contact=contact, variables={"name": "Mr A", "unused": "x"}))
    body = json.loads(vendor.posts[0].body)
    listed = body.get("promptVariableValues", [])
    carried = body.get("variableValues") or {each["key"]: each["value"] for each in listed}
    assert carried == {"customer": "Mr A", "mail": "a@example.com", "who": PERSON}
    assert b"secret" not in vendor.posts[0].body
    assert b"unused" not in vendor.posts[0].body


# Scripts


def test_the_scripts(side: Side, erzycall: Vendor) -> None:
    hub = side.hub()
    configured, theirs = hub.scripts.list()
    assert (configured.id, configured.provider, configured.raw) == ("onboarding", None, None)
    assert configured.providers == {"erzycall": "case_789", "aicaller": "363573667364666473667332"}
    assert (theirs.id, theirs.provider) == ("erzycall:case_789", BOOK)
    assert (theirs.title, theirs.status) == ("Customer onboarding - Acme Inc", "open")
    assert theirs.created_at == datetime(2025, 1, 12, 9, tzinfo=UTC)
    assert [each.id for each in hub.scripts.list(provider=BOOK)] == ["erzycall:case_789"]
    assert erzycall.relay.seen[-1].query == {"limit": "100"}


def test_one_script(hub: Any, erzycall: Vendor) -> None:
    assert hub.scripts.get("onboarding").providers["erzycall"] == "case_789"
    assert erzycall.relay.seen == []
    assert hub.scripts.get("erzycall:case_789").title == "Customer onboarding - Acme Inc"
    with pytest.raises(NotFound, match="configured: onboarding"):
        hub.scripts.get("onbording")
    with pytest.raises(NotFound, match="answered 404"):
        hub.scripts.get("erzycall:nothing")


def test_a_vendors_own_script_on_a_call(hub: Any, vendor: Vendor) -> None:
    own = {"erzycall": "case_789", "aicaller": "t-2"}[vendor.name]
    call = hub.calls.create(**wish(vendor, script=f"{vendor.name}:{own}"))
    assert call.script == f"{vendor.name}:{own}"
    name = {"erzycall": "caseId", "aicaller": "callTemplateId"}[vendor.name]
    assert json.loads(vendor.posts[0].body)[name] == own


def test_a_script_that_the_vendor_does_not_know(hub: Any, erzycall: Vendor) -> None:
    with pytest.raises(NotFound) as caught:
        hub.calls.create(**wish(erzycall, script="erzycall:nothing"))
    assert (caught.value.dialed, caught.value.code) == ("no", "NOT_FOUND")


@pytest.mark.parametrize(
    ("script", "first_message", "sent"),
    [
        ("onboarding", None, {"caseId": "case_789"}),
        (None, "Hello", {"firstMessage": "Hello"}),
        ("onboarding", "Hello", {"caseId": "case_789", "firstMessage": "Hello"}),
        (None, None, {}),
    ],
)
def test_who_says_what_at_erzycall(
    hub: Any, erzycall: Vendor, script: str | None, first_message: str | None, sent: dict[str, str]
) -> None:
    wanted = wish(erzycall, script=script, first_message=first_message, allow_default_script=not sent)
    hub.calls.create(**wanted)
    body = json.loads(erzycall.posts[0].body)
    assert {name: body[name] for name in ("caseId", "firstMessage") if name in body} == sent


# Webhook endpoints


def test_a_webhook_endpoint_from_its_first_to_its_last_day(hub: Any, erzycall: Vendor) -> None:
    made = hub.webhooks.register(BOOK, "https://example.com/hook", description="d")
    assert made.id.startswith("erzycall:wh_")
    assert (made.url, made.description, made.active) == ("https://example.com/hook", "d", True)
    assert made.secret.startswith("whsec_")
    assert made.secret not in repr(made)
    assert set(made.events) == {
        f"call.{what}" for what in ("scheduled", "started", "ended", "failed", "cancelled")
    }
    listed = {each.id: each for each in hub.webhooks.list(BOOK)}
    assert set(listed) == {made.id, "erzycall:wh_001"}
    assert listed[made.id].secret is None
    changed = hub.webhooks.update(made.id, active=False, events=("call.ended",))
    assert (changed.id, changed.active, changed.events) == (made.id, False, ("call.ended",))
    assert json.loads(erzycall.relay.seen[-2].body) == {"isActive": False, "events": ["call.ended"]}
    assert hub.webhooks.delete(made.id) is None
    assert [each.id for each in hub.webhooks.list(BOOK)] == ["erzycall:wh_001"]


def test_at_most_five_webhook_endpoints(hub: Any) -> None:
    for number in range(4):
        hub.webhooks.register(BOOK, f"https://example.com/{number}", events=["call.ended"])
    with pytest.raises(InvalidState, match="Maximum 5 webhook endpoints") as caught:
        hub.webhooks.register(BOOK, "https://example.com/5")
    assert (caught.value.code, caught.value.provider) == ("MAX_ENDPOINTS", BOOK)


def test_a_webhook_endpoint_is_registered_once_though_the_answer_is_lost(hub: Any, erzycall: Vendor) -> None:
    erzycall.fail("drop_after")
    made = hub.webhooks.register(BOOK, "https://example.com/hook")
    assert made.secret
    assert len(hub.webhooks.list(BOOK)) == 2
    assert len(erzycall.posts) == 2


@pytest.mark.parametrize("act", ["update", "delete"])
def test_a_webhook_endpoint_that_is_not_there(hub: Any, act: str) -> None:
    changes = {"active": False} if act == "update" else {}
    with pytest.raises(NotFound):
        getattr(hub.webhooks, act)("erzycall:wh_nobody", **changes)


def test_a_webhook_endpoint_that_vanishes_meanwhile(hub: Any, erzycall: Vendor) -> None:
    erzycall.rig(Response(200, {}, b'{"data": []}'), method="GET")
    with pytest.raises(NotFound):
        hub.webhooks.update("erzycall:wh_001", active=False)


# Vendors


def test_which_vendors_there_are(side: Side, world: World) -> None:
    for given_to in (world.settings, {"erzycall": world.settings["erzycall"]}, {}):
        infos = {info.name: info for info in side.hub(providers=given_to).providers()}
        assert {name: info.title for name, info in infos.items()} == {
            "aicaller": "AICaller",
            "erzycall": "ErzyCall",
        }
        assert {name for name, info in infos.items() if info.configured} == set(given_to)
        for info in infos.values():
            assert info.problem is None
            assert set(info.capabilities) == set(Feature)
    assert world.erzycall.relay.seen == world.aicaller.relay.seen == []


# Assistants


def test_assistants(hub: Any, erzycall: Vendor) -> None:
    own = hub.provider(BOOK)
    inbound = {
        "id": "asst_001",
        "name": "Customer Support Agent",
        "systemPromptId": "prompt_abc",
        "createdAt": "2025-01-05T12:00:00Z",
    }
    assert own.list_inbound_assistants() == [inbound]
    assert own.get_inbound_assistant("asst_001") == inbound
    assert own.update_inbound_assistant("asst_001", name="B")["name"] == "B"
    assert json.loads(erzycall.relay.seen[-1].body) == {"name": "B"}
    assert [each["id"] for each in own.list_outbound_assistants()] == ["asst_002"]
    assert erzycall.posts == []
    with pytest.raises(NotFound):
        own.get_inbound_assistant("nobody")


# The rate limit


def paced(world: World, per_minute: int) -> list[Response]:
    """Give ErzyCall a limit, and the list of all the 429s that it will have given."""
    sandbox = ErzyCallSandbox(SandboxClock(world.clock.now), per_minute=per_minute)
    world.erzycall.relay.put(sandbox)
    world.erzycall.sandbox = sandbox
    given: list[Response] = []
    serve = sandbox.serve

    def serve_and_count(hit: Hit) -> Response:
        response = serve(hit)
        given.extend([response] * (response.status == 429))
        return response

    sandbox.serve = serve_and_count  # type: ignore[method-assign] # counts, and changes nothing
    return given


def test_a_limit_is_never_hit(side: Side, world: World) -> None:
    refused = paced(world, per_minute=60)
    hub = side.hub()
    began = world.clock.ticks()
    for _ in range(150):
        hub.calls.create(**wish("erzycall", timeout=120))
    assert len(world.erzycall.relay.seen) == 150
    assert refused == []
    assert 60 < world.clock.ticks() - began < 200


def test_a_limit_is_hit_where_others_use_the_key_too(side: Side, world: World) -> None:
    refused = paced(world, per_minute=3)
    for _ in range(3):
        side.hub().calls.get("erzycall:abc123")
    with pytest.raises(RateLimited) as caught:
        side.hub().calls.get("erzycall:abc123")
    assert (len(refused), caught.value.retry_after) == (1, timedelta(seconds=60))


@pytest.mark.parametrize("act", ["wait", "list"])
def test_who_has_time_waits_for_the_limit(side: Side, world: World, act: str) -> None:
    refused = paced(world, per_minute=20)
    hub = side.hub()
    calls = [hub.calls.create(**wish("erzycall", timeout=120)) for _ in range(20)]
    if act == "wait":
        assert hub.calls.wait(calls[-1].id, timeout=600).terminal
    else:
        assert len(list(hub.calls.list(provider="erzycall", page_size=2))) == 21
    assert refused == []


def test_a_limit_that_leaves_no_time_is_told_before_anything_is_sent(side: Side, world: World) -> None:
    paced(world, per_minute=3)
    hub = side.hub()
    for _ in range(3):
        hub.calls.get("erzycall:abc123")
    with pytest.raises(RateLimited, match="limit is used up; it has room again in") as caught:
        hub.calls.create(**wish("erzycall", timeout=10))
    assert caught.value.retry_after is not None
    assert 40 < caught.value.retry_after.total_seconds() <= 60
    assert caught.value.dialed == "no"
    assert world.erzycall.posts == []
    assert list(hub.calls.history()) == []


def test_a_limit_of_an_hour_is_told_as_it_is() -> None:
    assert retry.pause(0, 3000) == 3000


@pytest.mark.parametrize(
    ("remaining", "seconds", "pause"),
    [
        (60, 30, 0),
        (5, 30, 0),
        (4, 30, 2),
        (1, 30, 2),
        (1, 1, 1),
        (0, 30, 30),
        (0, -5, 0),
        (4, -5, 0),
        (-1, 30, 30),
    ],
)
def test_how_long_a_request_is_held_back(remaining: int, seconds: int, pause: int) -> None:
    assert retry.pause(remaining, seconds) == pause


@pytest.mark.parametrize("reset", ["inf", "1e300", f"{START.timestamp() * 1000:.0f}"])
def test_a_limit_in_another_unit_locks_nobody_out(hub: Any, erzycall: Vendor, reset: str) -> None:
    """Milliseconds, say; no request goes out that could bring better news."""
    odd = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": reset}
    erzycall.rig(Response(200, odd, b'{"data": {"id": "abc123"}}'), method="GET", times=1)
    hub.calls.get("erzycall:abc123")
    erzycall.clock.advance(3600)
    assert hub.calls.get("erzycall:abc123").terminal
    assert hub.calls.create(**wish(erzycall)).provider_call_id


@pytest.mark.parametrize("headers", [{}, {"x-ratelimit-remaining": "x", "x-ratelimit-reset": "y"}])
def test_headers_that_tell_nothing_hold_nothing_back(
    hub: Any, erzycall: Vendor, headers: dict[str, str]
) -> None:
    for number in range(2):
        answer = {"data": {"id": f"call_{number}", "status": "new"}}
        erzycall.rig(Response(201, headers, to_json(answer)))
        hub.calls.create(**wish(erzycall))
    assert erzycall.clock.slept == []


@given(
    tried=st.integers(1, 10),
    told=st.none() | st.floats(0, 1e6, allow_nan=False),
    jitter=st.floats(0, 1, allow_nan=False),
)
def test_waiting_before_another_try(tried: int, told: float | None, jitter: float) -> None:
    pause = retry.backoff(tried, told, jitter)
    if tried >= retry.TRIES or (told or 0) > retry.LONGEST:
        assert pause is None
    else:
        assert pause is not None
        assert (told or 0) <= pause <= (told or 0) + 4


def test_a_maybe_stays_one_though_the_limit_is_hit_later(side: Side, world: World) -> None:
    refused = paced(world, per_minute=1)
    hub = side.hub()
    world.erzycall.fail("drop_after")
    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            hub.calls.create(**wish("erzycall", idempotency_key="k"))
    assert refused
    assert world.erzycall.live() == {NUMBER: 1}
    assert hub.calls.create(**wish("erzycall", idempotency_key="k")).replayed
    assert world.erzycall.live() == {NUMBER: 1}
