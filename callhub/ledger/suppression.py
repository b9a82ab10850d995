"""The list of people who are not to be called, whichever vendor would do it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from callhub.flows import operations as ops
from callhub.ledger import records
from callhub.ledger import statements as sql
from callhub.ledger.schema import suppressed

if TYPE_CHECKING:
    from callhub.ledger.identity import Identity
    from callhub.ledger.session import Session

FEW = 100  # so many numbers are locked one by one, more of them with the whole list


def add(session: Session, identity: Identity, given: ops.Suppress) -> tuple[ops.Entry, ...]:
    """Add numbers, all or none; an entry that is there stays as it is. Give them as they stand now."""
    stand = []
    if len(given.entries) > FEW:
        session.lock_table(suppressed)
    else:  # in one order, so that two lists never wait for each other
        for person in sorted({identity.person(entry.number or "") for entry in given.entries}):
            session.lock(person)
    for entry in given.entries:
        number = entry.number or ""
        hashes = identity.person_and_literal(number)
        row = {"number": number, "reason": entry.reason, "source": entry.source}
        session.run(sql.ADD_SUPPRESSED, hashes | row | {"added_at": entry.added_at.timestamp()})
        stand.append(find(session, identity, ops.FindSuppressed(number)) or entry)
    return tuple(stand)


def remove(session: Session, identity: Identity, given: ops.Unsuppress) -> bool:
    """Take a number off the list, in whatever form it was put there."""
    return session.run(sql.DROP_SUPPRESSED, identity.person_and_literal(given.number)) > 0


def find(session: Session, identity: Identity, wanted: ops.FindSuppressed) -> ops.Entry | None:
    """Find a number, in whatever form it was put on the list."""
    row = session.first(sql.SUPPRESSED, identity.person_and_literal(wanted.number))
    return None if row is None else _entry(row)


def listed(session: Session, _identity: Identity, wanted: ops.ListSuppressed) -> tuple[ops.Entry, ...]:
    """Read the list, in the order of adding."""
    return tuple(
        map(_entry, session.all(sql.LIST_SUPPRESSED, {"after": wanted.after, "limit": wanted.limit}))
    )


def _entry(row: tuple[str | None, str | None, str, float]) -> ops.Entry:
    number, reason, source, added_at = row
    return ops.Entry(number, reason, source, records.moment(added_at))
