"""A backup knows less than has happened: nothing is dialled on its word alone."""

from __future__ import annotations

import shutil
import sqlite3
import stat
import threading
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import pytest

import callhub
from callhub import Failover, Hub
from callhub.hub import mark_restored, restore_ledger
from callhub.ledger.schema import VERSION
from callhub.provider.http import Response
from tests.core.kit import NUMBER, SCRIPTS, call_of, wish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from callhub.provider.sandbox import Hit
    from tests.core.kit import Instant, Vendor, World

LATER = 3 * 3600.0


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have the ledger of the environment in an empty folder."""
    monkeypatch.setenv("CALLHUB_LEDGER", f"sqlite:///{tmp_path / 'calls.db'}")
    return tmp_path / "calls.db"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return tmp_path / "copy.db"


@pytest.fixture
def erzycall(world: World) -> Vendor:
    return world.erzycall


@pytest.fixture
def aicaller(world: World) -> Vendor:
    return world.aicaller


@pytest.fixture
def hub_of(clock: Instant) -> Iterator[Callable[..., Hub]]:
    """Make hubs over these vendors, and close them."""
    made: list[Hub] = []

    def make(*vendors: Vendor, **options: Any) -> Hub:
        providers = {vendor.name: vendor.settings for vendor in vendors}
        made.append(Hub(providers=providers, scripts=SCRIPTS, clock=clock, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


def refuse_once(vendor: Vendor) -> None:
    """Let the vendor refuse the next dial, in a way that its table knows."""
    error = Response(429, body=b'{"error":{"code":"RATE_LIMITED","message":"later"}}')
    vendor.rig(error, times=1)


def backed_up(hub: Hub, copy: Path, clock: Instant) -> None:
    hub.ledger.backup(copy)
    clock.advance(60)


def restored(hub: Hub, copy: Path, clock: Instant, **options: Any) -> Any:
    """Close the hub, let time pass, and put the backup in the ledger's place."""
    hub.close()
    clock.advance(LATER)
    done = restore_ledger(copy, by="Ada", clock=clock, **options)
    clock.advance(60)
    return done


def create(hub: Hub, vendor: Vendor | str, key: str = "order-1", **changes: Any) -> callhub.Call:
    return hub.calls.create(**wish(vendor, idempotency_key=key, timeout=5, **changes))


def test_a_call_that_was_placed_after_the_backup_is_found_and_not_dialled_again(
    hub_of: Callable[..., Hub], erzycall: Vendor, copy: Path, clock: Instant
) -> None:
    hub = hub_of(erzycall)
    create(hub, erzycall, "before")
    backed_up(hub, copy, clock)
    placed = create(hub, erzycall)
    restored(hub, copy, clock)
    again = create(hub_of(erzycall), erzycall)
    assert again.provider_call_id == placed.provider_call_id
    assert erzycall.live()[NUMBER] == 2  # the one before the backup, and this one
    assert [attempt.verdict for attempt in again.attempts] == ["accepted"]


def test_where_the_list_may_be_incomplete_a_person_decides(
    hub_of: Callable[..., Hub], aicaller: Vendor, copy: Path, clock: Instant
) -> None:
    hub = hub_of(aicaller)
    backed_up(hub, copy, clock)
    create(hub, aicaller)
    restored(hub, copy, clock)
    aicaller.rig(Response(200, body=b'{"data":[]}'), method="GET", part="")
    hub = hub_of(aicaller)
    for _ in range(2):
        with pytest.raises(callhub.OutcomeUnknown) as caught:
            create(hub, aicaller)
        assert call_of(caught.value).needs_person
    assert sum(aicaller.rung.values()) == 1
    settled = hub.calls.resolve(call_of(caught.value).id, placed=None, by="Ada")
    assert not settled.needs_person
    create(hub, aicaller)
    assert aicaller.live()[NUMBER] == 2  # on a person's word alone


