"""The ledger: one transaction for each operation that a flow asks for.

A row is committed before anything that it speaks of happens. SQLite's writers take the write lock
at once (BEGIN IMMEDIATE), those of PostgreSQL lock what they read, so that what a transaction has
read is still true when it writes.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakSet

from sqlalchemy.pool import StaticPool

from callhub.errors import CallhubError, LedgerError
from callhub.flows import operations as ops
from callhub.flows.operations import keeping
from callhub.ledger import (
    backup,
    book,
    checks,
    doubts,
    housekeeping,
    migrations,
    placing,
    reading,
    restored,
    suppression,
    trouble,
)
from callhub.ledger.engine import begin, file_of, open_engine, turns, where
from callhub.ledger.identity import Identity
from callhub.ledger.session import Session

if TYPE_CHECKING:
    from sqlalchemy import Engine, PoolProxiedConnection

    from callhub.errors import Dialed
    from callhub.flows.effects import LedgerOp

T = TypeVar("T")
_log = logging.getLogger("callhub")

Handler = Callable[[Session, Identity, Any], Any]
READS: Mapping[type[Any], Handler] = {
    ops.FindByKey: reading.find_by_key,
    ops.FindById: reading.find_by_id,
    ops.FindByVendor: reading.find_by_vendor,
    ops.History: reading.history,
    ops.Story: reading.story,
    ops.OpenCalls: reading.open_calls,
    ops.OpenToSuppressed: reading.open_to_suppressed,
    ops.FindDoubt: doubts.find,
    ops.Bound: doubts.bound,
    ops.Unsettled: doubts.unsettled,
    ops.FindSuppressed: suppression.find,
    ops.ListSuppressed: suppression.listed,
    ops.FindContact: book.find,
    ops.FindLinked: book.find_linked,
    ops.PageOfBook: book.page,
    keeping.LookAtLedger: housekeeping.look,
    keeping.CopyLedger: backup.copy,
    keeping.FindOld: housekeeping.find_old,
    keeping.Wipe: housekeeping.wipe,
}
WRITES: Mapping[type[Any], Handler] = {
    ops.Claim: placing.claim,
    ops.Settle: placing.settle,
    ops.Release: placing.release,
    ops.Observe: placing.observe,
    ops.Remember: placing.add_to_story,
    ops.Retake: doubts.retake,
    ops.LeaveToPerson: doubts.leave_to_person,
    ops.Suppress: suppression.add,
    ops.Unsuppress: suppression.remove,
    ops.SaveContact: book.save,
    ops.DropContact: book.drop,
    ops.LinkContact: book.link,
    ops.AdoptContact: book.adopt,
    ops.LoadContacts: book.load,
    keeping.Forget: housekeeping.forget,
    keeping.Clear: housekeeping.clear,
    keeping.MarkRestored: restored.mark_alone,
    keeping.Reopen: restored.reopen,
}
REPEATABLE = {ops.Settle, ops.Observe, ops.LeaveToPerson, ops.Suppress}  # twice is the same as once
TRIES = 4
UNSURE = (
    "nobody can tell whether this was written down before the connection broke, and callhub sent nothing "
    "after it; ask again under the same idempotency_key"
)


@dataclass(frozen=True, slots=True)
class _Opened:
    """An open database, and what it knows of itself.

    Attributes:
        spare: a connection for whoever comes next: to fetch one from the pool takes as long as a row.
    """

    engine: Engine
    turn: AbstractContextManager[object]
    identity: Identity
    spare: list[PoolProxiedConnection] = field(default_factory=list, repr=False)

    def borrow(self) -> PoolProxiedConnection:
        """Give a connection that nobody else uses."""
        try:
            return self.spare.pop()
        except IndexError:
            return self.engine.raw_connection()

    def give_back(self, pooled: PoolProxiedConnection) -> None:
        """Take a connection back; where it has died, let go of all that the server has hung up on."""
        if trouble.dead(pooled.driver_connection):
            pooled.invalidate()
            self.close()
        elif not self.spare:
            self.spare.append(pooled)
            return
        pooled.close()

    def close(self) -> None:
        """Close the connections that nobody uses."""
        while self.spare:
            self.spare.pop().close()
        self.engine.dispose()


class Ledger:
    """Performs ledger operations on one database; safe to share between threads.

    Nothing is opened or made before the first operation.

    Args:
        url: where it lies.
        namespace: what vendors' keys are derived from; default: the ledger's own id.
        clock: seconds since the epoch, for the leases of a SQLite ledger.
    """

    def __init__(
        self, url: str, namespace: str | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self.where = where(url)
        self.url = url
        self._namespace = namespace
        self._clock = clock
        self._opening = Lock()
        self._opened: _Opened | None = None
        self._left_behind = False
        _MADE.add(self)

    def perform(self, operation: LedgerOp[T]) -> T:
        """Carry out one operation, and return its answer once it is committed.

        Raises:
            LedgerError: the database can't be opened, read or written.
        """
        kind = type(operation)
        write = WRITES.get(kind)
        answer: T = self.transact(write or READS[kind], operation, writes=write is not None)
        return answer

    def transact(self, handler: Handler, asked: object, *, writes: bool) -> Any:
        """Run a handler in one transaction; again where nothing of it was committed and that may help.

        Raises:
            LedgerError: the database can't be opened, read or written; `dialed` is "maybe" where what
                was asked for may have been written down all the same.
        """
        dialed: Dialed = "no"
        try:
            return self._persist(handler, asked, writes=writes)
        except CallhubError:
            raise
        except trouble.Unsure as error:
            dialed, reason = "maybe", f"{trouble.reason(error.__cause__ or error)}; {UNSURE}"
        except Exception as error:  # noqa: BLE001 - the driver's errors, and rows that can't be read
            reason = trouble.reason(error)
        raise LedgerError(f"the ledger ({self.where}) can't be used: {reason}", dialed=dialed)

    def open(self) -> _Opened:
        """Open the database, making or upgrading its tables where that is needed."""
        if self._opened is not None:
            return self._opened
        with self._opening:
            if self._left_behind:
                raise LedgerError(
                    "a ledger in memory stays with the process that opened it: use a file or PostgreSQL, or "
                    "make the hub after the fork"
                )
            if self._opened is None:
                engine = open_engine(self.url, self._clock)
                turn = turns(engine)
                try:
                    with turn:
                        facts = migrations.prepare(engine, self.where)
                except BaseException:
                    engine.dispose()
                    raise
                opened = _Opened(engine, turn, Identity.of(facts, self._namespace))
                if restored.COPY in facts:
                    self._run(opened, restored.take_up, ops.MarkRestored(restored.BY_HAND), writes=True)
                self._opened = opened
                self._tell_unsettled(self._opened)
            return self._opened

    def look_in(self) -> None:
        """Open a ledger that is there already, so that it tells of calls in doubt.

        What is wrong with it is told by the first operation, which needs it.
        """
        file = file_of(self.url)
        if file.exists() if file is not None else not self.url.startswith("sqlite"):
            with suppress(Exception):
                self.open()

    def close(self) -> None:
        """Let go of the database."""
        with self._opening:
            if self._opened is not None:
                self._opened.close()
            self._opened = None

    def after_fork(self) -> None:
        """Open anew in a process that was forked off: connections can't be shared with the parent."""
        self._opening = Lock()
        if self._opened is None:
            return
        _INHERITED.append(self._opened)
        self._left_behind = isinstance(self._opened.engine.pool, StaticPool)
        self._opened = None

    def _persist(self, handler: Handler, asked: object, *, writes: bool) -> Any:
        again = type(asked) in REPEATABLE
        for left in reversed(range(TRIES)):
            opened = self.open()
            try:
                return self._run(opened, handler, asked, writes=writes)
            except trouble.Undone as error:
                if not left:
                    raise (error.__cause__ or error) from None
            except trouble.Unsure:
                if not (left and again):
                    raise
        raise AssertionError

    def _run(self, opened: _Opened, handler: Handler, asked: object, *, writes: bool) -> Any:
        with opened.turn:
            pooled = opened.borrow()
            try:
                session = Session(opened.engine.dialect.name, pooled.driver_connection)
                return _transacted(session, opened.identity, handler, asked, writes=writes)
            finally:
                opened.give_back(pooled)

    def _tell_unsettled(self, opened: _Opened) -> None:
        unsettled = self._run(opened, doubts.unsettled, ops.Unsettled("", _MANY), writes=False)
        if unsettled:
            count = f"{len(unsettled)} or more" if len(unsettled) == _MANY else str(len(unsettled))
            _log.warning("calls in doubt in the ledger: %s; hub.recover() or `callhub recover`", count)


_MANY = 1000
_MADE: WeakSet[Ledger] = WeakSet()
_INHERITED: list[object] = []  # of a parent process: neither used nor closed


def _transacted(
    session: Session, identity: Identity, handler: Handler, asked: object, *, writes: bool
) -> Any:
    """Run a handler in a transaction, which is over when this returns or raises."""
    connection = session.driver
    try:
        begin(connection, writes=writes)
        answer = handler(session, identity, asked)
    except checks.Denied as denied:
        _roll_back(connection)
        return denied.answer
    except BaseException as error:
        _roll_back(connection)
        if trouble.may_be_run_again(connection, error):
            raise trouble.Undone from error
        raise
    if writes:
        _commit(connection)
    else:
        _roll_back(connection)
    return answer


def _commit(connection: Any) -> None:
    try:
        connection.commit()
    except BaseException as error:
        _roll_back(connection)
        if not isinstance(error, Exception):  # Ctrl-C: nothing may stay open behind it
            raise
        if trouble.may_be_committed(connection, error):
            raise trouble.Unsure from error
        raise


def _roll_back(connection: Any) -> None:
    with suppress(Exception):
        connection.rollback()


def _leave_parents_connections() -> None:
    for ledger in list(_MADE):
        ledger.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_parents_connections)
