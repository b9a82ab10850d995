"""Whatever goes wrong while a call is placed: the verdict is right, and no phone rings twice."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import threading
from datetime import timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from callhub import (
    AsyncHub,
    CallhubError,
    CallStatus,
    Hub,
    InvalidRequest,
    LedgerError,
    OutcomeUnknown,
    RateLimited,
    Unreachable,
)
from callhub.provider.http import Response, to_json
from callhub.provider.sandbox import Mishap
from tests.core import rogues
from tests.core.kit import NUMBER, SCRIPTS, Instant, call_of, closed_port, secrets_in, told, wish

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator
    from datetime import datetime
    from pathlib import Path

    from callhub_erzycall import ErzyCall
    from tests.core.kit import Rows, Side, Vendor, World

HEALED = {Mishap.RATE_LIMIT, Mishap.RATE_LIMIT_BARE}
ACTED = {each for each in Mishap if each.endswith("_after")}
SOON = 0.3  # seconds until a vendor that hangs is given up


def keyed(vendor: Vendor, **changes: Any) -> dict[str, Any]:
    return wish(vendor, idempotency_key="order-1", **changes)


# Every mishap


@pytest.mark.parametrize("mishap", sorted(set(Mishap) - HEALED - {Mishap.REFUSE}))
def test_a_mishap_that_proves_nothing_leaves_the_call_in_doubt(
    side: Side, vendor: Vendor, rows: Rows, mishap: Mishap
) -> None:
    hub = side.hub(ledger=rows.url)
    vendor.fail(mishap)
    with pytest.raises(OutcomeUnknown, match="don't send it again by hand") as caught:
        hub.calls.create(**keyed(vendor, timeout=SOON if mishap.startswith("hang") else 10))
    error, call = caught.value, call_of(caught.value)
    assert (error.dialed, error.provider) == ("maybe", vendor.name)
    assert (call.status, call.outcome, call.provider_call_id) == (CallStatus.IN_DOUBT, None, None)
    assert [attempt.verdict for attempt in call.attempts] == ["maybe"]
    assert [row["verdict"] for row in rows("attempts")] == ["maybe"]
    assert secrets_in(told(error)) == []
    for again in (hub, side.hub(ledger=rows.url)):
        with pytest.raises(OutcomeUnknown):
            again.calls.create(**keyed(vendor))
    assert hub.calls.get(call.id).status is CallStatus.IN_DOUBT
    assert len(vendor.posts) == 1
    assert vendor.live() == ({NUMBER: 1} if mishap in ACTED else {})


def test_a_refusal_is_a_proven_no(side: Side, vendor: Vendor, rows: Rows) -> None:
    hub = side.hub(ledger=rows.url)
    vendor.fail("refuse")
    with pytest.raises(InvalidRequest, match=f"^{vendor.title} answered 400") as caught:
        hub.calls.create(**keyed(vendor))
    error = caught.value
    assert (error.dialed, error.provider) == ("no", vendor.name)
    assert (error.code, error.fields) == {
        "erzycall": ("VALIDATION_ERROR", {"to": "Refused on demand"}),
        "aicaller": (None, {}),
    }[vendor.name]
    assert [row["verdict"] for row in rows("attempts")] == ["refused"]
    assert len(vendor.posts) == 1
    assert vendor.live() == {}


@pytest.mark.parametrize("mishap", sorted(HEALED))
def test_a_rate_limit_is_waited_for(hub: Any, vendor: Vendor, mishap: Mishap) -> None:
    vendor.fail(mishap, mishap)
    call = hub.calls.create(**keyed(vendor))
    assert [attempt.verdict for attempt in call.attempts] == ["refused", "refused", "accepted"]
    assert len(vendor.posts) == 3
    assert vendor.live() == {NUMBER: 1}


def test_after_a_maybe_no_later_answer_is_asked_for(hub: Any, vendor: Vendor) -> None:
    vendor.fail("rate_limit", "error_after", "refuse")
    with pytest.raises(OutcomeUnknown) as caught:
        hub.calls.create(**keyed(vendor))
    assert [attempt.verdict for attempt in call_of(caught.value).attempts] == ["refused", "maybe"]
    assert len(vendor.posts) == 2
    assert vendor.live() == {NUMBER: 1}


# What counts as a refusal

ERZYCALL_CODES = [
    (400, "VALIDATION_ERROR", "InvalidRequest"),
    (400, "INVALID_JSON", "InvalidRequest"),
    (400, "INVALID_ID", "InvalidRequest"),
    (401, "UNAUTHORIZED", "AuthenticationFailed"),
    (401, "KEY_REVOKED", "AuthenticationFailed"),
    (401, "KEY_EXPIRED", "AuthenticationFailed"),
    (403, "INSUFFICIENT_SCOPE", "PermissionDenied"),
    (403, "CONTACT_OPTED_OUT", "Suppressed"),
    (404, "NOT_FOUND", "NotFound"),
    (409, "CONFLICT", "Conflict"),
    (422, "INVALID_STATE", "InvalidState"),
    (422, "INVALID_PHONE", "InvalidRequest"),
    (422, "MAX_ENDPOINTS", "InvalidState"),
    (409, "IDEMPOTENCY_MISMATCH", "OutcomeUnknown"),
    (500, "INTERNAL_ERROR", "OutcomeUnknown"),
    (400, "SOMETHING_NEW", "OutcomeUnknown"),
    (500, "VALIDATION_ERROR", "OutcomeUnknown"),  # a documented code, but not with its status
    (401, None, "OutcomeUnknown"),
    (402, None, "OutcomeUnknown"),
    (408, None, "OutcomeUnknown"),
    (429, None, "OutcomeUnknown"),
    (502, None, "OutcomeUnknown"),
    (503, None, "OutcomeUnknown"),
]


@pytest.mark.parametrize(("status", "code", "kind"), ERZYCALL_CODES)
def test_what_erzycalls_codes_prove(
    hub: Any, erzycall: Vendor, status: int, code: str | None, kind: str
) -> None:
    envelope = {"error": {"code": code, "message": "So it is"}}
    erzycall.rig(Response(status, {"x-request-id": "r-1"}, to_json(envelope) if code else b"<html>"))
    with pytest.raises(CallhubError) as caught:
        hub.calls.create(**keyed(erzycall))
    error = caught.value
    assert type(error).__name__ == kind
    assert error.dialed == ("maybe" if kind == "OutcomeUnknown" else "no")
    assert (error.code, error.request_id, error.provider) == (code, "r-1", "erzycall")
    assert len(erzycall.posts) == 1


AICALLER_STATUSES = [
    (300, "OutcomeUnknown"),
    (302, "OutcomeUnknown"),
    (400, "InvalidRequest"),
    (401, "AuthenticationFailed"),
    (402, "OutcomeUnknown"),
    (403, "PermissionDenied"),
    (404, "NotFound"),
    (405, "OutcomeUnknown"),
    (408, "OutcomeUnknown"),
    (409, "OutcomeUnknown"),
    (410, "OutcomeUnknown"),
    (422, "InvalidRequest"),
    (500, "OutcomeUnknown"),
    (502, "OutcomeUnknown"),
    (503, "OutcomeUnknown"),
    (504, "OutcomeUnknown"),
]


@pytest.mark.parametrize(("status", "kind"), AICALLER_STATUSES)
def test_what_aicallers_statuses_prove(hub: Any, aicaller: Vendor, status: int, kind: str) -> None:
    aicaller.rig(Response(status, {"content-type": "text/plain"}, b"So it is"))
    with pytest.raises(CallhubError, match=f"AICaller answered {status}") as caught:
        hub.calls.create(**keyed(aicaller))
    error = caught.value
    assert type(error).__name__ == kind
    assert error.dialed == ("maybe" if kind == "OutcomeUnknown" else "no")
    assert len(aicaller.posts) == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{}", b'{"data": null}', b'{"data": {"status": "new"}}', b'{"data": {"id": ""}}',
     b'{"data": {"_id": ""}}', b'"ok"', b"\xff\xfe", b'{"data": ', b"1" * 5000],
)  # fmt: skip
def test_a_2xx_that_names_no_call_is_in_doubt(hub: Any, vendor: Vendor, body: bytes) -> None:
    vendor.rig(Response(201, {"content-type": "application/json"}, body))
    with pytest.raises(OutcomeUnknown, match="can't be understood") as caught:
        hub.calls.create(**keyed(vendor))
    assert call_of(caught.value).status is CallStatus.IN_DOUBT
    with pytest.raises(OutcomeUnknown):
        hub.calls.create(**keyed(vendor))
    assert len(vendor.posts) == 1


def test_a_bare_2xx_is_in_doubt(hub: Any, vendor: Vendor) -> None:
    vendor.rig(Response(204))
    with pytest.raises(OutcomeUnknown):
        hub.calls.create(**keyed(vendor))


@pytest.mark.parametrize("field", ["note", "to", "toPhoneNumber"])
def test_half_a_character_in_the_answer_loses_no_call(hub: Any, vendor: Vendor, field: str) -> None:
    """JSON can say it, as a vendor does that cuts a text within an emoji; UTF-8 can't."""
    vendor.rig(Response(201, {}, b'{"data": {"id": "c1", "_id": "c1", "%s": "\\ud83d"}}' % field.encode()))
    call = hub.calls.create(**keyed(vendor))
    assert call.provider_call_id == "c1"
    assert hub.calls.get(call.id, refresh=False).attempts[0].verdict == "accepted"
    assert hub.calls.create(**keyed(vendor)).id == call.id


