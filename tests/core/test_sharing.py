"""One hub for many threads, many tasks and a whole process; and a ledger that only its owner can read."""

from __future__ import annotations

import asyncio
import gc
import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from callhub import AsyncHub, CallhubError, CallStatus, Hub, OutcomeUnknown
from callhub.runtime.clock import Clock, new_id
from tests.core.kit import NUMBER, SCRIPTS, wish

if TYPE_CHECKING:
    from pathlib import Path

    from callhub import Call
    from tests.core.kit import Rows, Side, Vendor, World

THREADS, EACH = 8, 20


def hub_of(world: World, url: str) -> Hub:
    return Hub(providers=world.settings, scripts=SCRIPTS, ledger=url, clock=Clock(), settling=0.2)


@pytest.mark.parametrize("ledger", ["file", "memory"])
def test_threads_share_a_hub(world: World, rows: Rows, ledger: str) -> None:
    names = [*world.settings]

    def place(thread: int) -> list[Call]:
        start.wait()
        made = []
        for number in range(EACH):
            call = hub.calls.create(
                **wish(
                    names[(thread + number) % 2], idempotency_key=f"{thread}/{number}", metadata={"n": number}
                )
            )
            assert hub.calls.get(call.id, refresh=number % 5 == 0).metadata == {"n": number}
            made.append(call)
        return made

    start = threading.Barrier(THREADS)
    with (
        hub_of(world, rows.url if ledger == "file" else "sqlite://") as hub,
        ThreadPoolExecutor(THREADS) as pool,
    ):
        calls = [call for made in pool.map(place, range(THREADS)) for call in made]
        history = list(hub.calls.history())
    assert (
        len({call.id for call in calls}) == len({call.provider_call_id for call in calls}) == THREADS * EACH
    )
    assert {call.id for call in history} == {call.id for call in calls}
    assert {attempt.verdict for call in history for attempt in call.attempts} == {"accepted"}
    posts = len(world.erzycall.posts) + len(world.aicaller.posts)
    assert posts == THREADS * EACH
    assert world.erzycall.live()[NUMBER] + world.aicaller.rung[NUMBER] == THREADS * EACH


def test_threads_share_a_hub_while_the_vendor_misbehaves(world: World, rows: Rows) -> None:
    """Every key is tried twice; whatever happens, no key rings twice."""
    erzycall = world.erzycall
    erzycall.fail(*["drop_after", "error_after", "rate_limit", "refuse", "drop_before"] * 4)

    def place(number: int) -> str:
        wanted = wish(erzycall, to=f"+141555510{number % 30:02}", idempotency_key=f"k{number % 30}")
        try:
            return hub.calls.create(**wanted).status
        except OutcomeUnknown:
            return "in_doubt"
        except Exception as error:  # noqa: BLE001 - a refusal is as good
            return type(error).__name__

    with hub_of(world, rows.url) as hub, ThreadPoolExecutor(THREADS) as pool:
        ends = [*pool.map(place, range(60))]
    assert {"queued"} <= set(ends) <= {"in_doubt", "queued", "InvalidRequest", "RateLimited"}
    verdicts = {row["verdict"] for row in rows("attempts")}
    assert {"accepted", "refused"} <= verdicts <= {"accepted", "refused", "maybe"}
    assert any(row["dials"] > 1 for row in rows("attempts"))
    assert set(erzycall.live().values()) == {1}


async def test_tasks_share_a_hub(world: World, rows: Rows) -> None:
    async with AsyncHub(providers=world.settings, scripts=SCRIPTS, ledger=rows.url) as hub:
        wanted = [wish(name, idempotency_key=f"{name}/{n}") for n in range(20) for name in world.settings]
        calls = await asyncio.gather(*(hub.calls.create(**each) for each in wanted))
        seen = await asyncio.gather(*(hub.calls.get(call.id) for call in calls))
    assert [call.id for call in seen] == [call.id for call in calls]
    assert len({call.id for call in calls}) == 40
    assert world.erzycall.live()[NUMBER] + world.aicaller.rung[NUMBER] == 40


