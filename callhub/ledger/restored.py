"""A ledger that comes from a backup knows less than has happened.

Between the newest moment that the backup knows of and the restoration lies a gap in which calls may
have been placed. Which of its states are dangerous?

- **Every attempt is a proven no**: the backup says that the key may dial again, and in the gap it may
  have done so.
- **No such key**: it may have been made and dialled in the gap.
- **Accepted, then failed** by a vendor that the route trusts so far: the next vendor may have been
  dialled in the gap.
- **In doubt**: in the gap it may have been settled as a no and dialled again, at another vendor, too. So
  it isn't sent again, only looked up; what settles it here as a no leads to the first state, and that
  one isn't trusted.

What is accepted, over or cancelled is never dialled again anyway. So the first claim under a key after
the restoration is turned down, and what it would have sent is written down as an attempt of the gap:
a *maybe* from the start, which is only assumed to have been made. From there the rule that holds for
every *maybe* makes it safe: a look-up finds the call; a look-up of a complete list proves that there is
none, provided that no other vendor is configured which could have it instead; all else needs a person.
It isn't sent again, not even under the vendor's key: in the gap that key may have been refused, and the
call placed under the next one. Once it is proven not to be there, the key is dialled, under the same
derived key as in the gap. A failed call isn't taken for a no any more.

A copy knows that it is one: put in the ledger's place by hand, it is marked as soon as it is opened.

Keys that callhub makes tell when they were made; one made after the restoration is new. For all others
a person can say so once nothing of the gap can come back: `reopen`. Their word counts for keys that the
ledger doesn't know, not for those in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
from msgspec.structs import replace
from sqlalchemy import bindparam, func, select, update

from callhub.errors import LedgerError
from callhub.flows.operations.keeping import Restoration
from callhub.ledger import statements as sql
from callhub.ledger.records import moment
from callhub.ledger.schema import attempts, database_now, facts, intents
from callhub.ledger.session import Statement

if TYPE_CHECKING:
    from callhub.flows import operations as ops
    from callhub.flows.operations.keeping import MarkRestored, Reopen
    from callhub.ledger.identity import Identity
    from callhub.ledger.session import Session

FACT = "restored"
COPY = "copy"  # a fact of copies alone
BY_HAND = "whoever put a copy in its place"
LEAST = 0.001  # seconds between the newest moment of a backup and its restoration
REASON = "the ledger was restored from a backup: it may have been placed after that backup was made"
_UUID = 36

FIND = Statement(select(facts.c.value).where(facts.c.name == FACT))
DROP_COPY = Statement(facts.delete().where(facts.c.name == COPY))
NEWEST = Statement(
    select(
        select(func.max(attempts.c.dialled_at)).scalar_subquery(),
        select(func.max(intents.c.created_at)).scalar_subquery(),
        database_now(),
    )
)
TRIED_SINCE = Statement(
    select(attempts.c.ordinal)
    .where(
        attempts.c.intent == bindparam("of"),
        attempts.c.ordinal != bindparam("but"),
        attempts.c.dialled_at >= bindparam("since"),
    )
    .limit(1)
)
ASSUME = Statement(
    update(attempts)
    .where(sql.THIS_ATTEMPT)
    .values(
        assumed=1,
        verdict="maybe",
        reason=REASON,
        started_at=bindparam("since"),
        claimed_at=bindparam("since"),
        dialled_at=bindparam("until"),
        finished_at=bindparam("until"),
        lease_until=0,
    )
)

OTHERS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


class Mark(msgspec.Struct, frozen=True):
    """The restoration, as the ledger's facts hold it: in seconds since the epoch."""

    since: float
    at: float
    by: str
    reopened_at: float | None = None
    reopened_by: str | None = None


_mark = msgspec.json.Decoder(Mark).decode


def find(session: Session) -> Mark | None:
    """Read the mark, where there is one."""
    row = session.first(FIND)
    return None if row is None else _mark(row[0])


def mark(session: Session, _identity: Identity | None, given: MarkRestored) -> Restoration:
    """Mark the ledger as restored: what it says of keys isn't the last word any more."""
    dialled, created, now = session.first(NEWEST)
    since = max(dialled or 0.0, created or 0.0)
    made = Mark(since, max(now, since + LEAST), given.by)
    _write(session, made)
    return told(made)


def mark_alone(session: Session, identity: Identity, given: MarkRestored) -> Restoration:
    """Mark a database that nobody else is connected to: who holds it wouldn't hear of the mark.

    Raises:
        LedgerError: somebody else is connected.
    """
    others = session.driver.execute(OTHERS).fetchone()[0] if session.dialect == "postgresql" else 0
    if others:
        raise LedgerError(
            f"{others} other connections to the ledger's database are open: stop every program that uses it"
        )
    return mark(session, identity, given)


def take_up(session: Session, identity: Identity | None, given: MarkRestored | None) -> Restoration | None:
    """Let a copy be a ledger, marked as restored; None where it is one already, or needs no mark."""
    was_copy = session.run(DROP_COPY) > 0
    return mark(session, identity, given) if given is not None and was_copy else None


def reopen(session: Session, _identity: Identity, given: Reopen) -> Restoration | None:
    """Take keys that the ledger doesn't know for new ones, on a person's word."""
    found = find(session)
    if found is None:
        return None
    *_, now = session.first(NEWEST)
    made = found if found.reopened_at else replace(found, reopened_at=now, reopened_by=given.by)
    _write(session, made)
    return told(made)


def holds(session: Session, claim: ops.Claim) -> bool:
    """Turn a claim that was just inserted into an attempt of the gap, where the call may stem from there."""
    found = find(session)
    if found is None or claim.risky or not _in_gap(session, found, claim):
        return False
    place = {"of": claim.call.id, "at": claim.ordinal}
    session.run(ASSUME, place | {"since": found.since, "until": found.at})
    event = {"intent": claim.call.id, "at": claim.started_at.timestamp(), "kind": "held back"}
    session.run(sql.ADD_EVENT, event | {"provider": claim.provider, "detail": REASON})
    return True


def untouched(session: Session, call_id: str) -> bool:
    """Tell whether a call stands as the backup had it."""
    found = find(session)
    return found is not None and _untouched(session, found, call_id)


def told(found: Mark) -> Restoration:
    """Give the mark in times."""
    reopened = None if found.reopened_at is None else moment(found.reopened_at)
    return Restoration(moment(found.since), moment(found.at), found.by, reopened, found.reopened_by)


def made_after(key: str, at: float) -> bool:
    """Tell whether a key ends in an id that was made after that: such an id holds its time."""
    try:
        found = UUID(key[-_UUID:])
    except ValueError:
        return False
    return found.version == 7 and (found.int >> 80) / 1000 > at  # noqa: PLR2004 - RFC 9562: 48 bits of ms


def _in_gap(session: Session, found: Mark, claim: ops.Claim) -> bool:
    if claim.ordinal > 1:
        return _untouched(session, found, claim.call.id, but=claim.ordinal)
    return found.reopened_at is None and not made_after(claim.call.idempotency_key or "", found.at)


def _untouched(session: Session, found: Mark, call_id: str, but: int = 0) -> bool:
    """Tell whether nothing was tried since, leaving out the attempt that is being claimed."""
    return session.first(TRIED_SINCE, {"of": call_id, "but": but, "since": found.at}) is None


def _write(session: Session, made: Mark) -> None:
    session.run(sql.SET_FACT, {"name": FACT, "value": msgspec.json.encode(made).decode()})
