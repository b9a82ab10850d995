"""Find out what came of a request that may have rung a phone, without ringing it again.

Two ways, by what the vendor documents:

1. **The same request again**, to the byte and under the same key, where the vendor carries out a key
   once. It counts as a dial: every guard is asked, the lease must be free, the account the same, and
   the first attempt young enough that the vendor still knows the key.
2. **A look-up** in what the vendor lists. It may find the call. That it finds none is proof only
   where the list is complete, and late enough that nothing can be under way any more.

Whatever else an answer says (a refusal, too) proves nothing: the first request may have rung.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from callhub.errors import (
    CallhubError,
    InvalidState,
    LedgerError,
    OutcomeUnknown,
    RateLimited,
    Suppressed,
    Unreachable,
)
from callhub.flows.attempt import (
    LEASE_MARGIN,
    account_of,
    consent,
    judge,
    time_left,
    time_to_dial,
    up_to_dial,
)
from callhub.flows.effects import Now, Sleep, Steps, Ticks, ask
from callhub.flows.exchange import PATIENCE, keep_pace, perform, send, wait_to_retry
from callhub.flows.observe import get
from callhub.flows.operations import (
    Bound,
    Denial,
    FindById,
    FindDoubt,
    LeaveToPerson,
    Retake,
    Rule,
    Settle,
)
from callhub.flows.reading import needed
from callhub.flows.settling import settled
from callhub.flows.suppression import leave_alone
from callhub.policy import lookup, retry
from callhub.policy.verdict import Verdict
from callhub.provider.capability import Feature
from callhub.provider.order import CallFilter

if TYPE_CHECKING:
    from datetime import datetime

    from callhub.flows.context import Context, Link
    from callhub.flows.operations import Doubt, Record
    from callhub.model.call import Call
    from callhub.provider.base import Flow
    from callhub.provider.http import Request
    from callhub.provider.order import Order

PAGE = 100
GUARDS = (Rule.SUPPRESSED, Rule.CAP, Rule.GAP)
AT_WORK = 600.0  # seconds for which a vendor may still carry out what its caller has given up


@dataclass(slots=True)
class _Case:
    """One attempt in doubt, with all that settling it needs."""

    context: Context
    link: Link
    call: Call
    doubt: Doubt
    order: Order
    deadline: float


def reconcile(context: Context, call_id: str, timeout: float) -> Steps[Call]:
    """Settle a call in doubt where that can be done, and return it as it stands then.

    Raises:
        OutcomeUnknown: it is still in doubt, or being placed right now; `call` says whether a person
            is needed.
        NotFound: the ledger has no such call.
    """
    record = yield from needed(call_id)
    if not record.unsettled:
        return (yield from get(context, call_id))
    deadline = (yield from ask(Ticks())) + timeout
    record, why = yield from settle(context, record, deadline)
    if record.unsettled:
        raise doubt_error(record, why)
    return record.call


def settle(context: Context, record: Record, deadline: float) -> Steps[tuple[Record, str]]:
    """Settle every attempt in doubt of an intent; give it as it stands then, and why not where it isn't.

    Raises:
        LedgerError: the call is as much in doubt as before, and `dialed` says so.
    """
    why = ""
    try:
        for ordinal in record.doubtful:
            provider = record.call.attempts[ordinal - 1].provider
            why = yield from _settle_one(context, record.call, ordinal, provider, deadline)
            record = (yield from ask(FindById(record.call.id))) or record
    except LedgerError as error:
        error.dialed, error.call = "maybe", record.call
        raise
    return record, why


def doubt_error(record: Record, why: str = "") -> OutcomeUnknown:
    """Make the error for a call that stays in doubt."""
    call = record.call
    state = "is in doubt: it was not dialled again"
    if record.leased:
        state = "is being placed right now: it was not dialled again"
    elif call.needs_person:
        state = f"needs a person: find out whether it was placed, then `callhub resolve {call.id}`"
    said = f"the call {state}" + (f" ({why})" if why else "")
    return OutcomeUnknown(said, provider=call.provider, call=call)


def _settle_one(context: Context, call: Call, ordinal: int, provider: str, deadline: float) -> Steps[str]:
    """Settle one attempt, or say why it can't be settled."""
    link = context.links.get(provider)
    if link is None:
        return (yield from _leave(call, f"{provider} is not configured here"))
    doubt = yield from ask(FindDoubt(call.id, ordinal, account_of(link)))
    if doubt is None:
        return ""
    if doubt.leased:
        return "somebody may still be placing it"
    if not doubt.account_matches:
        return (
            yield from _leave(call, f"it was sent to another account or address of {link.provider.title}")
        )
    if doubt.order is None:
        return (yield from _leave(call, "what was asked of the vendor is not kept any more"))
    return (yield from _ask_around(_Case(context, link, call, doubt, doubt.order, deadline)))


