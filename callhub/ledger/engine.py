"""Open the database: one SQLite file, durable, private to its owner, shared by processes and threads."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from threading import RLock
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from callhub.errors import ConfigurationError, LedgerError

BUSY_SECONDS = 30.0
_FORMS = "sqlite:///path/to/file.db, or sqlite:// for one in memory"


def default_url() -> str:
    """Give the ledger that is used where none is configured: a file in the user's data directory."""
    from platformdirs import user_data_path  # noqa: PLC0415 - only where nothing is configured

    return f"sqlite:///{user_data_path('callhub', appauthor=False) / 'callhub.db'}"


def where(url: str) -> str:
    """Tell where a ledger lies, without the password that its URL may hold."""
    parsed = _parse(url)
    return parsed.database or "in memory"


def open_engine(url: str) -> Engine:
    """Open a ledger's database; nothing is created before it is first used.

    Raises:
        ConfigurationError: the URL isn't one of a ledger.
        LedgerError: the folder or the file can't be made.
    """
    parsed = _parse(url)
    options: dict[str, Any] = {"connect_args": {"timeout": BUSY_SECONDS, "check_same_thread": False}}
    if parsed.database in (None, "", ":memory:"):
        options["poolclass"] = StaticPool
    else:
        _make_private(Path(parsed.database))
    engine = create_engine(parsed, **options)
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    return engine


def turns(engine: Engine) -> AbstractContextManager[object]:
    """Give what keeps threads apart where they all share the one connection of a database in memory."""
    return RLock() if isinstance(engine.pool, StaticPool) else nullcontext()


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, SQLAlchemyError, AttributeError):
        parsed = None
    if parsed is None or parsed.drivername not in ("sqlite", "sqlite+pysqlite") or parsed.query:
        raise ConfigurationError(f"the ledger must be given as {_FORMS}")
    return parsed


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


def _on_connect(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _on_begin(connection: Connection) -> None:
    reads = connection.get_execution_options().get("callhub_reads")
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
