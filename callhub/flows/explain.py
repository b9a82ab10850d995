"""Tell why a call went the way it did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from callhub.flows.effects import Steps, ask
from callhub.flows.operations import Story
from callhub.flows.place import plan_of
from callhub.flows.reading import needed
from callhub.model.explanation import Considered, Explanation, Happening

if TYPE_CHECKING:
    from callhub.flows.operations import Record
    from callhub.policy.routing import Plan


def explain(call_id: str) -> Steps[Explanation]:
    """Tell who was considered for a call, what was tried, and how the verdict came about.

    Raises:
        NotFound: the ledger has no such call.
    """
    record = yield from needed(call_id)
    story = yield from ask(Story(record.call.id))
    return Explanation(
        record.call,
        _considered(plan_of(record)),
        record.call.attempts,
        tuple(Happening(one.at, one.kind, one.detail) for one in story),
        _verdict(record),
    )


def _considered(plan: Plan) -> tuple[Considered, ...]:
    out = {one.provider: one for one in plan.left_out}
    return tuple(
        Considered(name, name not in out, *(out[name].rule, out[name].reason) if name in out else ())
        for name in plan.considered
    )


def _verdict(record: Record) -> str:
    call = record.call
    if record.leased:
        return "It is being placed right now."
    if call.needs_person:
        return "Nobody but a person can tell whether it was placed: look at the vendor, then resolve it."
    if record.unsettled:
        return "It is in doubt: it may have rung, so it isn't dialled again before that is settled."
    if record.free:
        return "Nothing rang: every attempt is a proven no, so the same key may dial again."
    outcome = f", {call.outcome}" if call.outcome and str(call.outcome) != call.status else ""
    return f"{call.provider} has it; it is {call.status}{outcome}."
