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
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from callhub.errors import (
    NoProviderAvailable,
)
from callhub.flows import reconcile, route
from callhub.flows.attempt import Intent
from callhub.flows.effects import NewId, Now, Steps, Ticks, ask
from callhub.flows.operations import FindById, Release
from callhub.flows.people import Person, person_of
from callhub.flows.route import Candidate
from callhub.model.call import Call, CallRequest
from callhub.model.lifecycle import CallStatus
from callhub.model.route import route_of
from callhub.policy import intake, routing
from callhub.policy.routing import LeftOut, Plan
from callhub.policy.verdict import Verdict
from callhub.provider.order import Problem, reject

if TYPE_CHECKING:
    from datetime import datetime

    from callhub.flows.context import Context
    from callhub.flows.operations import Record, Standing

_plan = msgspec.json.Decoder(Plan).decode
_request = msgspec.json.Decoder(CallRequest).decode


def place(context: Context, request: CallRequest) -> Steps[Call]:
    """Place a call once per idempotency key, and return it.

    Raises:
        OutcomeUnknown: a vendor may have taken the call; `call` is the one in doubt.
        Conflict: another request stands under the key.
        LedgerError: nothing was dialled where `dialed` is "no".
    """
    own_id = yield from ask(NewId())
    key, document = _identified(request, own_id)
    seconds = request.timeout if isinstance(request.timeout, int | float) else 0
    deadline = (yield from ask(Ticks())) + seconds
    standing = yield from route.standing(key, document, deadline)
    record = standing.record
    failed = record.call.provider if record is not None and _trusted_failure(record) else None
    if record is not None and not record.free:
        record = yield from _again(context, request, record, deadline)
        if record.call.replayed:
            return record.call
    request = replace(request, idempotency_key=key)
    intent, candidates = yield from _prepare(context, request, document, standing, (own_id, deadline))
    intent.follow(record)
    intent.risky = record is not None and not record.free  # only where `_again` says that it may be
    candidates.sort(key=lambda one: one.name == failed)  # the next one's turn, the others in their order
    return (yield from route.through(intent, candidates, request.on_unknown))


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


def _identified(request: CallRequest, own_id: str) -> tuple[str, str | None]:
    """Give the key, which is the call's own id where the caller has none, and what is compared under it."""
    key = own_id if request.idempotency_key is None else request.idempotency_key
    problem = intake.key_problem(key)
    if problem:
        reject([problem])
    return key, intake.document(request)


def _again(context: Context, request: CallRequest, record: Record, deadline: float) -> Steps[Record]:
    """Settle what stands under the key: its call is `replayed` where it is to be given back.

    Raises:
        OutcomeUnknown: it is in doubt, and stays so.
    """
    if _trusted_failure(record):
        record = yield from _released(record, request, deadline)
    if record.unsettled:
        why = ""
        if not record.leased:
            record, why = yield from reconcile.settle(context, record, deadline)
        if record.unsettled and (record.leased or request.on_unknown != "accept_risk"):
            raise reconcile.doubt_error(record, why)
    if record.free or record.unsettled:
        return record
    return dataclasses.replace(record, call=replace(record.call, replayed=True))


def _trusted_failure(record: Record) -> bool:
    """Tell whether a vendor failed the call, the route trusts it to do so before any ring, and isn't over."""
    call = record.call
    accepted = bool(call.attempts) and call.attempts[-1].verdict == Verdict.ACCEPTED
    if not accepted or call.status is not CallStatus.FAILED:
        return False
    plan = plan_of(record)
    return call.provider in plan.after_failure and len(call.attempts) < plan.attempts


def _released(record: Record, request: CallRequest, deadline: float) -> Steps[Record]:
    """Take the attempt for a no, as the route allows; where somebody has, see what they make of it."""
    reason = "its vendor failed the call, and the route trusts it to fail before any ring"
    yield from ask(Release(record.call.id, len(record.call.attempts), reason))
    key, document = record.call.idempotency_key or "", intake.document(request)
    return (yield from route.standing(key, document, deadline)).record or record


# who can carry it


def _prepare(
    context: Context,
    request: CallRequest,
    document: str | None,
    standing: Standing,
    new: tuple[str, float],
) -> Steps[tuple[Intent, list[Candidate]]]:
    """Validate everything, and give who can carry it; nothing has been written or sent.

    `new` is the id that a new call gets, and its deadline.
    """
    (call_id, deadline), now = new, (yield from ask(Now()))
    request = replace(request, route=route_of(request.route))
    plan = routing.planned(request, context.route, context.links)
    owner = plan.considered[0] if plan.named else None
    if isinstance(request.contact, str):  # nothing is read for what is wrong anyway
        reject(intake.problems(request, now, context.numbers), owner)
    person = yield from person_of(context, plan, request, deadline)
    request = person.request
    common = intake.problems(request, now, context.numbers) + _strangers(request, context)
    candidates, problems = _weighed(context, plan, person)
    if plan.named:
        common = _together(request, common, problems[owner or ""])
    if document is None and not common:
        common = [intake.UNWRITABLE]
    reject(common, owner)
    if not plan.named:
        plan = _left_out(plan, problems)
    call = _first_state(plan, request, person, call_id, now)
    intent = Intent(context, call, document or "", plan, deadline, standing.namespace)
    return intent, candidates


def _together(request: CallRequest, common: list[Problem], own: list[Problem]) -> list[Problem]:
    """Give all that is wrong; where no script is named, what this vendor needs is more to the point."""
    if request.script is None and any(one.field == "script" for one in own):
        common = [one for one in common if one.field != "script"]
    return [*common, *own]


def _strangers(request: CallRequest, context: Context) -> list[Problem]:
    extras = request.extras if isinstance(request.extras, dict) else {}
    strangers = [name for name in extras if name not in context.links]
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
        raise NoProviderAvailable(
            f"no vendor of the route can carry the call: {words}",
            left_out={one.provider: one.reason for one in out},
        )
    return replace(plan, left_out=out)


def _first_state(plan: Plan, request: CallRequest, person: Person, call_id: str, now: datetime) -> Call:
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
        created_at=now,
    )
