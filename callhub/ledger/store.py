"""The ledger: one transaction for each operation that a flow asks for.

A row is committed before anything that it speaks of happens. Writers take SQLite's write lock at
once (BEGIN IMMEDIATE), so that what a transaction has read is still true when it writes.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec.structs import replace
from sqlalchemy.exc import SQLAlchemyError

from callhub.errors import CallhubError, LedgerError
from callhub.flows import effects
from callhub.ledger import statements as sql
from callhub.ledger.engine import open_engine, turns, where
from callhub.ledger.schema import VERSION, intents, metadata
from callhub.model.call import Attempt, Call, merged
from callhub.model.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from sqlalchemy import ColumnElement, Connection, Engine, Select


T = TypeVar("T")

_WRITES = (effects.Claim, effects.Settle, effects.Observe)
_decode = msgspec.json.Decoder(Call).decode
_trail = msgspec.json.Decoder(tuple[str | int, ...]).decode


@dataclass(frozen=True, slots=True)
class _Opened:
    """An open database, and the facts that it holds about itself."""

    writer: Engine
    reader: Engine
    turn: AbstractContextManager[object]
    facts: Mapping[str, str]


class Ledger:
    """Performs ledger operations on one database; safe to share between threads.

    Nothing is opened or made before the first operation.
    """

    def __init__(self, url: str) -> None:
        self.where = where(url)
        self._url = url
        self._opening = Lock()
        self._opened: _Opened | None = None
        self._table: dict[type[effects.LedgerOp[Any]], Callable[[Connection, Any], Any]] = {
            effects.FindByKey: self._find_by_key,
            effects.FindById: self._find_by_id,
            effects.FindByVendor: self._find_by_vendor,
            effects.History: self._history,
            effects.Claim: self._claim,
            effects.Settle: self._settle,
            effects.Observe: self._observe,
        }

    def perform(self, operation: effects.LedgerOp[T]) -> T:
        """Carry out one operation, and return its answer once it is committed.

        Raises:
            LedgerError: the database can't be opened, read or written.
        """
        try:
            opened = self._open()
            engine = opened.writer if isinstance(operation, _WRITES) else opened.reader
            with opened.turn, engine.begin() as connection:
                answer: T = self._table[type(operation)](connection, operation)
        except CallhubError:
            raise
        except SQLAlchemyError as error:
            reason = getattr(error, "orig", None) or type(error).__name__
        except Exception as error:  # noqa: BLE001 - a row that can't be read, or a value that can't be written
            reason = f"it holds, or was given, what can't be kept ({type(error).__name__})"
        else:
            return answer
        raise LedgerError(f"the ledger ({self.where}) can't be used: {reason}")

    def close(self) -> None:
        """Let go of the database."""
        with self._opening:
            if self._opened is not None:
                self._opened.writer.dispose()
            self._opened = None

    def _open(self) -> _Opened:
        with self._opening:
            if self._opened is None:
                engine = open_engine(self._url)
                self._opened = _Opened(
                    engine, engine.execution_options(callhub_reads=True), turns(engine), self._prepare(engine)
                )
            return self._opened

    def _prepare(self, engine: Engine) -> Mapping[str, str]:
        with engine.begin() as connection:
            metadata.create_all(connection)
            new = {
                "version": str(VERSION),
                "namespace": secrets.token_hex(16),
                "secret": secrets.token_hex(32),
            }
            rows = [{"name": name, "value": value} for name, value in new.items()]
            connection.execute(sql.ADD_FACTS, rows)
            known = {row.name: row.value for row in connection.execute(sql.ALL_FACTS)}
        if int(known["version"]) > VERSION:
            raise LedgerError(f"the ledger ({self.where}) was written by a newer callhub: install that one")
        return known

    def _account(self, text: str) -> str:
        return hmac.new(
            bytes.fromhex(self._open().facts["secret"]), text.encode(), hashlib.sha256
        ).hexdigest()

    # reading

    def _find_by_key(self, connection: Connection, wanted: effects.FindByKey) -> effects.Standing:
        found = _first(connection, sql.BY_KEY, {"key": wanted.key})
        return effects.Standing(self._open().facts["namespace"], found)

    def _find_by_id(self, connection: Connection, wanted: effects.FindById) -> effects.Record | None:
        return _first(connection, sql.BY_ID, {"id": wanted.id})

    def _find_by_vendor(
        self, connection: Connection, wanted: effects.FindByVendor
    ) -> dict[str, effects.Record]:
        asked = {"provider": wanted.provider, "vendor_ids": list(wanted.vendor_ids)}
        records = _records(connection, sql.BY_VENDOR, asked)
        return {record.call.provider_call_id: record for record in records if record.call.provider_call_id}

    def _history(self, connection: Connection, wanted: effects.History) -> tuple[Call, ...]:
        tests: tuple[tuple[Any, Callable[[Any], ColumnElement[bool]]], ...] = (
            (wanted.status, lambda status: intents.c.status == status),
            (wanted.to, lambda number: intents.c.to_number == number),
            (wanted.before, lambda last: intents.c.id < last),
            (wanted.since, lambda at: intents.c.created_at >= at.timestamp()),
            (wanted.until, lambda at: intents.c.created_at < at.timestamp()),
        )
        asked = (test(value) for value, test in tests if value is not None)
        query = sql.NEWEST_FIRST.where(*asked).limit(wanted.limit)
        return tuple(record.call for record in _records(connection, query))

    # writing

    def _claim(self, connection: Connection, claim: effects.Claim) -> bool:
        """Insert the attempt; nothing at all is written where its place is taken."""
        call, request = claim.call, claim.request
        if claim.ordinal == 1:
            intent = {
                "id": call.id,
                "key": call.idempotency_key,
                "document": claim.document,
                "to_number": call.to,
                "created_at": call.created_at.timestamp() if call.created_at else 0.0,
            }
            if connection.execute(sql.ADD_INTENT, intent | _state(call)).first() is None:
                return False
        attempt = {
            "intent": call.id,
            "ordinal": claim.ordinal,
            "provider": claim.provider,
            "account": self._account(claim.account),
            "method": request.method,
            "path": request.path,
            "headers": msgspec.json.encode(request.headers).decode(),
            "body": request.body,
            "started_at": claim.started_at.timestamp(),
            "lease": claim.lease,
        }
        if connection.execute(sql.ADD_ATTEMPT, attempt).first() is None:
            return False
        if claim.ordinal > 1:
            connection.execute(sql.SET_STATE, {"of": call.id} | _state(call))
        return True

    def _settle(self, connection: Connection, end: effects.Settle) -> bool:
        asked = {"of": end.call.id, "at": end.ordinal, "verdict": str(end.verdict)}
        asked |= {"reason": end.reason, "finished_at": end.finished_at.timestamp()}
        if connection.execute(sql.END_ATTEMPT, asked).first() is None:
            return False
        connection.execute(sql.SET_STATE, {"of": end.call.id} | _state(end.call))
        if end.renews_key:
            connection.execute(sql.RENEW_KEY, {"of": end.call.id})
        if end.call.provider_call_id is not None:
            bound = {"provider": end.call.provider, "provider_call_id": end.call.provider_call_id}
            connection.execute(sql.BIND_CALL, bound | {"intent": end.call.id, "ordinal": end.ordinal})
        return True

    def _observe(self, connection: Connection, seen: effects.Observe) -> None:
        stored = _first(connection, sql.BY_ID, {"id": seen.call.id})
        if stored is not None:
            connection.execute(sql.SET_STATE, {"of": seen.call.id} | _state(merged(stored.call, seen.call)))


def _state(call: Call) -> dict[str, Any]:
    kept = replace(call, source=None, attempts=(), replayed=False)
    return {
        "status": str(call.status),
        "call": msgspec.json.encode(kept).decode(),
        "body": call.source.body if call.source else None,
        "trail": msgspec.json.encode(call.source.trail).decode() if call.source else None,
    }


def _first(connection: Connection, query: Select[Any], asked: Mapping[str, Any]) -> effects.Record | None:
    return next(iter(_records(connection, query, asked)), None)


def _records(
    connection: Connection, query: Select[Any], asked: Mapping[str, Any] = MappingProxyType({})
) -> list[effects.Record]:
    rows = connection.execute(query, asked).all()
    if not rows:
        return []
    tries: dict[str, list[Any]] = defaultdict(list)
    for attempt in connection.execute(sql.ATTEMPTS, {"ids": [row.id for row in rows]}):
        tries[attempt.intent].append(attempt)
    return [_record(row, tries[row.id]) for row in rows]


def _record(row: Any, tries: list[Any]) -> effects.Record:
    source = Source(row.body, _trail(row.trail)) if row.body is not None else None
    call = replace(_decode(row.call), source=source, attempts=tuple(map(_attempt, tries)))
    return effects.Record(call, row.document, row.generation, any(attempt.leased for attempt in tries))


def _attempt(row: Any) -> Attempt:
    return Attempt(
        provider=row.provider,
        started_at=datetime.fromtimestamp(row.started_at, UTC),
        finished_at=datetime.fromtimestamp(row.finished_at, UTC) if row.finished_at is not None else None,
        verdict=row.verdict,
        reason=row.reason,
    )