# Rate limits


def limited(vendor: Vendor, **headers: str) -> Response:
    body = {"error": {"code": "RATE_LIMITED", "message": "Rate limit exceeded"}}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(429, named, to_json(body) if vendor.name == "erzycall" else b"Too Many Requests")


def test_retry_after_in_seconds_is_obeyed(hub: Any, vendor: Vendor) -> None:
    vendor.rig(limited(vendor, retry_after="7"), times=1)
    hub.calls.create(**keyed(vendor))
    (pause,) = vendor.clock.slept
    assert 7 <= pause < 8


def test_retry_after_as_a_date_is_obeyed(hub: Any, vendor: Vendor) -> None:
    until = format_datetime(vendor.clock.now() + timedelta(seconds=9), usegmt=True)
    vendor.rig(limited(vendor, retry_after=until), times=1)
    hub.calls.create(**keyed(vendor))
    (pause,) = vendor.clock.slept
    assert 9 <= pause < 10


@pytest.mark.parametrize("told_so", [{}, {"retry_after": "soon"}, {"retry_after": ""}])
def test_without_retry_after_five_seconds_are_waited(
    hub: Any, vendor: Vendor, told_so: dict[str, str]
) -> None:
    vendor.rig(limited(vendor, **told_so), times=1)
    hub.calls.create(**keyed(vendor))
    (pause,) = vendor.clock.slept
    assert 5 <= pause < 6


