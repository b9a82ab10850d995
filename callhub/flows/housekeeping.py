"""Keep the ledger: forget people, and clear out what is long over, a little at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from callhub.errors import InvalidRequest
from callhub.flows.effects import Now, Steps, ask
from callhub.flows.operations.keeping import Clear, FindOld, Forget, Forgotten, LookAtLedger, Purged, Wipe

if TYPE_CHECKING:
    from callhub.flows.operations.keeping import LedgerInfo

BATCH = 500  # calls in one transaction: others write between two of them
YOUNGEST = timedelta(days=1)


def look(where: str) -> Steps[LedgerInfo]:
    """Tell what the ledger is and holds."""
    return replace((yield from ask(LookAtLedger())), where=where)


def forget(number: str) -> Steps[Forgotten]:
    """Erase a person, then let no byte of it stay in the file."""
    done = yield from ask(Forget(number))
    return replace(done, wiped=(yield from ask(Wipe())))


def purge(older_than: object) -> Steps[Purged]:
    """Make tombstones of settled calls that were created so long ago.

    Raises:
        InvalidRequest: that isn't a time of a day or more.
    """
    if not isinstance(older_than, timedelta) or older_than < YOUNGEST:
        fault = "must be a timedelta of a day or more: a call that was placed just now may be asked for again"
        raise InvalidRequest(f"older_than {fault}", fields={"older_than": fault})
    before = (yield from ask(Now())) - older_than
    calls = events = kept = 0
    after: str | None = ""
    while after is not None:
        ids, unsettled, after = yield from ask(FindOld(before, after, BATCH))
        cleared, gone = (yield from ask(Clear(ids))) if ids else (0, 0)
        calls, events, kept = calls + cleared, events + gone, kept + unsettled + len(ids) - cleared
    yield from ask(Wipe())
    return Purged(calls, events, kept)
