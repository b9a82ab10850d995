"""Look at a ledger, forget a person, clear out what is long over.

Forgetting is one transaction. A call that is being placed right now stands in its way, since its caller
would write the person back; everything else doesn't. A call in doubt can't be sent again or looked up
afterwards, so that a person settles it; one that goes on at its vendor is told, and is cancelled there.

SQLite writes zeros over what is deleted; `wipe` then empties the write-ahead log, which holds older
versions of the same pages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, delete, func, or_, select, update

from callhub.errors import InvalidRequest, InvalidState
from callhub.flows.operations.keeping import Forgotten, LedgerInfo
from callhub.ledger import records, restored
from callhub.ledger import statements as sql
from callhub.ledger.erasing import erase
from callhub.ledger.reading import ERASED
from callhub.ledger.schema import attempts, calls, contact_links, contacts, events, facts, intents, suppressed
from callhub.ledger.session import Statement
from callhub.policy.numbers import readable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from callhub.flows.operations import Record
    from callhub.flows.operations.keeping import Clear, FindOld, Forget, LookAtLedger, Wipe
    from callhub.ledger.identity import Identity
    from callhub.ledger.session import Session

OPTED_OUT = "opted out"
_OVER = ("ended", "cancelled", "failed")
_KINDS = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
_SIZES = {
    "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
    "postgresql": "SELECT pg_database_size(current_database())",
}

# looking

_NEEDS_PERSON = and_(intents.c.status == "in_doubt", intents.c.call.contains('"needs_person":true'))
VERSION = Statement(select(facts.c.value).where(facts.c.name == "version"))
COUNTS = Statement(
    select(
        select(func.count()).select_from(intents).where(_NEEDS_PERSON).scalar_subquery(),
        select(func.min(intents.c.created_at)).scalar_subquery(),
        select(func.max(intents.c.created_at)).scalar_subquery(),
        select(func.count()).select_from(contacts).scalar_subquery(),
        select(func.count()).select_from(suppressed).scalar_subquery(),
        select(func.count())
        .select_from(intents)
        .where(intents.c.document.startswith(ERASED))
        .scalar_subquery(),
    )
)

# forgetting

OF_PERSON = Statement(
    select(*sql.RECORD)
    .where(intents.c.person == bindparam("person"))
    .order_by(intents.c.id)
    .with_for_update()
)
AT_VENDORS = select(calls.c.provider, calls.c.provider_call_id).where(
    calls.c.intent.in_(bindparam("ids", expanding=True))
)
_THEIR_CONTACTS = select(contacts.c.id).where(contacts.c.person == bindparam("person"))
LINKS_OF_PERSON = Statement(
    select(contact_links.c.provider, contact_links.c.vendor_id).where(
        contact_links.c.contact.in_(_THEIR_CONTACTS)
    )
)
DROP_LINKS_OF_PERSON = Statement(delete(contact_links).where(contact_links.c.contact.in_(_THEIR_CONTACTS)))
DROP_CONTACTS_OF_PERSON = Statement(delete(contacts).where(contacts.c.person == bindparam("person")))
_LISTED = or_(
    suppressed.c.person.in_((bindparam("person"), bindparam("literal"))),
    suppressed.c.literal.in_((bindparam("person"), bindparam("literal"))),
)
ERASE_REASONS = Statement(
    update(suppressed).where(_LISTED, suppressed.c.reason != OPTED_OUT).values(reason=None)
)
ERASE_NUMBERS = Statement(update(suppressed).where(_LISTED).values(number=None))

# clearing out

_SETTLED = and_(
    intents.c.status.in_(_OVER),
    ~select(attempts.c.intent).where(attempts.c.intent == intents.c.id, sql.IN_DOUBT).exists(),
)
OLD = Statement(
    select(intents.c.id, _SETTLED.label("settled"))
    .where(
        intents.c.id > bindparam("after"),
        intents.c.created_at < bindparam("before"),
        ~intents.c.document.startswith(ERASED),
    )
    .order_by(intents.c.id)
    .limit(bindparam("limit"))
)
STILL_SETTLED = (
    select(*sql.RECORD)
    .where(intents.c.id.in_(bindparam("ids", expanding=True)), _SETTLED)
    .order_by(intents.c.id)
    .with_for_update()
)
DROP_EVENTS = Statement(delete(events).where(events.c.intent == bindparam("of")))


def look(session: Session, _identity: Identity, _asked: LookAtLedger) -> LedgerInfo:
    """Tell what the ledger is and holds; where it lies, its opener knows."""
    needs_person, oldest, newest, contacts_, suppressed_, erased = session.first(COUNTS)
    by_status = dict(session.all(sql.COUNT_BY_STATUS))
    mark = restored.find(session)
    return LedgerInfo(
        where="",
        kind=_KINDS[session.dialect],
        version=int(session.first(VERSION)[0]),
        size=session.driver.execute(_SIZES[session.dialect]).fetchone()[0],
        calls=dict(sorted(by_status.items())),
        unsettled=by_status.get("in_doubt", 0),
        needs_person=needs_person,
        oldest=None if oldest is None else records.moment(oldest),
        newest=None if newest is None else records.moment(newest),
        contacts=contacts_,
        suppressed=suppressed_,
        erased=erased,
        restored=None if mark is None else restored.told(mark),
    )


def forget(session: Session, identity: Identity, given: Forget) -> Forgotten:
    """Erase a person, in whatever form the number is written.

    Raises:
        InvalidRequest: it can't be read as a number.
        InvalidState: a call to it is being placed right now.
    """
    number = readable(given.number)
    if number is None:
        fault = "must be a number with its country code, such as +14155551234"
        raise InvalidRequest(f"number {fault}", fields={"number": fault})
    hashes = identity.person_and_literal(number)
    session.lock(hashes["person"])
    found = records.with_attempts(session, session.all(OF_PERSON, hashes))
    if any(record.leased for record in found):
        raise InvalidState("a call to this number is being placed right now: try again when that is over")
    theirs = _at_vendors(session, found, hashes)
    session.run(DROP_LINKS_OF_PERSON, hashes)
    gone = session.run(DROP_CONTACTS_OF_PERSON, hashes)
    session.run(ERASE_REASONS, hashes)
    return Forgotten(
        calls=len(found),
        attempts=erase(session, identity, found),
        contacts=gone,
        suppressed=session.run(ERASE_NUMBERS, hashes),
        needs_person=tuple(record.call.id for record in found if record.doubtful),
        open=tuple(one.call.id for one in found if not one.doubtful and not one.call.terminal),
        at_vendors=theirs,
    )


def wipe(session: Session, _identity: Identity, _asked: Wipe) -> bool:
    """Write the write-ahead log into the file and empty it; PostgreSQL's vacuum does what is like it."""
    if session.dialect != "sqlite":
        return True
    session.driver.execute("COMMIT")  # of nothing: a log is emptied outside of transactions only
    busy = session.driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    return not busy


