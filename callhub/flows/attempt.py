"""One attempt: written down, sent once, judged, written down again.

Between the claim and the verdict the promise is kept by two things: the claim is committed before
the request leaves, and only its owner sends it, once, while its lease lasts.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from callhub.errors import (
    CallhubError,
    ConfigurationError,
    LedgerError,
    OutcomeUnknown,
    Suppressed,
    Unreachable,
)
from callhub.flows.effects import Consult, Now, Steps, Ticks, ask
from callhub.flows.exchange import Done, advance, drive, error_of, keep_pace, send
from callhub.flows.operations import Ailing, Claim, Claimed, Denial, FindById, Settle
from callhub.flows.suppression import leave_alone
from callhub.model.call import Attempt, Call, as_of, merged
from callhub.model.lifecycle import CallOutcome, CallStatus
from callhub.policy import lookup, verdict
from callhub.policy.verdict import PROVEN_NO, Verdict
from callhub.provider.capability import Feature
from callhub.provider.http import Request, Response

if TYPE_CHECKING:
    from datetime import datetime

    from callhub.errors import Dialed
    from callhub.flows.context import Context, Link
    from callhub.flows.operations import Record
    from callhub.policy.routing import Plan
    from callhub.provider.base import Flow
    from callhub.provider.http import Fault
    from callhub.provider.order import Order

_encode = msgspec.json.Encoder().encode

LEASE_MARGIN = 30.0
FIRST_SHARE = 2 / 3  # of the time left goes to a first dial whose request may be sent again


@dataclass(slots=True)
class Intent:
    """One intended call on its way; `past` holds the attempts that are over.

    Attributes:
        risky: True once the caller has accepted that an attempt in doubt may ring, too.
    """

    context: Context
    call: Call
    document: str = field(repr=False)
    plan: Plan
    deadline: float
    namespace: str
    generation: int = 0
    past: tuple[Attempt, ...] = ()
    risky: bool = False

    @property
    def ordinal(self) -> int:
        """Give the place of the next attempt."""
        return len(self.past) + 1

    @property
    def dialed(self) -> Dialed:
        """Tell whether a phone could have rung by now."""
        return "no" if all(one.verdict in PROVEN_NO for one in self.past) else "maybe"

    def follow(self, record: Record | None) -> None:
        """Go on where somebody else under the same key has left off."""
        if record is not None:
            self.call = replace(self.call, id=record.call.id, created_at=record.call.created_at)
            self.past = record.call.attempts
            self.generation = record.generation

    def keyed(self, order: Order) -> Order:
        """Give the order under the vendor's key: never from the attempt, the clock or the process."""
        parts = (self.namespace, self.call.idempotency_key or "", str(self.generation))
        digest = hashlib.sha256("\x00".join(parts).encode()).hexdigest()
        return replace(order, idempotency_key=f"callhub-{digest[:40]}")


@dataclass(slots=True)
class Trial:
    """The attempt that is being made."""

    intent: Intent
    link: Link
    order: Order
    call: Call
    started_at: datetime
    lease: float
    until: float
    ailing: bool = False

    @property
    def cooling(self) -> bool:
        """Tell whether the vendor's health matters: only where there is another one to turn to."""
        return len(self.intent.plan.considered) > 1


def make(intent: Intent, link: Link, order: Order) -> Steps[Call | CallhubError | Denial]:
    """Make one attempt, and give the call, the error or the rule that stood in the way.

    Raises:
        LedgerError: nothing was dialled where `dialed` is "no".
    """
    try:
        yield from keep_pace(link, intent.deadline)
        keyed = intent.keyed(order)
        flow = link.provider.create_call(keyed)
        request = yield from up_to_dial(link, flow, intent.deadline)
        call = replace(intent.call, provider=link.provider.name, attempts=intent.past)
        yield from consent(intent.context, call)
        ticks = yield from ask(Ticks())
        remaining = time_left(link, intent.deadline - ticks)
    except LedgerError:
        raise
    except CallhubError as error:
        return error
    now = yield from ask(Now())
    lease = remaining + LEASE_MARGIN
    trial = Trial(intent, link, keyed, call, now, lease, ticks + lease)
    claimed = yield from _claim(trial, request)
    if isinstance(claimed, Denial):
        return claimed
    trial.ailing = claimed.ailing
    return (yield from _dial(trial, flow, request))


