"""Taking a call back: in every state, and when the answer is lost."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from callhub import (
    AuthenticationFailed,
    CallOutcome,
    CallStatus,
    InvalidState,
    NotFound,
    OutcomeUnknown,
    UnsupportedFeature,
)
from callhub.provider.http import Response
from callhub.provider.sandbox import SandboxClock
from callhub_erzycall.sandbox import ErzyCallSandbox
from tests.core.kit import NUMBER, START, Instant, call_of, wish

if TYPE_CHECKING:
    from tests.core.kit import Side, Vendor, World


class Hurried(Instant):
    """A clock on which 29.9 of an operation's 30 seconds are over when its request leaves."""

    def ticks(self) -> float:
        self.advance(29.9)
        return super().ticks()


@pytest.mark.parametrize("later", [None, timedelta(hours=1)], ids=["new", "scheduled"])
def test_a_call_that_waits_is_cancelled_and_read_back(
    hub: Any, erzycall: Vendor, later: timedelta | None
) -> None:
    call = hub.calls.create(**wish(erzycall, scheduled_at=later and START + later, metadata={"order": 1}))
    cancelled = hub.calls.cancel(call.id)
    assert (cancelled.id, cancelled.status) == (call.id, CallStatus.CANCELLED)
    assert (cancelled.outcome, cancelled.metadata) == (CallOutcome.CANCELLED, {"order": 1})
    assert [each.partition(" ")[0] for each in erzycall.requests] == ["POST", "DELETE", "GET"]
    assert hub.calls.get(call.id, refresh=False).status is CallStatus.CANCELLED
    assert erzycall.live() == {}


def test_by_the_vendors_id(hub: Any, side: Side, erzycall: Vendor) -> None:
    call = hub.calls.create(**wish(erzycall))
    theirs = f"erzycall:{call.provider_call_id}"
    assert side.hub().calls.cancel(theirs).id == theirs  # a hub that didn't place it
    assert hub.calls.cancel(theirs).id == call.id


def test_what_is_cancelled_already_needs_no_vendor(hub: Any, erzycall: Vendor) -> None:
    call = hub.calls.create(**wish(erzycall))
    hub.calls.cancel(call.id)
    asked = len(erzycall.relay.seen)
    assert hub.calls.cancel(call.id).status is CallStatus.CANCELLED
    assert len(erzycall.relay.seen) == asked


def test_what_was_cancelled_elsewhere_counts_as_cancelled(side: Side, erzycall: Vendor) -> None:
    hub = side.hub()
    call = hub.calls.create(**wish(erzycall))
    side.hub().calls.cancel(f"erzycall:{call.provider_call_id}")
    assert hub.calls.cancel(call.id).status is CallStatus.CANCELLED


@pytest.mark.parametrize(("seconds", "status"), [(10, "in_progress"), (3600, "ended")])
def test_a_call_that_is_under_way_or_over(hub: Any, erzycall: Vendor, seconds: int, status: str) -> None:
    call = hub.calls.create(**wish(erzycall))
    erzycall.clock.advance(seconds)
    with pytest.raises(InvalidState) as caught:
        hub.calls.cancel(call.id)
    assert (caught.value.code, caught.value.provider) == ("INVALID_STATE", "erzycall")
    assert (call_of(caught.value).id, call_of(caught.value).status) == (call.id, status)
    assert hub.calls.get(call.id, refresh=False).status == status


def test_a_call_that_failed(hub: Any, erzycall: Vendor) -> None:
    call = hub.calls.create(**wish(erzycall, to="+14155550107"))
    erzycall.clock.advance(3600)
    with pytest.raises(InvalidState) as caught:
        hub.calls.cancel(call.id)
    assert call_of(caught.value).status is CallStatus.FAILED


def test_a_call_in_doubt(hub: Any, vendor: Vendor) -> None:
    call = vendor.in_doubt(hub)
    asked = len(vendor.relay.seen)
    with pytest.raises(InvalidState, match="no id at a vendor") as refused:
        hub.calls.cancel(call.id)
    assert (call_of(refused.value).id, call_of(refused.value).status) == (call.id, CallStatus.IN_DOUBT)
    assert len(vendor.relay.seen) == asked


def test_a_call_in_doubt_may_have_rung(hub: Any, vendor: Vendor) -> None:
    call = vendor.in_doubt(hub)
    with pytest.raises(InvalidState) as refused:
        hub.calls.cancel(call.id)
    assert refused.value.dialed == "maybe"


@pytest.mark.parametrize("seconds", [0, 5, 15, 3600])
def test_aicaller_can_not_cancel_in_any_state(hub: Any, aicaller: Vendor, seconds: int) -> None:
    call = hub.calls.create(**wish(aicaller))
    aicaller.clock.advance(seconds)
    with pytest.raises(UnsupportedFeature, match="submit a scheduled call shortly before its time"):
        hub.calls.cancel(call.id)
    assert len(aicaller.relay.seen) == 1


