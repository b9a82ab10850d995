"""Place a call: written down before the world is touched.

The order of things is the whole promise:

1. **Key first.** The ledger is asked by key before anything is validated. What was placed is given
   back, whatever the clock or the configuration says by now; what is in doubt is never dialled.
2. **Every problem at once.** A new request is validated as a whole, the vendor's rules included.
3. **Claim, then dial.** The attempt is inserted under a unique key and committed; only its owner
   sends the request flagged `dials`, and sends it once.
4. **Only a proven no is tried again.** A listed refusal that may pass (a rate limit) or a transport
   error that left no byte at the vendor; everything else is settled, or stays in doubt.
"""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from callhub.errors import (
    CallhubError,
    ConfigurationError,
    Conflict,
    LedgerError,
    OutcomeUnknown,
    Unreachable,
)
from callhub.flows import contacts
from callhub.flows.effects import (
    Claim,
    FindById,
    FindByKey,
    NewId,
    Now,
    Settle,
    Sleep,
    Steps,
    Ticks,
    ask,
)
from callhub.flows.exchange import Done, advance, drive, error_of, keep_pace, send, wait_to_retry
from callhub.model.call import Attempt, Call, as_of, merged
from callhub.model.contact import Contact
from callhub.model.lifecycle import CallOutcome, CallStatus
from callhub.policy import intake, routing, verdict
from callhub.policy.verdict import Verdict
from callhub.provider.http import Request, Response
from callhub.provider.order import Problem, reject

if TYPE_CHECKING:
    from datetime import datetime

    from callhub.flows.context import Context, Link
    from callhub.flows.effects import Record, Standing
    from callhub.model.call import CallRequest
    from callhub.provider.base import Flow
    from callhub.provider.http import Fault
    from callhub.provider.order import Order

LEASE_MARGIN = 30.0
LOOK_AGAIN = 0.05


@dataclass(slots=True)
class _Intent:
    """One intent on its way; `past` holds the attempts that are over."""

    link: Link
    order: Order
    call: Call
    document: str = field(repr=False)
    deadline: float
    started_at: datetime
    namespace: str
    generation: int = 0
    past: tuple[Attempt, ...] = ()

    @property
    def ordinal(self) -> int:
        return len(self.past) + 1

    def follow(self, record: Record | None) -> None:
        """Go on where somebody else under the same key has left off."""
        if record is not None:
            self.call = replace(self.call, id=record.call.id, created_at=record.call.created_at)
            self.past = record.call.attempts
            self.generation = record.generation

    def keyed(self) -> Order:
        """Give the order under the vendor's key: never from the attempt, the clock or the process."""
        parts = (self.namespace, self.call.idempotency_key or "", str(self.generation))
        digest = hashlib.sha256("\x00".join(parts).encode()).hexdigest()
        return dataclasses.replace(self.order, idempotency_key=f"callhub-{digest[:40]}")

    def attempt(self, ended: Verdict, reason: str | None, finished_at: datetime) -> Attempt:
        """Give the present attempt as it ended."""
        name = self.link.provider.name
        return Attempt(
            provider=name, started_at=self.started_at, finished_at=finished_at, verdict=ended, reason=reason
        )


def place(context: Context, request: CallRequest) -> Steps[Call]:
    """Place a call once per idempotency key, and return it.

    Raises:
        Refused, Unreachable: nothing was dialled.
        OutcomeUnknown: the vendor may have taken the call; `call` is the one in doubt.
        Conflict: another request stands under the key.
        LedgerError: nothing was dialled where `dialed` is "no".
    """
    key, document = yield from _identify(request)
    seconds = request.timeout if isinstance(request.timeout, int | float) else 0
    deadline = (yield from ask(Ticks())) + seconds
    standing = yield from _standing(key, document, deadline)
    if standing.record is not None and not _free(standing.record):
        return _given_back(standing.record)
    intent = yield from _prepare(context, replace(request, idempotency_key=key), document, standing, deadline)
    return (yield from _try_until_settled(intent, key))


def _identify(request: CallRequest) -> Steps[tuple[str, str | None]]:
    key = request.idempotency_key
    if key is None:
        key = yield from ask(NewId())
    problem = intake.key_problem(key)
    if problem:
        reject([problem])
    return key, intake.document(request)


