"""Make a ledger's tables, or bring an older ledger to today's: forward only, in one transaction."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect, text

from callhub.errors import LedgerError
from callhub.ledger.schema import VERSION, facts, metadata

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection, Engine

_LOCK = 0x63616C6C687562  # "callhub": one maker or upgrader at a time on PostgreSQL


def prepare(engine: Engine, where: str) -> Mapping[str, str]:
    """Make the tables where there are none, upgrade older ones, and give the ledger's facts.

    Raises:
        LedgerError: a newer callhub wrote it.
    """
    with engine.connect() as connection:
        _begin(connection)
        if not inspect(connection).has_table(facts.name):
            _make(connection)
        known = _facts(connection)
        version = int(known["version"])
        if version > VERSION:
            raise LedgerError(f"the ledger ({where}) was written by a newer callhub: install that one")
        if version < VERSION:
            _upgrade(connection, version)
        connection.commit()
    return known


def _begin(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def _make(connection: Connection) -> None:
    metadata.create_all(connection)
    new = {"version": str(VERSION), "namespace": secrets.token_hex(16), "secret": secrets.token_hex(32)}
    connection.execute(facts.insert(), [{"name": name, "value": value} for name, value in new.items()])


def _facts(connection: Connection) -> dict[str, str]:
    return {row.name: row.value for row in connection.execute(facts.select())}


def _upgrade(connection: Connection, version: int) -> None:
    from alembic import command  # noqa: PLC0415 - slow to load, and seldom needed
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.stamp(config, f"{version:04}", purge=True)
    command.upgrade(config, "head")
    newest = facts.update().where(facts.c.name == "version").values(value=str(VERSION))
    connection.execute(newest)
