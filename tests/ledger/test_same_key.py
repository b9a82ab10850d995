"""Many callers with one key, on both databases: one ring, and everybody gets the same call."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

from callhub import AsyncHub, Call, Conflict, Hub, OutcomeUnknown
from callhub.runtime.clock import Clock
from tests.core.kit import NUMBER, SCRIPTS, call_of, wish
from tests.ledger.kit import at_once
from tests.ledger.worker import Job, number_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.core.kit import Vendor, World
    from tests.ledger.worker import Nursery

CALLERS = 8


@pytest.fixture(params=["erzycall", "aicaller"])
def vendor(request: pytest.FixtureRequest, world: World) -> Vendor:
    found: Vendor = getattr(world, request.param)
    return found


def options(world: World, url: str) -> dict[str, Any]:
    return {"providers": world.settings, "scripts": SCRIPTS, "ledger": url, "clock": Clock()}


def linger(vendor: Vendor, seconds: float = 0.2) -> None:
    """Let the vendor take its time, so that the others come while the first is placing the call."""
    vendor.relay.watch = lambda hit: threading.Event().wait(seconds) if hit.method == "POST" else None


def test_threads_get_the_same_call(world: World, url: str, vendor: Vendor) -> None:
    linger(vendor)
    with Hub(**options(world, url)) as hub:
        calls = at_once(lambda _: hub.calls.create(**wish(vendor, idempotency_key="k")), CALLERS)
    assert {(call.id, call.provider_call_id) for call in calls} == {(calls[0].id, calls[0].provider_call_id)}
    assert sorted(call.replayed for call in calls) == [False] + [True] * (CALLERS - 1)
    assert len(vendor.posts) == 1
    assert vendor.live()[NUMBER] == 1


def test_hubs_get_the_same_call(world: World, url: str, vendor: Vendor) -> None:
    linger(vendor)

    def place(_: int) -> Call:
        with Hub(**options(world, url)) as hub:
            return hub.calls.create(**wish(vendor, idempotency_key="k"))

    calls = at_once(place, CALLERS)
    assert len({call.id for call in calls}) == 1
    assert len(vendor.posts) == 1
    assert vendor.live()[NUMBER] == 1


async def test_tasks_get_the_same_call(world: World, url: str, vendor: Vendor) -> None:
    linger(vendor)
    async with AsyncHub(**options(world, url)) as first, AsyncHub(**options(world, url)) as second:
        wanted = wish(vendor, idempotency_key="k")
        calls = await asyncio.gather(*(hub.calls.create(**wanted) for hub in [first, second] * 4))
    assert len({(call.id, call.provider_call_id) for call in calls}) == 1
    assert len(vendor.posts) == 1
    assert vendor.live()[NUMBER] == 1


def test_processes_get_the_same_calls(world: World, url: str, nursery: Nursery, tmp_path: Path) -> None:
    """Each intent goes through one vendor, the other, or both in turn."""
    gate, report, intents = tmp_path / "gate", tmp_path / "report", list(range(6))
    jobs = [
        Job(url, world.settings, intents, seed, 20, str(gate), str(report), margin=30) for seed in range(4)
    ]
    callers = [nursery.start(job) for job in jobs]
    gate.touch()
    nursery.wait(callers, 60)
    lines = [line.split(maxsplit=1) for line in report.read_text().splitlines()]
    assert len(lines) == len(jobs) * len(intents)
    assert len({tuple(line) for line in lines}) == len(intents)
    rung = world.erzycall.live() + world.aicaller.rung
    assert dict(rung) == {number_of(intent): 1 for intent in intents}


def test_who_cannot_wait_is_told_that_the_call_is_being_placed(
    world: World, url: str, vendor: Vendor
) -> None:
    arrived, answer = threading.Event(), threading.Event()

    def hold(hit: object) -> None:
        if getattr(hit, "method", "") == "POST":
            arrived.set()
            answer.wait(20)

    vendor.relay.watch = hold
    first: list[Call] = []
    with Hub(**options(world, url)) as hub:
        wanted = wish(vendor, idempotency_key="k")
        winner = threading.Thread(target=lambda: first.append(hub.calls.create(**wanted)))
        winner.start()
        assert arrived.wait(20)
        with pytest.raises(OutcomeUnknown, match="is being placed right now") as caught:
            hub.calls.create(**wanted | {"timeout": 0.1})
        assert caught.value.dialed == "maybe"
        answer.set()
        winner.join(20)
        assert [one.id for one in first] == [call_of(caught.value).id]
        assert hub.calls.create(**wanted).id == first[0].id
    assert len(vendor.posts) == 1
    assert vendor.live()[NUMBER] == 1


def test_another_request_under_the_key_dials_nothing(world: World, url: str, vendor: Vendor) -> None:
    """Of callers that ask for different things under one key, one is served."""

    def place(number: int) -> str:
        try:
            return hub.calls.create(**wish(vendor, to=number_of(number), idempotency_key="k")).id
        except Conflict as error:
            return call_of(error).id

    with Hub(**options(world, url)) as hub:
        ids = at_once(place, CALLERS)
    assert len(set(ids)) == 1
    assert sum(vendor.live().values()) == 1
