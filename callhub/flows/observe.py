"""See how calls stand: read, list, and what the ledger remembers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from callhub.errors import ConfigurationError, InvalidRequest, NotFound
from callhub.flows.context import split_id
from callhub.flows.effects import Now, Steps, ask
from callhub.flows.exchange import PATIENCE, TIMEOUT, perform
from callhub.flows.operations import FindById, FindByVendor, History, Observe
from callhub.model.call import Call, as_of, merged
from callhub.model.lifecycle import CallOutcome, CallStatus
from callhub.policy.intake import EARLIEST, LATEST, page_fault
from callhub.provider.capability import Feature, Support
from callhub.provider.order import CallFilter, Page

if TYPE_CHECKING:
    from collections.abc import Callable

    from callhub.flows.context import Context, Link
    from callhub.flows.operations import Record

HISTORY_PAGE = 200


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which calls to list, in neutral words."""

    provider: str | None = None
    status: CallStatus | None = None
    since: datetime | None = None
    until: datetime | None = None
    contact_id: str | None = None
    script: str | None = None
    page_size: int = 100

    @classmethod
    def of(cls, provider: str | None, status: str | None, *rest: Any) -> Wanted:
        """Make it from a caller's words, and refuse what can't mean anything.

        Raises:
            InvalidRequest: an unknown status, a time without zone, or a page size below 1.
        """
        wanted = cls(provider, status, *rest)  # type: ignore[arg-type]
        fields = {name: text for name, text in _filter_faults(wanted) if text}
        if fields:
            raise InvalidRequest("; ".join(f"{name} {text}" for name, text in fields.items()), fields=fields)
        return cls(provider, CallStatus(status) if status is not None else None, *rest)


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


def get(context: Context, call_id: str, *, refresh: bool = True, timeout: float = TIMEOUT) -> Steps[Call]:
    """Give a call, asking its vendor unless `refresh` is False.

    Raises:
        NotFound: the ledger or the vendor has no such call.
    """
    found = yield from locate(call_id)
    asked = found.asked(context) if refresh or found.ours is None else None
    if asked is not None:
        news = yield from read(context, *asked, timeout)
        return news if found.ours is None else (yield from observed(found.ours, news))
    if found.ours is None:
        raise _unknown_call()
    return found.ours


def read(context: Context, link: Link, vendor_id: str, timeout: float = TIMEOUT) -> Steps[Call]:
    """Read a call from its vendor, in neutral words."""
    news = yield from perform(link, link.provider.get_call(vendor_id), timeout)
    return as_of(_named(context, news), (yield from ask(Now())))


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
        raise _unknown_call()
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
        raise _unknown_call()
    return record


def observed(ours: Call, news: Call) -> Steps[Call]:
    """Merge a vendor's news into our call, and write it down where it says anything new."""
    now = merged(ours, news)
    if replace(now, source=None) != replace(ours, source=None) or now.raw != ours.raw:
        yield from ask(Observe(now, (yield from ask(Now()))))
    return now


def _named(context: Context, call: Call) -> Call:
    """Give a vendor's call with the neutral name of its script, where it has one."""
    if call.script is None or call.provider is None:
        return call
    return replace(call, script=context.scripts.neutral(call.provider, call.script.partition(":")[2]))


def page(context: Context, wanted: Wanted, cursor: tuple[int, Any]) -> Steps[Page[Call]]:
    """Read one page of the vendors' calls, and where the next one starts.

    The cursor is the position among the vendors to ask, and that vendor's own cursor.
    """
    links = _asked(context, wanted)
    if wanted.script is not None and ":" not in wanted.script:
        context.scripts.known(wanted.script)
    position, theirs = cursor
    link = links[position]
    where, here = _filter(context, link, wanted)
    if where is None:
        read: Page[Call] = Page(())
    else:
        size = min(wanted.page_size, link.provider.page_limit or wanted.page_size)
        read = yield from perform(link, link.provider.list_calls(where, theirs, size), PATIENCE)
    calls = yield from _bound(context, link, read.items)
    following = (position, read.cursor) if read.cursor else (position + 1, None)
    return Page(tuple(call for call in calls if here(call)), following if following[0] < len(links) else None)