def test_a_call_that_the_vendor_does_not_know(hub: Any, erzycall: Vendor) -> None:
    with pytest.raises(NotFound):
        hub.calls.cancel("erzycall:nobody")
    assert erzycall.requests == ["DELETE /api/v1/calls/nobody"]


# The answer is lost


@pytest.mark.parametrize("mishap", ["drop_after", "error_after", "truncate_after"])
def test_an_answer_that_is_lost_is_read_back(hub: Any, erzycall: Vendor, mishap: str) -> None:
    call = hub.calls.create(**wish(erzycall))
    erzycall.fail(mishap, method="DELETE")
    assert hub.calls.cancel(call.id).status is CallStatus.CANCELLED
    assert [each.partition(" ")[0] for each in erzycall.requests] == ["POST", "DELETE", "GET"]
    assert erzycall.live() == {}


@pytest.mark.parametrize("mishap", ["garbage_after", "huge_after"])
def test_an_answer_that_is_strange_is_read_back(hub: Any, erzycall: Vendor, mishap: str) -> None:
    call = hub.calls.create(**wish(erzycall))
    erzycall.fail(mishap, method="DELETE")
    assert hub.calls.cancel(call.id).status is CallStatus.CANCELLED


def test_a_hang_is_given_up_and_read_back(side: Side, world: World) -> None:
    call = side.hub(clock=world.clock).calls.create(**wish("erzycall"))
    world.erzycall.fail("hang_after", method="DELETE")
    hub = side.hub(clock=Hurried())
    assert hub.calls.cancel(f"erzycall:{call.provider_call_id}").status is CallStatus.CANCELLED


@pytest.mark.parametrize("mishap", ["drop_before", "error_before"])
def test_a_cancellation_that_did_not_come_through(hub: Any, erzycall: Vendor, mishap: str) -> None:
    call = hub.calls.create(**wish(erzycall))
    erzycall.fail(mishap, method="DELETE")
    with pytest.raises(OutcomeUnknown, match="the call may still ring") as caught:
        hub.calls.cancel(call.id)
    assert (call_of(caught.value).id, caught.value.dialed) == (call.id, "maybe")
    assert call_of(caught.value).status is CallStatus.QUEUED
    assert hub.calls.cancel(call.id).status is CallStatus.CANCELLED
    assert erzycall.live() == {}


def test_a_call_that_was_over_while_the_cancellation_got_lost(hub: Any, erzycall: Vendor) -> None:
    call = hub.calls.create(**wish(erzycall))
    erzycall.clock.advance(3600)
    erzycall.fail("drop_before", method="DELETE")
    with pytest.raises(InvalidState, match="the call is ended already"):
        hub.calls.cancel(call.id)


def test_a_vendor_that_takes_the_cancellation_and_does_nothing(hub: Any, erzycall: Vendor) -> None:
    call = hub.calls.create(**wish(erzycall))
    erzycall.rig(Response(204), method="DELETE")
    with pytest.raises(OutcomeUnknown, match="took the cancellation but says new; the call may still ring"):
        hub.calls.cancel(call.id)
    assert erzycall.live() == {NUMBER: 1}


@pytest.mark.parametrize("mishap", [None, "drop_after", "drop_before"])
def test_where_reading_back_fails_too_nobody_knows(hub: Any, erzycall: Vendor, mishap: str | None) -> None:
    call = hub.calls.create(**wish(erzycall))
    if mishap:
        erzycall.fail(mishap, method="DELETE")
    erzycall.fail(*["error_before"] * 4, method="GET")
    with pytest.raises(OutcomeUnknown):
        hub.calls.cancel(call.id)


def test_a_refusal_other_than_the_state_is_told_as_it_is(side: Side, world: World) -> None:
    call = side.hub().calls.create(**wish("erzycall"))
    revoked = world.settings["erzycall"] | {"api_key": "ek_test_revoked"}
    with pytest.raises(AuthenticationFailed):
        side.hub(providers={"erzycall": revoked}).calls.cancel(f"erzycall:{call.provider_call_id}")
    assert world.erzycall.live() == {NUMBER: 1}


def test_a_rate_limit_is_waited_for(hub: Any, erzycall: Vendor) -> None:
    call = hub.calls.create(**wish(erzycall))
    erzycall.fail("rate_limit", method="DELETE")
    assert hub.calls.cancel(call.id).status is CallStatus.CANCELLED
    assert len(erzycall.clock.slept) == 1


def test_a_limit_that_is_used_up_by_the_cancellation(side: Side, world: World) -> None:
    sandbox = ErzyCallSandbox(SandboxClock(world.clock.now), per_minute=2, pickup=3600)
    world.erzycall.relay.put(sandbox)
    hub = side.hub()
    call = hub.calls.create(**wish("erzycall", timeout=120))
    with pytest.raises(OutcomeUnknown) as caught:
        hub.calls.cancel(call.id)
    assert call_of(caught.value).id == call.id
