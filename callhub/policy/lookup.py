"""Find a call again that may or may not have been placed: which of a vendor's calls could be it?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from callhub.policy import numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from callhub.model.call import Call
    from callhub.provider.order import Order

TOLERANCE = timedelta(minutes=5)
EVER = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Sought:
    """What is looked for.

    Attributes:
        since, until: the vendor's time between which it would have been created, tolerance included.
        rivals: orders of other calls in doubt, to the same person at about the same time.
    """

    provider: str
    order: Order
    since: datetime
    until: datetime
    rivals: tuple[Order | None, ...] = ()

    @classmethod
    def of(
        cls,
        provider: str,
        order: Order,
        sent: tuple[datetime, datetime],
        skew: timedelta,
        rivals: tuple[Order | None, ...],
    ) -> Sought:
        """Make it from when the request was under way by our clock, and the vendor's clock against ours."""
        return cls(provider, order, sent[0] + skew - TOLERANCE, sent[1] + skew + TOLERANCE, rivals)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a look-up says: the call, or why it can't tell, or neither where there is none."""

    call: Call | None = None
    unclear: str | None = None


def find(
    sought: Sought, calls: Sequence[Call], reference: Callable[[Call], str | None] = lambda _: None
) -> Finding:
    """Judge the calls that a vendor lists, those of other intents left out.

    A call that carries our key (see `Provider.reference`) is the one; one that carries another key isn't.
    """
    referring = [call for call in calls if reference(call) == sought.order.idempotency_key]
    if len(referring) > 1:
        return Finding(unclear="several calls at the vendor carry its reference")
    if referring:
        return Finding(call=referring[0])
    return _resembling(sought, [call for call in calls if reference(call) is None])


def worth_a_look(number: str, calls: Sequence[Call], reference: Callable[[Call], str | None]) -> list[Call]:
    """Give the calls that could be to that number, and those that carry a reference."""
    return [call for call in calls if may_be_to(number, call) or reference(call)]


def _resembling(sought: Sought, calls: Sequence[Call]) -> Finding:
    fitting = [call for call in calls if fits(sought, call)]
    if not fitting:
        return Finding()
    if len(fitting) > 1:
        return Finding(unclear=f"{len(fitting)} calls at the vendor fit alike")
    if any(_alike(sought.order, rival) for rival in sought.rivals):
        return Finding(unclear="another call in doubt to the same person fits alike")
    if numbers.readable(fitting[0].to) is None:
        return Finding(unclear="the one call that fits doesn't show its number")
    if fitting[0].created_at is None:
        return Finding(unclear="the one call that fits doesn't say when it was created")
    return Finding(call=fitting[0])


def fits(sought: Sought, call: Call) -> bool:
    """Tell whether a vendor's call could be the one; what the vendor doesn't show can't speak against it."""
    order = sought.order
    tests = (
        order.script is None or call.script in (None, f"{sought.provider}:{order.script}"),
        order.contact_id is None or call.contact in (None, f"{sought.provider}:{order.contact_id}"),
        not call.variables or order.variables.items() <= call.variables.items(),
        order.scheduled_at is None or call.scheduled_at in (None, order.scheduled_at),
        call.created_at is None or sought.since <= call.created_at <= sought.until,
        may_be_to(order.to, call),
    )
    return all(tests)


def may_be_to(number: str, call: Call) -> bool:
    """Tell whether a vendor's call could be to that number, whose spelling may be the vendor's own."""
    if call.to == number:
        return True
    shown = numbers.readable(call.to)
    return shown is None or numbers.canonical(shown) == numbers.canonical(number)


def _alike(order: Order, rival: Order | None) -> bool:
    if rival is None:
        return True
    return (order.script, order.variables, order.scheduled_at) == (
        rival.script, rival.variables, rival.scheduled_at,
    )  # fmt: skip