async def test_a_slow_vendor_keeps_no_other_task_waiting(world: World, rows: Rows) -> None:
    arrived = asyncio.Event()
    loop = asyncio.get_running_loop()
    world.aicaller.relay.watch = lambda _: loop.call_soon_threadsafe(arrived.set)
    world.aicaller.fail("hang_before")
    async with AsyncHub(providers=world.settings, scripts=SCRIPTS, ledger=rows.url) as hub:
        slow = asyncio.create_task(hub.calls.create(**wish("aicaller", timeout=5)))
        await arrived.wait()
        call = await hub.calls.create(**wish("erzycall"))
        assert call.status is CallStatus.QUEUED
        assert not slow.done()
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow


class Slow(httpx2.HTTPTransport):
    """The real transport, which takes its time to be made, as a first one does."""

    made = 0

    def __init__(self, **options: Any) -> None:
        type(self).made += 1
        threading.Event().wait(0.05)
        super().__init__(**options)


def test_threads_that_come_first_at_once_make_one_transport(
    world: World, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(httpx2, "HTTPTransport", Slow)
    monkeypatch.setattr(Slow, "made", 0)
    start = threading.Barrier(4)

    def look(_: int) -> None:
        start.wait()
        hub.calls.get("erzycall:abc123")

    with hub_of(world, rows.url) as hub, ThreadPoolExecutor(4) as pool:
        list(pool.map(look, range(4)))
    gc.collect()
    assert Slow.made == 1


def test_ids_order_by_time() -> None:
    ids = [new_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    later = [text[:18] for text in ids]
    assert later == sorted(later)


# The file


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX's")
def test_only_the_owner_can_read_the_ledger(side: Side, tmp_path: Path, vendor: Vendor) -> None:
    before = os.umask(0)
    try:
        file = tmp_path / "new" / "deeper" / "calls.db"
        hub = side.hub(ledger=f"sqlite:///{file}")
        hub.calls.create(**wish(vendor))
        parts = sorted(file.parent.iterdir())
        assert [part.name for part in parts] == ["calls.db", "calls.db-shm", "calls.db-wal"]
        assert {stat.S_IMODE(part.stat().st_mode) for part in parts} == {0o600}
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    finally:
        os.umask(before)


def test_a_ledger_outlives_its_hub(side: Side, vendor: Vendor, rows: Rows) -> None:
    first = side.hub(ledger=rows.url)
    call = first.calls.create(**wish(vendor))
    first.close()
    assert not rows.file.with_name("calls.db-wal").exists()
    assert side.hub(ledger=rows.url).calls.get(call.id, refresh=False).to_dict() == call.to_dict()


def test_a_ledger_in_memory_does_not(side: Side, vendor: Vendor) -> None:
    hub = side.hub()
    hub.calls.create(**wish(vendor))
    hub.close()
    assert list(side.hub().calls.history()) == []


@pytest.mark.parametrize("times", [1, 2])
def test_closing_again_does_no_harm(side: Side, vendor: Vendor, times: int) -> None:
    hub = side.hub()
    hub.calls.create(**wish(vendor))
    for _ in range(times):
        hub.close()


def test_a_hub_that_is_closed_places_nothing(side: Side, erzycall: Vendor) -> None:
    hub = side.hub()
    hub.close()
    with pytest.raises(CallhubError):
        hub.calls.create(**wish(erzycall))
    assert erzycall.relay.seen == []


def test_the_ledgers_place_comes_from_the_environment(
    side: Side, vendor: Vendor, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLHUB_LEDGER", rows.url)
    side.hub(ledger=None).calls.create(**wish(vendor))
    assert len(rows("intents")) == 1


def test_the_ledgers_place_without_any_word_is_the_users(
    side: Side, vendor: Vendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path))
    side.hub(ledger=None).calls.create(**wish(vendor))
    assert [path.name for path in tmp_path.rglob("callhub.db")] == ["callhub.db"]
