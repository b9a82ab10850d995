"""The real ledger, in memory: emptied, put back and compared in microseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from callhub.ledger.store import Ledger
from callhub.testing.clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Hashable

    from callhub.flows.effects import LedgerOp

T = TypeVar("T")

NAMESPACE = "simulation"
# What the future of a play can depend on: not the sentences.
_STATE = (
    "SELECT id, key, generation, status, call FROM intents ORDER BY id",
    """SELECT intent, ordinal, provider, account, body, headers, round(started_at), round(claimed_at),
    round(dialled_at), dials, round(lease_until), round(finished_at), verdict FROM attempts
    ORDER BY intent, ordinal""",
    "SELECT provider, provider_call_id, intent FROM calls ORDER BY provider, provider_call_id",
    "SELECT literal FROM suppressed ORDER BY literal",
    "SELECT provider, account, failures, round(closed_until) FROM health ORDER BY provider, account",
)


class Books:
    """One ledger for many plays, and the clock that it goes by."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self._ledger = Ledger("sqlite://", NAMESPACE, lambda: self.clock.now().timestamp())
        self._connection: Any = self._ledger.open().engine.raw_connection().driver_connection
        self._empty = self.copy()

    def new(self) -> VirtualClock:
        """Forget everything, and start the time anew."""
        self.clock = VirtualClock()
        self.put_back(self._empty)
        return self.clock

    def perform(self, operation: LedgerOp[T]) -> T:
        """Carry out one operation, in a transaction of its own."""
        return self._ledger.perform(operation)

    def copy(self) -> bytes:
        """Give everything that stands in the ledger."""
        copied: bytes = self._connection.serialize()
        return copied

    def put_back(self, copied: bytes) -> None:
        """Let exactly that stand in the ledger."""
        self._connection.deserialize(copied)

    def state(self) -> Hashable:
        """Give what two ledgers are compared by."""
        return tuple(tuple(self._connection.execute(query).fetchall()) for query in _STATE)

    def close(self) -> None:
        """Let go of it."""
        self._ledger.close()
