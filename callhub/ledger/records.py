"""Rows and what they stand for."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from callhub.flows.operations import Record
from callhub.ledger import statements as sql
from callhub.ledger.session import NOTHING
from callhub.model.call import Attempt, Call
from callhub.model.source import Source
from callhub.provider.http import Request
from callhub.provider.order import Order

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Select

    from callhub.ledger.session import Session, Statement

LONGEST_ID = 255
_call = msgspec.json.Decoder(Call).decode
_trail = msgspec.json.Decoder(tuple[str | int, ...]).decode
_headers = msgspec.json.Decoder(tuple[tuple[str, str], ...]).decode
_order = msgspec.json.Decoder(Order).decode
_encode = msgspec.json.Encoder().encode


def text(value: Any) -> str:
    """Write a value as JSON."""
    return _encode(value).decode()


def state(call: Call) -> dict[str, Any]:
    """Give the columns that change with a call; its attempts stand in a table of their own."""
    kept = replace(call, source=None, attempts=(), replayed=False)
    source = call.source
    return {
        "status": call.status.value,
        "call": text(kept),
        "body": source.body if source else None,
        "trail": text(source.trail) if source else None,
    }


def bound_id(vendor_id: str) -> str:
    """Give the form in which a vendor's id is bound: as it is, or a hash where a column couldn't hold it."""
    if len(vendor_id) <= LONGEST_ID and "\x00" not in vendor_id:
        return vendor_id
    return f"sha256:{hashlib.sha256(vendor_id.encode()).hexdigest()}"


def one(session: Session, query: Statement, asked: Mapping[str, Any]) -> Record | None:
    """Read one intent, with its attempts."""
    row = session.first(query, asked)
    return None if row is None else record(row, session.all(sql.TRIED, {"of": row[0]}))


def many(session: Session, query: Select[Any], asked: Mapping[str, Any] = NOTHING) -> list[Record]:
    """Read intents, with their attempts."""
    return with_attempts(session, session.select(query, asked))


def with_attempts(session: Session, rows: list[Any]) -> list[Record]:
    """Read the attempts of intents that were read."""
    if not rows:
        return []
    tried: dict[str, list[Any]] = defaultdict(list)
    for attempt in session.select(sql.TRIED_OF_MANY, {"ids": [row[0] for row in rows]}):
        tried[attempt[0]].append(attempt)
    return [record(row, tried[row[0]]) for row in rows]


def record(row: Any, tried: list[Any]) -> Record:
    """Read a row of the `RECORD` columns, and those of its attempts."""
    _, document, generation, call, plan, body, trail, _ = row
    source = Source(bytes(body), _trail(trail)) if body is not None else None
    found = replace(_call(call), source=source, attempts=tuple(map(_attempt, tried)))
    leased = any(each[-1] for each in tried)
    return Record(found, document, generation, leased, plan, tuple(each[-2] for each in tried))


def request(row: Mapping[str, Any]) -> Request:
    """Read the request of an attempt, as it was stored."""
    body = row["body"]
    return Request(
        row["method"],
        row["path"],
        None if body is None else bytes(body),
        _headers(row["headers"]),
        dials=True,
        repeatable=True,
    )


def order(stored: str | None) -> Order | None:
    """Read a stored order; None where an older callhub stored none, or it was erased."""
    try:
        return None if stored is None else _order(stored)
    except ValueError:  # written by a callhub that let more through: nobody can repeat it
        return None


def rings_at(asked: datetime, made: Order | None) -> float:
    """Give when a phone is to ring: now, or at the time that the vendor is given."""
    later = made.scheduled_at if made is not None else None
    return max(asked.timestamp(), later.timestamp() if later is not None else 0.0)


def moment(seconds: float) -> datetime:
    """Give an instant that is stored in seconds since the epoch."""
    return datetime.fromtimestamp(seconds, UTC)


def _attempt(row: Any) -> Attempt:
    _, provider, started_at, finished_at, verdict, reason, *_ = row
    return Attempt(
        provider=provider,
        started_at=moment(started_at),
        finished_at=None if finished_at is None else moment(finished_at),
        verdict=verdict,
        reason=reason,
    )
