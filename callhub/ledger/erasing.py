"""What is left of a call whose person was forgotten, or that is long over: a tombstone.

It keeps the key, so that a repetition is recognised and doesn't ring; the verdicts and the times of the
dials, which caps count; the person as a keyed hash; the vendor's id, so that the vendor's call isn't
taken for another one. Everything that was said, to whom, and by which bytes, is gone. News of a vendor
don't bring it back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace
from sqlalchemy import bindparam, select, update

from callhub.ledger import records
from callhub.ledger import statements as sql
from callhub.ledger.reading import ERASED
from callhub.ledger.schema import attempts, intents
from callhub.ledger.session import Statement

if TYPE_CHECKING:
    from collections.abc import Iterable

    from callhub.flows.operations import Record
    from callhub.ledger.identity import Identity
    from callhub.ledger.session import Session
    from callhub.model.call import Call

EMPTY: dict[str, Any] = {"to_number": "", "plan": None}
ERASE_INTENT = Statement(
    update(intents)
    .where(intents.c.id == bindparam("of"))
    .values({name: bindparam(name) for name in ("document", *sql.STATE_COLUMNS)} | EMPTY)
)
ERASE_ATTEMPTS = Statement(
    update(attempts)
    .where(attempts.c.intent == bindparam("of"))
    .values(path="", headers="[]", body=None, vendor_order=None)
)
IS_ERASED = Statement(
    select(intents.c.id).where(intents.c.id == bindparam("of"), intents.c.document.startswith(ERASED))
)


def erased(record: Record) -> bool:
    """Tell whether an intent is a tombstone."""
    return record.document.startswith(ERASED)


def scrubbed(call: Call) -> Call:
    """Give a call without anything that tells who was called and what was said."""
    return replace(
        call,
        to=None,
        contact=None,
        variables={},
        results={},
        metadata={},
        transcript=None,
        recording_url=None,
        source=None,
    )


def erase(session: Session, identity: Identity, found: Iterable[Record]) -> int:
    """Make tombstones, and give how many attempts they have."""
    attempts_ = 0
    for record in found:
        document = record.document
        if not erased(record):
            document = ERASED + identity.digest(document)
        state = records.state(scrubbed(record.call))
        session.run(ERASE_INTENT, {"of": record.call.id, "document": document} | state)
        attempts_ += session.run(ERASE_ATTEMPTS, {"of": record.call.id})
    return attempts_


def as_kept(session: Session, call: Call) -> Call:
    """Give a call as it may be written: news of an erased one bring nothing back."""
    return call if session.first(IS_ERASED, {"of": call.id}) is None else scrubbed(call)