def consent(context: Context, call: Call) -> Steps[None]:
    """Ask the application's own check, where there is one.

    Raises:
        Suppressed: it raised, or returned anything but True.
    """
    check = context.guards.consent
    if check is None:
        return
    try:
        answer = yield from ask(Consult(check, call))
    except Exception as error:
        raise Suppressed(f"the consent check raised {type(error).__name__}; nothing was dialled") from error
    if answer is not True:
        said = f"the consent check returned {type(answer).__name__}, not True; nothing was dialled"
        raise Suppressed("the consent check says no; nothing was dialled" if answer is False else said)


def up_to_dial(link: Link, flow: Flow[Call], deadline: float) -> Steps[Request]:
    """Perform what comes before the dialling request, and give that request, unsent."""
    provider = link.provider
    step = yield from drive(link, flow, advance(provider, partial(next, flow)), deadline)
    if isinstance(step, Request):
        return step
    raise ConfigurationError(
        f"{provider.title}: create_call yielded no Request that dials", provider=provider.name
    )


def judge(
    link: Link, flow: Flow[Call], to: str, answer: Response | Fault, deadline: float
) -> Steps[Call | CallhubError]:
    """Tell what an answer to a request that dials proves: what can't be read proves nothing."""
    provider = link.provider
    try:
        if not isinstance(answer, Response) or not answer.ok:
            return (yield from error_of(provider, answer, dialled=True))
        step = advance(provider, partial(flow.send, answer), dialled=True)
        step = yield from drive(link, flow, step, deadline)
    except OutcomeUnknown as error:
        return error
    except Exception as bug:  # noqa: BLE001 - a plugin's, or a later request's
        said = f"{provider.title} has the request, and what came of it can't be read"
        return OutcomeUnknown(f"{said} ({type(bug).__name__})", provider=provider.name)
    call = step.value if isinstance(step, Done) else None
    if isinstance(call, Call) and call.provider_call_id and lookup.may_be_to(to, call):
        return call
    return verdict.nonsense(provider, dialled=True)


def account_of(link: Link) -> str:
    """Give what a vendor's account is told apart by; the ledger keeps a keyed hash of it."""
    settings = link.provider.settings
    return f"{settings.base_url}\x00{settings.api_key.get_secret_value()}"


def time_to_dial(until: float, started_at: datetime, lease: float, deadline: float) -> Steps[float | None]:
    """Give the seconds left for a dial; None where this process slept through its lease, by either clock.

    Others may have taken over then. None, too, where nobody would wait for the answer any more. So this is
    the last thing asked for before the request leaves.
    """
    ticks = yield from ask(Ticks())
    now = yield from ask(Now())
    if ticks >= min(until, deadline) or (now - started_at).total_seconds() >= lease:
        return None
    return deadline - ticks


def after(call: Call, news: Call | None) -> Call:
    """Give the call as it stands after its latest attempt, with what the vendor says of it."""
    if news is not None:
        return merged(call, news)
    if any(attempt.verdict not in PROVEN_NO for attempt in call.attempts):
        return call  # in doubt: this attempt, or one before it that the caller took the risk of
    return replace(call, status=CallStatus.FAILED, outcome=CallOutcome.ERROR, needs_person=False)


def time_left(link: Link, remaining: float) -> float:
    """Give the seconds until the deadline; refuse to dial where nobody would wait for the answer."""
    if remaining > 0:
        return remaining
    said = "the timeout was used up before the call could be sent; nothing was dialled"
    raise Unreachable(said, provider=link.provider.name)


def _claim(trial: Trial, request: Request) -> Steps[Claimed | Denial]:
    intent = trial.intent
    claim = Claim(
        call=trial.call,
        document=intent.document,
        plan=_encode(intent.plan).decode(),
        ordinal=intent.ordinal,
        provider=trial.link.provider.name,
        request=request,
        order=trial.order,
        account=account_of(trial.link),
        started_at=trial.started_at,
        lease=trial.lease,
        guards=intent.context.guards,
        cooling=trial.cooling,
        risky=intent.risky,
    )
    return (yield from ask(claim))