@pytest.mark.parametrize(("wait", "timeout"), [("61", 600), ("20", 10), ("86400", 30)])
def test_a_wait_that_is_too_long_is_reported_at_once(
    hub: Any, vendor: Vendor, wait: str, timeout: int
) -> None:
    vendor.rig(limited(vendor, retry_after=wait), times=1)
    with pytest.raises(RateLimited, match="wait, then try again") as caught:
        hub.calls.create(**keyed(vendor, timeout=timeout))
    assert caught.value.retry_after == timedelta(seconds=int(wait))
    assert (caught.value.dialed, caught.value.provider) == ("no", vendor.name)
    assert vendor.clock.slept == []
    assert len(vendor.posts) == 1
    hub.calls.create(**keyed(vendor))
    assert vendor.live() == {NUMBER: 1}


def test_rate_limits_without_end_are_given_up(hub: Any, vendor: Vendor) -> None:
    vendor.rig(limited(vendor, retry_after="1"))
    with pytest.raises(RateLimited) as caught:
        hub.calls.create(**keyed(vendor))
    assert [attempt.verdict for attempt in call_of(caught.value).attempts] == ["refused"] * 4
    assert len(vendor.posts) == 4


@pytest.mark.parametrize("wait", ["1" + "0" * 14, "1" + "0" * 400])
def test_a_retry_after_beyond_all_measure(hub: Any, vendor: Vendor, wait: str) -> None:
    vendor.rig(limited(vendor, retry_after=wait))
    with pytest.raises(RateLimited):
        hub.calls.create(**keyed(vendor))