def _standing(key: str, document: str | None, deadline: float) -> Steps[Standing]:
    """Find what stands under the key, once nobody is placing it any more."""
    while True:
        standing = yield from ask(FindByKey(key))
        record = standing.record
        if record is None:
            return standing
        if record.document != document:
            raise Conflict(
                "another request stands under this idempotency_key: use one key for one intended call",
                call=record.call,
            )
        if not record.leased or (yield from ask(Ticks())) >= deadline:
            return standing
        yield from ask(Sleep(LOOK_AGAIN))


def _free(record: Record) -> bool:
    """Tell whether every attempt is a proven no, so that another one can't ring twice."""
    verdicts = {attempt.verdict for attempt in record.call.attempts}
    return verdicts <= {Verdict.REFUSED, Verdict.UNREACHABLE}


def _given_back(record: Record) -> Call:
    call = replace(record.call, replayed=True)
    if call.status is CallStatus.IN_DOUBT:
        state = "is being placed right now" if record.leased else "is in doubt"
        raise OutcomeUnknown(
            f"the call under this idempotency_key {state}: it was not dialled again",
            provider=call.provider,
            call=call,
        )
    return call


def _prepare(
    context: Context, request: CallRequest, document: str | None, standing: Standing, deadline: float
) -> Steps[_Intent]:
    """Validate everything, and give what goes out; nothing has been written or sent."""
    now = yield from ask(Now())
    link = context.link(request.provider)
    if isinstance(request.contact, str):  # nothing is read for what is wrong anyway
        reject(intake.problems(request, now, context.numbers), link.provider.name)
    contact, request = yield from _with_contact(context, link, request, deadline)
    order, found = routing.order(link.provider, request, contact, context.scripts)
    strangers = sorted(set(request.extras) - set(context.links)) if isinstance(request.extras, dict) else []
    found += [Problem("extras", f"{name!r} is no configured provider") for name in strangers]
    found = [*intake.problems(request, now, context.numbers), *found]
    if document is None and not found:
        found = [intake.UNWRITABLE]
    reject(found, link.provider.name)
    state = _first_state(link.provider.name, request, contact, (yield from ask(NewId())))
    call = replace(state, created_at=now)
    intent = _Intent(link, order, call, document or "", deadline, now, standing.namespace)
    intent.follow(standing.record)
    return intent


def _with_contact(
    context: Context, link: Link, request: CallRequest, deadline: float
) -> Steps[tuple[Contact | None, CallRequest]]:
    """Give the contact, read from its vendor's book where the call needs more than its id."""
    contact = request.contact
    if isinstance(contact, str) and ":" in contact:
        linked = routing.vendor_id(contact, link.provider.name)
        remaining = deadline - (yield from ask(Ticks()))
        enough = linked and request.to
        contact = Contact(id=contact) if enough else (yield from contacts.get(context, contact, remaining))
    if not isinstance(contact, Contact):
        return None, request
    to = request.to if request.to is not None else contact.phone
    return contact, replace(request, to=to, contact=contact)


def _first_state(provider: str, request: CallRequest, contact: Contact | None, call_id: str) -> Call:
    return Call(
        id=call_id,
        provider=provider,
        status=CallStatus.IN_DOUBT,
        to=request.to,
        from_number=request.from_number,
        contact=(contact.id or contact.name) if contact else None,
        script=request.script,
        variables=dict(request.variables),
        scheduled_at=request.scheduled_at,
        held_by="provider" if request.scheduled_at else None,
        idempotency_key=request.idempotency_key,
        metadata=dict(request.metadata),
    )


def _try_until_settled(intent: _Intent, key: str) -> Steps[Call]:
    tried = 0
    while True:
        yield from keep_pace(intent.link, intent.deadline)
        flow = intent.link.provider.create_call(intent.keyed())
        request = yield from _up_to_dial(intent, flow)
        remaining = yield from _time_left(intent)
        if not (yield from _claim(intent, request, remaining + LEASE_MARGIN)):
            record = (yield from _standing(key, intent.document, intent.deadline)).record
            if record is not None and not _free(record):
                return _given_back(record)
            intent.follow(record)
            continue
        settled = yield from _dial(intent, flow, request)
        if isinstance(settled, Call):
            return settled
        tried += 1
        again = verdict.transient(type(settled)) and (
            yield from wait_to_retry(settled, tried, intent.deadline)
        )
        if not again:
            raise settled


