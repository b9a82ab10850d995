"""Copy a ledger while others write to it, and put a copy in its place again.

A copy is one consistent state, complete by itself, readable for its owner alone, and on the disk when it
is said to be there. It is put back only where nobody holds the ledger: what stands there now is kept
beside it, and the copy is marked as restored (see `restored`) before it takes the place.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from callhub.errors import InvalidRequest, LedgerError, UnsupportedFeature
from callhub.flows.operations.keeping import MarkRestored, Restoration
from callhub.ledger import migrations, restored
from callhub.ledger.engine import file_of, open_engine, parse, where
from callhub.ledger.schema import VERSION, suppressed
from callhub.ledger.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from callhub.flows.operations.keeping import CopyLedger
    from callhub.ledger.identity import Identity

MODE = 0o600
COMPANIONS = ("-wal", "-shm", "-journal")
_OWN = "SELECT value FROM facts WHERE name = 'secret'"  # what its hashes are keyed with
_IN_USE = "is in use: stop every program that works with it, then try again"


@dataclass(frozen=True, slots=True)
class Restored:
    """What came of putting a backup in the ledger's place.

    Attributes:
        where: the ledger's file.
        replaced: where what stood there before is kept; None where nothing did.
        suppressed: entries of the suppression list that were taken over from what was replaced.
        restoration: None where the caller has said that nothing was dialled since.
    """

    where: str
    replaced: str | None
    suppressed: int
    restoration: Restoration | None


def copy(session: Session, _identity: Identity, given: CopyLedger) -> int:
    """Copy the ledger to a file.

    Raises:
        InvalidRequest: the file is there already, and isn't to be replaced.
        LedgerError: it can't be written; none is left behind.
        UnsupportedFeature: the ledger is on PostgreSQL, which has a program for that.
    """
    if session.dialect != "sqlite":
        name = session.driver.info.dbname
        said = f"a PostgreSQL ledger is copied by: pg_dump --format=custom --file={given.path} {name}"
        raise UnsupportedFeature(said)
    if _is_the_ledger(session.driver, given.path):
        fault = "is the ledger itself: choose another name"
        raise InvalidRequest(f"{given.path} {fault}", fields={"path": fault})
    with _new_file(given.path, force=given.force) as part:
        _copied(session.driver, part, named=True)
        return part.stat().st_size


def restore(url: str, path: Path, by: str, clock: Callable[[], float], *, complete: bool = False) -> Restored:
    """Put a backup in the place of a SQLite ledger that nobody uses.

    Args:
        url: the ledger's.
        path: the backup, which stays as it is.
        by: who does it.
        clock: seconds since the epoch.
        complete: True where nothing was dialled after the backup was made: then nothing is marked.

    Raises:
        InvalidRequest: the file is no ledger.
        LedgerError: a newer callhub wrote it, or somebody holds the ledger; nothing was changed.
        UnsupportedFeature: the ledger is on PostgreSQL or in memory.
    """
    place = _place_of(url, path)
    _check(path)
    if place.exists() and place.samefile(path):
        raise _no_ledger("is the ledger itself")
    with _told(place):
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = place.with_name(f"{place.name}.restoring")
        try:
            _make_private(part)
            with closing(_opened(path)) as source:
                _copied(source, part)
            mark, taken_over = _prepared(part, place, None if complete else by, clock)
            kept = _swap(part, place, clock)
        finally:
            for left in (part, *_companions(part)):
                left.unlink(missing_ok=True)
    return Restored(str(place), str(kept) if kept else None, taken_over, mark)


def _place_of(url: str, path: Path) -> Path:
    place = file_of(url)
    if place is not None:
        return place
    if parse(url).drivername.startswith("sqlite"):
        raise UnsupportedFeature("a ledger in memory can't be restored: name a file by CALLHUB_LEDGER")
    raise UnsupportedFeature(
        f"a PostgreSQL ledger ({where(url)}) is restored by: pg_restore --clean --if-exists "
        f"--dbname={parse(url).database} {path}; then run `callhub ledger restored`, before any call"
    )


def _check(path: Path) -> None:
    """Refuse what is no ledger, is damaged, or was written by a newer callhub."""
    if not path.is_file():
        raise _no_ledger("isn't there")
    try:
        with closing(_opened(path)) as source:
            sound = source.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok"
            known = dict(source.execute("SELECT name, value FROM facts").fetchall())
            version = int(known["version"]) if {"namespace", "secret"} <= set(known) else 0
    except (sqlite3.Error, KeyError, ValueError, OSError):
        raise _no_ledger("is no ledger of callhub's, or can't be read") from None
    if not sound or not version:
        raise _no_ledger("is damaged" if version else "is no ledger of callhub's")
    if version > VERSION:
        raise LedgerError(f"the backup ({path}) was written by a newer callhub: install that one")


def _prepared(
    part: Path, place: Path, by: str | None, clock: Callable[[], float]
) -> tuple[Restoration | None, int]:
    """Bring the copy to today's schema, keep who must not be called, and mark it."""
    engine = open_engine(f"sqlite:///{part}", clock)
    try:
        migrations.prepare(engine, str(part))
        pooled = engine.raw_connection()
        try:
            connection: Any = pooled.driver_connection
            taken_over = _take_over(connection, place)
            connection.execute("BEGIN IMMEDIATE")
            session = Session("sqlite", connection)
            restored.take_up(session, None, None)
            mark = restored.mark(session, None, MarkRestored(by)) if by else None
            connection.execute("COMMIT")
            connection.execute("PRAGMA journal_mode=DELETE")
        finally:
            pooled.close()
    finally:
        engine.dispose()
    return mark, taken_over