def history(wanted: Wanted, to: str | None, before: str | None) -> Steps[Page[Call]]:
    """Read one page of the ledger's calls, newest first."""
    calls = yield from ask(History(wanted.status, wanted.since, wanted.until, to, before, HISTORY_PAGE))
    return Page(calls, calls[-1].id if len(calls) == HISTORY_PAGE else None)


def _filter_faults(wanted: Wanted) -> list[tuple[str, str | None]]:
    def time_fault(at: object) -> str | None:
        if at is None or (isinstance(at, datetime) and at.utcoffset() is not None):
            return "is out of range" if at is not None and not EARLIEST < at < LATEST else None
        return "must be a datetime with a time zone"

    known = wanted.status is None or wanted.status in set(CallStatus)
    return [
        ("status", None if known else f"is none of {', '.join(CallStatus)}"),
        ("since", time_fault(wanted.since)),
        ("until", time_fault(wanted.until)),
        ("page_size", page_fault(wanted.page_size)),
    ]


def _unknown_call() -> NotFound:
    return NotFound("the ledger has no call of that id; a vendor's own call is '<provider>:<vendor id>'")


def _asked(context: Context, wanted: Wanted) -> list[Link]:
    owner = wanted.contact_id.partition(":")[0] if wanted.contact_id and ":" in wanted.contact_id else None
    named_provider = wanted.provider or owner
    if named_provider is not None:
        return [context.link(named_provider)]
    if not context.links:
        raise ConfigurationError("no provider is configured")
    return list(context.links.values())


def _filter(context: Context, link: Link, wanted: Wanted) -> tuple[CallFilter | None, Callable[[Call], bool]]:
    """Give what the vendor filters (None: nothing there can match) and what is left to filter here."""
    provider = link.provider
    script = None
    if wanted.script is not None:
        script = context.scripts.vendor_id(wanted.script, provider.name)
        if script is None:
            return None, bool
    contact = wanted.contact_id.partition(":")[2] or wanted.contact_id if wanted.contact_id else None
    if contact is not None and provider.capabilities[Feature.FILTER_CONTACT].support is Support.NOT_AVAILABLE:
        raise provider.unsupported(Feature.FILTER_CONTACT)
    return CallFilter(wanted.status, wanted.since, wanted.until, contact, script), _left_to_us(
        link, wanted, script
    )


def _left_to_us(link: Link, wanted: Wanted, script: str | None) -> Callable[[Call], bool]:
    native = link.provider.supports
    tests: list[Callable[[Call], bool]] = []
    if wanted.status is not None:
        tests.append(lambda call: call.status is wanted.status)
    if script is not None and not native(Feature.FILTER_SCRIPT):
        tests.append(lambda call: call.script in (wanted.script, f"{link.provider.name}:{script}"))
    if not native(Feature.FILTER_TIME):
        since, until = wanted.since, wanted.until
        tests.append(lambda call: since is None or (call.created_at is not None and call.created_at >= since))
        tests.append(lambda call: until is None or (call.created_at is not None and call.created_at < until))
    return lambda call: all(test(call) for test in tests)


def _bound(context: Context, link: Link, calls: tuple[Call, ...]) -> Steps[list[Call]]:
    """Put our own calls in the place of those that this ledger placed."""
    now = yield from ask(Now())
    news = [as_of(_named(context, call), now) for call in calls]
    ids = tuple(call.provider_call_id for call in calls if call.provider_call_id)
    known = (yield from ask(FindByVendor(link.provider.name, ids))) if ids else {}
    present = {record.call.provider_call_id: record.call for record in known.values()}
    told = []
    for call in news:
        mine = present.get(call.provider_call_id or None)
        told.append(call if mine is None else (yield from _told(mine, call, now)))
    return told


def _told(ours: Call, news: Call, now: datetime) -> Steps[Call]:
    """Merge what a list says into our call; that the person opted out is written down at once."""
    call = merged(ours, news)
    if call.outcome is CallOutcome.OPTED_OUT is not ours.outcome:
        yield from ask(Observe(call, now))
    return call
