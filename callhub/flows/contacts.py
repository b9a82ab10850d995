"""The vendors' contact books."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from callhub.errors import ConfigurationError, InvalidRequest
from callhub.flows.context import split_id
from callhub.flows.effects import NewId, ask
from callhub.flows.exchange import PATIENCE, TIMEOUT, perform
from callhub.policy import numbers
from callhub.policy.intake import page_fault
from callhub.provider.capability import Feature

if TYPE_CHECKING:
    from collections.abc import Mapping

    from callhub.flows.context import Context, Link
    from callhub.flows.effects import Steps
    from callhub.model.contact import Contact
    from callhub.provider.order import ContactFilter, Page

CHANGEABLE = ("name", "phone", "email", "notes", "tags", "groups", "custom_fields")


def create(context: Context, provider: str | None, contact: Contact) -> Steps[Contact]:
    """Add a contact to a vendor's book; the request may be repeated, the contact won't be.

    Raises:
        Conflict: the book has that number already, where the vendor minds.
    """
    link = _book(context, provider)
    if contact.timezone is not None:
        raise InvalidRequest(
            "timezone can't be kept in a vendor's book",
            fields={"timezone": "can't be kept in a vendor's book"},
        )
    _check({"name": contact.name, "phone": contact.phone}, context.numbers)
    key = yield from ask(NewId())
    return (yield from perform(link, link.provider.create_contact(contact, key)))


def get(context: Context, contact_id: str, timeout: float = TIMEOUT) -> Steps[Contact]:
    """Read a contact."""
    link, bare = _entry(context, contact_id)
    return (yield from perform(link, link.provider.get_contact(bare), timeout))


def page(
    context: Context, provider: str | None, where: ContactFilter, limit: int, cursor: str | None
) -> Steps[Page[Contact]]:
    """Read one page of a vendor's book."""
    link = _book(context, provider)
    fault = page_fault(limit)
    if fault:
        raise InvalidRequest(f"page_size {fault}", fields={"page_size": fault})
    return (
        yield from perform(
            link,
            link.provider.list_contacts(where, cursor, min(limit, link.provider.page_limit or limit)),
            PATIENCE,
        )
    )


def search(context: Context, provider: str | None, text: str, limit: int) -> Steps[tuple[Contact, ...]]:
    """Search a vendor's book."""
    link = _book(context, provider)
    if not isinstance(text, str):
        raise InvalidRequest("text must be text", fields={"text": "must be text"})
    return (yield from perform(link, link.provider.search_contacts(text, limit)))


def update(context: Context, contact_id: str, changes: Mapping[str, Any]) -> Steps[Contact]:
    """Change the named fields; lists and custom fields are replaced whole."""
    unknown = sorted(set(changes) - set(CHANGEABLE))
    if unknown or not changes:
        known = ", ".join(CHANGEABLE)
        fields = dict.fromkeys(unknown, f"can't be changed; fields: {known}") or {
            "changes": f"are empty; fields: {known}"
        }
        raise InvalidRequest("; ".join(f"{name} {text}" for name, text in fields.items()), fields=fields)
    _check({name: changes[name] for name in ("name", "phone") if name in changes}, context.numbers)
    link, bare = _entry(context, contact_id)
    return (yield from perform(link, link.provider.update_contact(bare, changes)))


def delete(context: Context, contact_id: str) -> Steps[None]:
    """Delete a contact, for good."""
    link, bare = _entry(context, contact_id)
    yield from perform(link, link.provider.delete_contact(bare))


def _check(values: Mapping[str, Any], rule: str) -> None:
    fields = {}
    if "name" in values and (not isinstance(values["name"], str) or not values["name"].strip()):
        fields["name"] = "must be text, not empty"
    fault = numbers.fault(values["phone"], rule) if "phone" in values else None
    if fault:
        fields["phone"] = fault
    if fields:
        raise InvalidRequest("; ".join(f"{name} {text}" for name, text in fields.items()), fields=fields)


def _entry(context: Context, contact_id: str) -> tuple[Link, str]:
    provider, bare = split_id(contact_id, "contact id")
    if provider is None:
        text = "must be '<provider>:<vendor id>'"
        raise InvalidRequest(f"contact id {text}", fields={"id": text})
    return _book(context, provider), bare


def _book(context: Context, provider: str | None) -> Link:
    if provider is None:
        books = [name for name, link in context.links.items() if link.provider.supports(Feature.CONTACTS)]
        raise ConfigurationError(
            f"say whose contact book: provider=…; with a book: {', '.join(sorted(books)) or 'none'}"
        )
    link = context.link(provider)
    if not link.provider.supports(Feature.CONTACTS):
        raise link.provider.unsupported(Feature.CONTACTS)
    return link