def test_a_refusal_of_the_backup_is_no_proof_any_more(
    hub_of: Callable[..., Hub], erzycall: Vendor, copy: Path, clock: Instant
) -> None:
    hub = hub_of(erzycall)
    erzycall.rig(Response(422, body=b'{"success":false,"error":{"code":"INVALID_PHONE"}}'), times=1)
    with pytest.raises(callhub.CallhubError) as refused:
        create(hub, erzycall)
    assert refused.value.dialed == "no"
    backed_up(hub, copy, clock)
    placed = create(hub, erzycall)
    restored(hub, copy, clock)
    again = create(hub_of(erzycall), erzycall)
    assert again.id == placed.id
    assert again.provider_call_id == placed.provider_call_id
    assert erzycall.live()[NUMBER] == 1


def test_what_a_complete_list_shows_not_to_be_there_is_dialled_under_the_same_key(
    hub_of: Callable[..., Hub], erzycall: Vendor, copy: Path, clock: Instant
) -> None:
    hub = hub_of(erzycall)
    hub.ledger.info()
    backed_up(hub, copy, clock)
    restored(hub, copy, clock)
    hub = hub_of(erzycall)
    with pytest.raises(callhub.OutcomeUnknown, match="restored from a backup"):
        create(hub, erzycall)  # too early: what was sent last may still be under way
    assert erzycall.posts == []
    clock.advance(700)
    call = create(hub, erzycall)
    assert [attempt.verdict for attempt in call.attempts] == ["refused", "accepted"]
    assert erzycall.live()[NUMBER] == 1


def test_another_vendor_may_have_it_instead_so_absence_at_one_proves_nothing(
    hub_of: Callable[..., Hub], world: World, copy: Path, clock: Instant
) -> None:
    hub = hub_of(world.erzycall, world.aicaller)
    backed_up(hub, copy, clock)
    create(hub, world.aicaller)
    restored(hub, copy, clock)
    clock.advance(LATER)
    hub = hub_of(world.erzycall, world.aicaller)
    with pytest.raises(callhub.OutcomeUnknown, match="another vendor may") as caught:
        create(hub, world.erzycall)
    assert caught.value.call is not None
    assert caught.value.call.needs_person
    assert world.erzycall.live()[NUMBER] + world.aicaller.live()[NUMBER] == 1


def test_a_call_in_doubt_in_the_backup_is_looked_up_and_not_sent_again(
    hub_of: Callable[..., Hub], erzycall: Vendor, copy: Path, clock: Instant
) -> None:
    hub = hub_of(erzycall, idempotency_window=0)
    erzycall.fail("drop_after")
    erzycall.rig(Response(500), method="GET")
    with pytest.raises(callhub.OutcomeUnknown):
        create(hub, erzycall)
    erzycall.relay.rigged = lambda _: None
    backed_up(hub, copy, clock)
    restored(hub, copy, clock)
    hub = hub_of(erzycall)
    report = hub.recover()
    assert [call.status for call in report.placed] == ["ended"]
    assert create(hub, erzycall).replayed
    assert erzycall.live()[NUMBER] == 1


def test_a_doubt_that_was_settled_after_the_backup_does_not_ring_again(
    hub_of: Callable[..., Hub], aicaller: Vendor, copy: Path, clock: Instant
) -> None:
    hub = hub_of(aicaller)
    aicaller.rig(Response(500), times=1)
    aicaller_list = Response(200, body=b'{"data":[]}')
    with pytest.raises(callhub.OutcomeUnknown) as caught:
        create(hub, aicaller)
    backed_up(hub, copy, clock)
    assert caught.value.call is not None
    call_id = caught.value.call.id
    hub.calls.resolve(call_id, placed=None, by="Ada")
    create(hub, aicaller)  # rings
    restored(hub, copy, clock)
    aicaller.rig(aicaller_list, method="GET")
    hub = hub_of(aicaller)
    hub.calls.resolve(call_id, placed=None, by="Bob, who didn't know")
    with pytest.raises(callhub.OutcomeUnknown, match="it was not dialled"):
        create(hub, aicaller)
    assert aicaller.live()[NUMBER] == 1


