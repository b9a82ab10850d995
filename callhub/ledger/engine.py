"""Open the database: a durable SQLite file, private to its owner, or PostgreSQL."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from callhub.errors import ConfigurationError, LedgerError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

BUSY_SECONDS = 30.0
LOOK_AGAIN = 0.01
CONNECT_SECONDS = 10
PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "fullfsync=ON", "foreign_keys=ON", "secure_delete=ON")
_PATIENCE: Mapping[str, int] = {
    "connect_timeout": CONNECT_SECONDS,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
_READ_COMMITTED, _REPEATABLE_READ = 2, 3  # psycopg's IsolationLevel; the driver is loaded where it is needed
_POOLED: Mapping[str, Any] = {"pool_reset_on_return": None}  # each user ends its transaction itself
_FORMS = "sqlite:///path/to/file.db, sqlite:// for one in memory, or postgresql://user@host/database"
_SQLITE = ("sqlite", "sqlite+pysqlite")
_POSTGRESQL = ("postgresql", "postgresql+psycopg", "postgres")


def default_url() -> str:
    """Give the ledger that is used where none is configured: a file in the user's data directory."""
    from platformdirs import user_data_path  # noqa: PLC0415 - only where nothing is configured

    return f"sqlite:///{user_data_path('callhub', appauthor=False) / 'callhub.db'}"


def where(url: str) -> str:
    """Tell where a ledger lies, without the password that its URL may hold."""
    parsed = parse(url)
    if parsed.drivername in _SQLITE:
        return parsed.database or "in memory"
    return f"{parsed.database or 'PostgreSQL'} on {parsed.host or 'this machine'}"


def file_of(url: str) -> Path | None:
    """Give the file of a SQLite ledger; None where there is no file."""
    parsed = parse(url)
    if parsed.drivername not in _SQLITE or parsed.database in (None, "", ":memory:"):
        return None
    return Path(parsed.database)


def open_engine(url: str, clock: Callable[[], float] = time.time) -> Engine:
    """Open a ledger's database; nothing is created before it is first used.

    `clock` is what SQLite goes by for leases; PostgreSQL goes by its server's.

    Raises:
        ConfigurationError: the URL isn't one of a ledger, or the driver isn't installed.
        LedgerError: the folder or the file can't be made.
    """
    parsed = parse(url)
    if parsed.drivername in _SQLITE:
        return _open_sqlite(parsed, clock)
    try:
        engine = create_engine(
            parsed.set(drivername="postgresql+psycopg"), connect_args=_patience(parsed), **_POOLED
        )
    except ImportError:
        raise ConfigurationError(
            "a PostgreSQL ledger needs its driver: pip install 'callhub[postgres]'"
        ) from None
    event.listen(engine, "connect", _on_connect_to_server)
    return engine


def begin(connection: Any, *, writes: bool) -> None:
    """Begin a transaction on a driver's connection.

    A writer of SQLite takes the write lock at once. On PostgreSQL a writer must see what was committed
    while it waited for a lock, and a reader sees one instant, whatever the server's defaults are.
    """
    if isinstance(connection, sqlite3.Connection):
        connection.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
        return
    level = _READ_COMMITTED if writes else _REPEATABLE_READ
    if connection.isolation_level != level:
        connection.isolation_level = level


def turns(engine: Engine) -> AbstractContextManager[object]:
    """Give what keeps threads apart where they all share the one connection of a database in memory."""
    return RLock() if isinstance(engine.pool, StaticPool) else nullcontext()


def parse(url: str) -> URL:
    """Read a ledger's URL.

    Raises:
        ConfigurationError: it isn't one.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, SQLAlchemyError, AttributeError, ValueError):  # a message could quote the password
        parsed = None
    if parsed is None or not _known(parsed):
        raise ConfigurationError(
            f"the ledger must be given as {_FORMS}; in a password, write @ : / as %40 %3A %2F"
        )
    return parsed


def _known(parsed: URL) -> bool:
    if parsed.drivername in _SQLITE:
        return not parsed.query
    return parsed.drivername in _POSTGRESQL and bool(parsed.database)


def _open_sqlite(parsed: URL, clock: Callable[[], float]) -> Engine:
    options: dict[str, Any] = {"connect_args": {"timeout": BUSY_SECONDS, "check_same_thread": False}}
    if parsed.database in (None, "", ":memory:"):
        options["poolclass"] = StaticPool
    else:
        _make_private(Path(parsed.database))
    engine = create_engine(parsed, **options, **_POOLED)
    event.listen(engine, "connect", partial(_on_connect, clock))
    return engine


def _make_private(file: Path) -> None:
    """Make the file before SQLite does, so that nobody else can ever read it."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        known = _exists(file)  # an empty ledger elsewhere would know nothing of what was dialled
        what = (
            "make it readable and writable for this user"
            if known
            else "choose another place by CALLHUB_LEDGER"
        )
        raise LedgerError(f"the ledger ({file}) can't be opened: {reason}; {what}") from None


def _exists(file: Path) -> bool:
    try:
        return file.exists()
    except OSError:
        return True


def _patience(parsed: URL) -> dict[str, Any]:
    """Notice a server that has gone, however it went; what the URL says wins."""
    return {name: value for name, value in _PATIENCE.items() if name not in parsed.query}


def _on_connect_to_server(connection: Any, _record: object) -> None:
    """Keep what is committed, and wait for a lock no longer than SQLite does."""
    connection.isolation_level = _READ_COMMITTED
    connection.execute(
        "SELECT set_config('lock_timeout', %s, false),"
        " set_config('synchronous_commit', CASE current_setting('synchronous_commit')"
        " WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)",
        (f"{BUSY_SECONDS * 1000:.0f}",),
    )
    connection.commit()


def _on_connect(clock: Callable[[], float], connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun by the ledger, not by the driver
    connection.create_function("callhub_now", 0, clock)
    for pragma in PRAGMAS:
        _insist(connection, f"PRAGMA {pragma}")


def _insist(connection: Any, pragma: str) -> None:
    """Carry out a pragma; where two make a file at once, SQLite turns one down without waiting."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute(pragma)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= until:
                raise
            time.sleep(LOOK_AGAIN)
        else:
            return
