"""A person's word on a call in doubt, where nothing else can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from callhub.errors import Conflict, InvalidRequest, InvalidState, Unreachable
from callhub.flows.context import split_id
from callhub.flows.effects import Now, Steps, ask
from callhub.flows.operations import FindByVendor, OpenCalls, Settle
from callhub.flows.reading import about, needed, read
from callhub.flows.settling import settled
from callhub.model.call import Call
from callhub.model.lifecycle import CallStatus
from callhub.policy import lookup, numbers
from callhub.policy.verdict import Verdict

if TYPE_CHECKING:
    from callhub.flows.context import Context
    from callhub.flows.operations import Record


def resolve(context: Context, call_id: str, placed: str | None, by: str) -> Steps[Call]:
    """Take a person's word: the vendor's id of the call, or None where it was not placed.

    Raises:
        InvalidState: the call isn't in doubt, or somebody may still be placing it.
        NotFound: the vendor has no call of that id.
        Conflict: the vendor's call is to another number, or belongs to another call here.
    """
    record = yield from needed(call_id)
    return (yield from about(record.call, _resolved(context, record, placed, by)))


def _resolved(context: Context, record: Record, placed: str | None, by: str) -> Steps[Call]:
    _refuse_unless_open(record)
    ordinal = record.doubtful[-1]
    news = None if placed is None else (yield from _theirs(context, record, ordinal, placed))
    now = yield from ask(Now())
    said = f"{by} said that it was " + (f"placed as {placed}" if placed else "not placed")
    ended = Verdict.REFUSED if news is None else Verdict.ACCEPTED
    call = settled(record.call, ordinal, (ended, said), now, news)
    own = news.provider_call_id if news is not None else None
    dial, told = record.dials[ordinal - 1], ("resolved", said)
    settle = Settle(call, ordinal, ended, said, now, dial, proof=True, said=told, vendor_id=own)
    if not (yield from ask(settle)):
        meanwhile = "the call was settled or sent again meanwhile: look at it, and resolve it again"
        raise InvalidState(meanwhile, dialed="maybe", call=record.call)
    return call


def _refuse_unless_open(record: Record) -> None:
    if not record.doubtful:
        raise InvalidState("the call isn't in doubt, so there is nothing to resolve", call=record.call)
    if record.leased:
        said = "somebody may still be placing the call: wait until that is over"
        raise InvalidState(said, dialed="maybe", call=record.call)


def _theirs(context: Context, record: Record, ordinal: int, placed: str) -> Steps[Call]:
    """Read the vendor's call, so that a slip of the pen is found; where it can't be read, the word counts."""
    provider = record.call.attempts[ordinal - 1].provider
    owner, vendor_id = split_id(placed, "placed")
    if owner not in (None, provider):
        fault = f"is a call of {owner}, and this one went to {provider}"
        raise InvalidRequest(f"placed {fault}", fields={"placed": fault})
    bound = (yield from ask(FindByVendor(provider, (vendor_id,)))).get(vendor_id)
    if bound is not None and bound.call.id != record.call.id:
        raise Conflict("another call of this ledger has that id at the vendor", call=bound.call)
    try:
        news = yield from read(context, context.link(provider), vendor_id)
    except Unreachable:
        own = f"{provider}:{vendor_id}"
        return Call(id=own, provider=provider, provider_call_id=vendor_id, status=CallStatus.QUEUED)
    if not (yield from _to_the_same(record.call, news)):
        raise Conflict("the vendor's call of that id is to another number", provider=provider)
    return news


def _to_the_same(call: Call, news: Call) -> Steps[bool]:
    """Tell whether the vendor's call may be to the same person; of one who was forgotten, a hash is left."""
    if call.to is not None:
        return lookup.may_be_to(call.to, news)
    shown = numbers.readable(news.to)
    return shown is None or any(one.id == call.id for one in (yield from ask(OpenCalls(shown))))