def find_old(
    session: Session, _identity: Identity, wanted: FindOld
) -> tuple[tuple[str, ...], int, str | None]:
    """Find what may be cleared out, without standing in anybody's way."""
    asked: dict[str, Any] = {
        "after": wanted.after,
        "before": wanted.before.timestamp(),
        "limit": wanted.limit,
    }
    rows = session.all(OLD, asked)
    ids = tuple(row[0] for row in rows if row[1])
    return ids, len(rows) - len(ids), rows[-1][0] if len(rows) == wanted.limit else None


def clear(session: Session, identity: Identity, given: Clear) -> tuple[int, int]:
    """Make tombstones of what is settled, looked at once more inside the transaction."""
    rows = session.select(STILL_SETTLED, {"ids": list(given.ids)})
    found = records.with_attempts(session, rows)
    erase(session, identity, found)
    return len(found), sum(session.run(DROP_EVENTS, {"of": record.call.id}) for record in found)


def _at_vendors(session: Session, found: Sequence[Record], hashes: dict[str, str]) -> tuple[str, ...]:
    """Name what the vendors keep of the person."""
    asked = {"ids": [record.call.id for record in found]}
    rows = (session.select(AT_VENDORS, asked) if found else []) + session.all(LINKS_OF_PERSON, hashes)
    return tuple(sorted({f"{provider}:{vendor_id}" for provider, vendor_id in rows}))