# One deadline over everything


def test_a_call_whose_time_is_up_before_it_is_dialled_is_not_dialled(
    side: Side, world: World, erzycall: Vendor
) -> None:
    """Reading the contact takes longer than the whole call may take."""
    hub = side.hub()
    erzycall.rig(limited(erzycall, retry_after="20"), method="GET", times=1)
    wanted = keyed(erzycall, to=None, contact="erzycall:contact_456", timeout=5)
    with pytest.raises(CallhubError) as caught:
        hub.calls.create(**wanted)
    assert caught.value.dialed == "no"
    assert erzycall.posts == []
    assert sum(world.clock.slept) <= 5


def test_a_call_whose_time_is_up_once_the_contact_is_read_is_not_dialled(
    side: Side, world: World, erzycall: Vendor
) -> None:
    erzycall.relay.watch = lambda hit: world.clock.advance(10) if hit.method == "GET" else None
    wanted = keyed(erzycall, to=None, contact="erzycall:contact_456", timeout=5)
    hub = side.hub()
    with pytest.raises(Unreachable, match="timeout was used up") as caught:
        hub.calls.create(**wanted)
    assert (caught.value.dialed, caught.value.provider) == ("no", "erzycall")
    assert erzycall.posts == []
    assert hub.calls.create(**wanted | {"timeout": 30}).attempts[0].verdict == "accepted"


def test_the_deadline_holds_over_all_tries(side: Side, world: World) -> None:
    gone = {"erzycall": {**world.erzycall.settings, "base_url": f"http://127.0.0.1:{closed_port()}"}}
    with pytest.raises(Unreachable):
        side.hub(providers=gone).calls.create(**wish("erzycall", timeout=1))
    assert sum(world.clock.slept) <= 1


# Nobody there


def test_a_closed_port_is_tried_again_and_then_unreachable(side: Side, vendor: Vendor, rows: Rows) -> None:
    gone = {vendor.name: {**vendor.settings, "base_url": f"http://127.0.0.1:{closed_port()}"}}
    with pytest.raises(Unreachable, match=f"CALLHUB_{vendor.name.upper()}_BASE_URL") as caught:
        side.hub(providers=gone, ledger=rows.url).calls.create(**keyed(vendor))
    call = call_of(caught.value)
    assert (caught.value.dialed, caught.value.provider) == ("no", vendor.name)
    assert [attempt.verdict for attempt in call.attempts] == ["unreachable"] * 4
    assert len(vendor.clock.slept) == 3
    placed = side.hub(ledger=rows.url).calls.create(**keyed(vendor))
    assert (placed.id, placed.replayed, len(placed.attempts)) == (call.id, False, 5)
    assert vendor.live() == {NUMBER: 1}


