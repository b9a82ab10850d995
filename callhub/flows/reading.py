"""Find calls, read them at their vendor, and write down what is new."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from msgspec.structs import replace

from callhub.errors import CallhubError, LedgerError, NotFound
from callhub.flows.context import split_id
from callhub.flows.effects import Now, Steps, ask
from callhub.flows.exchange import TIMEOUT, perform
from callhub.flows.operations import FindById, FindByVendor, Observe
from callhub.model.call import Call, as_of, merged
from callhub.policy.verdict import PROVEN_NO

if TYPE_CHECKING:
    from callhub.flows.context import Context, Link
    from callhub.flows.operations import Record

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Located:
    """What is known of an id: the ledger's call, and who at which vendor can be asked about it."""

    ours: Call | None
    provider: str | None
    vendor_id: str | None

    def asked(self, context: Context) -> tuple[Link, str] | None:
        """Give the vendor and its id; None where no vendor has given one."""
        if self.provider is None or self.vendor_id is None:
            return None
        return context.link(self.provider), self.vendor_id


def about(call: Call | None, steps: Steps[T]) -> Steps[T]:
    """Perform steps that are about a call; their error names it, and says whether it may have rung."""
    try:
        return (yield from steps)
    except CallhubError as error:
        if call is not None:
            error.call = error.call or call
            if any(one.verdict not in PROVEN_NO for one in call.attempts):
                error.dialed = "maybe"
        raise


def read(context: Context, link: Link, vendor_id: str, timeout: float = TIMEOUT) -> Steps[Call]:
    """Read a call from its vendor, in neutral words."""
    news = yield from perform(link, link.provider.get_call(vendor_id), timeout)
    return as_of(named(context, news), (yield from ask(Now())))


def locate(call_id: str) -> Steps[Located]:
    """Find an id in the ledger; a vendor's own needn't be there, or may be an earlier attempt's.

    Raises:
        NotFound: it is callhub's own, and the ledger doesn't have it.
    """
    provider, bare = split_id(call_id)
    if provider is not None:
        record = (yield from ask(FindByVendor(provider, (bare,)))).get(bare)
        present = record is not None and record.call.provider_call_id == bare
        return Located(record.call if record and present else None, provider, bare)
    record = yield from ask(FindById(bare))
    if record is None:
        raise unknown_call()
    return Located(record.call, record.call.provider, record.call.provider_call_id)


def needed(call_id: str) -> Steps[Record]:
    """Give the record of a call that this ledger placed.

    Raises:
        NotFound: the ledger doesn't have it.
    """
    provider, bare = split_id(call_id)
    if provider is None:
        record = yield from ask(FindById(bare))
    else:
        record = (yield from ask(FindByVendor(provider, (bare,)))).get(bare)
    if record is None:
        raise unknown_call()
    return record


def if_readable(call_id: str, problems: dict[str, str]) -> Steps[Record | None]:
    """Give the record of a call; one that can't be read is added to `problems`, and keeps no other back."""
    try:
        return (yield from ask(FindById(call_id)))
    except LedgerError as error:
        problems[call_id] = str(error)
        return None


def observed(ours: Call, news: Call) -> Steps[Call]:
    """Merge a vendor's news into our call, and write it down where it says anything new."""
    now = merged(ours, news)
    if replace(now, source=None) != replace(ours, source=None) or now.raw != ours.raw:
        yield from ask(Observe(now, (yield from ask(Now()))))
    return now


def named(context: Context, call: Call) -> Call:
    """Give a vendor's call with the neutral name of its script, where it has one."""
    if call.script is None or call.provider is None:
        return call
    return replace(call, script=context.scripts.neutral(call.provider, call.script.partition(":")[2]))


def unknown_call() -> NotFound:
    """Make the error for an id that nobody knows."""
    return NotFound("the ledger has no call of that id; a vendor's own call is '<provider>:<vendor id>'")
