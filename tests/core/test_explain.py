"""Why a call went the way it did."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from callhub import Failover, NotFound, OutcomeUnknown
from callhub.provider.http import Response
from tests.core.kit import PERSON, START, call_of, secrets_in, wish

if TYPE_CHECKING:
    from tests.core.kit import Rows, Side, Vendor, World


def test_a_call_that_was_simply_placed(hub: Any, vendor: Vendor) -> None:
    call = hub.calls.create(**wish(vendor))
    why = hub.calls.explain(call.id)
    assert (why.call.id, why.attempts, why.happenings) == (call.id, call.attempts, ())
    (considered,) = why.considered
    assert (considered.provider, considered.chosen, considered.rule) == (vendor.name, True, None)
    assert why.verdict == f"{vendor.name} has it; it is queued."
    assert why.lines() == [
        f"call {call.id}",
        f"considered {vendor.name}",
        f"attempt 1: 2026-03-02 09:00:00Z {vendor.name}: accepted",
        why.verdict,
    ]
    assert str(why) == "\n".join(why.lines())


def test_it_tells_what_came_of_it(hub: Any, vendor: Vendor) -> None:
    call = hub.calls.create(**wish(vendor))
    hub.calls.wait(call.id)
    outcome = {"erzycall": "unknown", "aicaller": "conversation"}[vendor.name]
    assert hub.calls.explain(call.id).verdict == f"{vendor.name} has it; it is ended, {outcome}."


def test_a_word_that_says_both_is_said_once(hub: Any, erzycall: Vendor) -> None:
    call = hub.calls.create(**wish(erzycall, scheduled_at=START + timedelta(hours=1)))
    hub.calls.cancel(call.id)
    assert hub.calls.explain(call.id).verdict == "erzycall has it; it is cancelled."


def test_by_the_vendors_id(hub: Any, vendor: Vendor) -> None:
    call = hub.calls.create(**wish(vendor))
    assert hub.calls.explain(f"{vendor.name}:{call.provider_call_id}").call.id == call.id


@pytest.mark.parametrize("call_id", ["nobody", "erzycall:nobody"])
def test_what_the_ledger_does_not_have(hub: Any, world: World, call_id: str) -> None:
    with pytest.raises(NotFound):
        hub.calls.explain(call_id)
    assert world.erzycall.relay.seen == []


def test_a_route_with_all_that_happened_on_it(side: Side, world: World, rows: Rows) -> None:
    hub = side.hub(ledger=rows.url, route=Failover("aicaller", "erzycall"))
    world.aicaller.rig(Response(403))
    world.erzycall.fail("drop_after")
    call = hub.calls.create(**wish("erzycall", provider=None))
    why = side.hub(ledger=rows.url).calls.explain(call.id)
    assert [(each.provider, each.chosen) for each in why.considered] == [
        ("aicaller", True),
        ("erzycall", True),
    ]
    assert [(each.provider, each.verdict) for each in why.attempts] == [
        ("aicaller", "refused"),
        ("erzycall", "accepted"),
    ]
    assert "AICaller answered 403" in (why.attempts[0].reason or "")
    assert [each.kind for each in why.happenings] == ["sent again", "settled"]
    assert "the stored request, under the same key" in why.happenings[0].detail
    assert "accepted when the same request was sent again" in why.happenings[1].detail
    assert why.verdict == "erzycall has it; it is queued."


def test_who_was_left_out_and_by_which_rule(side: Side) -> None:
    hub = side.hub(route=["aicaller", "erzycall"])
    call = hub.calls.create(**wish("erzycall", provider=None, first_message="Hello"))
    assert hub.calls.explain(call.id).lines()[1].startswith("considered aicaller, left out (capability): ")


def test_what_is_in_doubt_says_so(hub: Any, erzycall: Vendor) -> None:
    call = erzycall.in_doubt(hub)
    why = hub.calls.explain(call.id)
    assert why.verdict.startswith("It is in doubt: it may have rung")
    assert {each.kind for each in why.happenings} == {"sent again"}


def test_what_needs_a_person_says_what_to_do(hub: Any, aicaller: Vendor) -> None:
    aicaller.fail("drop_before")
    with pytest.raises(OutcomeUnknown) as caught:
        hub.calls.create(**wish(aicaller))
    why = hub.calls.explain(call_of(caught.value).id)
    assert "look at the vendor, then resolve it" in why.verdict
    assert why.happenings[-1].kind == "needs a person"
    assert "AICaller's list may be incomplete" in why.happenings[-1].detail


def test_what_was_refused_says_that_nothing_rang(hub: Any, vendor: Vendor) -> None:
    vendor.rig(Response(400, {}, b'{"error": {"code": "VALIDATION_ERROR", "message": "no"}}'))
    with pytest.raises(Exception, match="answered 400") as caught:
        hub.calls.create(**wish(vendor))
    why = hub.calls.explain(call_of(caught.value).id)  # type: ignore[arg-type]
    assert why.verdict.startswith("Nothing rang: every attempt is a proven no")


def test_it_holds_no_personal_data(hub: Any, vendor: Vendor) -> None:
    call = vendor.in_doubt(hub, variables={"name": PERSON})
    text = str(hub.calls.explain(call.id))
    assert secrets_in(text) == []
    assert PERSON not in text