def _up_to_dial(intent: _Intent, flow: Flow[Call]) -> Steps[Request]:
    """Perform what comes before the dialling request, and give that request, unsent."""
    provider = intent.link.provider
    step = yield from drive(intent.link, flow, advance(provider, partial(next, flow)), intent.deadline)
    if isinstance(step, Request):
        return step
    raise ConfigurationError(
        f"{provider.title}: create_call yielded no Request that dials", provider=provider.name
    )


def _time_left(intent: _Intent) -> Steps[float]:
    """Give the seconds until the deadline; refuse to dial where nobody would wait for the answer."""
    remaining = intent.deadline - (yield from ask(Ticks()))
    if remaining > 0:
        return remaining
    said = "the timeout was used up before the call could be sent; nothing was dialled"
    raise Unreachable(said, provider=intent.link.provider.name)


def _claim(intent: _Intent, request: Request, lease: float) -> Steps[bool]:
    provider = intent.link.provider
    intent.started_at = yield from ask(Now())
    claim = Claim(
        call=intent.call,
        document=intent.document,
        ordinal=intent.ordinal,
        provider=provider.name,
        request=request,
        account=f"{provider.settings.base_url}\x00{provider.settings.api_key.get_secret_value()}",
        started_at=intent.started_at,
        lease=lease,
    )
    return (yield from ask(claim))


def _dial(intent: _Intent, flow: Flow[Call], request: Request) -> Steps[Call | CallhubError]:
    """Send the request that may ring a phone, once, and write down how it ended."""
    provider = intent.link.provider
    timeout = max(0.001, intent.deadline - (yield from ask(Ticks())))
    try:
        answer = yield from send(intent.link, request, timeout)
        settled = yield from _judge(intent, flow, answer)
    except GeneratorExit:
        raise
    except OutcomeUnknown as error:
        settled = error
    except Exception as bug:  # noqa: BLE001 - whatever fails from here on, the vendor may have the call
        said = f"{provider.title} has the request, and what came of it can't be read"
        settled = OutcomeUnknown(f"{said} ({type(bug).__name__})", provider=provider.name)
    except BaseException:  # cancelled or interrupted
        yield from _settle(intent, Verdict.MAYBE, "callhub was interrupted while the request was under way")
        raise
    if isinstance(settled, CallhubError):
        return (yield from _no_or_maybe(intent, settled))
    return (yield from _settle(intent, Verdict.ACCEPTED, None, settled))


def _judge(intent: _Intent, flow: Flow[Call], answer: Response | Fault) -> Steps[Call | CallhubError]:
    provider = intent.link.provider
    if not isinstance(answer, Response) or not answer.ok:
        return (yield from error_of(provider, answer, dialled=True))
    step = advance(provider, partial(flow.send, answer), dialled=True)
    step = yield from drive(intent.link, flow, step, intent.deadline)
    if isinstance(step, Done) and isinstance(step.value, Call) and step.value.provider_call_id:
        return step.value
    return verdict.nonsense(provider, dialled=True)


def _no_or_maybe(intent: _Intent, error: CallhubError) -> Steps[CallhubError]:
    kinds = {OutcomeUnknown: Verdict.MAYBE, Unreachable: Verdict.UNREACHABLE}
    error.call = yield from _settle(intent, kinds.get(type(error), Verdict.REFUSED), str(error))
    return error


def _settle(intent: _Intent, ended: Verdict, reason: str | None, news: Call | None = None) -> Steps[Call]:
    """Write down how the attempt ended; where somebody has done so already, theirs stands."""
    finished = yield from ask(Now())
    attempt = intent.attempt(ended, reason, finished)
    call = as_of(_after(replace(intent.call, attempts=(*intent.past, attempt)), ended, news), finished)
    settle = Settle(call, intent.ordinal, ended, reason, finished)
    try:
        if not (yield from ask(settle)):
            record = yield from ask(FindById(call.id))
            return record.call if record else call
    except LedgerError as error:
        error.dialed = "no" if ended in (Verdict.REFUSED, Verdict.UNREACHABLE) else "maybe"
        error.call = call
        raise
    intent.past = call.attempts
    intent.generation += settle.renews_key
    return call


def _after(call: Call, ended: Verdict, news: Call | None) -> Call:
    """Give the call as it stands after an attempt."""
    if news is not None:
        return merged(call, news)
    if ended is Verdict.MAYBE:
        return call
    return replace(call, status=CallStatus.FAILED, outcome=CallOutcome.ERROR)
