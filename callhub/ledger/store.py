"""The ledger: one transaction for each operation that a flow asks for.

A row is committed before anything that it speaks of happens. SQLite's writers take the write lock
at once (BEGIN IMMEDIATE), those of PostgreSQL lock what they read, so that what a transaction has
read is still true when it writes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from callhub.errors import CallhubError, LedgerError
from callhub.flows import operations as ops
from callhub.ledger import book, checks, doubts, migrations, placing, reading, suppression
from callhub.ledger.engine import open_engine, turns, where
from callhub.ledger.identity import Identity
from callhub.ledger.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

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
    ops.FindDoubt: doubts.find,
    ops.Bound: doubts.bound,
    ops.Unsettled: doubts.unsettled,
    ops.FindSuppressed: suppression.find,
    ops.ListSuppressed: suppression.listed,
    ops.FindContact: book.find,
    ops.FindLinked: book.find_linked,
    ops.PageOfBook: book.page,
}
WRITES: Mapping[type[Any], Handler] = {
    ops.Claim: placing.claim,
    ops.Settle: placing.settle,
    ops.Release: placing.release,
    ops.Observe: placing.observe,
    ops.Retake: doubts.retake,
    ops.LeaveToPerson: doubts.leave_to_person,
    ops.Suppress: suppression.add,
    ops.Unsuppress: suppression.remove,
    ops.SaveContact: book.save,
    ops.DropContact: book.drop,
    ops.LinkContact: book.link,
    ops.AdoptContact: book.adopt,
    ops.LoadContacts: book.load,
}


@dataclass(frozen=True, slots=True)
class _Opened:
    """An open database, and what it knows of itself."""

    engine: Engine
    turn: AbstractContextManager[object]
    identity: Identity


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
        """Run a handler in one transaction; once more on a new connection where the first was dead.

        Raises:
            LedgerError: the database can't be opened, read or written.
        """
        try:
            opened = self.open()
            try:
                return self._run(opened, handler, asked, writes=writes)
            except _Stale:
                return self._run(opened, handler, asked, writes=writes)
        except CallhubError:
            raise
        except Exception as error:  # noqa: BLE001 - the driver's errors, and rows that can't be read
            reason = self._reason(error)
        raise LedgerError(f"the ledger ({self.where}) can't be used: {reason}")

    def open(self) -> _Opened:
        """Open the database, making or upgrading its tables where that is needed."""
        if self._opened is not None:
            return self._opened
        with self._opening:
            if self._opened is None:
                engine = open_engine(self.url, self._clock)
                turn = turns(engine)
                with turn:
                    facts = migrations.prepare(engine, self.where)
                self._opened = _Opened(engine, turn, Identity.of(facts, self._namespace))
                self._tell_unsettled(self._opened)
            return self._opened

    def close(self) -> None:
        """Let go of the database."""
        with self._opening:
            if self._opened is not None:
                self._opened.engine.dispose()
            self._opened = None

    def _run(self, opened: _Opened, handler: Handler, asked: object, *, writes: bool) -> Any:
        with opened.turn, _connection(opened.engine) as connection:
            session = Session(opened.engine.dialect.name, connection)
            if session.dialect == "sqlite":
                connection.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
            try:
                answer = handler(session, opened.identity, asked)
            except checks.Denied as denied:
                connection.rollback()
                return denied.answer
            except BaseException as error:
                with suppress(Exception):
                    connection.rollback()
                if opened.engine.dialect.is_disconnect(error, None, None):  # type: ignore[arg-type]
                    raise _Stale from error
                raise
            connection.commit()
            return answer

    def _tell_unsettled(self, opened: _Opened) -> None:
        unsettled = self._run(opened, doubts.unsettled, ops.Unsettled("", _MANY), writes=False)
        if unsettled:
            count = f"{len(unsettled)} or more" if len(unsettled) == _MANY else str(len(unsettled))
            _log.warning(
                "calls in doubt in the ledger: %s; hub.recover() or `callhub recover` settles what it can",
                count,
            )

    def _reason(self, error: Exception) -> str:
        module = type(error).__module__.partition(".")[0]
        if module in ("sqlite3", "psycopg", "sqlalchemy"):
            said = str(getattr(error, "orig", None) or error).strip().splitlines()
            text = said[0] if said else type(error).__name__
            return f"{text}{_advice(text)}"
        return f"it holds, or was given, what can't be kept ({type(error).__name__})"


_MANY = 1000

ADVICE: Mapping[str, str] = {
    "readonly": "make the file and its folder writable, or choose another place by CALLHUB_LEDGER",
    "disk is full": "make room on the disk; nothing is dialled before a call is written down",
    "locked": "another program holds it; try again",
    "not a database": "restore a backup (callhub ledger restore), or choose another place by CALLHUB_LEDGER",
    "malformed": "restore a backup (callhub ledger restore)",
    "connection": "check that the PostgreSQL server runs and that CALLHUB_LEDGER is right",
    "password": "check the user and the password in CALLHUB_LEDGER",
}


class _Stale(Exception):
    """A pooled connection that the server has closed; nothing was committed on it."""


@contextmanager
def _connection(engine: Engine) -> Iterator[Any]:
    pooled = engine.raw_connection()
    try:
        yield pooled.driver_connection
    except _Stale:
        pooled.invalidate()
        raise
    finally:
        pooled.close()


def _advice(text: str) -> str:
    return next((f"; {what}" for sign, what in ADVICE.items() if sign in text.lower()), "")
