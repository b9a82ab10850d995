"""Take a call back before it rings, and be sure whether that worked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from callhub.errors import CallhubError, InvalidState, LedgerError, OutcomeUnknown, Unreachable
from callhub.flows.exchange import perform
from callhub.flows.reading import Located, about, locate, observed, read
from callhub.model.lifecycle import CallOutcome, CallStatus
from callhub.provider.capability import Feature

if TYPE_CHECKING:
    from callhub.flows.context import Context, Link
    from callhub.flows.effects import Steps
    from callhub.model.call import Call


def cancel(context: Context, call_id: str) -> Steps[Call]:
    """Cancel a call at its vendor, read it back, and return it.

    Raises:
        InvalidState: it is under way or over, or nobody knows whether it was placed.
        UnsupportedFeature: the vendor can't cancel.
        OutcomeUnknown: no answer, and reading back didn't tell either.
    """
    found = yield from locate(call_id)
    return (yield from about(found.ours, _cancelled(context, found)))


def _cancelled(context: Context, found: Located) -> Steps[Call]:
    ours, asked = found.ours, found.asked(context)
    if ours is not None and ours.status is CallStatus.CANCELLED:
        return ours
    if asked is None:
        said = "the call has no id at a vendor, so there is nothing to cancel there"
        raise InvalidState(said, provider=found.provider, call=ours)
    link, vendor_id = asked
    if not link.provider.supports(Feature.CANCEL):
        raise link.provider.unsupported(Feature.CANCEL)
    failure = yield from _ask_vendor(link, vendor_id)
    return (yield from _confirmed(context, asked, ours, failure))


def _confirmed(
    context: Context, asked: tuple[Link, str], ours: Call | None, failure: CallhubError | None
) -> Steps[Call]:
    """Read the call back, and return it only where it is cancelled."""
    try:
        call = yield from _read_back(context, *asked, ours)
    except LedgerError:
        raise
    except CallhubError as error:
        raise _not_cancelled(asked[0], ours, failure or error) from None
    if call.status is CallStatus.CANCELLED:
        return call
    raise _not_cancelled(asked[0], call, failure)


def _ask_vendor(link: Link, vendor_id: str) -> Steps[InvalidState | Unreachable | None]:
    """Ask for the cancellation; give back the errors after which only reading tells what happened."""
    try:
        yield from perform(link, link.provider.cancel_call(vendor_id))
    except (InvalidState, Unreachable) as error:
        return error
    return None


def _not_cancelled(
    link: Link, call: Call | None, failure: CallhubError | None
) -> InvalidState | OutcomeUnknown:
    """Make the error for a call that goes on, or may: in either case the phone can have rung."""
    provider = link.provider
    if isinstance(failure, InvalidState):
        failure.call, failure.dialed = call, "maybe"
        return failure
    if call is not None and call.terminal:
        said = f"the call is {call.status} already"
        return InvalidState(said, dialed="maybe", provider=provider.name, call=call)
    word = call.provider_status if call else "nothing"
    said = str(failure) if failure else f"{provider.title} took the cancellation but says {word}"
    return OutcomeUnknown(f"{said}; the call may still ring", provider=provider.name, call=call)


def _read_back(context: Context, link: Link, vendor_id: str, ours: Call | None) -> Steps[Call]:
    news = yield from read(context, link, vendor_id)
    if news.status is CallStatus.CANCELLED and news.outcome is None:
        news = replace(news, outcome=CallOutcome.CANCELLED)
    return news if ours is None else (yield from observed(ours, news))
