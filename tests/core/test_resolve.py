"""A person's word, where nothing else can tell."""

from __future__ import annotations

import getpass
import sqlite3
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from callhub import CallStatus, Conflict, InvalidRequest, InvalidState, NotFound, OutcomeUnknown
from callhub.provider.http import Response
from tests.core.kit import NUMBER, START, call_of, wish

if TYPE_CHECKING:
    from callhub import Call
    from tests.core.kit import Rows, Side, Vendor

OTHER = "+14155550177"


def theirs(vendor: Vendor) -> str:
    """Give the id of the vendor's newest call, as a person reads it in the vendor's dashboard."""
    return str(vendor.sandbox.dials[-1].call_id)


@pytest.fixture
def doubtful(hub: Any, vendor: Vendor) -> Call:
    """Give a call that the vendor has, which rang, and of which nobody here knows."""
    call = vendor.in_doubt(hub, idempotency_key="order-1")
    assert vendor.live(120) == {NUMBER: 1}
    return call


def test_it_was_placed(hub: Any, vendor: Vendor, doubtful: Call) -> None:
    settled = hub.calls.resolve(doubtful.id, placed=theirs(vendor), by="Ada")
    assert (settled.id, settled.provider_call_id) == (doubtful.id, theirs(vendor))
    assert (settled.status, settled.needs_person) == (CallStatus.ENDED, False)
    (attempt,) = settled.attempts
    assert (attempt.verdict, attempt.reason) == (
        "accepted",
        f"Ada said that it was placed as {theirs(vendor)}",
    )
    assert attempt.finished_at == vendor.clock.now() > START
    posts = len(vendor.posts)
    again = hub.calls.create(**wish(vendor, idempotency_key="order-1"))
    assert (again.id, again.replayed, len(vendor.posts)) == (doubtful.id, True, posts)
    assert vendor.live() == {NUMBER: 1}


def test_the_id_may_name_its_vendor(hub: Any, vendor: Vendor, doubtful: Call) -> None:
    settled = hub.calls.resolve(doubtful.id, placed=f"{vendor.name}:{theirs(vendor)}")
    assert hub.calls.get(f"{vendor.name}:{theirs(vendor)}").id == settled.id == doubtful.id


def test_it_was_not_placed(hub: Any, vendor: Vendor) -> None:
    call = vendor.in_doubt(hub, "drop_before", idempotency_key="order-1")
    settled = hub.calls.resolve(call.id, placed=None, by="Ada")
    assert (settled.status, settled.needs_person) == (CallStatus.FAILED, False)
    assert settled.attempts[0].verdict == "refused"
    assert settled.attempts[0].reason == "Ada said that it was not placed"
    again = hub.calls.create(**wish(vendor, idempotency_key="order-1"))
    assert (again.id, [each.verdict for each in again.attempts]) == (call.id, ["refused", "accepted"])
    assert vendor.live() == {NUMBER: 1}


def test_who_and_when_is_recorded(hub: Any, vendor: Vendor, doubtful: Call) -> None:
    vendor.clock.advance(3600)
    hub.calls.resolve(doubtful.id, placed=theirs(vendor))
    word = hub.calls.explain(doubtful.id).happenings[-1]
    assert (word.kind, word.at) == ("resolved", vendor.clock.now())
    assert word.detail == f"{getpass.getuser()} said that it was placed as {theirs(vendor)}"


def test_every_process_goes_by_it(side: Side, vendor: Vendor, rows: Rows) -> None:
    hub = side.hub(ledger=rows.url)
    call = vendor.in_doubt(hub)
    vendor.live(120)
    side.hub(ledger=rows.url).calls.resolve(call.id, placed=theirs(vendor))
    assert hub.calls.get(call.id, refresh=False).status is CallStatus.ENDED
    assert hub.recover().placed == []
    (bound,) = rows("calls")
    assert (bound["intent"], bound["provider_call_id"]) == (call.id, theirs(vendor))


# Slips of the pen


def test_an_id_that_the_vendor_does_not_know(hub: Any, doubtful: Call) -> None:
    with pytest.raises(NotFound):
        hub.calls.resolve(doubtful.id, placed="nobody")
    assert hub.calls.get(doubtful.id).status is CallStatus.IN_DOUBT


def test_a_call_to_somebody_else(hub: Any, vendor: Vendor, doubtful: Call) -> None:
    hub.calls.create(**wish(vendor, to=OTHER))
    vendor.live(120)
    other = theirs(vendor)
    with pytest.raises(Conflict):
        hub.calls.resolve(doubtful.id, placed=other)
    assert hub.calls.get(doubtful.id).status is CallStatus.IN_DOUBT


def test_a_call_to_somebody_else_that_this_ledger_does_not_know(
    side: Side, vendor: Vendor, doubtful: Call, hub: Any
) -> None:
    side.hub().calls.create(**wish(vendor, to=OTHER))
    vendor.live(120)
    with pytest.raises(Conflict, match="is to another number"):
        hub.calls.resolve(doubtful.id, placed=theirs(vendor))


def test_a_call_that_is_another_intents(hub: Any, vendor: Vendor, doubtful: Call) -> None:
    bound = hub.calls.create(**wish(vendor)).provider_call_id
    with pytest.raises(Conflict, match="another call of this ledger") as caught:
        hub.calls.resolve(doubtful.id, placed=bound)
    assert call_of(caught.value).provider_call_id == bound


