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
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec.structs import replace
from sqlalchemy import ColumnElement, Connection, Engine, Select, select, update
from sqlalchemy.dialects.sqlite import insert as insert_or
from sqlalchemy.exc import SQLAlchemyError

from callhub.errors import LedgerError
from callhub.flows import effects
from callhub.ledger.engine import open_engine, turns, where
from callhub.ledger.schema import VERSION, attempts, calls, database_now, facts, intents, metadata
from callhub.model.call import Attempt, Call, merged
from callhub.model.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager


T = TypeVar("T")

_WRITES = (effects.Claim, effects.Settle, effects.Observe)
_decode = msgspec.json.Decoder(Call).decode


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
            if isinstance(operation, effects.Namespace):
                return opened.facts["namespace"]  # type: ignore[return-value] # Namespace is a LedgerOp[str]
            engine = opened.writer if isinstance(operation, _WRITES) else opened.reader
            with opened.turn, engine.begin() as connection:
                answer: T = self._table[type(operation)](connection, operation)
        except SQLAlchemyError as error:
            reason = getattr(error, "orig", None) or type(error).__name__
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
            connection.execute(insert_or(facts).values(rows).on_conflict_do_nothing())
            known = {row.name: row.value for row in connection.execute(select(facts))}
        if int(known["version"]) > VERSION:
            raise LedgerError(f"the ledger ({self.where}) was written by a newer callhub: install that one")
        return known

    def _account(self, text: str) -> str:
        return hmac.new(
            bytes.fromhex(self._open().facts["secret"]), text.encode(), hashlib.sha256
        ).hexdigest()

    # reading

    def _find_by_key(self, connection: Connection, wanted: effects.FindByKey) -> effects.Record | None:
        return self._one(connection, select(intents).where(intents.c.key == wanted.key))

    def _find_by_id(self, connection: Connection, wanted: effects.FindById) -> effects.Record | None:
        return self._one(connection, select(intents).where(intents.c.id == wanted.id))

    def _one(self, connection: Connection, query: Select[Any]) -> effects.Record | None:
        return next(iter(self._records(connection, query)), None)

    def _find_by_vendor(
        self, connection: Connection, wanted: effects.FindByVendor
    ) -> dict[str, effects.Record]:
        query = (
            select(intents)
            .join(calls, calls.c.intent == intents.c.id)
            .where(calls.c.provider == wanted.provider, calls.c.provider_call_id.in_(wanted.vendor_ids))
        )
        records = self._records(connection, query)
        return {record.call.provider_call_id: record for record in records if record.call.provider_call_id}

    def _history(self, connection: Connection, wanted: effects.History) -> tuple[Call, ...]:
        query = select(intents).order_by(intents.c.id.desc()).limit(wanted.limit)
        tests: tuple[tuple[Any, Callable[[Any], ColumnElement[bool]]], ...] = (
            (wanted.status, lambda status: intents.c.status == status),
            (wanted.to, lambda number: intents.c.to_number == number),
            (wanted.before, lambda last: intents.c.id < last),
            (wanted.since, lambda at: intents.c.created_at >= at.timestamp()),
            (wanted.until, lambda at: intents.c.created_at < at.timestamp()),
        )
        query = query.where(*(test(value) for value, test in tests if value is not None))
        return tuple(record.call for record in self._records(connection, query))

    def _records(self, connection: Connection, query: Select[Any]) -> list[effects.Record]:
        rows = connection.execute(query).all()
        tries = self._tries(connection, [row.id for row in rows])
        return [_record(row, tries[row.id]) for row in rows]

    def _tries(self, connection: Connection, ids: list[str]) -> dict[str, list[tuple[Attempt, bool]]]:
        found: dict[str, list[tuple[Attempt, bool]]] = defaultdict(list)
        if not ids:
            return found
        open_lease = (attempts.c.verdict.is_(None)) & (attempts.c.lease_until > database_now())
        query = select(attempts, open_lease.label("leased")).where(attempts.c.intent.in_(ids))
        for row in connection.execute(query.order_by(attempts.c.intent, attempts.c.ordinal)):
            found[row.intent].append((_attempt(row), bool(row.leased)))
        return found

    # writing

    def _claim(self, connection: Connection, claim: effects.Claim) -> bool:
        if claim.ordinal == 1:
            row = _intent_row(claim.call) | {"key": claim.call.idempotency_key, "document": claim.document}
            new = insert_or(intents).values(row).on_conflict_do_nothing().returning(intents.c.id)
            if connection.execute(new).first() is None:
                return False
        else:
            connection.execute(
                update(intents).where(intents.c.id == claim.call.id).values(_intent_row(claim.call))
            )
        request = claim.request
        attempt = insert_or(attempts).values(
            intent=claim.call.id,
            ordinal=claim.ordinal,
            provider=claim.provider,
            account=self._account(claim.account),
            method=request.method,
            path=request.path,
            headers=msgspec.json.encode(request.headers).decode(),
            body=request.body,
            started_at=database_now(),
            lease_until=database_now() + claim.lease,
        )
        return (
            connection.execute(attempt.on_conflict_do_nothing().returning(attempts.c.ordinal)).first()
            is not None
        )

    def _settle(self, connection: Connection, end: effects.Settle) -> Call:
        mine = (attempts.c.intent == end.call.id) & (attempts.c.ordinal == end.ordinal)
        values = {"verdict": end.verdict, "reason": end.reason, "finished_at": end.finished_at.timestamp()}
        ended = (
            update(attempts)
            .where(mine, attempts.c.verdict.is_(None))
            .values(values)
            .returning(attempts.c.ordinal)
        )
        if connection.execute(ended).first() is not None:
            self._write(connection, end.call)
            if end.call.provider_call_id is not None:
                bound = {"provider": end.call.provider, "provider_call_id": end.call.provider_call_id}
                row = bound | {"intent": end.call.id, "ordinal": end.ordinal}
                connection.execute(insert_or(calls).values(row).on_conflict_do_nothing())
        return self._stored(connection, end.call.id)

    def _observe(self, connection: Connection, seen: effects.Observe) -> None:
        stored = self._stored(connection, seen.call.id)
        self._write(connection, merged(stored, seen.call))

    def _write(self, connection: Connection, call: Call) -> None:
        connection.execute(update(intents).where(intents.c.id == call.id).values(_intent_row(call)))

    def _stored(self, connection: Connection, call_id: str) -> Call:
        return self._records(connection, select(intents).where(intents.c.id == call_id))[0].call


def _intent_row(call: Call) -> dict[str, Any]:
    body = msgspec.json.encode(call.source.decode()) if call.source else None
    kept = replace(call, source=None, attempts=(), replayed=False)
    return {
        "id": call.id,
        "to_number": call.to,
        "status": call.status,
        "created_at": call.created_at.timestamp() if call.created_at else 0.0,
        "call": msgspec.json.encode(kept).decode(),
        "body": body,
    }


def _record(row: Any, tries: list[tuple[Attempt, bool]]) -> effects.Record:
    source = Source(row.body) if row.body is not None else None
    call = replace(_decode(row.call), source=source, attempts=tuple(attempt for attempt, _ in tries))
    return effects.Record(call, row.document, row.generation, any(leased for _, leased in tries))


def _attempt(row: Any) -> Attempt:
    return Attempt(
        provider=row.provider,
        started_at=datetime.fromtimestamp(row.started_at, UTC),
        finished_at=datetime.fromtimestamp(row.finished_at, UTC) if row.finished_at is not None else None,
        verdict=row.verdict,
        reason=row.reason,
    )