def test_a_failed_call_of_the_backup_is_not_taken_for_a_no(
    hub_of: Callable[..., Hub], world: World, copy: Path, clock: Instant
) -> None:
    route = callhub.Failover("erzycall", "aicaller", after_failure=["erzycall"])
    hub = hub_of(world.erzycall, world.aicaller)
    number = "+14155550199"
    wanted: dict[str, Any] = wish("erzycall", idempotency_key="k", to=number) | {
        "provider": None,
        "route": route,
    }
    call = hub.calls.create(**wanted)
    clock.advance(3600)
    failed = Response(200, body=_failed(call.provider_call_id or "", number))
    world.erzycall.rig(failed, method="GET", part=call.provider_call_id or "")
    assert hub.calls.get(call.id).status == "failed"
    backed_up(hub, copy, clock)
    assert not hub.calls.create(**wanted).replayed  # it went out once more
    restored(hub, copy, clock)
    sent = len(world.erzycall.posts) + len(world.aicaller.posts)
    again = hub_of(world.erzycall, world.aicaller).calls.create(**wanted)
    assert (again.replayed, again.status) == (True, "failed")
    assert len(world.erzycall.posts) + len(world.aicaller.posts) == sent


def test_keys_that_were_made_after_the_restoration_are_new(
    hub_of: Callable[..., Hub], aicaller: Vendor, copy: Path, clock: Instant
) -> None:
    hub = hub_of(aicaller)
    backed_up(hub, copy, clock)
    restored(hub, copy, clock)
    hub = hub_of(aicaller)
    hub.calls.create(**wish(aicaller))
    assert aicaller.live()[NUMBER] == 1


def test_a_person_s_word_makes_unknown_keys_new_ones_but_not_known_ones(
    hub_of: Callable[..., Hub], erzycall: Vendor, copy: Path, clock: Instant
) -> None:
    hub = hub_of(erzycall)
    erzycall.rig(Response(422, body=b'{"success":false,"error":{"code":"INVALID_PHONE"}}'), times=1)
    with pytest.raises(callhub.CallhubError):
        create(hub, erzycall, "known")
    backed_up(hub, copy, clock)
    restored(hub, copy, clock)
    hub = hub_of(erzycall)
    done = hub.ledger.reopen("Ada")
    assert done is not None
    assert (done.reopened_by, done.by) == ("Ada", "Ada")
    create(hub, erzycall, "unknown")
    with pytest.raises(callhub.OutcomeUnknown):
        create(hub, erzycall, "known")
    assert erzycall.live()[NUMBER] == 1


def test_a_ledger_that_only_moved_dials_as_before(
    hub_of: Callable[..., Hub], aicaller: Vendor, copy: Path, clock: Instant
) -> None:
    hub = hub_of(aicaller)
    create(hub, aicaller, "one")
    backed_up(hub, copy, clock)
    done = restored(hub, copy, clock, complete=True)
    assert done.restoration is None
    hub = hub_of(aicaller)
    assert create(hub, aicaller, "one").replayed
    create(hub, aicaller, "two")
    assert aicaller.live()[NUMBER] == 2


def test_a_caller_may_take_the_risk(
    hub_of: Callable[..., Hub], aicaller: Vendor, copy: Path, clock: Instant
) -> None:
    hub = hub_of(aicaller)
    backed_up(hub, copy, clock)
    restored(hub, copy, clock)
    create(hub_of(aicaller), aicaller, on_unknown="accept_risk")
    assert aicaller.live()[NUMBER] == 1


def test_who_was_suppressed_after_the_backup_stays_suppressed(
    hub_of: Callable[..., Hub], erzycall: Vendor, copy: Path, clock: Instant
) -> None:
    hub = hub_of(erzycall)
    hub.suppression.add("+14155550177")
    backed_up(hub, copy, clock)
    hub.suppression.add(NUMBER, "asked by letter")
    done = restored(hub, copy, clock)
    assert done.suppressed == 1
    hub = hub_of(erzycall)
    with pytest.raises(callhub.Suppressed):
        hub.calls.create(**wish(erzycall))
    assert erzycall.posts == []