def _ask_around(case: _Case) -> Steps[str]:
    """Send it again, else look it up, or say why neither tells."""
    provider = case.link.provider
    try:
        kept_from: str | None = ""
        if provider.supports(Feature.IDEMPOTENT_CREATE):
            kept_from = yield from _send_again(case)
        if kept_from is None:
            return ""
        why = yield from _look_up(case)
        return "; ".join(filter(None, (why, kept_from))) if why else ""
    except CallhubError:
        raise
    except Exception as bug:  # noqa: BLE001 - a plugin's: it settles nothing, and keeps no other call waiting
        return f"{provider.title}'s plugin failed ({type(bug).__name__})"


# 1. the same request again


def _send_again(case: _Case) -> Steps[str | None]:
    """Send the stored request again until it is answered, as long as that may be done.

    None where that settled it, else which rule about the person keeps it from being sent; often none does.
    """
    try:
        yield from consent(case.context, case.call)
    except Suppressed:
        return "it isn't sent again without the consent check's yes"
    tried = 0
    while True:
        answer = yield from _once_more(case)
        if answer is None:
            return None
        if not isinstance(answer, OutcomeUnknown | Unreachable | RateLimited):
            return _kept_by(answer)
        tried += 1
        if not (yield from wait_to_retry(answer, tried, case.deadline)):
            return ""


def _kept_by(answer: CallhubError | Denial) -> str:
    if not isinstance(answer, Denial) or answer.rule not in GUARDS:
        return ""
    again = f" before {answer.wait:.0f} s have passed" if answer.wait else ""
    return f"{answer.rule}: it isn't sent again{again}"


def _once_more(case: _Case) -> Steps[CallhubError | Denial | None]:
    """Send the stored request once more; None where that settled it."""
    context, link, order = case.context, case.link, case.order
    try:
        yield from keep_pace(link, case.deadline)
        flow = link.provider.create_call(order)
        yield from up_to_dial(link, flow, case.deadline)
        ticks = yield from ask(Ticks())
        lease = time_left(link, case.deadline - ticks) + LEASE_MARGIN
    except LedgerError:
        raise
    except CallhubError as error:
        return error
    now = yield from ask(Now())
    account, window = account_of(link), context.idempotency_window
    taken = yield from ask(
        Retake(case.call.id, case.doubt.ordinal, account, now, window, lease, context.guards)
    )
    if isinstance(taken, Denial):
        return taken
    case.doubt = dataclasses.replace(case.doubt, dials=taken.dial, last_dial=now)
    left = yield from _last_look(case, ticks + lease, now, lease)
    if left is None:
        said = "the time was used up before it was sent again"
        yield from _stays(case, said)
        return InvalidState(said, dialed="maybe", call=case.call)
    return (yield from _answered(case, flow, taken.request, left))


def _last_look(case: _Case, until: float, now: datetime, lease: float) -> Steps[float | None]:
    """Look at the clocks for the last time; who is cancelled here gives the lease back."""
    try:
        return (yield from time_to_dial(until, now, lease, case.deadline))
    except GeneratorExit:
        raise
    except BaseException:
        yield from _stays(case, "callhub was interrupted before the request was sent again")
        raise


def _answered(case: _Case, flow: Flow[Call], request: Request, left: float) -> Steps[CallhubError | None]:
    try:
        answer = yield from send(case.link, request, left)
        settled = yield from judge(case.link, flow, case.order.to, answer, case.deadline)
    except GeneratorExit:
        raise
    except Exception as bug:  # noqa: BLE001 - whatever fails from here on, the vendor may have the call
        settled = OutcomeUnknown(
            f"sending broke off ({type(bug).__name__})", provider=case.link.provider.name
        )
    except BaseException:
        yield from _stays(case, "callhub was interrupted while the request was under way again")
        raise
    if isinstance(settled, CallhubError):
        yield from _stays(case, f"sent again: {settled}", opted_out=isinstance(settled, Suppressed))
        return settled
    yield from _end(case, Verdict.ACCEPTED, "accepted when the same request was sent again", settled)
    return None


# 2. the look-up


def _look_up(case: _Case) -> Steps[str]:
    """Look for the call in what the vendor lists, and settle it where that proves anything."""
    provider = case.link.provider
    if not provider.supports(Feature.LIST):
        why = f"{provider.title} can neither be asked again nor lists its calls"
        return (yield from _leave(case.call, why))
    if early := (yield from _too_early(case)):
        return early
    asked_at = yield from ask(Now())  # what happens after that, the list can't show
    try:
        listed = yield from _listed(case)
    except LedgerError:
        raise
    except CallhubError as error:
        return f"the look-up failed: {error}"
    found = yield from _judged(case, listed)
    if found.call is not None:
        yield from _end(case, Verdict.ACCEPTED, "found by a look-up at the vendor", found.call)
        return ""
    why = found.unclear or _no_proof(case)
    return (yield from (_leave(case.call, why) if why else _absent(case, asked_at)))


