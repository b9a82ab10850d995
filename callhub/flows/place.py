"""Place a call: written down before the world is touched.

The order of things is the whole promise:

1. **Key first.** The ledger is asked by key before anything is validated. What was placed is given
   back, whatever the clock or the configuration says by now; what is in doubt is reconciled, never
   dialled anew.
2. **Every problem at once.** A new request is validated as a whole; each vendor of the route is taken
   or left out, with a reason.
3. **Claim, then dial.** The guards are asked and the attempt is inserted under a unique key in one
   transaction; only its owner sends the request flagged `dials`, and sends it once.
4. **Only a proven no goes on**: to the next vendor, or to another try where it may pass. A no about
   the person ends the route; a *maybe* is reconciled, else a person decides.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from callhub.errors import (
    CallhubError,
    Conflict,
    LedgerError,
    NoProviderAvailable,
    RateLimited,
    Suppressed,
    Unreachable,
)
from callhub.flows import attempt, reconcile
from callhub.flows.attempt import Intent
from callhub.flows.effects import NewId, Now, Sleep, Steps, Ticks, ask
from callhub.flows.exchange import wait_to_retry
from callhub.flows.observe import needed
from callhub.flows.operations import Denial, FindById, FindByKey, Release, Rule
from callhub.flows.people import Person, person_of
from callhub.model.call import Call, CallRequest
from callhub.model.lifecycle import CallStatus
from callhub.policy import intake, routing, verdict
from callhub.policy.routing import LeftOut, Plan
from callhub.policy.verdict import Verdict
from callhub.provider.order import Problem, reject

if TYPE_CHECKING:
    from callhub.flows.context import Context, Link
    from callhub.flows.operations import Record, Standing
    from callhub.provider.order import Order

LOOK_AGAIN = 0.05
COOLING = "cooling"
_plan = msgspec.json.Decoder(Plan).decode
_request = msgspec.json.Decoder(CallRequest).decode
_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Candidate:
    """A vendor that can carry the call; `error` is its last word, `tried` how often it was asked."""

    link: Link
    order: Order
    error: CallhubError | None = None
    tried: int = 0


def place(context: Context, request: CallRequest) -> Steps[Call]:
    """Place a call once per idempotency key, and return it.

    Raises:
        OutcomeUnknown: a vendor may have taken the call; `call` is the one in doubt.
        Conflict: another request stands under the key.
        LedgerError: nothing was dialled where `dialed` is "no".
    """
    key, document = yield from _identify(request)
    seconds = request.timeout if isinstance(request.timeout, int | float) else 0
    deadline = (yield from ask(Ticks())) + seconds
    standing = yield from _standing(key, document, deadline)
    record = standing.record
    if record is not None and not record.free:
        record = yield from _again(context, request, record, deadline)
        if record.call.replayed:
            return record.call
    request = replace(request, idempotency_key=key)
    intent, candidates = yield from _prepare(context, request, document, standing, deadline)
    intent.follow(record)
    intent.risky = record is not None and not record.free
    return (yield from _through_route(intent, candidates, request.on_unknown))


def resume(context: Context, call: Call, timeout: float) -> Steps[Call]:
    """Go on with a call that its vendor has failed, where its route trusts that vendor so far."""
    if call.status is not CallStatus.FAILED:
        return call
    record = yield from ask(FindById(call.id))
    if record is None or not _trusted_failure(record):
        return call
    return (yield from place(context, replace(request_of(record), timeout=timeout)))


def request_of(record: Record) -> CallRequest:
    """Give the request of an intent again, from what the ledger keeps of it."""
    plan = plan_of(record)
    return replace(
        _request(record.document),
        idempotency_key=record.call.idempotency_key,
        metadata=record.call.metadata,
        provider=plan.considered[0] if plan.named else None,
        route=plan.route,
        allow_default_script=plan.allow_default_script,
    )


def plan_of(record: Record) -> Plan:
    """Give the plan of an intent; an older callhub kept none."""
    return _plan(record.plan) if record.plan else Plan((record.call.provider or "",))


def _identify(request: CallRequest) -> Steps[tuple[str, str | None]]:
    key = request.idempotency_key
    if key is None:
        key = yield from ask(NewId())
    problem = intake.key_problem(key)
    if problem:
        reject([problem])
    return key, intake.document(request)


def _standing(key: str, document: str | None, deadline: float) -> Steps[Standing]:
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


def _again(context: Context, request: CallRequest, record: Record, deadline: float) -> Steps[Record]:
    """Settle what stands under the key: its call is `replayed` where it is to be given back.

    Raises:
        OutcomeUnknown: it is in doubt, and stays so.
    """
    if record.doubtful:
        why = ""
        if not record.leased:
            record, why = yield from reconcile.settle(context, record, deadline)
        if record.doubtful and (record.leased or request.on_unknown != "accept_risk"):
            raise reconcile.doubt_error(record, why)
    elif _trusted_failure(record):
        record = yield from _released(record)
    if record.free or record.doubtful:
        return record
    return dataclasses.replace(record, call=replace(record.call, replayed=True))


def _trusted_failure(record: Record) -> bool:
    """Tell whether a vendor failed the call, and the route trusts it to do so before any ring."""
    call = record.call
    accepted = bool(call.attempts) and call.attempts[-1].verdict == Verdict.ACCEPTED
    return accepted and call.status is CallStatus.FAILED and call.provider in plan_of(record).after_failure


def _released(record: Record) -> Steps[Record]:
    """Take the attempt for a no, as the route allows."""
    reason = "its vendor failed the call, and the route trusts it to fail before any ring"
    yield from ask(Release(record.call.id, len(record.call.attempts), reason))
    return (yield from ask(FindById(record.call.id))) or record


# who can carry it


def _prepare(
    context: Context, request: CallRequest, document: str | None, standing: Standing, deadline: float
) -> Steps[tuple[Intent, list[Candidate]]]:
    """Validate everything, and give who can carry it; nothing has been written or sent."""
    now = yield from ask(Now())
    plan = routing.planned(request, context.route, context.links)
    owner = plan.considered[0] if plan.named else None
    if isinstance(request.contact, str):  # nothing is read for what is wrong anyway
        reject(intake.problems(request, now, context.numbers), owner)
    person = yield from person_of(context, plan, request, deadline)
    request = person.request
    common = intake.problems(request, now, context.numbers) + _strangers(request, context)
    candidates, problems = _weighed(context, plan, person)
    if plan.named:
        common = [*common, *problems[owner or ""]]
    if document is None and not common:
        common = [intake.UNWRITABLE]
    reject(common, owner)
    if not plan.named:
        plan = _left_out(plan, problems)
    call = _first_state(plan, request, person, (yield from ask(NewId())))
    intent = Intent(
        context, replace(call, created_at=now), document or "", plan, _encode(plan).decode(), deadline,
        standing.namespace,
    )  # fmt: skip
    return intent, candidates


def _strangers(request: CallRequest, context: Context) -> list[Problem]:
    strangers = sorted(set(request.extras) - set(context.links)) if isinstance(request.extras, dict) else []
    return [Problem("extras", f"{name!r} is no configured provider") for name in strangers]


def _weighed(
    context: Context, plan: Plan, person: Person
) -> tuple[list[Candidate], dict[str, list[Problem]]]:
    """Give the vendors that can carry the request, and what keeps the others from it."""
    candidates, problems = [], {}
    for name in plan.considered:
        link = context.links[name]
        order, found = routing.order(
            link.provider, person.request, person.contact, context.scripts, person.links
        )
        problems[name] = found + person.faults(name)
        if not problems[name]:
            candidates.append(Candidate(link, order))
    return candidates, problems


def _left_out(plan: Plan, problems: dict[str, list[Problem]]) -> Plan:
    """Write down who is left out, and why.

    Raises:
        InvalidRequest: every vendor minds the same.
        NoProviderAvailable: nobody can carry it.
    """
    out = tuple(
        LeftOut(name, routing.rule_of(found), "; ".join(f"{one.field} {one.message}" for one in found))
        for name, found in problems.items()
        if found
    )
    if len(out) == len(problems):
        first, *others = problems.values()
        reject([one for one in first if all(one in found for found in others)])
        words = "; ".join(f"{one.provider}: {one.reason}" for one in out)
        raise NoProviderAvailable(f"no vendor of the route can carry the call: {words}")
    return replace(plan, left_out=out)


def _first_state(plan: Plan, request: CallRequest, person: Person, call_id: str) -> Call:
    contact = person.contact
    return Call(
        id=call_id,
        provider=plan.considered[0],
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


# one vendor after the other


def _through_route(intent: Intent, candidates: list[Candidate], on_unknown: str) -> Steps[Call]:
    waiting = deque(candidates)
    while waiting and sum(one.tried for one in candidates) < intent.plan.attempts:
        candidate = waiting.popleft()
        if candidate.error is not None and not (
            yield from wait_to_retry(candidate.error, candidate.tried, intent.deadline)
        ):
            continue
        answer = yield from _attempted(intent, candidate)
        if isinstance(answer, Call):
            return answer
        if answer is None:  # somebody else has made an attempt, which is a proven no
            waiting.appendleft(candidate)
            continue
        candidate.error = answer
        if answer.code == COOLING:
            continue
        candidate.tried += 1
        settled = yield from _unless_over(intent, candidate, on_unknown)
        if settled is not None:
            return settled
        if answer.dialed == "maybe" or verdict.transient(type(answer)):
            waiting.append(candidate)
    raise _last_word(intent, candidates)


def _attempted(intent: Intent, candidate: Candidate) -> Steps[Call | CallhubError | None]:
    try:
        answer = yield from attempt.make(intent, candidate.link, candidate.order)
    except LedgerError as error:
        if intent.dialed == "maybe":
            error.dialed = "maybe"
        raise
    if not isinstance(answer, Denial):
        return answer
    if answer.rule is not Rule.TAKEN:
        return guard_error(answer, candidate.link.provider.name)
    standing = yield from _standing(intent.call.idempotency_key or "", intent.document, intent.deadline)
    record = standing.record
    if record is not None and not record.free:
        if record.doubtful:
            raise reconcile.doubt_error(record)
        return replace(record.call, replayed=True)
    intent.follow(record)
    return None


def _unless_over(intent: Intent, candidate: Candidate, on_unknown: str) -> Steps[Call | None]:
    """Give the call where the error turned out to be none; raise it where nothing may follow it."""
    error = candidate.error
    if error is None or (error.dialed == "no" and not _final(candidate, error)):
        return None
    if error.dialed == "no":
        raise error
    record = yield from needed(intent.call.id)
    record, why = yield from reconcile.settle(intent.context, record, intent.deadline)
    intent.past, intent.generation = record.call.attempts, record.generation
    if not record.doubtful:
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
    said = f"the {denial.rule} of this person is reached; nothing was dialled{again}"
    return RateLimited(said, code=denial.rule.name.lower(), retry_after=wait)


def _last_word(intent: Intent, candidates: list[Candidate]) -> CallhubError:
    """Give the error of a route that is over: of the one vendor that was asked, or of all."""
    words = {one.link.provider.name: one.error for one in candidates if one.error is not None}
    asked = [one.error for one in candidates if one.error is not None and one.tried]
    out = {one.provider: one.reason for one in intent.plan.left_out}
    if len(asked) == 1:
        asked[0].dialed = intent.dialed
        return asked[0]
    said = "; ".join(f"{name}: {word}" for name, word in {**words, **out}.items())
    waits = [error.retry_after for error in words.values() if error.retry_after is not None]
    return NoProviderAvailable(
        f"no vendor of the route took the call: {said}",
        attempts=intent.past,
        call=next((error.call for error in reversed(words.values()) if error.call), None),
        retry_after=min(waits, default=None),
        dialed=intent.dialed,
    )