def _take_over(connection: Any, place: Path) -> int:
    """Add those to the suppression list who are on that of the replaced ledger, where that can be read."""
    if not place.exists():
        return 0
    columns = ", ".join(column.name for column in suppressed.columns)
    with suppress(sqlite3.Error), closing(_opened(place)) as old:
        if old.execute(_OWN).fetchone() == connection.execute(_OWN).fetchone():
            rows = old.execute(f"SELECT {columns} FROM suppressed").fetchall()  # noqa: S608 - our own names
            marks = ", ".join("?" for _ in suppressed.columns)
            before = connection.total_changes
            connection.executemany(f"INSERT OR IGNORE INTO suppressed ({columns}) VALUES ({marks})", rows)  # noqa: S608
            return int(connection.total_changes - before)
    return 0


def _swap(part: Path, place: Path, clock: Callable[[], float]) -> Path | None:
    """Put the new file in the place of the old one, which is kept, and leave nothing of it that is stale."""
    _sync(part)
    kept = None
    if place.exists():
        refuse_if_held(place)
        stamp = datetime.fromtimestamp(clock(), UTC).strftime("%Y%m%dT%H%M%SZ")
        kept = _free_name(place.with_name(f"{place.name}.replaced-{stamp}"))
        for old in _companions(place):  # there only where the old ledger is damaged: they belong to it
            if old.exists():
                old.rename(f"{kept}{old.name.removeprefix(place.name)}")
        place.rename(kept)
    for stale in _companions(place):
        stale.unlink(missing_ok=True)
    part.replace(place)
    _sync(place.parent)
    return kept


def refuse_if_held(place: Path) -> None:
    """Take a SQLite ledger out of shared use, which works only where nobody else has it open.

    Raises:
        LedgerError: somebody has.
    """
    try:
        with closing(sqlite3.connect(place, timeout=0, isolation_level=None)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            alone = connection.execute("PRAGMA journal_mode=DELETE").fetchone()[0] == "delete"
    except sqlite3.OperationalError as error:
        alone = "locked" not in str(error)
    except sqlite3.DatabaseError:
        return  # damaged, which may be why it is replaced
    if not alone:
        raise LedgerError(f"the ledger ({place}) {_IN_USE}")


def _is_the_ledger(connection: Any, path: Path) -> bool:
    names = (row[2] for row in connection.execute("PRAGMA database_list"))
    return path.exists() and any(name and path.samefile(name) for name in names)


@contextmanager
def _new_file(path: Path, *, force: bool) -> Iterator[Path]:
    """Give a file to write to, which takes its name only once it is whole and on the disk."""
    if not path.name or path.is_dir():
        raise InvalidRequest(f"{path} is a folder: name a file", fields={"path": "is a folder: name a file"})
    part = path.with_name(f"{path.name}.part")
    with _told(path):
        if not force:
            _reserve(path)
        try:
            _make_private(part)
            yield part
            _sync(part)
            part.replace(path)
            _sync(path.parent)
        except BaseException:
            part.unlink(missing_ok=True)
            if not force:
                path.unlink(missing_ok=True)
            raise


def _reserve(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, MODE))
    except FileExistsError:
        fault = "is there already: choose another name, or replace it: force=True"
        raise InvalidRequest(f"{path} {fault}", fields={"path": fault}) from None


def _make_private(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, MODE))


def _copied(source: Any, target: Path, *, named: bool = False) -> None:
    """Copy a database in one go, to a file that needs no other beside it, and may know that it is a copy."""
    with closing(sqlite3.connect(target, isolation_level=None)) as copy_:
        source.backup(copy_)
        if named:
            copy_.execute("INSERT OR REPLACE INTO facts VALUES (?, '1')", (restored.COPY,))
        copy_.execute("PRAGMA journal_mode=DELETE")


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Tell what the operating system or SQLite minds."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
    except sqlite3.Error as error:
        reason = str(error)
    else:
        return
    raise LedgerError(f"{path} can't be written: {reason}; nothing was changed")


def _companions(path: Path) -> tuple[Path, ...]:
    return tuple(path.with_name(f"{path.name}{end}") for end in COMPANIONS)


def _free_name(path: Path) -> Path:
    count, found = 1, path
    while found.exists():
        count += 1
        found = path.with_name(f"{path.name}-{count}")
    return found


def _sync(path: Path) -> None:
    """Have a file, or the names in a folder, on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _no_ledger(fault: str) -> InvalidRequest:
    return InvalidRequest(f"the file {fault}; nothing was changed", fields={"path": fault})
