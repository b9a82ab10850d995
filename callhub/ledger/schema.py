"""The ledger's one schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, LargeBinary, MetaData, String, Table, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

if TYPE_CHECKING:
    from sqlalchemy.sql.compiler import SQLCompiler

VERSION = 1

metadata = MetaData()

facts = Table(
    "facts",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("value", Text, nullable=False),
)

intents = Table(
    "intents",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("key", String(255), nullable=False, unique=True),
    Column("generation", Integer, nullable=False, server_default="0"),
    Column("document", Text, nullable=False),
    Column("to_number", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("call", Text, nullable=False),
    Column("body", LargeBinary),
    Column("trail", Text),
    Index("ix_intents_to_number", "to_number", "id"),
    Index("ix_intents_status", "status", "id"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("intent", String(36), ForeignKey("intents.id"), primary_key=True),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    Column("provider", String(64), nullable=False),
    Column("account", String(64), nullable=False),
    Column("method", String(8), nullable=False),
    Column("path", Text, nullable=False),
    Column("headers", Text, nullable=False),
    Column("body", LargeBinary),
    Column("started_at", Float, nullable=False),
    Column("lease_until", Float, nullable=False),
    Column("finished_at", Float),
    Column("verdict", String(12)),
    Column("reason", Text),
)

calls = Table(
    "calls",
    metadata,
    Column("provider", String(64), primary_key=True),
    Column("provider_call_id", String(255), primary_key=True),
    Column("intent", String(36), ForeignKey("intents.id"), nullable=False, index=True),
    Column("ordinal", Integer, nullable=False),
)


class database_now(FunctionElement[float]):  # noqa: N801 - reads as an SQL function
    """The database's own clock, in seconds since the epoch: leases of several machines agree by it."""

    type = Float()
    inherit_cache = True


@compiles(database_now, "sqlite")
def _sqlite_now(_element: database_now, _compiler: SQLCompiler, **_options: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"
