"""The vendors' contact books."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from callhub.errors import InvalidRequest
from callhub.flows.effects import NewId, ask
from callhub.flows.exchange import PATIENCE, TIMEOUT, perform
from callhub.policy import contacts as rules
from callhub.provider.capability import Feature
from callhub.provider.order import Problem, reject

if TYPE_CHECKING:
    from collections.abc import Mapping

    from callhub.flows.context import Context, Link
    from callhub.flows.effects import Steps
    from callhub.model.contact import Contact
    from callhub.provider.order import ContactFilter, Page

CHANGEABLE = tuple(name for name in rules.FIELDS if name != "timezone")
_NO_ZONE = "can't be kept in a vendor's book; callhub's own keeps it"


def create(link: Link, contact: Contact, rule: str) -> Steps[Contact]:
    """Add a contact; the request may be repeated, the contact won't be."""
    if contact.timezone is not None:
        reject([Problem("timezone", _NO_ZONE)], link.provider.name)
    _check({"name": contact.name, "phone": contact.phone}, rule)
    key = yield from ask(NewId())
    return (yield from perform(link, link.provider.create_contact(contact, key)))


def get(link: Link, bare: str, timeout: float = TIMEOUT) -> Steps[Contact]:
    """Read a contact."""
    return (yield from perform(link, link.provider.get_contact(bare), timeout))


def page(link: Link, where: ContactFilter, limit: int, cursor: str | None) -> Steps[Page[Contact]]:
    """Read one page."""
    size = min(limit, link.provider.page_limit or limit)
    return (yield from perform(link, link.provider.list_contacts(where, cursor, size), PATIENCE))


def search(link: Link, text: str, limit: int) -> Steps[tuple[Contact, ...]]:
    """Search names and numbers."""
    return (yield from perform(link, link.provider.search_contacts(text, limit)))


def update(link: Link, bare: str, changes: Mapping[str, Any], rule: str) -> Steps[Contact]:
    """Change the named fields."""
    if "timezone" in changes:
        reject([Problem("timezone", _NO_ZONE)], link.provider.name)
    _check({name: changes[name] for name in ("name", "phone") if name in changes}, rule)
    return (yield from perform(link, link.provider.update_contact(bare, changes)))


def delete(link: Link, bare: str) -> Steps[None]:
    """Delete a contact, for good."""
    yield from perform(link, link.provider.delete_contact(bare))


def book(context: Context, provider: str) -> Link:
    """Give the vendor whose book it is.

    Raises:
        UnsupportedFeature: it has none.
    """
    link = context.link(provider)
    if not link.provider.supports(Feature.CONTACTS):
        raise link.provider.unsupported(Feature.CONTACTS)
    return link


def _check(values: Mapping[str, Any], rule: str) -> None:
    _, faults = rules.tidy(values, rule)
    if faults:
        raise faulty(faults)


def faulty(faults: Mapping[str, str]) -> InvalidRequest:
    """Make the one error for everything that is wrong with a contact."""
    return InvalidRequest("; ".join(f"{name} {text}" for name, text in faults.items()), fields=faults)
