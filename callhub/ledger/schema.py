"""The ledger's one schema; `migrations` brings older ledgers to it.

A person is kept as a digest: a keyed hash of the canonical number, so that counting and suppressing
go on after the number itself was erased.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

if TYPE_CHECKING:
    from sqlalchemy.sql.compiler import SQLCompiler

VERSION = 2

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
    Column("person", String(64), nullable=False, server_default=""),
    Column("status", String(16), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("call", Text, nullable=False),
    Column("plan", Text),
    Column("body", LargeBinary),
    Column("trail", Text),
    Index("ix_intents_to_number", "to_number", "id"),
    Index("ix_intents_person", "person", "id"),
    Index("ix_intents_status", "status", "id"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("intent", String(36), ForeignKey("intents.id"), primary_key=True),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    Column("person", String(64), nullable=False, server_default=""),
    Column("provider", String(64), nullable=False),
    Column("account", String(64), nullable=False),
    Column("method", String(8), nullable=False),
    Column("path", Text, nullable=False),
    Column("headers", Text, nullable=False),
    Column("body", LargeBinary),
    Column("vendor_order", Text),
    Column("started_at", Float, nullable=False),
    Column("claimed_at", Float, nullable=False, server_default="0"),
    Column("dialled_at", Float, nullable=False, server_default="0"),
    Column("rings_at", Float, nullable=False, server_default="0"),
    Column("dials", Integer, nullable=False, server_default="1"),
    Column("assumed", Integer, nullable=False, server_default="0"),
    Column("lease_until", Float, nullable=False),
    Column("finished_at", Float),
    Column("verdict", String(12)),
    Column("reason", Text),
    Index("ix_attempts_person", "person", "rings_at"),
)

calls = Table(
    "calls",
    metadata,
    Column("provider", String(64), primary_key=True),
    Column("provider_call_id", String(255), primary_key=True),
    Column("intent", String(36), ForeignKey("intents.id"), nullable=False, index=True),
    Column("ordinal", Integer, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("intent", String(36), ForeignKey("intents.id"), nullable=False),
    Column("at", Float, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("provider", String(64)),
    Column("detail", Text, nullable=False),
    Index("ix_events_intent", "intent", "seq"),
)

suppressed = Table(
    "suppressed",
    metadata,
    Column("person", String(64), primary_key=True),
    Column("literal", String(64), primary_key=True),
    Column("number", String(40)),
    Column("reason", Text),
    Column("source", String(64), nullable=False),
    Column("added_at", Float, nullable=False),
    Index("ix_suppressed_literal", "literal"),
)

health = Table(
    "health",
    metadata,
    Column("provider", String(64), primary_key=True),
    Column("account", String(64), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("closed_until", Float, nullable=False),
)

contacts = Table(
    "contacts",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("person", String(64), nullable=False, index=True),
    Column("name", Text),
    Column("phone", String(40)),
    Column("contact", Text, nullable=False),
    Column("created_at", Float, nullable=False),
)

contact_links = Table(
    "contact_links",
    metadata,
    Column("provider", String(64), primary_key=True),
    Column("vendor_id", String(255), primary_key=True),
    Column("contact", String(36), ForeignKey("contacts.id"), nullable=False, index=True),
)


class database_now(FunctionElement[float]):  # noqa: N801 - reads as an SQL function
    """The database's own clock, in seconds since the epoch: leases of several machines agree by it."""

    type = Float()
    inherit_cache = True


@compiles(database_now, "sqlite")
def _sqlite_now(_element: database_now, _compiler: SQLCompiler, **_options: Any) -> str:
    return "callhub_now()"  # this machine's clock: `engine` lends it to each connection


@compiles(database_now, "postgresql")
def _postgresql_now(_element: database_now, _compiler: SQLCompiler, **_options: Any) -> str:
    return "extract(epoch from clock_timestamp())::float8"