def test_a_call_of_another_vendor(hub: Any, vendor: Vendor, doubtful: Call) -> None:
    other = {"erzycall": "aicaller", "aicaller": "erzycall"}[vendor.name]
    with pytest.raises(InvalidRequest, match=f"this one went to {vendor.name}"):
        hub.calls.resolve(doubtful.id, placed=f"{other}:x1")


@pytest.mark.parametrize("placed", ["", "a/b", "..", "a b"])
def test_what_can_be_no_id(hub: Any, vendor: Vendor, doubtful: Call, placed: str) -> None:
    asked = len(vendor.relay.seen)
    with pytest.raises(InvalidRequest):
        hub.calls.resolve(doubtful.id, placed=placed)
    assert len(vendor.relay.seen) == asked


def test_a_vendor_that_can_not_be_asked_leaves_it_to_the_word(
    hub: Any, vendor: Vendor, doubtful: Call
) -> None:
    vendor.rig(Response(503), method="GET")
    settled = hub.calls.resolve(doubtful.id, placed=theirs(vendor))
    assert (settled.provider_call_id, settled.attempts[0].verdict) == (theirs(vendor), "accepted")
    vendor.relay.rigged = lambda _: None
    assert hub.calls.get(doubtful.id).status is CallStatus.ENDED


# Nothing to resolve


@pytest.mark.parametrize("placed", [None, "x1"])
def test_what_is_not_in_doubt(hub: Any, vendor: Vendor, placed: str | None) -> None:
    call = hub.calls.create(**wish(vendor))
    with pytest.raises(InvalidState, match="isn't in doubt") as caught:
        hub.calls.resolve(call.id, placed=placed)
    assert call_of(caught.value).id == call.id
    assert hub.calls.get(call.id, refresh=False).attempts == call.attempts


def test_a_word_is_taken_once(hub: Any, vendor: Vendor, doubtful: Call) -> None:
    hub.calls.resolve(doubtful.id, placed=theirs(vendor))
    with pytest.raises(InvalidState):
        hub.calls.resolve(doubtful.id, placed=None)


def test_a_call_that_nobody_knows(hub: Any) -> None:
    with pytest.raises(NotFound):
        hub.calls.resolve("nobody", placed=None)


def test_a_call_that_somebody_may_still_be_placing(side: Side, vendor: Vendor, rows: Rows) -> None:
    hub = side.hub(ledger=rows.url)
    call = vendor.in_doubt(hub)
    until = (vendor.clock.now() + timedelta(seconds=40)).timestamp()
    connection = sqlite3.connect(rows.file)
    connection.execute("UPDATE attempts SET verdict = NULL, lease_until = ?", (until,))
    connection.commit()
    connection.close()
    with pytest.raises(InvalidState, match="may still be placing") as caught:
        hub.calls.resolve(call.id, placed=None)
    assert caught.value.dialed == "maybe"
    vendor.clock.advance(41)
    assert hub.calls.resolve(call.id, placed=None).status is CallStatus.FAILED


def test_of_several_attempts_in_doubt_each_needs_its_word(side: Side, aicaller: Vendor) -> None:
    """The caller took the risk, as often as a call may be tried."""
    hub = side.hub(settling=3600)
    aicaller.fail(*["drop_before"] * 4)
    with pytest.raises(OutcomeUnknown) as caught:
        hub.calls.create(**wish(aicaller, on_unknown="accept_risk"))
    call = call_of(caught.value)
    assert [attempt.verdict for attempt in call.attempts] == ["maybe"] * 4
    for left in (3, 2, 1, 0):
        settled = hub.calls.resolve(call.id, placed=None)
        assert sum(attempt.verdict == "maybe" for attempt in settled.attempts) == left
        assert settled.status is (CallStatus.IN_DOUBT if left else CallStatus.FAILED)


def test_a_word_on_an_earlier_attempt_changes_nothing_of_the_latest(side: Side, aicaller: Vendor) -> None:
    hub = side.hub(settling=3600)
    aicaller.fail("drop_after")
    call = hub.calls.create(**wish(aicaller, idempotency_key="order-1", on_unknown="accept_risk"))
    assert [attempt.verdict for attempt in call.attempts] == ["maybe", "accepted"]
    aicaller.live(120)
    first = next(dial.call_id for dial in aicaller.sandbox.dials if dial.call_id != call.provider_call_id)
    settled = hub.calls.resolve(call.id, placed=first)
    assert [attempt.verdict for attempt in settled.attempts] == ["accepted", "accepted"]
    assert settled.provider_call_id == call.provider_call_id


def test_a_word_on_somebody_who_was_forgotten_is_about_nobody_else(side: Side, aicaller: Vendor) -> None:
    hub = side.hub(settling=3600)
    call = aicaller.in_doubt(hub, "drop_after")
    aicaller.live(120)
    (dial,) = aicaller.sandbox.dials
    other = side.hub().calls.create(**wish(aicaller, to="+14155550177"))  # of another ledger
    hub.ledger.forget(NUMBER)
    with pytest.raises(Conflict, match="is to another number"):
        hub.calls.resolve(call.id, placed=other.provider_call_id)
    assert hub.calls.resolve(call.id, placed=dial.call_id).provider_call_id == dial.call_id
