"""Who asks not to be called is left alone from the moment that anything tells of it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from callhub import Suppressed
from callhub.flows.operations import Entry, Suppress
from callhub.ledger.store import Ledger
from callhub.provider.http import Response, to_json
from tests.core.kit import wish

if TYPE_CHECKING:
    from tests.core.kit import Rows, Side, Vendor, World

LEAVES = "+14155550105"  # asks to be left alone, by its last two digits
SPELT = "+1 (415) 555-0105"


def test_a_list_that_tells_of_it_is_enough(side: Side, aicaller: Vendor) -> None:
    hub = side.hub()
    hub.calls.create(**wish(aicaller, to=LEAVES))
    aicaller.live(600)
    assert [call.outcome for call in hub.calls.list("aicaller")] == ["opted_out"]
    entry = hub.suppression.get(SPELT)
    assert (entry.number, entry.reason, entry.source) == (LEAVES, "opted out", "aicaller")
    with pytest.raises(Suppressed):
        hub.calls.create(**wish("erzycall", to=LEAVES))
    assert aicaller.rung[LEAVES] == 1


def test_a_list_read_again_does_not_undo_what_a_person_decided(side: Side, aicaller: Vendor) -> None:
    hub = side.hub()
    hub.calls.create(**wish(aicaller, to=LEAVES))
    aicaller.live(600)
    list(hub.calls.list("aicaller"))
    assert hub.suppression.remove(SPELT)
    assert [call.outcome for call in hub.calls.list("aicaller")] == ["opted_out"]
    assert hub.suppression.get(LEAVES) is None


def test_what_waits_at_another_vendor_is_cancelled(side: Side, world: World) -> None:
    hub = side.hub()
    later = world.clock.now() + timedelta(hours=5)
    waiting = hub.calls.create(**wish("erzycall", to=LEAVES, scheduled_at=later))
    call = hub.calls.create(**wish("aicaller", to=LEAVES))
    world.clock.advance(600)
    assert hub.calls.get(call.id).outcome == "opted_out"
    stopped = hub.calls.get(waiting.id, refresh=False)
    assert stopped.status == "cancelled"
    assert "the person opted out" in str(hub.calls.explain(waiting.id))
    assert (world.erzycall.live(), world.aicaller.rung) == ({}, {LEAVES: 1})


def test_what_waits_is_cancelled_where_a_list_tells(side: Side, world: World) -> None:
    hub = side.hub()
    later = world.clock.now() + timedelta(hours=5)
    waiting = hub.calls.create(**wish("erzycall", to=LEAVES, scheduled_at=later))
    hub.calls.create(**wish("aicaller", to=LEAVES))
    world.clock.advance(600)
    list(hub.calls.list("aicaller"))
    assert hub.calls.get(waiting.id, refresh=False).status == "cancelled"


def test_what_waits_is_cancelled_where_a_vendor_refuses_the_next_call(side: Side, world: World) -> None:
    hub = side.hub()
    later = world.clock.now() + timedelta(hours=5)
    waiting = hub.calls.create(**wish("erzycall", scheduled_at=later))
    world.erzycall.rig(Response(403, {}, to_json({"error": {"code": "CONTACT_OPTED_OUT", "message": "No"}})))
    with pytest.raises(Suppressed):
        hub.calls.create(**wish("erzycall"))
    assert hub.calls.get(waiting.id, refresh=False).status == "cancelled"
    assert world.erzycall.live() == {}


def test_what_can_not_be_stopped_is_told(side: Side, world: World) -> None:
    hub = side.hub()
    later = world.clock.now() + timedelta(hours=5)
    waiting = hub.calls.create(**wish("aicaller", to=LEAVES, scheduled_at=later))
    call = hub.calls.create(**wish("aicaller", to=LEAVES))
    world.clock.advance(600)
    hub.calls.get(call.id)
    told = str(hub.calls.explain(waiting.id))
    assert "not stopped: the person opted out, and it couldn't be stopped" in told


def test_what_a_crash_left_open_is_cancelled_by_a_recovery(side: Side, world: World, rows: Rows) -> None:
    hub = side.hub(ledger=rows.url)
    later = world.clock.now() + timedelta(hours=5)
    waiting = hub.calls.create(**wish("erzycall", to=LEAVES, scheduled_at=later))
    Ledger(rows.url).perform(Suppress((Entry(SPELT, None, "by hand", world.clock.now()),)))
    report = hub.recover()
    assert [call.id for call in report.cancelled] == [waiting.id]
    assert hub.recover().cancelled == []
    assert world.erzycall.live() == {}
