"""What the ledger's tests share: operations with everything filled in, and a look into the tables."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from msgspec.structs import replace
from psycopg.rows import dict_row

from callhub.flows import operations as ops
from callhub.model.call import Attempt, Call
from callhub.model.lifecycle import CallOutcome, CallStatus
from callhub.policy.guards import Guards
from callhub.policy.verdict import Verdict
from callhub.provider.http import Request
from callhub.provider.order import Order
from callhub.runtime.clock import new_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from callhub.ledger.store import Ledger

T = TypeVar("T")
PERSON = "+14155550123"
ACCOUNT = "http://127.0.0.1\x00key"
REQUEST = Request("POST", "/calls", b'{"to":"somebody"}', (("idempotency-key", "k"),), dials=True)


def now() -> datetime:
    return datetime.now(UTC)


def call(key: str = "k", to: str = PERSON, **changes: Any) -> Call:
    """Give a call as it stands when it is claimed first."""
    made = Call(
        id=new_id(), provider="acme", status=CallStatus.IN_DOUBT, to=to, idempotency_key=key, created_at=now()
    )
    return replace(made, **changes)


def claim(of: Call | None = None, **changes: Any) -> ops.Claim:
    """Claim the first attempt of a call."""
    of = of or call()
    given: dict[str, Any] = {
        "call": of,
        "document": '{"to":"somebody"}',
        "plan": '{"considered":["acme"]}',
        "ordinal": 1,
        "provider": of.provider,
        "request": REQUEST,
        "order": Order(to=of.to or "", idempotency_key="k"),
        "account": ACCOUNT,
        "started_at": now(),
        "lease": 60.0,
        "guards": Guards(),
    }
    return ops.Claim(**(given | changes))


def next_of(first: ops.Claim, ordinal: int = 2, **changes: Any) -> ops.Claim:
    """Claim another attempt of a call."""
    return claim(first.call, ordinal=ordinal, document=first.document, **changes)


def settle(of: ops.Claim, verdict: Verdict, reason: str | None = None, **changes: Any) -> ops.Settle:
    """Settle an attempt; the call's state follows from the verdict, as the flows have it."""
    state, vendor_id = of.call, changes.pop("vendor_id", "v1")
    if verdict is Verdict.ACCEPTED:
        state = replace(state, status=CallStatus.QUEUED, provider_call_id=vendor_id)
    elif verdict is not Verdict.MAYBE:
        state = replace(state, status=CallStatus.FAILED, outcome=CallOutcome.ERROR)
    given: dict[str, Any] = {
        "call": state,
        "ordinal": of.ordinal,
        "verdict": verdict,
        "reason": reason,
        "finished_at": now(),
    }
    return ops.Settle(**(given | changes))


def retake(of: ops.Claim, **changes: Any) -> ops.Retake:
    """Take an attempt over."""
    given: dict[str, Any] = {
        "call_id": of.call.id,
        "ordinal": of.ordinal,
        "account": ACCOUNT,
        "at": now(),
        "window": 600.0,
        "lease": 60.0,
        "guards": Guards(),
    }
    return ops.Retake(**(given | changes))


def observe(of: Call, **changes: Any) -> ops.Observe:
    return ops.Observe(replace(of, **changes), now())


def suppress(*numbers: str) -> ops.Suppress:
    return ops.Suppress(tuple(ops.Entry(number, "asked", "by hand", now()) for number in numbers))


def claimed(ledger: Ledger, of: ops.Claim | None = None) -> ops.Claim:
    """Claim, and see that it is granted."""
    of = of or claim()
    answer = ledger.perform(of)
    assert isinstance(answer, ops.Claimed), answer
    return of


def denied(answer: object) -> ops.Rule:
    """Give the rule that stood in the way."""
    assert isinstance(answer, ops.Denial), answer
    return answer.rule


def record(ledger: Ledger, of: ops.Claim) -> ops.Record:
    found = ledger.perform(ops.FindById(of.call.id))
    assert found is not None
    return found


def attempts(ledger: Ledger, of: ops.Claim) -> tuple[Attempt, ...]:
    return record(ledger, of).call.attempts


def verdicts(ledger: Ledger, of: ops.Claim) -> list[str | None]:
    return [attempt.verdict for attempt in attempts(ledger, of)]


def ago(**time: float) -> datetime:
    return now() - timedelta(**time)


def at_once(work: Callable[[int], T], times: int) -> list[T]:
    """Do something in so many threads, which start together."""
    barrier = Barrier(times)

    def started(number: int) -> T:
        barrier.wait(30)
        return work(number)

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(started, range(times)))


@dataclass(frozen=True)
class Base:
    """The tables of a ledger, seen from outside."""

    url: str

    @property
    def is_sqlite(self) -> bool:
        return self.url.startswith("sqlite")

    @property
    def file(self) -> str:
        return self.url.removeprefix("sqlite:///")

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Read rows."""
        if not self.is_sqlite:
            with psycopg.connect(self.url, row_factory=dict_row) as connection:
                return connection.execute(query.encode()).fetchall()
        with closing(sqlite3.connect(self.file)) as file:
            file.row_factory = sqlite3.Row
            return [dict(row) for row in file.execute(query)]

    def change(self, *statements: str) -> None:
        """Carry out statements, in one transaction."""
        if not self.is_sqlite:
            with psycopg.connect(self.url) as connection:
                for statement in statements:
                    connection.execute(statement.encode())
            return
        with closing(sqlite3.connect(self.file, timeout=30)) as file, file:
            for statement in statements:
                file.execute(statement)

    def count(self, table: str) -> int:
        """Count the rows of a table."""
        return int(self.rows(f"SELECT count(*) AS n FROM {table}")[0]["n"])  # noqa: S608 - the tests' own

    def lapse(self) -> None:
        """Let every lease run out."""
        self.change("UPDATE attempts SET lease_until = 0")
