"""Copy contacts from book to book; a second copy brings up to date what the first one made.

callhub's own book knows which entry of a vendor's book stands for which of its contacts. So a copy
from one vendor to another goes through the own book. A copy adds and changes; it takes nothing away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from callhub.errors import (
    AuthenticationFailed,
    CallhubError,
    ConfigurationError,
    InvalidRequest,
    LedgerError,
    PermissionDenied,
    RateLimited,
    Unreachable,
    UnsupportedFeature,
)
from callhub.flows import contacts
from callhub.flows.contacts.sending import Target, send
from callhub.flows.effects import NewId, Now, Steps, ask
from callhub.flows.operations import AdoptContact, FindContact
from callhub.model.contact import OWN_BOOK, Contact
from callhub.model.copying import Copied, CopyOutcome, CopyReport
from callhub.policy import carrying
from callhub.policy import contacts as rules
from callhub.provider.order import ContactFilter

if TYPE_CHECKING:
    from callhub.flows.context import Context, Link

PAGE = 100
ENOUGH = 3  # failures in a row, before the vendor isn't asked any more
_OF_THE_VENDOR = (RateLimited, Unreachable)  # would be the same for the next contact
_OF_ALL = (AuthenticationFailed, PermissionDenied, ConfigurationError, UnsupportedFeature, LedgerError)


def copy(context: Context, source: str | None, target: str | None) -> Steps[CopyReport]:
    """Copy every contact of a book into another one, and tell what became of each.

    Raises:
        CallhubError: nobody could be copied: the key isn't accepted, a book isn't there or can't
            be read. A repeat goes on where this one ended, and duplicates nobody.
    """
    read_from, write_to = contacts.book(context, source), contacts.book(context, target)
    if read_from is write_to:
        raise InvalidRequest(
            "a book can't be copied into itself: name two, by a provider's name or, for callhub's own, "
            f"by {OWN_BOOK}"
        )
    trip = _Trip(read_from, write_to, context.numbers)
    entries: list[Copied] = []
    cursor = None
    while True:
        page = yield from contacts.page(context, source, ContactFilter(), PAGE, cursor)
        for contact in page.items:
            copied = yield from trip.take(contact)
            entries.append(copied)
        cursor = page.cursor
        if cursor is None:
            return CopyReport(tuple(entries))


class _Trip:
    """Takes contacts from one book to another, and gives up on a vendor that keeps failing."""

    def __init__(self, source: Link | None, target: Link | None, rule: str) -> None:
        self._source = source
        self._target = None if target is None else Target(target)
        self._rule = rule
        self._failures = 0

    def take(self, contact: Contact) -> Steps[Copied]:
        """Take one contact, and tell what became of it."""
        if self._failures >= ENOUGH:
            return _failed(contact, "wasn't tried: the vendor couldn't be asked several times in a row")
        try:
            copied = yield from self._taken(contact)
        except _OF_ALL:
            raise
        except CallhubError as error:
            self._failures = self._failures + 1 if isinstance(error, _OF_THE_VENDOR) else 0
            return _failed(contact, str(error))
        self._failures = 0
        return copied

    def _taken(self, contact: Contact) -> Steps[Copied]:
        if self._source is None:
            return (yield from self._sent(contact.id or ""))
        taken_in = yield from _taken_in(contact, self._source, self._rule)
        if self._target is None or taken_in.target is None:
            return taken_in
        sent = yield from self._sent(taken_in.target)
        return replace(sent, source=taken_in.source, left={**taken_in.left, **sent.left})

    def _sent(self, contact_id: str) -> Steps[Copied]:
        linked = yield from ask(FindContact(contact_id))
        if linked is None or self._target is None:
            return _failed(Contact(id=contact_id), "was deleted meanwhile")
        return (yield from send(self._target, linked))


def _taken_in(entry: Contact, link: Link, rule: str) -> Steps[Copied]:
    """Take an entry of a vendor's book into the own one."""
    provider = link.provider.name
    fields, faults = rules.tidy(carrying.incoming(entry, provider), rule)
    if faults.keys() & {"name", "phone"} or not entry.id:
        return _failed(entry, "; ".join(f"{name} {text}" for name, text in faults.items()))
    made = Contact(id=(yield from ask(NewId())), created_at=(yield from ask(Now())), **fields)
    vendor_id = entry.id.removeprefix(f"{provider}:")
    kept = yield from ask(AdoptContact(made, fields, provider, vendor_id))
    return Copied(entry.id, kept.contact.id, kept.outcome, kept.changed, faults)


def _failed(contact: Contact, reason: str) -> Copied:
    return Copied(contact.id or "", None, CopyOutcome.FAILED, reason=reason)
