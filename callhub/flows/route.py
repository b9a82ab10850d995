"""Go through a route: one vendor after the other, the next only where nothing can have rung."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from callhub.errors import (
    CallhubError,
    Conflict,
    NoProviderAvailable,
    OutcomeUnknown,
    RateLimited,
    Suppressed,
    Unreachable,
)
from callhub.flows import attempt, reconcile
from callhub.flows.effects import Now, Sleep, Steps, Ticks, ask
from callhub.flows.exchange import wait_to_retry
from callhub.flows.operations import Denial, FindById, FindByKey, Remember, Rule
from callhub.flows.reading import needed
from callhub.model.call import Call
from callhub.policy import verdict
from callhub.policy.routing import LeftOut

if TYPE_CHECKING:
    from callhub.flows.attempt import Intent
    from callhub.flows.context import Link
    from callhub.flows.operations import Record, Standing
    from callhub.provider.order import Order

LOOK_AGAIN = 0.05
COOLING = "cooling"
_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Candidate:
    """A vendor that can carry the call; `error` is its last word, `tried` how often it was asked."""

    link: Link
    order: Order
    error: CallhubError | None = None
    tried: int = 0

    @property
    def name(self) -> str:
        """Give the vendor's name."""
        return self.link.provider.name

    @property
    def worth_another_try(self) -> bool:
        """Tell whether the same request may fare better later."""
        error = self.error
        return error is not None and (error.dialed == "maybe" or verdict.transient(type(error)))

    @property
    def cooling(self) -> bool:
        """Tell whether it was left alone because it keeps failing."""
        return self.error is not None and self.error.code == COOLING

    def note(self, error: CallhubError) -> None:
        """Keep the vendor's last word; one that cools down wasn't asked."""
        self.error = error
        self.tried += not self.cooling


def through(intent: Intent, candidates: list[Candidate], on_unknown: str) -> Steps[Call]:
    """Try one candidate after the other, within one deadline and one budget of attempts.

    Raises:
        OutcomeUnknown: one of them may have taken the call, and nothing else could tell.
        CallhubError: the last word, where nobody took it.
    """
    try:
        return (yield from _one_by_one(intent, candidates, on_unknown))
    except CallhubError as error:
        if intent.dialed == "maybe" and error.dialed == "no":
            error.dialed = "maybe"
            error.args = (f"{error}; an earlier attempt of this call may have rung",)
        raise


def _one_by_one(intent: Intent, candidates: list[Candidate], on_unknown: str) -> Steps[Call]:
    waiting = deque(candidates)
    while waiting and sum(one.tried for one in candidates) < intent.plan.attempts:
        candidate = waiting.popleft()
        if not (yield from _ready(intent, candidate)):
            continue
        answer = yield from _attempted(intent, candidate)
        if isinstance(answer, Call):
            return answer
        if answer is None:  # somebody else has made an attempt, which is a proven no
            waiting.appendleft(candidate)
            continue
        candidate.note(answer)
        yield from _remembered(intent, candidate, answer)
        settled = yield from _unless_over(intent, candidate, answer, on_unknown)
        if settled is not None:
            return settled
        if candidate.worth_another_try and not candidate.cooling:
            waiting.append(candidate)
    raise _last_word(intent, candidates)


def standing(key: str, document: str | None, deadline: float) -> Steps[Standing]:
    """Find what stands under a key, once nobody is placing it any more."""
    while True:
        standing = yield from ask(FindByKey(key, document))
        record = standing.record
        if record is None:
            return standing
        if not standing.same:
            raise Conflict(
                "another request stands under this idempotency_key: use one key for one intended call",
                call=record.call,
            )
        if not record.leased or (yield from ask(Ticks())) >= deadline:
            return standing
        yield from ask(Sleep(LOOK_AGAIN))


def _ready(intent: Intent, candidate: Candidate) -> Steps[bool]:
    """Wait before a candidate is asked again; False where there is no time for that."""
    if candidate.error is None:
        return True
    return (yield from wait_to_retry(candidate.error, candidate.tried, intent.deadline))


def _attempted(intent: Intent, candidate: Candidate) -> Steps[Call | CallhubError | None]:
    answer = yield from attempt.make(intent, candidate.link, candidate.order)
    if not isinstance(answer, Denial):
        return answer
    if answer.rule is not Rule.TAKEN:
        return guard_error(answer, candidate.name)
    found = yield from standing(intent.call.idempotency_key or "", intent.document, intent.deadline)
    record = found.record
    if record is not None and not record.free:
        if record.unsettled:
            raise reconcile.doubt_error(record)
        return replace(record.call, replayed=True)
    intent.follow(record)
    return None


