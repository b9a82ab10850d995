"""One vendor after the other: only where the one before has proven that nothing rang."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from callhub import (
    AuthenticationFailed,
    CallhubError,
    CallStatus,
    ConfigurationError,
    Conflict,
    Failover,
    Hub,
    InvalidRequest,
    NoProviderAvailable,
    OutcomeUnknown,
    RateLimited,
    Suppressed,
    UnknownProvider,
    UnsupportedFeature,
)
from callhub.flows.operations import Entry, Suppress
from callhub.ledger.store import Ledger
from callhub.policy import cooling
from callhub.provider.http import Response, to_json
from callhub.provider.sandbox import Answer, Mishap
from tests.core.kit import NUMBER, SCRIPT_IDS, SCRIPTS, call_of, closed_port, secrets_in, told, wish

if TYPE_CHECKING:
    from callhub.provider.sandbox import Hit
    from tests.core.kit import Rows, Side, World

ROUTE = Failover("erzycall", "aicaller")
FAILS = "+14155550107"  # at either vendor, before it rings


def wanted(**changes: Any) -> dict[str, Any]:
    """Give the keywords of a create that says nothing of its vendor."""
    return wish("erzycall", **{"provider": None, "idempotency_key": "order-1"} | changes)


def refusal(status: int, code: str, field: str | None = None) -> Response:
    details = [{"field": field, "message": "no"}] if field else []
    return Response(status, {}, to_json({"error": {"code": code, "message": "No", "details": details}}))


QUICK_TO_TELL = {mishap for mishap in Mishap if not mishap.startswith("hang")}
PROVES_NOTHING = sorted(QUICK_TO_TELL - {Mishap.REFUSE, Mishap.RATE_LIMIT, Mishap.RATE_LIMIT_BARE})
UNAUTHORIZED = refusal(401, "UNAUTHORIZED")
LIMITED = Response(429, {"retry-after": "1"}, to_json({"error": {"code": "RATE_LIMITED"}}))


def gone(world: World) -> dict[str, Any]:
    """Give the settings with ErzyCall at a port where nobody listens."""
    away = {"base_url": f"http://127.0.0.1:{closed_port()}"}
    return world.settings | {"erzycall": world.erzycall.settings | away}


def verdicts(call: Any) -> list[tuple[str, str | None]]:
    return [(attempt.provider, attempt.verdict) for attempt in call.attempts]


# In order, and in each vendor's words


def test_the_first_vendor_that_takes_the_call_is_the_only_one(side: Side, world: World) -> None:
    call = side.hub(route=ROUTE).calls.create(**wanted())
    assert (call.provider, verdicts(call)) == ("erzycall", [("erzycall", "accepted")])
    assert world.aicaller.relay.seen == []
    assert world.erzycall.live() == {NUMBER: 1}


@pytest.mark.parametrize("order", [("erzycall", "aicaller"), ("aicaller", "erzycall")])
def test_a_refusal_goes_on_to_the_next(side: Side, world: World, order: tuple[str, str]) -> None:
    first, second = (getattr(world, name) for name in order)
    first.rig(UNAUTHORIZED)
    call = side.hub().calls.create(**wanted(route=Failover(*order)))
    assert verdicts(call) == [(first.name, "refused"), (second.name, "accepted")]
    assert (call.provider, call.status, len(first.posts)) == (second.name, CallStatus.QUEUED, 1)
    assert (first.live(), second.live()) == ({}, {NUMBER: 1})


def test_the_call_has_its_own_route_before_the_hubs(side: Side, world: World) -> None:
    call = side.hub(route=ROUTE).calls.create(**wanted(route=Failover("aicaller", "erzycall")))
    assert call.provider == "aicaller"
    named = side.hub(route=ROUTE).calls.create(**wanted(provider="aicaller", idempotency_key="order-2"))
    assert named.provider == "aicaller"
    assert world.erzycall.relay.seen == []


def test_a_vendor_that_was_named_has_no_other_behind_it(side: Side, world: World) -> None:
    world.erzycall.rig(UNAUTHORIZED)
    with pytest.raises(AuthenticationFailed):
        side.hub(route=ROUTE).calls.create(**wanted(provider="erzycall"))
    assert world.aicaller.relay.seen == []


def test_each_vendor_gets_its_own_script_caller_and_variables(side: Side, world: World) -> None:
    settings = {name: dict(given) for name, given in world.settings.items()}
    settings["erzycall"]["from_number"] = "+14155558888"
    settings["aicaller"]["phone_number_id"] = "number-7"
    words = {"id": SCRIPT_IDS["aicaller"], "variables": {"customer_name": "name", "mail": "contact.email"}}
    scripts = {"onboarding": {"erzycall": "case_789", "aicaller": words}}
    world.erzycall.rig(UNAUTHORIZED)
    wish_ = wanted(variables={"name": "Ada"})
    wish_["contact"] = type(wish_["contact"])(name="Ada", email="a@example.com")
    side.hub(route=ROUTE, providers=settings, scripts=scripts).calls.create(**wish_)
    (erzycall,), (aicaller,) = (
        [json.loads(hit.body) for hit in vendor.posts] for vendor in (world.erzycall, world.aicaller)
    )
    assert (erzycall["caseId"], erzycall["from"]) == ("case_789", "+14155558888")
    assert erzycall["variableValues"] == {"name": "Ada"}
    assert (aicaller["callTemplateId"], aicaller["phoneNumberId"]) == (SCRIPT_IDS["aicaller"], "number-7")
    assert aicaller["promptVariableValues"] == [
        {"key": "customer_name", "value": "Ada"},
        {"key": "mail", "value": "a@example.com"},
    ]


def test_extras_stay_with_their_vendor(side: Side, world: World) -> None:
    world.erzycall.rig(UNAUTHORIZED)
    extras = {"aicaller": {"telephonyProvider": "telnyx"}, "erzycall": {"mood": "calm"}}
    side.hub(route=ROUTE).calls.create(**wanted(extras=extras))
    assert b"telnyx" not in world.erzycall.posts[0].body
    assert b"calm" not in world.aicaller.posts[0].body


@pytest.mark.parametrize("given", [["erzycall", "aicaller"], {"failover": ["erzycall", "aicaller"]}])
def test_a_route_in_a_configurations_words(side: Side, world: World, given: Any) -> None:
    world.erzycall.rig(UNAUTHORIZED)
    assert side.hub(route=given).calls.create(**wanted()).provider == "aicaller"


@pytest.mark.parametrize(
    ("providers", "options"),
    [
        ((), {}),
        (("erzycall", "erzycall"), {}),
        (("erzycall", 5), {}),
        (("erzycall",), {"after_failure": ["aicaller"]}),
        (("erzycall",), {"attempts": 0}),
        (("erzycall",), {"attempts": True}),
    ],
)
def test_what_is_no_route_is_refused(providers: tuple[Any, ...], options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        Failover(*providers, **options)


@pytest.mark.parametrize("given", [5, {"failover": "erzycall"}, {"split": {}}, [], ["nobody"]])
def test_a_hub_with_no_route_to_go_is_refused(side: Side, given: Any) -> None:
    with pytest.raises((ConfigurationError, UnknownProvider)):
        side.hub(route=given)


def test_a_calls_route_may_be_a_list_as_a_hubs_may(side: Side, world: World) -> None:
    world.erzycall.rig(UNAUTHORIZED)
    call = side.hub().calls.create(**wanted(route=["erzycall", "aicaller"]))
    assert call.provider == "aicaller"
    with pytest.raises(ConfigurationError, match="route must be"):
        side.hub().calls.create(**wanted(route=5))


def test_a_route_over_a_vendor_that_is_not_configured(side: Side, world: World) -> None:
    hub = side.hub(providers={"erzycall": world.erzycall.settings})
    with pytest.raises(UnknownProvider):
        hub.calls.create(**wanted(route=ROUTE))
    assert world.erzycall.relay.seen == []


# Who can carry it


def test_a_vendor_that_can_not_carry_the_call_is_left_out_with_the_reason(side: Side, world: World) -> None:
    hub = side.hub(route=Failover("aicaller", "erzycall"))
    call = hub.calls.create(**wanted(first_message="Hello"))
    assert verdicts(call) == [("erzycall", "accepted")]
    assert world.aicaller.relay.seen == []
    out, taken = hub.calls.explain(call.id).considered
    assert (out.provider, out.chosen, out.rule) == ("aicaller", False, "capability")
    assert "first_message can't be carried by AICaller" in (out.reason or "")
    assert (taken.provider, taken.chosen, taken.reason) == ("erzycall", True, None)


def test_a_vendor_without_the_script_is_left_out(side: Side, world: World) -> None:
    hub = side.hub(route=ROUTE, scripts={"onboarding": {"aicaller": SCRIPT_IDS["aicaller"]}})
    call = hub.calls.create(**wanted())
    assert call.provider == "aicaller"
    assert world.erzycall.relay.seen == []
    assert hub.calls.explain(call.id).considered[0].rule == "script"


def test_aicaller_is_left_out_without_a_name(side: Side, world: World) -> None:
    hub = side.hub(route=Failover("aicaller", "erzycall"))
    call = hub.calls.create(**wanted(contact=None))
    assert (call.provider, world.aicaller.relay.seen) == ("erzycall", [])
    assert "the name, which AICaller needs" in (hub.calls.explain(call.id).considered[0].reason or "")


def test_where_nobody_can_carry_it_every_reason_is_told(side: Side, world: World, rows: Rows) -> None:
    hub = side.hub(route=ROUTE, ledger=rows.url)
    with pytest.raises(NoProviderAvailable) as caught:
        hub.calls.create(**wanted(first_message="Hello", record=True))
    text = str(caught.value)
    assert "erzycall: record can't be carried by ErzyCall" in text
    assert "aicaller: first_message can't be carried by AICaller" in text
    assert (caught.value.dialed, caught.value.attempts) == ("no", ())
    assert (rows("intents"), world.erzycall.relay.seen, world.aicaller.relay.seen) == ([], [], [])


def test_what_every_vendor_minds_is_the_requests_own_fault(side: Side) -> None:
    with pytest.raises(InvalidRequest) as caught:
        side.hub(route=ROUTE).calls.create(**wanted(to="4155550123"))
    assert set(caught.value.fields) == {"to"}
    with pytest.raises(InvalidRequest) as unmapped:
        side.hub(route=ROUTE).calls.create(**wanted(script="nobody"))
    assert "script" in unmapped.value.fields


def test_a_route_of_one_is_a_vendor_that_was_named(side: Side) -> None:
    with pytest.raises(UnsupportedFeature):
        side.hub(route=Failover("aicaller")).calls.create(**wanted(first_message="Hello"))


# Only on a no


@pytest.mark.parametrize("mishap", PROVES_NOTHING)
def test_a_maybe_never_goes_on(side: Side, world: World, mishap: Mishap) -> None:
    hub = side.hub(settling=3600)  # too early to look it up
    world.aicaller.fail(mishap)
    with pytest.raises(OutcomeUnknown) as caught:
        hub.calls.create(**wanted(route=Failover("aicaller", "erzycall")))
    assert (caught.value.dialed, verdicts(call_of(caught.value))) == ("maybe", [("aicaller", "maybe")])
    with pytest.raises(OutcomeUnknown):
        hub.calls.create(**wanted(route=Failover("aicaller", "erzycall")))
    with pytest.raises(OutcomeUnknown):
        hub.calls.create(**wanted(provider="erzycall"))
    assert (len(world.aicaller.posts), world.erzycall.relay.seen) == (1, [])
    assert secrets_in(told(caught.value)) == []


def test_a_maybe_that_turns_out_accepted_is_the_call(side: Side, world: World) -> None:
    world.aicaller.fail("drop_after")
    call = side.hub().calls.create(**wanted(route=Failover("aicaller", "erzycall")))
    assert verdicts(call) == [("aicaller", "accepted")]
    assert world.erzycall.relay.seen == []
    assert world.aicaller.live() == {NUMBER: 1}


def test_a_maybe_after_a_no_keeps_both_in_mind(side: Side, world: World) -> None:
    world.erzycall.rig(UNAUTHORIZED)
    world.aicaller.fail("error_before")
    with pytest.raises(OutcomeUnknown) as caught:
        side.hub(route=ROUTE).calls.create(**wanted())
    call = call_of(caught.value)
    assert verdicts(call) == [("erzycall", "refused"), ("aicaller", "maybe")]
    assert (caught.value.dialed, call.needs_person, call.provider) == ("maybe", True, "aicaller")


def test_the_risk_is_taken_where_the_caller_says_so(side: Side, world: World, rows: Rows) -> None:
    hub = side.hub(ledger=rows.url, settling=3600)
    world.aicaller.fail("drop_after")
    route = Failover("aicaller", "erzycall")
    call = hub.calls.create(**wanted(route=route, on_unknown="accept_risk"))
    assert verdicts(call) == [("aicaller", "maybe"), ("erzycall", "accepted")]
    assert (world.aicaller.live(), world.erzycall.rung) == ({NUMBER: 1}, {NUMBER: 1})


# About the person


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refusal(403, "CONTACT_OPTED_OUT"), Suppressed),
        (refusal(400, "VALIDATION_ERROR", "to"), InvalidRequest),
        (refusal(400, "VALIDATION_ERROR", "phone"), InvalidRequest),
    ],
)
def test_a_refusal_about_the_person_ends_the_route(
    side: Side, world: World, answer: Response, error: type[CallhubError]
) -> None:
    hub = side.hub(route=ROUTE)
    world.erzycall.rig(answer)
    with pytest.raises(error) as caught:
        hub.calls.create(**wanted())
    assert (type(caught.value), caught.value.dialed) == (error, "no")
    assert verdicts(call_of(caught.value)) == [("erzycall", "refused")]
    why = str(hub.calls.explain(call_of(caught.value).id))
    assert "route ended: what erzycall minds is the person, so no other vendor is asked" in why
    assert world.aicaller.relay.seen == []


@pytest.mark.parametrize(
    "answer",
    [
        refusal(400, "VALIDATION_ERROR", "caseId"),
        refusal(422, "INVALID_PHONE"),  # of `from`, by the vendor's documents
        refusal(404, "NOT_FOUND"),
        refusal(403, "INSUFFICIENT_SCOPE"),
    ],
)
def test_a_refusal_about_anything_else_goes_on(side: Side, world: World, answer: Response) -> None:
    world.erzycall.rig(answer)
    assert side.hub(route=ROUTE).calls.create(**wanted()).provider == "aicaller"


def test_a_guard_ends_the_route_before_it_begins(side: Side, world: World, rows: Rows) -> None:
    hub = side.hub(route=ROUTE, ledger=rows.url)
    hub.suppression.add(NUMBER)
    with pytest.raises(Suppressed):
        hub.calls.create(**wanted())
    assert (rows("attempts"), world.erzycall.relay.seen, world.aicaller.relay.seen) == ([], [], [])


# One deadline, one budget


def test_a_vendor_in_haste_is_passed_over_before_it_is_waited_for(side: Side, world: World) -> None:
    world.erzycall.rig(LIMITED)
    call = side.hub(route=ROUTE).calls.create(**wanted())
    assert verdicts(call) == [("erzycall", "refused"), ("aicaller", "accepted")]
    assert world.clock.slept == []


def test_the_budget_of_attempts_is_over_everything(side: Side, world: World) -> None:
    world.erzycall.rig(LIMITED)
    world.aicaller.rig(Response(429, {"retry-after": "1"}))
    with pytest.raises(NoProviderAvailable) as caught:
        side.hub().calls.create(**wanted(route=Failover("erzycall", "aicaller", attempts=3)))
    names = [attempt.provider for attempt in caught.value.attempts]
    assert names == ["erzycall", "aicaller", "erzycall"]
    assert len(world.erzycall.posts) + len(world.aicaller.posts) == 3


def test_the_deadline_is_over_everything(side: Side, world: World) -> None:
    world.erzycall.rig(Response(429, {"retry-after": "4"}, LIMITED.body))
    world.aicaller.rig(Response(429, {"retry-after": "4"}))
    with pytest.raises(NoProviderAvailable) as caught:
        side.hub().calls.create(**wanted(route=Failover("erzycall", "aicaller", attempts=50), timeout=10))
    assert sum(world.clock.slept) <= 10
    assert len(caught.value.attempts) in (4, 5)
    assert caught.value.retry_after is not None


# Nobody took it


def test_where_nobody_took_it_each_word_is_told(side: Side, world: World, rows: Rows) -> None:
    hub = side.hub(route=ROUTE, ledger=rows.url)
    world.erzycall.rig(UNAUTHORIZED)
    world.aicaller.rig(Response(403))
    with pytest.raises(NoProviderAvailable, match=r"^no vendor of the route took the call: ") as caught:
        hub.calls.create(**wanted())
    error, call = caught.value, call_of(caught.value)
    assert "erzycall: ErzyCall answered 401 (UNAUTHORIZED" in str(error)
    assert "aicaller: AICaller answered 403" in str(error)
    assert "CALLHUB_ERZYCALL_API_KEY" in str(error)
    assert error.attempts == call.attempts
    assert verdicts(call) == [("erzycall", "refused"), ("aicaller", "refused")]
    assert (error.dialed, call.status) == ("no", CallStatus.FAILED)
    assert secrets_in(told(error)) == []
    for vendor in (world.erzycall, world.aicaller):
        vendor.relay.rigged = lambda _: None
    again = hub.calls.create(**wanted())
    assert (again.id, again.replayed, len(again.attempts)) == (call.id, False, 3)
    assert world.erzycall.live() == {NUMBER: 1}


def test_where_one_alone_was_asked_its_own_word_is_raised(side: Side, world: World) -> None:
    world.erzycall.rig(UNAUTHORIZED)
    with pytest.raises(AuthenticationFailed) as caught:
        side.hub(route=ROUTE).calls.create(**wanted(first_message="Hello"))
    assert caught.value.provider == "erzycall"


# Leaving alone what keeps failing


def fail_often(hub: Any, times: int = cooling.PATIENCE) -> None:
    for number in range(times):
        assert hub.calls.create(**wanted(idempotency_key=f"f{number}")).provider == "aicaller"


def test_a_vendor_that_keeps_failing_is_left_alone_by_every_process(
    side: Side, world: World, rows: Rows
) -> None:
    away = gone(world)
    fail_often(side.hub(route=ROUTE, ledger=rows.url, providers=away))
    (row,) = rows("health")
    assert (row["provider"], row["failures"]) == ("erzycall", cooling.PATIENCE)
    assert row["closed_until"] > world.clock.now().timestamp()
    later = side.hub(route=ROUTE, ledger=rows.url, providers=away).calls.create(**wanted())
    assert verdicts(later) == [("aicaller", "accepted")]
    elsewhere = side.hub(route=ROUTE, ledger=rows.url).calls.create(**wanted(idempotency_key="order-2"))
    assert verdicts(elsewhere) == [("erzycall", "accepted")]  # another account is another matter


def test_a_vendor_that_is_left_alone_is_not_asked(side: Side, world: World, rows: Rows) -> None:
    hub = side.hub(route=ROUTE, ledger=rows.url)
    world.erzycall.relay.rigged = unwell
    in_doubt(hub, world, cooling.PATIENCE)
    asked = len(world.erzycall.relay.seen)
    for again in (hub, side.hub(route=ROUTE, ledger=rows.url)):
        call = again.calls.create(**wanted(idempotency_key=f"later-{id(again)}"))
        assert (call.provider, verdicts(call)) == ("aicaller", [("aicaller", "accepted")])
    assert len(world.erzycall.relay.seen) == asked


def test_why_it_was_left_alone_is_told(side: Side, world: World, rows: Rows) -> None:
    hub = side.hub(route=ROUTE, ledger=rows.url)
    world.erzycall.relay.rigged = unwell
    in_doubt(hub, world, cooling.PATIENCE)
    call = hub.calls.create(**wanted())
    out, _ = hub.calls.explain(call.id).considered
    assert (out.provider, out.chosen, out.rule) == ("erzycall", False, "cooling")


def test_a_vendor_that_was_left_alone_last_is_told_too(side: Side, world: World, rows: Rows) -> None:
    hub = side.hub(route=Failover("aicaller", "erzycall"), ledger=rows.url)
    world.erzycall.relay.rigged = unwell
    in_doubt(hub, world, cooling.PATIENCE, route=ROUTE)
    world.aicaller.rig(Response(401, {}, b"{}"))
    with pytest.raises(AuthenticationFailed) as caught:
        hub.calls.create(**wanted())
    why = hub.calls.explain(call_of(caught.value).id)
    assert [(one.provider, one.chosen) for one in why.considered] == [("aicaller", True), ("erzycall", False)]
    assert "left alone: erzycall keeps failing" in str(why)


def test_a_guard_that_ends_a_route_is_told(side: Side, world: World, rows: Rows) -> None:
    def refuses_once_the_person_asks_to_be_left_alone(hit: Hit) -> Answer | None:
        if hit.method != "POST":
            return None
        Ledger(rows.url).perform(Suppress((Entry(NUMBER, None, "by hand", world.clock.now()),)))
        return Answer(UNAUTHORIZED)

    hub = side.hub(route=ROUTE, ledger=rows.url)
    world.erzycall.relay.rigged = refuses_once_the_person_asks_to_be_left_alone
    with pytest.raises(Suppressed) as caught:
        hub.calls.create(**wanted())
    assert [one.verdict for one in call_of(caught.value).attempts] == ["refused"]
    why = str(hub.calls.explain(call_of(caught.value).id))
    assert "held back: the number is on the suppression list" in why
    assert world.aicaller.relay.seen == []


def unwell(_: Hit) -> Answer:
    return Answer(Response(503))


def in_doubt(hub: Any, world: World, times: int, **changes: Any) -> None:
    """Place calls that end in doubt at ErzyCall: *maybe* counts as a failure, and goes nowhere else."""
    for number in range(times):
        with pytest.raises(OutcomeUnknown):
            hub.calls.create(**wanted(idempotency_key=f"d{number}", **changes))
    assert world.aicaller.relay.seen == []


def test_one_caller_alone_probes_it_afterwards_and_success_ends_it(
    side: Side, world: World, rows: Rows
) -> None:
    hub = side.hub(route=ROUTE, ledger=rows.url)
    world.erzycall.relay.rigged = unwell
    in_doubt(hub, world, cooling.PATIENCE)
    world.erzycall.relay.rigged = lambda _: None
    world.clock.advance(cooling.pause(cooling.PATIENCE) + 1)
    others: list[Any] = []

    def while_it_is_probed(hit: Hit) -> None:
        if hit.method == "POST":
            world.erzycall.relay.watch = lambda _: None
            with Hub(
                providers=world.settings, scripts=SCRIPTS, route=ROUTE, ledger=rows.url, clock=world.clock
            ) as other:
                others.append(other.calls.create(**wanted(idempotency_key="other")).provider)

    world.erzycall.relay.watch = while_it_is_probed
    assert hub.calls.create(**wanted(idempotency_key="probe")).provider == "erzycall"
    assert others == ["aicaller"]
    assert hub.calls.create(**wanted(idempotency_key="after")).provider == "erzycall"


def test_a_probe_that_proves_nothing_leaves_it_to_the_next_caller(
    side: Side, world: World, rows: Rows
) -> None:
    hub = side.hub(route=ROUTE, ledger=rows.url)
    world.erzycall.relay.rigged = unwell
    in_doubt(hub, world, cooling.PATIENCE)
    world.clock.advance(cooling.pause(cooling.PATIENCE) + 1)
    world.erzycall.relay.rigged = lambda _: Answer(UNAUTHORIZED)
    assert hub.calls.create(**wanted(idempotency_key="probe")).provider == "aicaller"
    world.erzycall.relay.rigged = lambda _: None
    assert hub.calls.create(**wanted(idempotency_key="next")).provider == "erzycall"


def test_a_probe_that_fails_makes_the_pause_longer(side: Side, world: World, rows: Rows) -> None:
    hub = side.hub(route=ROUTE, ledger=rows.url)
    world.erzycall.relay.rigged = unwell
    in_doubt(hub, world, cooling.PATIENCE)
    world.clock.advance(cooling.pause(cooling.PATIENCE) + 1)
    with pytest.raises(OutcomeUnknown):
        hub.calls.create(**wanted(idempotency_key="probe"))
    (row,) = rows("health")
    assert row["failures"] == cooling.PATIENCE + 1
    left = row["closed_until"] - world.clock.now().timestamp()
    assert cooling.FIRST < left <= cooling.pause(cooling.PATIENCE + 1)


def test_refusals_are_no_failures(side: Side, world: World, rows: Rows) -> None:
    hub = side.hub(route=ROUTE, ledger=rows.url)
    world.erzycall.rig(UNAUTHORIZED)
    fail_often(hub, cooling.PATIENCE + 2)
    assert len(world.erzycall.posts) == cooling.PATIENCE + 2


def test_a_vendor_that_is_named_is_asked_however_it_feels(side: Side, world: World, rows: Rows) -> None:
    hub = side.hub(route=ROUTE, ledger=rows.url)
    world.erzycall.relay.rigged = unwell
    in_doubt(hub, world, cooling.PATIENCE)
    world.erzycall.relay.rigged = lambda _: None
    assert hub.calls.create(**wanted(provider="erzycall", idempotency_key="named")).provider == "erzycall"


def test_where_every_vendor_is_left_alone_it_says_when_to_come_back(
    side: Side, world: World, rows: Rows
) -> None:
    hub = side.hub(ledger=rows.url)
    world.erzycall.relay.rigged = unwell
    in_doubt(side.hub(route=ROUTE, ledger=rows.url), world, cooling.PATIENCE)
    world.aicaller.rig(Response(503))
    for number in range(cooling.PATIENCE):
        with pytest.raises(OutcomeUnknown):
            hub.calls.create(**wanted(route=Failover("aicaller", "erzycall"), idempotency_key=f"a{number}"))
    before = len(world.erzycall.posts) + len(world.aicaller.posts)
    with pytest.raises(NoProviderAvailable, match="left alone for now") as caught:
        hub.calls.create(**wanted(route=ROUTE))
    assert (caught.value.dialed, caught.value.attempts) == ("no", ())
    assert caught.value.retry_after is not None
    assert caught.value.retry_after.total_seconds() <= cooling.FIRST
    assert len(world.erzycall.posts) + len(world.aicaller.posts) == before


# Accepted, and then failed by the vendor


def test_a_trusted_vendors_failure_goes_on_while_it_is_waited_for(side: Side, world: World) -> None:
    hub = side.hub(route=Failover("erzycall", "aicaller", after_failure=["erzycall"]))
    call = hub.calls.create(**wanted(to=FAILS))
    assert call.provider == "erzycall"
    over = hub.calls.wait(call.id)
    assert (over.id, over.provider, over.status) == (call.id, "aicaller", CallStatus.FAILED)
    assert verdicts(over) == [("erzycall", "refused"), ("aicaller", "accepted")]
    assert "trusts it to fail before any ring" in (over.attempts[0].reason or "")
    assert (len(world.erzycall.posts), len(world.aicaller.posts)) == (1, 1)
    assert hub.calls.wait(call.id) == over  # AICaller isn't trusted so far
    assert (world.erzycall.live(), world.aicaller.rung) == ({}, {})


def test_a_trusted_vendors_failure_goes_on_when_the_key_comes_again(side: Side, world: World) -> None:
    hub = side.hub(route=Failover("erzycall", "aicaller", after_failure=["erzycall"]))
    call = hub.calls.create(**wanted(to=FAILS))
    world.clock.advance(600)
    assert hub.calls.get(call.id).status is CallStatus.FAILED
    again = hub.calls.create(**wanted(to=FAILS))
    assert (again.id, again.provider, again.replayed) == (call.id, "aicaller", False)


def test_the_first_vendors_call_stays_its_own_and_can_not_be_claimed_by_another(
    side: Side, world: World
) -> None:
    hub = side.hub(route=Failover("erzycall", "aicaller", after_failure=["erzycall"]))
    call = hub.calls.create(**wanted(to=FAILS))
    first = f"erzycall:{call.provider_call_id}"
    over = hub.calls.wait(call.id)
    assert over.provider == "aicaller"
    theirs = hub.calls.get(first)
    assert (theirs.id, theirs.provider, theirs.provider_status) == (first, "erzycall", "error")
    listed = [one.id for one in hub.calls.list()]
    assert (listed.count(first), listed.count(call.id)) == (1, 1)
    assert hub.calls.get(call.id, refresh=False) == over
    assert hub.calls.explain(first).call.id == call.id
    doubtful = world.erzycall.in_doubt(hub, to=FAILS)
    with pytest.raises(Conflict):
        hub.calls.resolve(doubtful.id, placed=first)


@pytest.mark.parametrize("trusted", [[], ["aicaller"]])
def test_a_failure_of_a_vendor_that_is_not_trusted_stays_one(
    side: Side, world: World, trusted: list[str]
) -> None:
    hub = side.hub(route=Failover("erzycall", "aicaller", after_failure=trusted))
    call = hub.calls.create(**wanted(to=FAILS))
    assert hub.calls.wait(call.id).status is CallStatus.FAILED
    assert hub.calls.create(**wanted(to=FAILS)).replayed
    assert world.aicaller.relay.seen == []


def test_a_call_that_ended_otherwise_is_over(side: Side, world: World) -> None:
    hub = side.hub(route=Failover("erzycall", "aicaller", after_failure=["erzycall"]))
    call = hub.calls.create(**wanted())
    assert hub.calls.wait(call.id).status is CallStatus.ENDED
    assert hub.calls.create(**wanted()).replayed
    assert world.aicaller.relay.seen == []
    assert world.erzycall.rung == {NUMBER: 1}


def test_many_callers_with_one_key_and_a_route_ring_once(world: World, rows: Rows) -> None:
    world.erzycall.rig(UNAUTHORIZED)
    start = threading.Barrier(6)
    ends: list[str] = []

    def place() -> None:
        with Hub(providers=world.settings, scripts=SCRIPTS, route=ROUTE, ledger=rows.url) as hub:
            start.wait()
            try:
                ends.append(str(hub.calls.create(**wanted()).provider))
            except (RateLimited, OutcomeUnknown) as error:
                ends.append(type(error).__name__)

    threads = [threading.Thread(target=place) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert ends == ["aicaller"] * 6
    assert (len(world.erzycall.posts), len(world.aicaller.posts)) == (1, 1)
    assert world.aicaller.live() == {NUMBER: 1}
