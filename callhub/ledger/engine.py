"""Open the database: a durable SQLite file, private to its owner, or PostgreSQL."""

from __future__ import annotations

import os
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
    from collections.abc import Callable

BUSY_SECONDS = 30.0
CONNECT_SECONDS = 10
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
        return create_engine(
            parsed.set(drivername="postgresql+psycopg"), connect_args={"connect_timeout": CONNECT_SECONDS}
        )
    except ImportError:
        raise ConfigurationError(
            "a PostgreSQL ledger needs its driver: pip install 'callhub[postgres]'"
        ) from None


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
    except (ArgumentError, SQLAlchemyError, AttributeError):
        parsed = None
    if parsed is None or not _known(parsed):
        raise ConfigurationError(f"the ledger must be given as {_FORMS}")
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
    engine = create_engine(parsed, **options)
    event.listen(engine, "connect", partial(_on_connect, clock))
    return engine


def _make_private(file: Path) -> None:
    """Make the file before SQLite does, so that nobody else can ever read it."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise LedgerError(
            f"the ledger ({file}) can't be opened: {reason}; choose another place by CALLHUB_LEDGER"
        ) from None


def _on_connect(clock: Callable[[], float], connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun by the ledger, not by the driver
    connection.create_function("callhub_now", 0, clock)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")