def test_the_restoration_is_told(
    hub_of: Callable[..., Hub], erzycall: Vendor, copy: Path, clock: Instant
) -> None:
    hub = hub_of(erzycall)
    call = create(hub, erzycall)
    backed_up(hub, copy, clock)
    restored(hub, copy, clock)
    hub = hub_of(erzycall)
    told = hub.ledger.info().restored
    assert told is not None
    assert told.since == call.created_at
    assert (told.at - told.since).total_seconds() == LATER + 60
    assert told.by == "Ada"
    with pytest.raises(callhub.OutcomeUnknown) as caught:
        create(hub, erzycall, "other")
    assert caught.value.call is not None
    assert "held back: the ledger was restored from a backup" in str(hub.calls.explain(caught.value.call.id))


def test_a_copy_that_is_put_in_its_place_by_hand_is_marked_as_soon_as_it_is_opened(
    hub_of: Callable[..., Hub], erzycall: Vendor, place: Path, copy: Path, clock: Instant
) -> None:
    hub = hub_of(erzycall)
    backed_up(hub, copy, clock)
    placed = create(hub, erzycall)
    hub.close()
    shutil.copy(copy, place)
    clock.advance(60)
    hubs = [hub_of(erzycall), hub_of(erzycall)]
    assert create(hubs[0], erzycall).provider_call_id == placed.provider_call_id
    with pytest.raises(callhub.OutcomeUnknown, match="restored from a backup"):
        create(hubs[1], erzycall, "order-2")
    told = hubs[1].ledger.info().restored
    assert told is not None
    assert told.by.startswith("whoever")
    assert erzycall.live()[NUMBER] == 1


def test_a_restored_database_on_postgresql_is_marked_once_nobody_uses_it(
    hub_of: Callable[..., Hub], erzycall: Vendor, postgres: str, copy: Path
) -> None:
    hub = hub_of(erzycall, ledger=postgres)
    create(hub, erzycall)
    with pytest.raises(
        callhub.UnsupportedFeature, match="pg_restore --clean --if-exists --dbname="
    ) as caught:
        restore_ledger(copy, ledger=postgres)
    assert "callhub ledger restored" in str(caught.value)
    with pytest.raises(callhub.LedgerError, match="stop every program"):
        mark_restored(ledger=postgres)
    hub.close()
    mark_restored(ledger=postgres, by="Ada")
    hub = hub_of(erzycall, ledger=postgres)
    assert create(hub, erzycall).replayed
    with pytest.raises(callhub.OutcomeUnknown, match="restored from a backup"):
        create(hub, erzycall, "order-2")
    assert erzycall.live()[NUMBER] == 1


# the file


