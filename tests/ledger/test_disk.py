"""Full, broken and read-only disks: nothing is dialled without a committed row, and errors say what to do."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event

from callhub import CallhubError, Hub, LedgerError
from tests.core.kit import NUMBER, SCRIPTS, wish
from tests.ledger.kit import Base
from tests.ledger.worker import number_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.core.kit import Vendor, World

PAGE = 4096
NOBODY = "nobody"


@pytest.fixture(params=["erzycall", "aicaller"])
def vendor(request: pytest.FixtureRequest, world: World) -> Vendor:
    found: Vendor = getattr(world, request.param)
    return found


def hub_of(world: World, url: str) -> Hub:
    return Hub(providers=world.settings, scripts=SCRIPTS, ledger=url, clock=world.clock)


def refused(hub: Hub, vendor: Vendor, **changes: Any) -> CallhubError:
    """See that a call isn't placed for the ledger's sake, and that nothing was sent."""
    before = len(vendor.relay.seen)
    with pytest.raises(LedgerError) as caught:
        hub.calls.create(**wish(vendor, **changes))
    assert caught.value.dialed == "no"
    assert len(vendor.relay.seen) == before
    assert NUMBER[1:] not in str(caught.value)
    return caught.value


def rule(hub: Hub, *pragmas: str) -> None:
    """Give every new connection of a hub's ledger these pragmas, and leave the old ones."""
    opened = hub._ledger.open()  # noqa: SLF001 - as a disk would, from below
    opened.close()

    def hook(connection: Any, _record: object) -> None:
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    event.listen(opened.engine, "connect", hook)


# Full


def fill(hub: Hub, vendor: Vendor) -> list[CallhubError]:
    """Place calls until the disk is full, and go on for a while; give what failed."""
    errors: list[CallhubError] = []
    for number in range(60):
        try:
            hub.calls.create(**wish(vendor, to=number_of(number), idempotency_key=f"k{number}"))
        except LedgerError as error:
            errors.append(error)
    return errors


def see_that_nothing_was_dialled_unwritten(hub: Hub, vendor: Vendor, errors: list[CallhubError]) -> None:
    """What was sent stands in the ledger; what is said not to have been dialled wasn't."""
    assert errors
    for error in errors:
        assert "make room on the disk; nothing is dialled before a call is written down" in str(error)
    written = {call.to for call in hub.calls.history()}
    maybe = sum(error.dialed == "maybe" for error in errors)
    assert set(vendor.live()) <= written
    assert len(vendor.posts) == 60 - len(errors) + maybe


@pytest.mark.parametrize("room", range(4))
def test_a_full_disk_dials_nothing_unwritten(world: World, sqlite: str, vendor: Vendor, room: int) -> None:
    """However much room there is: it may end at the claim, or between the claim and the verdict."""
    with hub_of(world, sqlite) as hub:
        list(hub.calls.history())
        pages = Base(sqlite).rows("SELECT page_count FROM pragma_page_count")[0]["page_count"]
        rule(hub, f"max_page_count={pages + 2 * room}")
        errors = fill(hub, vendor)
        see_that_nothing_was_dialled_unwritten(hub, vendor, errors)
        rule(hub, "max_page_count=1000000")
        world.clock.advance(120)
        hub.recover()
        for number in range(60):
            hub.calls.create(**wish(vendor, to=number_of(number), idempotency_key=f"k{number}"))
    assert dict(vendor.live()) == {number_of(number): 1 for number in range(60)}


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """Mount a disk of 300 kB."""
    if os.name == "nt" or os.geteuid() != 0:
        pytest.skip("only root may mount a small disk; a full one is also tested by SQLite's own limit")
    folder = tempfile.mkdtemp(prefix="callhub-disk-")
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", folder]
    try:
        if (
            shutil.which("mount") is None
            or subprocess.run(mount, check=False, capture_output=True).returncode
        ):
            pytest.skip("this machine lets nobody mount; a full disk is also tested by SQLite's own limit")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", folder], check=True)
    finally:
        Path(folder).rmdir()


def test_a_small_disk_that_fills_up_dials_nothing_unwritten(
    world: World, small_disk: Path, vendor: Vendor
) -> None:
    with hub_of(world, f"sqlite:///{small_disk / 'calls.db'}") as hub:
        hub.calls.create(**wish(vendor, idempotency_key="first"))
        ballast = small_disk / "ballast"
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(b"x" * 1024):
                pass
        before = len(vendor.posts)
        errors = [refused(hub, vendor, idempotency_key=f"k{number}") for number in range(3)]
        assert all("make room on the disk" in str(error) for error in errors)
        assert len(vendor.posts) == before
        ballast.unlink()
        hub.calls.create(**wish(vendor, idempotency_key="k0"))
    assert vendor.live()[NUMBER] == 2


# Read-only


@contextmanager
def without_rights() -> Iterator[None]:
    """Go on as somebody whom file modes bind: they don't bind root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(pwd.getpwnam(NOBODY).pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder that anybody reaches and may write to."""
    made = Path(tempfile.mkdtemp(prefix="callhub-disk-"))
    made.chmod(0o777)
    yield made
    made.chmod(0o777)
    shutil.rmtree(made)


