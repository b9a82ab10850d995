"""Keeping the ledger: look at it, copy it, forget people, and clear out what is long over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from callhub.flows.effects import LedgerOp

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Restoration:
    """That the ledger comes from a backup, so that calls may have been placed which it doesn't know.

    Attributes:
        since: the newest moment that the backup knows of.
        at: when it was restored, and by whom.
        reopened_at: when a person said that unknown keys are new ones, and who; None where nobody has.
    """

    since: datetime
    at: datetime
    by: str
    reopened_at: datetime | None = None
    reopened_by: str | None = None


@dataclass(frozen=True, slots=True)
class LedgerInfo:
    """What a ledger is and holds.

    Attributes:
        where: the file, or the database and its host; never a password.
        kind: ``"SQLite"`` or ``"PostgreSQL"``.
        version: of its schema.
        size: bytes that it takes.
        calls: how many calls stand at each status.
        unsettled: calls in doubt; `needs_person` of them can only be settled by a person.
        oldest: when the first of its calls was created.
        newest: when the last one was.
        contacts: entries in callhub's own book.
        suppressed: entries on the suppression list.
        erased: calls of which only the key and the counts are left.
        restored: set where it comes from a backup.
    """

    where: str
    kind: str
    version: int
    size: int
    calls: Mapping[str, int]
    unsettled: int
    needs_person: int
    oldest: datetime | None
    newest: datetime | None
    contacts: int
    suppressed: int
    erased: int
    restored: Restoration | None


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was erased of a person.

    Attributes:
        calls: calls of which nothing personal is left.
        attempts: their attempts, whose stored requests are gone.
        contacts: entries of callhub's own book that are gone.
        suppressed: entries of the suppression list whose number and reason are gone; they go on to hold.
        needs_person: ids of calls in doubt, which only a person can settle from now on.
        open: ids of calls that go on at their vendors: cancel them there.
        at_vendors: what the vendors keep of the person: calls and contacts, ``"<provider>:<vendor id>"``.
        wiped: False where a reader kept the old bytes from being overwritten at once: do it again later.
    """

    calls: int
    attempts: int
    contacts: int
    suppressed: int
    needs_person: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    at_vendors: tuple[str, ...] = ()
    wiped: bool = True


@dataclass(frozen=True, slots=True)
class Purged:
    """What was cleared out.

    Attributes:
        calls: calls of which the key, the verdicts and the counts are left.
        events: what was remembered of them beside that.
        kept: calls as old, which aren't settled and stay whole.
    """

    calls: int
    events: int
    kept: int


@dataclass(frozen=True, slots=True)
class LookAtLedger(LedgerOp[LedgerInfo]):
    """Tell what the ledger is and holds."""


@dataclass(frozen=True, slots=True)
class CopyLedger(LedgerOp[int]):
    """Copy the ledger to a file while others go on writing, and give the bytes of the copy."""

    path: Path
    force: bool


@dataclass(frozen=True, slots=True)
class Forget(LedgerOp[Forgotten]):
    """Erase a person, in one transaction."""

    number: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Wipe(LedgerOp[bool]):
    """Let no byte of what was erased stay in the file; False where a reader is in the way."""


@dataclass(frozen=True, slots=True)
class FindOld(LedgerOp["tuple[tuple[str, ...], int, str | None]"]):
    """Give ids of settled calls that are older, how many unsettled ones lie between, and where to go on."""

    before: datetime
    after: str
    limit: int


@dataclass(frozen=True, slots=True)
class Clear(LedgerOp["tuple[int, int]"]):
    """Make tombstones of calls that are still settled; give how many, and how many events went."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MarkRestored(LedgerOp[Restoration]):
    """Write down that this database was restored from a backup, and who did it."""

    by: str


@dataclass(frozen=True, slots=True)
class Reopen(LedgerOp["Restoration | None"]):
    """Take a person's word that a key which the ledger doesn't know is a new one; None: never restored."""

    by: str