def _unless_over(
    intent: Intent, candidate: Candidate, error: CallhubError, on_unknown: str
) -> Steps[Call | None]:
    """Give the call where the error turned out to be none; raise it where nothing may follow it."""
    if error.dialed == "no":
        if _final(candidate, error):
            raise error
        return None
    record = yield from needed(intent.call.id)
    record, why = yield from reconcile.settle(intent.context, record, intent.deadline)
    intent.past, intent.generation = record.call.attempts, record.generation
    if not record.unsettled:
        return None if record.free else record.call
    if on_unknown != "accept_risk":
        raise _in_doubt(error, record, why)
    intent.risky = True
    return None


def _final(candidate: Candidate, error: CallhubError) -> bool:
    """Tell whether no other vendor may be tried after a no: it is about the person."""
    return error.provider is None or verdict.about_person(candidate.link.provider, error)


def _in_doubt(error: CallhubError, record: Record, why: str) -> CallhubError:
    """Give the error of the attempt, with the call as it stands after trying to settle it."""
    error.call = record.call
    if why:
        error.args = (f"{error} ({why})",)
    return error


def guard_error(denial: Denial, provider: str) -> CallhubError:
    """Make the error for a rule that stood in the way; one about a vendor names it."""
    wait = timedelta(seconds=denial.wait) if denial.wait else None
    again = f"; possible again in {denial.wait:.0f} s" if denial.wait else ""
    if denial.rule is Rule.SUPPRESSED:
        return Suppressed("the number is on the suppression list; nothing was dialled")
    if denial.rule is Rule.COOLING:
        said = f"{provider} keeps failing and is left alone for now{again}; nothing was sent"
        return Unreachable(said, provider=provider, code=COOLING, retry_after=wait)
    if denial.rule is Rule.RESTORED:
        said = "the ledger was restored from a backup, and the call may have been placed after that was made"
        return OutcomeUnknown(f"{said}: it was not dialled", provider=provider)
    said = f"the {denial.rule} of this person is reached; nothing was dialled{again}"
    return RateLimited(said, code=denial.rule.name.lower(), retry_after=wait)


def _remembered(intent: Intent, candidate: Candidate, error: CallhubError) -> Steps[None]:
    """Have the ledger know why a vendor wasn't asked, where it has the call already."""
    kind, said, plan = "held back", str(error), None
    if candidate.cooling:
        kind, out = "left alone", LeftOut(candidate.name, COOLING, said)
        intent.plan = replace(intent.plan, left_out=(*intent.plan.left_out, out))
        plan = _encode(intent.plan).decode()
    elif error.provider is not None:  # the vendor's own word stands with its attempt
        if len(intent.plan.considered) == 1 or error.dialed != "no" or not _final(candidate, error):
            return
        kind, said = "route ended", f"what {error.provider} minds is the person, so no other vendor is asked"
    if not intent.past:
        return  # it isn't written down yet
    yield from ask(Remember(intent.call.id, (yield from ask(Now())), kind, said, plan))
    record = yield from ask(FindById(intent.call.id))
    error.call = error.call or (record.call if record else None)


def _words(intent: Intent, candidates: list[Candidate]) -> str:
    words = {one.provider: one.reason for one in intent.plan.left_out}
    words |= {one.name: str(one.error) for one in candidates if one.error is not None}
    return "; ".join(f"{name}: {words[name]}" for name in intent.plan.considered if name in words)


def _last_word(intent: Intent, candidates: list[Candidate]) -> CallhubError:
    """Give the error of a route that is over: of the one vendor that was asked, or of all."""
    said = [(one, one.error) for one in candidates if one.error is not None]
    asked = [error for one, error in said if one.tried]
    if len(asked) == 1:
        asked[0].dialed = intent.dialed
        return asked[0]
    return NoProviderAvailable(
        f"no vendor of the route took the call: {_words(intent, candidates)}",
        attempts=intent.past,
        left_out={one.provider: one.reason for one in intent.plan.left_out},
        call=next(filter(None, (error.call for _, error in reversed(said))), None),
        retry_after=min(filter(None, (error.retry_after for _, error in said)), default=None),
        dialed=intent.dialed,
    )
