"""Watch a call until it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from callhub.errors import CallhubError, InvalidRequest, OutcomeUnknown, WaitTimeout
from callhub.flows import place
from callhub.flows.effects import Jitter, Sleep, Tell, Ticks, ask
from callhub.flows.exchange import TIMEOUT
from callhub.flows.observe import get
from callhub.flows.operations import FindById
from callhub.flows.reading import locate
from callhub.model.lifecycle import CallStatus
from callhub.policy.intake import timeout_fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from callhub.flows.context import Context
    from callhub.flows.effects import Steps
    from callhub.model.call import Call

FIRST_GAP = 1.0
LONGEST_GAP = 15.0
LEAST = 1.0  # seconds that a reading is given at the very end


def wait(
    context: Context, call_id: str, timeout: float, on_update: Callable[[Call], object] | None
) -> Steps[Call]:
    """Read the call, less and less often, until it is over; where the ledger knows that, at once.

    Raises:
        WaitTimeout: it isn't over in time; `call` is its latest state.
        OutcomeUnknown: the call is in doubt, so that there is nothing to wait for.
    """
    fault = timeout_fault(timeout) if timeout != 0 else None
    if fault:
        raise InvalidRequest(f"timeout {fault}", fields={"timeout": fault})
    known = (yield from locate(call_id)).ours
    if known is not None and known.terminal:
        known = yield from _gone_on(context, known)
        if known.terminal:
            return known
    deadline = (yield from ask(Ticks())) + timeout
    gap = FIRST_GAP
    while True:
        left = deadline - (yield from ask(Ticks()))
        call = yield from get(context, call_id, timeout=max(left, LEAST))
        if call.terminal:
            call = yield from _gone_on(context, call)
        if on_update is not None:
            yield from ask(Tell(on_update, call))
        if call.terminal:
            return call
        left = deadline - (yield from ask(Ticks()))
        _refuse_to_wait(call, left, timeout)
        yield from ask(Sleep(min(left, gap * (0.8 + 0.4 * (yield from ask(Jitter()))))))
        gap = min(gap * 1.5, LONGEST_GAP)


def _refuse_to_wait(call: Call, left: float, timeout: float) -> None:
    """Raise where there is nothing to wait for, or no time left."""
    if call.status is CallStatus.IN_DOUBT:
        said = "the call is in doubt: its vendor gave no id to ask for"
        raise OutcomeUnknown(said, provider=call.provider, call=call)
    if left <= 0:
        said = f"the call is still {call.status} after {timeout:g} s"
        raise WaitTimeout(said, dialed="maybe", provider=call.provider, call=call)


def _gone_on(context: Context, call: Call) -> Steps[Call]:
    """Let the next vendor have a failed call, where its route says so; a failed call stays one otherwise."""
    try:
        return (yield from place.resume(context, call, TIMEOUT))
    except CallhubError as error:
        if error.dialed == "maybe":
            raise
        record = yield from ask(FindById(call.id))
        return record.call if record else call
