"""Take a call back before it rings, and be sure whether that worked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from callhub.errors import CallhubError, InvalidState, OutcomeUnknown, Unreachable
from callhub.flows.exchange import perform
from callhub.flows.observe import locate, observed, read
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
    record, link, vendor_id = yield from locate(context, call_id)
    ours = record.call if record else None
    if ours is not None and ours.status is CallStatus.CANCELLED:
        return ours
    if link is None or vendor_id is None:
        raise InvalidState("the call has no id at a vendor, so there is nothing to cancel there", call=ours)
    if not link.provider.supports(Feature.CANCEL):
        raise link.provider.unsupported(Feature.CANCEL)
    failure = yield from _ask_vendor(link, vendor_id)
    call = yield from _read_back(context, link, vendor_id, ours)
    if call.status is CallStatus.CANCELLED:
        return call
    raise _not_cancelled(link, call, failure)


def _ask_vendor(link: Link, vendor_id: str) -> Steps[InvalidState | Unreachable | None]:
    """Ask for the cancellation; give back the errors after which only reading tells what happened."""
    try:
        yield from perform(link, link.provider.cancel_call(vendor_id))
    except (InvalidState, Unreachable) as error:
        return error
    return None


def _not_cancelled(link: Link, call: Call, failure: InvalidState | Unreachable | None) -> CallhubError:
    name, title = link.provider.name, link.provider.title
    if isinstance(failure, InvalidState):
        failure.call = call
        return failure
    if call.terminal:
        return InvalidState(f"the call is {call.status} already", provider=name, call=call)
    said = str(failure) if failure else f"{title} took the cancellation but says {call.provider_status}"
    return OutcomeUnknown(f"{said}; the call may still ring", provider=name, call=call)


def _read_back(context: Context, link: Link, vendor_id: str, ours: Call | None) -> Steps[Call]:
    news = yield from read(context, link, vendor_id)
    if news.status is CallStatus.CANCELLED and news.outcome is None:
        news = replace(news, outcome=CallOutcome.CANCELLED)
    return news if ours is None else (yield from observed(ours, news))