@pytest.mark.parametrize(("file_mode", "folder_mode"), [(0o444, 0o777), (0o444, 0o555), (None, 0o555)])
def test_a_place_where_nothing_can_be_written_dials_nothing(
    world: World, folder: Path, vendor: Vendor, file_mode: int | None, folder_mode: int
) -> None:
    file = folder / "calls.db"
    if file_mode is not None:
        file.touch()
        file.chmod(file_mode)
    folder.chmod(folder_mode)
    with without_rights(), hub_of(world, f"sqlite:///{file}") as hub:
        for _ in range(2):
            said = str(refused(hub, vendor))
            what = "make it readable and writable for this user" if file_mode else "choose another place"
            assert f"can't be opened: Permission denied; {what}" in said


def test_a_folder_in_which_no_log_can_be_made_dials_nothing(
    world: World, folder: Path, vendor: Vendor
) -> None:
    """The file itself may be written, but not what SQLite keeps beside it."""
    file = folder / "calls.db"
    with hub_of(world, f"sqlite:///{file}") as hub:
        hub.calls.create(**wish(vendor))
    file.chmod(0o666)
    folder.chmod(0o555)
    with without_rights(), hub_of(world, f"sqlite:///{file}") as hub:
        assert "folder writable" in str(refused(hub, vendor))


def test_a_ledger_that_becomes_read_only_dials_nothing(world: World, sqlite: str, vendor: Vendor) -> None:
    with hub_of(world, sqlite) as hub:
        first = hub.calls.create(**wish(vendor, idempotency_key="k"))
        rule(hub, "query_only=ON")
        assert "make the file and its folder writable" in str(refused(hub, vendor))
        assert hub.calls.create(**wish(vendor, idempotency_key="k")).id == first.id


def test_a_ledger_that_becomes_read_only_while_a_call_is_under_way_loses_nothing(
    world: World, sqlite: str, vendor: Vendor
) -> None:
    with hub_of(world, sqlite) as hub:
        list(hub.calls.history())
        vendor.relay.watch = lambda hit: rule(hub, "query_only=ON") if hit.method == "POST" else None
        with pytest.raises(LedgerError, match="make the file and its folder writable") as caught:
            hub.calls.create(**wish(vendor, idempotency_key="k"))
        assert caught.value.dialed == "maybe"
        vendor.relay.watch = lambda _: None
        rule(hub, "query_only=OFF")
        Base(sqlite).lapse()
        world.clock.advance(60)
        assert [call.idempotency_key for call in hub.recover().placed] == ["k"]
        assert hub.calls.create(**wish(vendor, idempotency_key="k")).replayed
    assert vendor.live()[NUMBER] == 1


@pytest.mark.parametrize("part", ["calls.db", ""])
def test_a_place_that_is_no_file_dials_nothing(
    world: World, tmp_path: Path, vendor: Vendor, part: str
) -> None:
    (tmp_path / "calls.db").mkdir() if part else (tmp_path / "calls.db").write_text("no folder")
    place = tmp_path / "calls.db" / ("" if part else "deeper.db")
    with hub_of(world, f"sqlite:///{place}") as hub:
        what = "for this user" if part else "choose another place by CALLHUB_LEDGER"
        assert what in str(refused(hub, vendor))


# Broken


def overwrite(file: Path, start: int, data: bytes) -> None:
    with file.open("r+b") as raw:
        raw.seek(start)
        raw.write(data)


def no_database(file: Path) -> None:
    overwrite(file, 0, b"these are no calls at all, but somebody's notes\n" * 100)


def damaged_pages(file: Path) -> None:
    overwrite(file, PAGE, b"\xff" * (file.stat().st_size - PAGE))


def half(file: Path) -> None:
    os.truncate(file, file.stat().st_size // PAGE // 2 * PAGE)


@pytest.mark.parametrize("damage", [no_database, damaged_pages, half])
def test_a_damaged_file_dials_nothing(
    world: World, sqlite: str, vendor: Vendor, damage: Callable[[Path], None]
) -> None:
    with hub_of(world, sqlite) as hub:
        for number in range(20):
            hub.calls.create(**wish(vendor, to=number_of(number), idempotency_key=f"k{number}"))
    file = Path(Base(sqlite).file)
    damage(file)
    before = file.read_bytes()
    with hub_of(world, sqlite) as hub:
        assert "restore a backup (callhub ledger restore)" in str(refused(hub, vendor))
    assert file.read_bytes() == before


def test_a_file_that_is_damaged_under_a_running_hub_dials_nothing(
    world: World, sqlite: str, vendor: Vendor
) -> None:
    with hub_of(world, sqlite) as hub:
        hub.calls.create(**wish(vendor, idempotency_key="k"))
        opened = hub._ledger.open()  # noqa: SLF001 - as a disk would, from below
        with opened.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        opened.close()
        damaged_pages(Path(Base(sqlite).file))
        assert "restore a backup (callhub ledger restore)" in str(refused(hub, vendor))


def test_a_table_that_somebody_dropped_dials_nothing(world: World, url: str, vendor: Vendor) -> None:
    with hub_of(world, url) as hub:
        list(hub.calls.history())
        Base(url).change("DROP TABLE suppressed")
        refused(hub, vendor)
    assert Base(url).count("intents") == 0
