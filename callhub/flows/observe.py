"""See how calls stand: read, list, and what the ledger remembers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from callhub.errors import ConfigurationError, InvalidRequest
from callhub.flows.effects import Now, Steps, ask
from callhub.flows.exchange import PATIENCE, TIMEOUT, perform
from callhub.flows.operations import FindByVendor, History
from callhub.flows.reading import about, locate, named, observed, read, unknown_call
from callhub.flows.suppression import heed, leave_alone
from callhub.model.call import Call, as_of, merged
from callhub.model.lifecycle import CallOutcome, CallStatus
from callhub.policy import numbers
from callhub.policy.intake import EARLIEST, LATEST, page_fault
from callhub.provider.capability import Feature, Support
from callhub.provider.order import CallFilter, Page, Problem, reject

if TYPE_CHECKING:
    from collections.abc import Callable

    from callhub.flows.context import Context, Link

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


def get(context: Context, call_id: str, *, refresh: bool = True, timeout: float = TIMEOUT) -> Steps[Call]:
    """Give a call, asking its vendor unless `refresh` is False.

    Raises:
        NotFound: the ledger or the vendor has no such call.
    """
    found = yield from locate(call_id)
    asked = found.asked(context) if refresh or found.ours is None else None
    if asked is not None:
        news = yield from about(found.ours, read(context, *asked, timeout))
        if found.ours is not None:
            return (yield from _learnt(context, found.ours, news))
        yield from heed(context, (news,))
        return news
    if found.ours is None:
        raise unknown_call()
    return found.ours


def _learnt(context: Context, ours: Call, news: Call) -> Steps[Call]:
    """Merge news into our call; where the person has opted out, leave them alone from now on."""
    call = yield from observed(ours, news)
    if call.outcome is CallOutcome.OPTED_OUT is not ours.outcome:
        yield from leave_alone(context, call)
    return call


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
    number = numbers.readable(to)
    if to is not None and number is None:
        reject([Problem("to", numbers.fault(to) or "")])
    calls = yield from ask(History(wanted.status, wanted.since, wanted.until, number, before, HISTORY_PAGE))
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
    news = [as_of(named(context, call), now) for call in calls]
    ids = tuple(call.provider_call_id for call in calls if call.provider_call_id)
    known = (yield from ask(FindByVendor(link.provider.name, ids))) if ids else {}
    present = {record.call.provider_call_id: record.call for record in known.values()}
    told, strange = [], []
    for call in news:
        mine = present.get(call.provider_call_id or None)
        if mine is None:
            strange.append(call)
        told.append(call if mine is None else (yield from _told(context, mine, call)))
    yield from heed(context, strange)
    return told


def _told(context: Context, ours: Call, news: Call) -> Steps[Call]:
    """Merge what a list says into our call; that the person opted out is written down at once."""
    call = merged(ours, news)
    opted_out = call.outcome is CallOutcome.OPTED_OUT is not ours.outcome
    return (yield from _learnt(context, ours, news)) if opted_out else call