def test_a_copy_is_whole_while_others_write(
    hub_of: Callable[..., Hub], erzycall: Vendor, tmp_path: Path
) -> None:
    hub = hub_of(erzycall)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            hub.suppression.load(batch)

    batch = tmp_path / "numbers.csv"
    batch.write_text("".join(f"+14155{number:06}\n" for number in range(1000)))
    writer = threading.Thread(target=write)
    writer.start()
    try:
        sizes = [hub.ledger.backup(tmp_path / f"{number}.db") for number in range(5)]
    finally:
        stop.set()
        writer.join(20)
    for number, size in enumerate(sizes):
        copied = tmp_path / f"{number}.db"
        assert copied.stat().st_size == size
        assert stat.S_IMODE(copied.stat().st_mode) == 0o600
        with closing(sqlite3.connect(copied)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert connection.execute("SELECT count(*) FROM suppressed").fetchone()[0] in (0, 1000)
    assert not [*tmp_path.glob("*.part"), *tmp_path.glob("?.db-*")]


def test_a_copy_replaces_no_file_unless_told_to(hub_of: Callable[..., Hub], copy: Path) -> None:
    copy.write_text("mine")
    hub = hub_of()
    with pytest.raises(callhub.InvalidRequest, match="is there already"):
        hub.ledger.backup(copy)
    assert copy.read_text() == "mine"
    assert hub.ledger.backup(copy, force=True) == copy.stat().st_size


def test_a_copy_that_cannot_be_written_leaves_nothing(hub_of: Callable[..., Hub], tmp_path: Path) -> None:
    with pytest.raises(callhub.LedgerError, match="No such file or directory; nothing was changed"):
        hub_of().ledger.backup(tmp_path / "nowhere" / "copy.db")
    assert not (tmp_path / "nowhere").exists()


def test_a_ledger_in_memory_can_be_copied(hub_of: Callable[..., Hub], copy: Path) -> None:
    hub = hub_of(ledger="sqlite://")
    hub.suppression.add(NUMBER)
    hub.ledger.backup(copy)
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT number FROM suppressed").fetchone() == (NUMBER,)


def test_nothing_is_restored_while_somebody_holds_the_ledger(
    hub_of: Callable[..., Hub], copy: Path, place: Path, clock: Instant
) -> None:
    hub = hub_of()
    hub.suppression.add(NUMBER)
    hub.ledger.backup(copy)
    with pytest.raises(callhub.LedgerError, match="is in use: stop every program"):
        restore_ledger(copy, clock=clock)
    with pytest.raises(callhub.LedgerError, match="is in use"):
        mark_restored(clock=clock)
    assert hub.suppression.get(NUMBER)
    assert sorted(each.name for each in place.parent.glob("calls.db*")) == [
        "calls.db",
        "calls.db-shm",
        "calls.db-wal",
    ]


def test_what_is_replaced_is_kept_beside_it(
    hub_of: Callable[..., Hub], copy: Path, place: Path, clock: Instant
) -> None:
    hub = hub_of()
    hub.ledger.backup(copy)
    hub.contacts.create(name="Ada", phone=NUMBER)
    done = [restored(hub, copy, clock), restored(hub, copy, clock)]
    assert sorted(each.name for each in place.parent.glob("calls.db*")) == [
        "calls.db",
        "calls.db.replaced-20260302T120000Z",
        "calls.db.replaced-20260302T150100Z",
    ]
    assert done[0].replaced == f"{place}.replaced-20260302T120000Z"
    with closing(sqlite3.connect(done[0].replaced)) as connection:
        assert connection.execute("SELECT name FROM contacts").fetchone() == ("Ada",)
    assert stat.S_IMODE(place.stat().st_mode) == 0o600


def test_a_damaged_ledger_is_replaced_and_leaves_nothing_stale(
    hub_of: Callable[..., Hub], copy: Path, place: Path, clock: Instant
) -> None:
    hub = hub_of()
    hub.suppression.add(NUMBER)
    hub.ledger.backup(copy)
    hub.close()
    place.write_bytes(b"nonsense" * 1000)
    place.with_name("calls.db-wal").write_bytes(b"stale")
    done = restore_ledger(copy, clock=clock)
    assert place.with_name("calls.db.replaced-20260302T090000Z").read_bytes() == b"nonsense" * 1000
    assert not place.with_name("calls.db-wal").exists()
    assert done.suppressed == 0
    assert hub_of().suppression.get(NUMBER)


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "isn't there"), (b"", "is no ledger"), (b"nonsense" * 1000, "is no ledger")],
)
def test_what_is_no_ledger_is_not_put_in_its_place(
    place: Path, copy: Path, content: bytes | None, said: str, clock: Instant
) -> None:
    if content is not None:
        copy.write_bytes(content)
    with pytest.raises(callhub.InvalidRequest, match=said):
        restore_ledger(copy, clock=clock)
    assert not place.exists()