# The ledger


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a busy database be an error at once."""
    monkeypatch.setattr("callhub.ledger.engine.BUSY_SECONDS", 0.05)


class Lock:
    """Another writer, who takes the ledger for as long as it is wanted."""

    def __init__(self, file: Path) -> None:
        self._connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)

    def take(self, *_: object) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def give_back(self) -> None:
        self._connection.close()


@pytest.fixture
def lock(rows: Rows, world: World) -> Iterator[Lock]:
    with Hub(providers=world.settings, ledger=rows.url) as maker:
        assert list(maker.calls.history()) == []
    lock = Lock(rows.file)
    yield lock
    lock.give_back()


@pytest.mark.usefixtures("impatient")
def test_a_ledger_that_fails_before_the_claim(side: Side, vendor: Vendor, rows: Rows, lock: Lock) -> None:
    hub = side.hub(ledger=rows.url)
    lock.take()
    with pytest.raises(LedgerError, match=r"calls\.db") as caught:
        hub.calls.create(**keyed(vendor))
    assert caught.value.dialed == "no"
    assert vendor.relay.seen == []
    assert secrets_in(told(caught.value)) == []
    lock.give_back()
    hub.calls.create(**keyed(vendor))
    assert vendor.live() == {NUMBER: 1}


@pytest.mark.usefixtures("impatient")
def test_a_ledger_that_fails_after_the_vendor_has_accepted(
    side: Side, vendor: Vendor, rows: Rows, lock: Lock
) -> None:
    hub = side.hub(ledger=rows.url)
    vendor.relay.watch = lock.take
    with pytest.raises(LedgerError) as caught:
        hub.calls.create(**keyed(vendor))
    assert caught.value.dialed == "maybe"
    assert call_of(caught.value).provider_call_id
    assert secrets_in(told(caught.value)) == []
    lock.give_back()
    with pytest.raises(OutcomeUnknown):
        hub.calls.create(**keyed(vendor, timeout=1))
    assert len(vendor.posts) == 1
    assert vendor.live() == {NUMBER: 1}


@pytest.mark.usefixtures("impatient")
def test_a_ledger_that_fails_after_the_vendor_has_refused(
    side: Side, vendor: Vendor, rows: Rows, lock: Lock
) -> None:
    hub = side.hub(ledger=rows.url)
    vendor.fail("refuse")
    vendor.relay.watch = lock.take
    with pytest.raises(LedgerError) as caught:
        hub.calls.create(**keyed(vendor))
    assert caught.value.dialed == "no"
    assert vendor.live() == {}


@pytest.mark.usefixtures("impatient")
def test_a_ledger_that_fails_after_the_vendor_has_cancelled(
    side: Side, erzycall: Vendor, rows: Rows, lock: Lock
) -> None:
    hub = side.hub(ledger=rows.url)
    call = hub.calls.create(**keyed(erzycall))
    erzycall.relay.watch = lambda hit: lock.take() if hit.method == "GET" else None
    with pytest.raises(LedgerError):
        hub.calls.cancel(call.id)
    lock.give_back()
    erzycall.relay.watch = lambda _: None
    assert hub.calls.cancel(call.id).status is CallStatus.CANCELLED


@pytest.mark.parametrize("place", ["a folder", "no database", "below a file"])
def test_a_ledger_that_can_not_be_opened(side: Side, vendor: Vendor, rows: Rows, place: str) -> None:
    file = rows.file
    if place == "a folder":
        file.mkdir()
    else:
        file.write_bytes(b"no database, but long enough to be looked at" * 100)
    hub = side.hub(ledger=f"sqlite:///{file / 'below.db' if place == 'below a file' else file}")
    with pytest.raises(LedgerError, match=r"calls\.db") as caught:
        hub.calls.create(**keyed(vendor))
    assert caught.value.dialed == "no"
    assert vendor.relay.seen == []


def test_a_ledger_of_a_newer_callhub_is_left_alone(side: Side, vendor: Vendor, rows: Rows) -> None:
    side.hub(ledger=rows.url).calls.create(**keyed(vendor))
    with sqlite3.connect(rows.file) as connection:
        connection.execute("UPDATE facts SET value = '999' WHERE name = 'version'")
    connection.close()
    with pytest.raises(LedgerError, match="newer callhub"):
        side.hub(ledger=rows.url).calls.create(**keyed(vendor))
    assert len(vendor.posts) == 1


# Interrupted


def hub_of(world: World, url: str) -> AsyncHub:
    return AsyncHub(providers=world.settings, scripts=SCRIPTS, ledger=url, clock=world.clock)


async def cancelled(placing: Coroutine[Any, Any, Any], arrived: asyncio.Event) -> None:
    task = asyncio.create_task(placing)
    await arrived.wait()
    task.cancel()
    await task


async def timed_out(placing: Coroutine[Any, Any, Any], arrived: asyncio.Event) -> None:
    async with asyncio.timeout(30) as limit:
        ending = asyncio.create_task(arrived.wait())
        ending.add_done_callback(lambda _: limit.reschedule(0))
        await placing


async def out_of_scope(placing: Coroutine[Any, Any, Any], arrived: asyncio.Event) -> None:
    with anyio.fail_after(30) as scope:
        ending = asyncio.create_task(arrived.wait())
        ending.add_done_callback(lambda _: setattr(scope, "deadline", 0))
        await placing


@pytest.mark.parametrize(
    ("mishap", "interrupted"),
    [
        ("hang_before", cancelled),
        ("hang_after", cancelled),
        ("hang_after", timed_out),
        ("hang_after", out_of_scope),
    ],
)
async def test_a_task_that_is_cancelled_in_flight_settles_maybe(
    world: World, vendor: Vendor, rows: Rows, mishap: str, interrupted: Any
) -> None:
    arrived = asyncio.Event()
    loop = asyncio.get_running_loop()
    vendor.relay.watch = lambda _: loop.call_soon_threadsafe(arrived.set)
    vendor.fail(mishap)
    async with hub_of(world, rows.url) as hub:
        with pytest.raises((asyncio.CancelledError, TimeoutError)):
            await interrupted(hub.calls.create(**keyed(vendor)), arrived)
        assert [row["verdict"] for row in rows("attempts")] == ["maybe"]
        with pytest.raises(OutcomeUnknown):
            await hub.calls.create(**keyed(vendor))
    assert len(vendor.posts) == 1
    assert vendor.live() == ({NUMBER: 1} if mishap == "hang_after" else {})


async def test_a_task_that_is_cancelled_twice_still_settles(
    world: World, vendor: Vendor, rows: Rows, lock: Lock
) -> None:
    arrived = asyncio.Event()
    loop = asyncio.get_running_loop()
    vendor.fail("hang_after")

    def arrive(_: object) -> None:
        lock.take()
        loop.call_soon_threadsafe(arrived.set)

    vendor.relay.watch = arrive
    async with hub_of(world, rows.url) as hub:
        task = asyncio.create_task(hub.calls.create(**keyed(vendor)))
        await arrived.wait()
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=0.1)
        assert not done  # it waits for the ledger
        task.cancel()
        lock.give_back()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert [row["verdict"] for row in rows("attempts")] == ["maybe"]


async def test_a_task_that_is_cancelled_while_it_claims_sends_nothing(
    world: World, vendor: Vendor, rows: Rows, lock: Lock
) -> None:
    async with hub_of(world, rows.url) as hub:
        lock.take()
        task = asyncio.create_task(hub.calls.create(**keyed(vendor)))
        done, _ = await asyncio.wait([task], timeout=0.2)
        assert not done  # it waits for the ledger
        task.cancel()
        lock.give_back()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert [row["verdict"] for row in rows("attempts")] != ["accepted"]
    assert vendor.relay.seen == []


class Telling(Instant):
    """A clock that tells when it is asked for the time again, as it is before a call is settled."""

    def __init__(self) -> None:
        super().__init__()
        self.arrived = False
        self.settling = asyncio.Event()

    def now(self) -> datetime:
        if self.arrived:
            self.settling.set()
        return super().now()


async def test_a_task_that_is_cancelled_while_it_settles_loses_no_call(
    world: World, vendor: Vendor, rows: Rows, lock: Lock
) -> None:
    def arrive(_: object) -> None:
        lock.take()
        clock.arrived = True

    world.clock = clock = Telling()
    vendor.relay.watch = arrive
    async with hub_of(world, rows.url) as hub:
        task = asyncio.create_task(hub.calls.create(**keyed(vendor)))
        await clock.settling.wait()
        assert not task.done()  # the vendor has accepted, and the ledger is busy
        task.cancel()
        lock.give_back()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert [row["verdict"] for row in rows("attempts")] == ["accepted"]
        vendor.relay.watch = lambda _: None
        again = await hub.calls.create(**keyed(vendor))
    assert (again.replayed, again.status) == (True, CallStatus.QUEUED)
    assert len(vendor.posts) == 1


@pytest.mark.parametrize("mishap", ["hang_before", "hang_after"])
def test_ctrl_c_in_flight_settles_maybe(world: World, vendor: Vendor, rows: Rows, mishap: str) -> None:
    main = threading.main_thread().ident
    assert main is not None
    vendor.relay.watch = lambda _: signal.pthread_kill(main, signal.SIGINT)
    vendor.fail(mishap)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with (
            Hub(providers=world.settings, scripts=SCRIPTS, ledger=rows.url, clock=world.clock) as hub,
            pytest.raises(KeyboardInterrupt),
        ):
            hub.calls.create(**keyed(vendor))
    finally:
        signal.signal(signal.SIGINT, before)
    assert [row["verdict"] for row in rows("attempts")] == ["maybe"]
    vendor.relay.watch = lambda _: None
    with (
        Hub(providers=world.settings, scripts=SCRIPTS, ledger=rows.url, clock=world.clock) as later,
        pytest.raises(OutcomeUnknown),
    ):
        later.calls.create(**keyed(vendor))
    assert len(vendor.posts) == 1
    assert vendor.live() == ({NUMBER: 1} if mishap == "hang_after" else {})


# Plugins with bugs


@pytest.fixture
def rogue_providers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, world: World) -> dict[str, Any]:
    """Install the rogues by the same door as any plugin."""
    kinds = {kind.name: kind for kind in rogues.ROGUES}
    points = "\n".join(f"{name} = tests.core.rogues:{kind.__name__}" for name, kind in kinds.items())
    package = tmp_path / "site" / "rogues-1.0.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: rogues\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text(f"[callhub.providers]\n{points}\n")
    monkeypatch.syspath_prepend(package.parent)
    return dict.fromkeys(kinds, world.erzycall.settings)


def rogue(kind: type[ErzyCall], **changes: Any) -> dict[str, Any]:
    return {
        "to": NUMBER,
        "first_message": "Hello",
        "provider": kind.name,
        "idempotency_key": "order-1",
    } | changes


@pytest.mark.parametrize("kind", [rogues.FailsAfter, rogues.DialsTwice, rogues.ReturnsNothing])
def test_a_bug_after_the_2xx_leaves_the_call_in_doubt(
    side: Side, erzycall: Vendor, rogue_providers: dict[str, Any], kind: type[ErzyCall]
) -> None:
    hub = side.hub(providers=rogue_providers)
    with pytest.raises(OutcomeUnknown) as caught:
        hub.calls.create(**rogue(kind))
    assert caught.value.dialed == "maybe"
    assert [attempt.verdict for attempt in call_of(caught.value).attempts] == ["maybe"]
    assert secrets_in(told(caught.value)) == []
    with pytest.raises(OutcomeUnknown):
        hub.calls.create(**rogue(kind))
    assert len(erzycall.posts) == 1
    assert erzycall.live() == {NUMBER: 1}


def test_a_bug_after_the_2xx_is_the_named_vendors(side: Side, rogue_providers: dict[str, Any]) -> None:
    with pytest.raises(OutcomeUnknown) as caught:
        side.hub(providers=rogue_providers).calls.create(**rogue(rogues.FailsAfter))
    assert caught.value.provider == "failsafter"


def test_a_plugin_may_read_before_and_after_it_dials(
    side: Side, erzycall: Vendor, rogue_providers: dict[str, Any]
) -> None:
    call = side.hub(providers=rogue_providers).calls.create(**rogue(rogues.DialsFirst))
    assert [attempt.verdict for attempt in call.attempts] == ["accepted"]
    assert [request.partition(" ")[0] for request in erzycall.requests] == ["GET", "POST", "GET"]


def test_what_fails_before_the_dial_dials_nothing(
    side: Side, erzycall: Vendor, rogue_providers: dict[str, Any]
) -> None:
    hub = side.hub(providers=rogue_providers)
    erzycall.fail("error_before", method="GET")
    with pytest.raises(Unreachable) as caught:
        hub.calls.create(**rogue(rogues.DialsFirst))
    assert caught.value.dialed == "no"
    assert erzycall.posts == []
    assert hub.calls.create(**rogue(rogues.DialsFirst)).attempts[0].verdict == "accepted"


def test_a_plugin_may_tolerate_what_fails_after_the_dial(
    side: Side, erzycall: Vendor, rogue_providers: dict[str, Any]
) -> None:
    erzycall.fail(*["error_before"] * 4, method="GET")
    call = side.hub(providers=rogue_providers).calls.create(**rogue(rogues.ToleratesAfter))
    assert [attempt.verdict for attempt in call.attempts] == ["accepted"]


@pytest.mark.parametrize("operation", ["get", "cancel", "surprise"])
def test_only_a_create_may_dial(
    side: Side, erzycall: Vendor, rogue_providers: dict[str, Any], operation: str
) -> None:
    hub = side.hub(providers=rogue_providers)
    act = hub.provider("dialsonget").surprise if operation == "surprise" else getattr(hub.calls, operation)
    with pytest.raises(CallhubError, match="may not dial"):
        act("dialsonget:abc123")
    assert erzycall.relay.seen == []


@pytest.mark.parametrize("kind", [rogues.NeverDials, rogues.BreaksBefore])
def test_a_plugin_that_does_not_dial_places_nothing(
    side: Side,
    erzycall: Vendor,
    rogue_providers: dict[str, Any],
    kind: type[ErzyCall],
    rows: Rows,
) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011 - a plugin's bug before the dial may be anything
        side.hub(providers=rogue_providers, ledger=rows.url).calls.create(**rogue(kind))
    assert erzycall.posts == []
    assert rows("attempts") == []


@pytest.mark.parametrize("kind", [rogues.CantReadErrors, rogues.CantReadLimits])
def test_a_bug_on_the_answer_is_never_a_no(
    side: Side, erzycall: Vendor, rogue_providers: dict[str, Any], kind: type[ErzyCall], rows: Rows,
) -> None:  # fmt: skip
    hub = side.hub(providers=rogue_providers, ledger=rows.url)
    erzycall.fail("error_after")
    with pytest.raises(Exception):  # noqa: B017, PT011 - the next test is about its class
        hub.calls.create(**rogue(kind))
    assert [row["verdict"] for row in rows("attempts")] == ["maybe"]
    with pytest.raises(OutcomeUnknown):
        hub.calls.create(**rogue(kind))
    assert erzycall.live() == {NUMBER: 1}


@pytest.mark.parametrize("kind", [rogues.CantReadErrors, rogues.CantReadLimits])
def test_a_bug_on_the_answer_is_an_unknown_outcome(
    side: Side, erzycall: Vendor, rogue_providers: dict[str, Any], kind: type[ErzyCall]
) -> None:
    erzycall.fail("error_after")
    with pytest.raises(OutcomeUnknown):
        side.hub(providers=rogue_providers).calls.create(**rogue(kind))