def _no_proof(case: _Case) -> str:
    """Say why a look-up that found nothing proves nothing; nothing where it proves that there is no call."""
    title = case.link.provider.title
    if not case.link.provider.supports(Feature.COMPLETE_LIST):
        return f"a look-up found nothing, and {title}'s list may be incomplete"
    if case.doubt.assumed and len(case.context.links) > 1:
        return f"{title} doesn't have it, but another vendor may: a backup was restored since"
    return ""


def _too_early(case: _Case) -> Steps[str]:
    """Wait until the vendor's list can show the call; say so where there is no time for that."""
    wait = case.context.settling - case.doubt.age
    if wait <= 0:
        return ""
    if (yield from ask(Ticks())) + wait > case.deadline:
        return f"too early for a look-up: try again in {wait:.0f} s"
    yield from ask(Sleep(wait))
    return ""


def _listed(case: _Case) -> Steps[list[Call]]:
    """Read every page that could hold the call; without a time filter, whose meaning isn't documented."""
    provider = case.link.provider
    where = CallFilter(contact_id=case.order.contact_id, script=case.order.script)
    calls: list[Call] = []
    cursor: str | None = None
    while True:
        left = case.deadline - (yield from ask(Ticks()))
        flow = provider.list_calls(where, cursor, min(PAGE, provider.page_limit or PAGE))
        page = yield from perform(case.link, flow, min(max(left, 1.0), PATIENCE))
        calls += page.items
        if page.cursor is None:
            return calls
        cursor = page.cursor
        if (yield from ask(Ticks())) >= case.deadline:
            raise OutcomeUnknown("the list is longer than there was time to read")


def _judged(case: _Case, listed: list[Call]) -> Steps[lookup.Finding]:
    """Judge the listed calls, those left out that belong to another intent of this ledger."""
    provider, doubt = case.link.provider, case.doubt
    listed = lookup.worth_a_look(case.order.to, listed, provider.reference)
    ids = tuple(call.provider_call_id for call in listed if call.provider_call_id)
    taken = (yield from ask(Bound(provider.name, ids, case.call.id, doubt.ordinal))) if ids else frozenset()
    free = [call for call in listed if call.provider_call_id not in taken]
    now = yield from ask(Now())
    skew = (retry.date(case.link.date) or now) - now
    sent = (doubt.started_at, max(doubt.until, doubt.last_dial))
    sought = lookup.Sought.of(provider.name, case.order, sent, skew, doubt.rivals)
    found = lookup.find(sought, free, provider.reference)
    ever = dataclasses.replace(sought, since=lookup.EVER[0], until=lookup.EVER[1])
    elsewhen = lookup.find(ever, free, provider.reference)
    if found == lookup.Finding() != elsewhen:
        which = elsewhen.call.id if elsewhen.call else "a call"
        return lookup.Finding(unclear=f"{which} fits but for its time, and clocks can be wrong")
    return found


def _absent(case: _Case, asked_at: datetime) -> Steps[str]:
    """Take a complete look-up that found nothing for a no, once nothing can be under way any more."""
    window = timedelta(seconds=max(case.context.idempotency_window, AT_WORK))
    if (
        asked_at - max(case.doubt.until, case.doubt.last_dial) < window
        or case.doubt.age < window.total_seconds()
    ):
        return "a look-up found nothing yet; it counts once the vendor can't be at work on it any more"
    yield from _end(case, Verdict.REFUSED, "a complete look-up shows that the vendor doesn't have it", None)
    return ""


# what is written down


def _end(case: _Case, ended: Verdict, reason: str, news: Call | None) -> Steps[None]:
    now = yield from ask(Now())
    ordinal = case.doubt.ordinal
    call = settled(case.call, ordinal, (ended, reason), now, news)
    own = news.provider_call_id if news is not None else None
    dial, told = case.doubt.dials, ("settled", reason)
    yield from ask(Settle(call, ordinal, ended, reason, now, dial, proof=True, said=told, vendor_id=own))
    yield from leave_alone(case.context, call)


def _stays(case: _Case, reason: str, *, opted_out: bool = False) -> Steps[None]:
    now = yield from ask(Now())
    doubt = case.doubt
    end = Settle(case.call, doubt.ordinal, Verdict.MAYBE, reason, now, doubt.dials, opted_out=opted_out)
    yield from ask(end)
    yield from leave_alone(case.context, case.call, told=opted_out)


def _leave(call: Call, why: str) -> Steps[str]:
    """Leave the call to a person, and give back why."""
    now = yield from ask(Now())
    yield from ask(LeaveToPerson(call.id, now, why))
    return why