def _dial(trial: Trial, flow: Flow[Call], request: Request) -> Steps[Call | CallhubError]:
    """Send the request that may ring a phone, once, and write down how it ended."""
    left = yield from _last_look(trial)
    if left is None:
        said = "the time was used up before the request was sent; nothing was sent"
        unsent = Unreachable(said, provider=trial.link.provider.name)
        return (yield from _no_or_maybe(trial, unsent, blamed=False))
    again = trial.link.provider.supports(Feature.IDEMPOTENT_CREATE)
    try:
        answer = yield from send(trial.link, request, left * FIRST_SHARE if again else left)
        settled = yield from judge(trial.link, flow, trial.order.to, answer, trial.intent.deadline)
    except GeneratorExit:
        raise
    except Exception as bug:  # noqa: BLE001 - whatever fails from here on, the vendor may have the call
        said = f"sending broke off ({type(bug).__name__})"
        settled = OutcomeUnknown(said, provider=trial.link.provider.name)
    except BaseException:  # cancelled or interrupted
        yield from _settle(trial, Verdict.MAYBE, "callhub was interrupted while the request was under way")
        raise
    if isinstance(settled, CallhubError):
        return (yield from _no_or_maybe(trial, settled))
    return (yield from _accepted(trial, settled))


def _last_look(trial: Trial) -> Steps[float | None]:
    """Look at the clocks for the last time; who is cancelled here has sent nothing."""
    try:
        return (yield from time_to_dial(trial.until, trial.started_at, trial.lease, trial.intent.deadline))
    except GeneratorExit:
        raise
    except BaseException:
        said = "callhub was interrupted before the request was sent"
        yield from _settle(trial, Verdict.UNREACHABLE, said, blamed=False)
        raise


def _accepted(trial: Trial, news: Call) -> Steps[Call | CallhubError]:
    """Write an acceptance down; one that names a call which is another attempt's proves nothing."""
    ordinal = trial.intent.ordinal
    call = yield from _settle(trial, Verdict.ACCEPTED, None, news)
    if call.attempts[ordinal - 1].verdict is not None:
        return call
    said = f"{trial.link.provider.title} answered with the id of another call"
    return (yield from _no_or_maybe(trial, OutcomeUnknown(said, provider=trial.link.provider.name)))


def _no_or_maybe(trial: Trial, error: CallhubError, *, blamed: bool = True) -> Steps[Call | CallhubError]:
    """Write a no or a maybe down; where somebody has taken the attempt over meanwhile, their end counts."""
    kinds = {OutcomeUnknown: Verdict.MAYBE, Unreachable: Verdict.UNREACHABLE}
    ended, ordinal = kinds.get(type(error), Verdict.REFUSED), trial.intent.ordinal
    opted_out = isinstance(error, Suppressed)
    call = yield from _settle(trial, ended, str(error), opted_out=opted_out, blamed=blamed)
    stands = call.attempts[ordinal - 1].verdict
    if stands == Verdict.ACCEPTED:
        return call
    error.call = call
    if error.dialed == "no" and stands not in PROVEN_NO:
        said = "somebody else has taken the attempt over, and may have sent the request again"
        return OutcomeUnknown(said, provider=error.provider, call=call)
    return error


def _settle(
    trial: Trial,
    ended: Verdict,
    reason: str | None,
    news: Call | None = None,
    *,
    opted_out: bool = False,
    blamed: bool = True,
) -> Steps[Call]:
    """Write down how the attempt ended; where somebody has done so already, theirs stands.

    Unless the vendor is `blamed`, what failed says nothing of its health.
    """
    intent, finished = trial.intent, (yield from ask(Now()))
    attempt = Attempt(
        provider=trial.link.provider.name,
        started_at=trial.started_at,
        finished_at=finished,
        verdict=ended.value,
        reason=reason,
    )
    call = as_of(after(replace(trial.call, attempts=(*intent.past, attempt)), news), finished)
    settle = Settle(
        call, intent.ordinal, ended, reason, finished,
        renews=ended is Verdict.REFUSED,
        opted_out=opted_out,
        ailing=_health(trial, ended, blamed=blamed),
    )  # fmt: skip
    try:
        if not (yield from ask(settle)):
            record = yield from ask(FindById(call.id))
            return record.call if record else call
    except LedgerError as error:
        error.dialed = "no" if ended in PROVEN_NO else "maybe"
        error.call = call
        raise
    intent.past = call.attempts
    intent.generation += settle.renews
    yield from leave_alone(intent.context, call, told=opted_out)
    return call


def _health(trial: Trial, ended: Verdict, *, blamed: bool) -> Ailing | None:
    """Say what an end tells of the vendor's health; nothing where nobody asks, or all is as it was."""
    failed = blamed and ended in (Verdict.UNREACHABLE, Verdict.MAYBE)
    if not trial.cooling or not (failed or trial.ailing):
        return None
    proves = failed or ended is Verdict.ACCEPTED
    until = trial.started_at.timestamp() + trial.lease
    return Ailing(account_of(trial.link), failed if proves else None, until)
