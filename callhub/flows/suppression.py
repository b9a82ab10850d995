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
    Suppress,
    Unsuppress,
)
from callhub.policy import numbers
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
    cancelled: list[Call] = []
    left: list[Call] = []
    reasons: dict[str, str] = {}
    for entry in entries:
        for call in (yield from ask(OpenCalls(entry.number or ""))):
            try:
                cancelled.append((yield from cancel(context, call.id)))
            except LedgerError:
                raise
            except CallhubError as error:
                left.append(error.call or call)
                reasons[call.id] = str(error)
    return Suppression(stand, tuple(cancelled), tuple(left), reasons)


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
