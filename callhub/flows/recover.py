"""Settle what a crash has left behind."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from callhub.errors import CallhubError, LedgerError
from callhub.flows.effects import Steps, Ticks, ask
from callhub.flows.operations import Unsettled
from callhub.flows.reading import if_readable
from callhub.flows.reconcile import settle
from callhub.flows.suppression import stop_the_rest

if TYPE_CHECKING:
    from callhub.flows.context import Context
    from callhub.model.call import Call

BATCH = 100  # calls in doubt that are read from the ledger at a time
TIME_FOR_ONE = 60.0


@dataclass(slots=True)
class Recovery:
    """What became of the calls in doubt.

    Attributes:
        placed: calls that turned out to be placed.
        not_placed: calls that the vendor provably doesn't have; the same key dials again.
        in_doubt: calls that can't be settled yet; run it again later.
        needs_person: calls that only a person can settle, by ``callhub resolve``.
        cancelled: open calls to people on the suppression list, which a crash had kept from being cancelled.
        problems: why a call couldn't be settled, by its id.
    """

    placed: list[Call] = field(default_factory=list)
    not_placed: list[Call] = field(default_factory=list)
    in_doubt: list[Call] = field(default_factory=list)
    needs_person: list[Call] = field(default_factory=list)
    cancelled: list[Call] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)


def recover(context: Context) -> Steps[Recovery]:
    """Settle every call in doubt that nobody is placing, and cancel what is open to people on the list."""
    report, after_id = Recovery(), ""
    while True:
        ids = yield from ask(Unsettled(after_id, BATCH))
        for call_id in ids:
            yield from _recover_one(context, call_id, report)
        if len(ids) < BATCH:
            break
        after_id = ids[-1]
    report.cancelled += yield from stop_the_rest(context, report.problems)
    return report


def _recover_one(context: Context, call_id: str, report: Recovery) -> Steps[None]:
    """Settle one call; one that can't be read, and what a vendor minds, keeps no other waiting."""
    why = ""
    deadline = (yield from ask(Ticks())) + TIME_FOR_ONE
    record = yield from if_readable(call_id, report.problems)
    if record is None:
        return
    try:
        record, why = yield from settle(context, record, deadline)
    except LedgerError:
        raise
    except CallhubError as error:
        why = str(error)
    if why and record.unsettled:
        report.problems[call_id] = why
    if not record.unsettled:
        (report.not_placed if record.free else report.placed).append(record.call)
        return
    (report.needs_person if record.call.needs_person else report.in_doubt).append(record.call)