def test_a_damaged_copy_is_not_put_in_its_place(
    hub_of: Callable[..., Hub], place: Path, copy: Path, clock: Instant
) -> None:
    hub = hub_of()
    hub.suppression.load(_numbers(copy.with_name("numbers.csv")))
    hub.ledger.backup(copy)
    hub.close()
    whole = place.read_bytes()
    copy.write_bytes(copy.read_bytes()[:-8192] + b"\x55" * 4096)
    with pytest.raises(callhub.InvalidRequest):
        restore_ledger(copy, clock=clock)
    assert place.read_bytes() == whole


def test_the_ledger_itself_and_a_newer_one_are_not_restored(
    hub_of: Callable[..., Hub], place: Path, copy: Path, clock: Instant
) -> None:
    hub = hub_of()
    hub.ledger.backup(copy)
    hub.close()
    with pytest.raises(callhub.InvalidRequest, match="is the ledger itself"):
        restore_ledger(place, clock=clock)
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("UPDATE facts SET value = ? WHERE name = 'version'", [str(VERSION + 1)])
        connection.commit()
    with pytest.raises(callhub.LedgerError, match="by a newer callhub"):
        restore_ledger(copy, clock=clock)


def test_a_ledger_in_memory_has_no_place_to_restore_to(copy: Path) -> None:
    with pytest.raises(callhub.UnsupportedFeature, match="in memory"):
        restore_ledger(copy, ledger="sqlite://")


def _numbers(file: Path) -> Path:
    file.write_text("".join(f"+14155{number:06}\n" for number in range(1000)))
    return file


def _failed(call_id: str, number: str) -> bytes:
    return (
        f'{{"success":true,"data":{{"id":"{call_id}","status":"error","to":"{number}",'
        '"createdAt":"2026-03-02T09:00:00.000Z"}}'
    ).encode()


# What was in doubt in the backup, and went to another vendor since

ROUTE = Failover("erzycall", "aicaller")
UNAUTHORIZED = Response(401, body=b'{"error":{"code":"UNAUTHORIZED"}}')


def routed(hub: Hub) -> callhub.Call:
    return create(hub, "erzycall", provider=None, route=ROUTE)


@pytest.mark.parametrize("ask", [lambda hub: hub.recover(), routed], ids=["recover", "create"])
def test_what_was_under_way_in_the_backup_is_not_sent_again(
    world: World, hub_of: Callable[..., Hub], copy: Path, clock: Instant, ask: Callable[[Hub], object]
) -> None:
    def back_up(hit: Hit) -> None:
        if hit.method == "POST" and not copy.exists():
            second.ledger.backup(copy)

    hub, second = (hub_of(world.erzycall, world.aicaller) for _ in range(2))
    world.erzycall.rig(UNAUTHORIZED, times=1)
    world.erzycall.relay.watch = back_up
    assert [each.verdict for each in routed(hub).attempts] == ["refused", "accepted"]
    for each in (hub, second):
        each.close()
    clock.advance(120)
    restore_ledger(copy, by="Ada", clock=clock)
    with suppress(callhub.OutcomeUnknown):
        ask(hub_of(world.erzycall, world.aicaller))
    assert (world.erzycall.live() + world.aicaller.rung)[NUMBER] == 1


def test_what_was_in_doubt_in_the_backup_and_settled_since_is_not_sent_again(
    world: World, hub_of: Callable[..., Hub], copy: Path, clock: Instant
) -> None:
    hub = hub_of(world.erzycall, world.aicaller)
    call = world.erzycall.in_doubt(hub, "drop_before", idempotency_key="order-1", provider=None, route=ROUTE)
    hub.ledger.backup(copy)
    clock.advance(10)
    hub.calls.resolve(call.id, placed=None, by="Ada")
    world.erzycall.rig(UNAUTHORIZED, times=1)
    assert routed(hub).provider == "aicaller"
    hub.close()
    clock.advance(120)
    restore_ledger(copy, by="Ada", clock=clock)
    assert hub_of(world.erzycall, world.aicaller).recover().placed == []
    assert (world.erzycall.live() + world.aicaller.rung)[NUMBER] == 1
