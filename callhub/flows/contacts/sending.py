"""Bring a contact of callhub's own book into a vendor's: once, however often it is tried.

Its key at the vendor comes from the contact alone, so that after a crash the same request goes out
again; a vendor that has forgotten the key, and minds a number twice, answers with a conflict, and
the entry of that number is linked then.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from callhub.errors import Conflict, InvalidRequest, NotFound
from callhub.flows.contacts import vendors
from callhub.flows.effects import Steps, ask
from callhub.flows.exchange import PATIENCE, perform
from callhub.flows.operations import LinkContact
from callhub.model.contact import Contact
from callhub.model.copying import Copied, CopyOutcome
from callhub.policy import carrying, numbers
from callhub.policy.contacts import additions, same_name
from callhub.provider.capability import Feature
from callhub.provider.order import ContactFilter

if TYPE_CHECKING:
    from callhub.flows.context import Link
    from callhub.flows.operations import Linked

PAGE = 100
MOST_FOUND = 10
REQUIRED = frozenset({"name", "phone"})


@dataclass(slots=True)
class Target:
    """A vendor's book, and what was read of it.

    For each contact that is looked for at most one page and one entry are read: so a book that is
    copied for the second time costs a request for each page, and a large book of the vendor's never
    more than two requests for each contact.
    """

    link: Link
    _read: dict[str, Contact] = field(default_factory=dict)
    _cursor: Any = None
    _over: bool = False

    @property
    def name(self) -> str:
        """Give the vendor's name."""
        return self.link.provider.name

    def entry(self, bare: str) -> Steps[Contact | None]:
        """Read an entry; None where it isn't there any more."""
        if bare not in self._read and not self._over:
            page = yield from vendors.page(self.link, ContactFilter(), PAGE, self._cursor)
            self._read |= {self.bare(each): each for each in page.items}
            self._cursor, self._over = page.cursor, page.cursor is None
        if bare in self._read:
            return self._read.pop(bare)
        try:
            return (yield from vendors.get(self.link, bare, PATIENCE))
        except NotFound:
            return None

    def bare(self, entry: Contact) -> str:
        """Give the vendor's own id of an entry."""
        return (entry.id or "").removeprefix(f"{self.name}:")


@dataclass(slots=True)
class _Parcel:
    """What of a contact is on its way to a vendor, and what is left behind."""

    contact: Contact
    fields: dict[str, Any]
    left: dict[str, str]

    def without(self, error: InvalidRequest) -> None:
        """Leave behind the fields that the vendor doesn't take.

        Raises:
            InvalidRequest: it is the same error, where there would be no use.
        """
        named = error.fields.keys() & self.fields.keys()
        if not named or named & REQUIRED:
            raise error
        for name in named:
            del self.fields[name]
            self.left[name] = "; ".join(filter(None, (self.left.get(name), error.fields[name])))

    def key(self, provider: str, gone: str | None) -> str:
        """Give the vendor's key: another one for other contents, or after the entry was deleted."""
        said = msgspec.json.encode(self.fields, order="deterministic").decode()
        parts = (self.contact.id or "", provider, gone or "", said)
        digest = hashlib.sha256("\x00".join(parts).encode()).hexdigest()
        return f"callhub-{digest[:40]}"

    def copied(self, target: str, outcome: CopyOutcome, changed: tuple[str, ...] = ()) -> Copied:
        """Tell what became of it."""
        return Copied(self.contact.id or "", target, outcome, changed, self.left)

    def failed(self, reason: str) -> Copied:
        """Tell why it didn't get there."""
        return Copied(self.contact.id or "", None, CopyOutcome.FAILED, left=self.left, reason=reason)


def send(target: Target, linked: Linked) -> Steps[Copied]:
    """Bring a contact into a vendor's book, or up to date there.

    Raises:
        CallhubError: the vendor refused, wasn't reachable or made no sense.
    """
    parcel = _Parcel(linked.contact, *carrying.outgoing(linked.contact, target.name))
    known = linked.links.get(target.name)
    entry = (yield from target.entry(known)) if known is not None else None
    if entry is not None:
        return (yield from _bring_up_to_date(target, parcel, entry, CopyOutcome.UPDATED))
    entry, is_new = yield from _added_or_found(target, parcel, known)
    bare = target.bare(entry)
    holder = yield from ask(LinkContact(linked.contact.id or "", target.name, bare, known))
    if holder is None:
        return parcel.failed("was deleted meanwhile")
    if holder != linked.contact.id:
        return parcel.failed(f"the vendor keeps one entry for its number, which stands for contact {holder}")
    if is_new:
        return parcel.copied(entry.id or "", CopyOutcome.CREATED)
    return (yield from _bring_up_to_date(target, parcel, entry, CopyOutcome.LINKED))


def _bring_up_to_date(target: Target, parcel: _Parcel, entry: Contact, outcome: CopyOutcome) -> Steps[Copied]:
    while changes := additions(entry, parcel.fields):
        try:
            flow = target.link.provider.update_contact(target.bare(entry), changes)
            yield from perform(target.link, flow, PATIENCE)
            return parcel.copied(entry.id or "", outcome, tuple(changes))
        except InvalidRequest as error:
            parcel.without(error)
    had_all = CopyOutcome.UNCHANGED if outcome is CopyOutcome.UPDATED else outcome
    return parcel.copied(entry.id or "", had_all)


def _added_or_found(target: Target, parcel: _Parcel, gone: str | None) -> Steps[tuple[Contact, bool]]:
    """Add an entry, or find the one that stands in the way; True where it is new."""
    while True:
        try:
            flow = target.link.provider.create_contact(
                Contact(**parcel.fields), parcel.key(target.name, gone)
            )
            return (yield from perform(target.link, flow, PATIENCE)), True
        except InvalidRequest as error:
            parcel.without(error)
        except Conflict:
            found = yield from _entry_of_number(target, parcel.contact)
            if found is None:
                raise
            return found, False


def _entry_of_number(target: Target, contact: Contact) -> Steps[Contact | None]:
    """Find the entry of a number; of several the one of the same name, and none where that isn't clear."""
    found = [
        each
        for each in (yield from _entries_about(target.link, contact.phone or ""))
        if numbers.canonical(each.phone or "") == numbers.canonical(contact.phone or "")
    ]
    if len(found) > 1:
        found = [each for each in found if same_name(each.name, contact.name)]
    if len(found) != 1:
        return None
    return (yield from vendors.get(target.link, target.bare(found[0]), PATIENCE))


def _entries_about(link: Link, number: str) -> Steps[tuple[Contact, ...]]:
    if link.provider.supports(Feature.CONTACT_SEARCH):
        found = yield from perform(link, link.provider.search_contacts(number, MOST_FOUND), PATIENCE)
        if found:
            return found
    return (yield from vendors.page(link, ContactFilter(number), PAGE, None)).items
