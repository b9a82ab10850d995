"""The suppression list: who is on it isn't called, and open calls to them are cancelled."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from callhub.errors import CallhubError, InvalidRequest, LedgerError
from callhub.flows.cancel import cancel
from callhub.flows.effects import Now, Steps, ask
from callhub.flows.operations import (
    Entry,
    FindSuppressed,
    ListSuppressed,
    OpenCalls,
    OpenToSuppressed,
    Remember,
    Suppress,
    Unsuppress,
)
from callhub.flows.reading import if_readable
from callhub.model.lifecycle import CallOutcome
from callhub.policy import numbers
from callhub.provider.capability import Feature
from callhub.provider.order import Page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from callhub.flows.context import Context
    from callhub.model.call import Call

BY_HAND = "by hand"
PAGE = 500


@dataclass(frozen=True, slots=True)
class Suppression:
    """What came of suppressing numbers.

    Attributes:
        entries: the numbers as they stand on the list.
        cancelled: open calls that were cancelled.
        not_cancelled: open calls that couldn't be stopped: they may ring, or ring already.
        reasons: why not, by the call's id.
    """

    entries: tuple[Entry, ...]
    cancelled: tuple[Call, ...] = ()
    not_cancelled: tuple[Call, ...] = ()
    reasons: dict[str, str] = field(default_factory=dict)


def add(
    context: Context, wanted: Sequence[tuple[str, str | None]], source: str = BY_HAND
) -> Steps[Suppression]:
    """Put numbers on the list, all or none, then cancel what is open to them.

    Raises:
        InvalidRequest: a number can't be read; nothing was added.
    """
    now = yield from ask(Now())
    entries = tuple(Entry(_readable(number), reason, source, now) for number, reason in wanted)
    stand = yield from ask(Suppress(entries))
    report = _Stopping()
    for entry in entries:
        yield from _stop(context, entry.number or "", report)
    return Suppression(stand, tuple(report.cancelled), tuple(report.left), report.reasons)


def leave_alone(context: Context, call: Call, *, told: bool = False) -> Steps[None]:
    """Where a call's person has opted out at its vendor, cancel what else is open to them.

    `told` is True where its vendor has refused the call for that. How it went is remembered.
    """
    if call.to is None or not (told or call.outcome is CallOutcome.OPTED_OUT):
        return
    report = _Stopping()
    yield from _stop(context, call.to, report, but=call.id)
    now = yield from ask(Now())
    for other in report.cancelled:
        yield from ask(Remember(other.id, now, "cancelled", "the person opted out"))
    for other in report.left:
        why = f"the person opted out, and it couldn't be stopped: {report.reasons[other.id]}"
        yield from ask(Remember(other.id, now, "not stopped", why))


def heed(context: Context, calls: Sequence[Call]) -> Steps[None]:
    """Leave people alone who opted out of calls that others placed, as their vendor tells of these."""
    told = [(call, numbers.readable(call.to)) for call in calls if call.outcome is CallOutcome.OPTED_OUT]
    if not told:
        return
    report, now = _Stopping(), (yield from ask(Now()))  # asked for here: no word is lost to a cancellation
    for call, number in told:
        if number is None or (yield from ask(FindSuppressed(number))) is not None:
            continue
        yield from ask(Suppress((Entry(number, "opted out", call.provider or "vendor", now),)))
        yield from _stop(context, number, report)


def stop_the_rest(context: Context, problems: dict[str, str]) -> Steps[list[Call]]:
    """Cancel open calls to people on the list that a crash kept from being cancelled.

    Calls that can't be read are added to `problems`, and keep no other from being cancelled.
    """
    report = _Stopping()
    for call_id in (yield from ask(OpenToSuppressed())):
        record = yield from if_readable(call_id, problems)
        if record is None:
            continue
        call = record.call
        link = context.links.get(call.provider or "")
        if link is not None and call.provider_call_id and link.provider.supports(Feature.CANCEL):
            yield from _stop_one(context, call, report)
    return report.cancelled


@dataclass(slots=True)
class _Stopping:
    cancelled: list[Call] = field(default_factory=list)
    left: list[Call] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)


def _stop(context: Context, number: str, report: _Stopping, but: str | None = None) -> Steps[None]:
    for call in (yield from ask(OpenCalls(number))):
        if call.id != but:
            yield from _stop_one(context, call, report)


def _stop_one(context: Context, call: Call, report: _Stopping) -> Steps[None]:
    try:
        report.cancelled.append((yield from cancel(context, call.id)))
    except LedgerError:
        raise
    except CallhubError as error:
        report.left.append(error.call or call)
        report.reasons[call.id] = str(error)


def remove(number: str) -> Steps[bool]:
    """Take a number off the list; False where it isn't on it."""
    return (yield from ask(Unsuppress(_readable(number))))


def get(number: str) -> Steps[Entry | None]:
    """Find a number on the list, however it is written."""
    return (yield from ask(FindSuppressed(_readable(number))))


def page(after: int) -> Steps[Page[Entry]]:
    """Read one page of the list."""
    found = yield from ask(ListSuppressed(after, PAGE))
    return Page(found, after + PAGE if len(found) == PAGE else None)


def _readable(number: object) -> str:
    found = numbers.readable(number)
    if found is None:
        fault = "must be a number with its country code, such as +14155551234"
        raise InvalidRequest(f"number {fault}", fields={"number": fault})
    return found
