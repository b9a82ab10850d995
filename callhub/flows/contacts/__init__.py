"""Contacts: callhub's own book, the vendors', and the ways between them.

A bare id is one of the own book, ``"<provider>:<vendor id>"`` one of a vendor's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from callhub.errors import InvalidRequest
from callhub.flows.contacts import own, vendors
from callhub.flows.context import split_id
from callhub.flows.exchange import TIMEOUT
from callhub.model.contact import OWN_BOOK
from callhub.policy.contacts import FIELDS
from callhub.policy.intake import page_fault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from callhub.flows.context import Context, Link
    from callhub.flows.effects import Steps
    from callhub.model.contact import Contact
    from callhub.provider.order import ContactFilter, Page


def create(context: Context, provider: str | None, contact: Contact) -> Steps[Contact]:
    """Add a contact to the own book, or to a vendor's.

    Raises:
        Conflict: the book has that number already, where the vendor minds.
    """
    link = book(context, provider)
    if link is None:
        return (yield from own.create(contact, context.numbers))
    return (yield from vendors.create(link, contact, context.numbers))


def get(context: Context, contact_id: str, timeout: float = TIMEOUT) -> Steps[Contact]:
    """Read a contact."""
    link, bare = _entry(context, contact_id)
    if link is None:
        return (yield from own.get(bare))
    return (yield from vendors.get(link, bare, timeout))


def page(
    context: Context, provider: str | None, where: ContactFilter, limit: int, cursor: str | None
) -> Steps[Page[Contact]]:
    """Read one page of a book."""
    link = book(context, provider)
    _count("page_size", limit)
    if link is None:
        _texts(search=where.search, group=where.group, tags=where.tags)
        return (yield from own.page(where, limit, cursor))
    return (yield from vendors.page(link, where, limit, cursor))


def search(context: Context, provider: str | None, text: str, limit: int) -> Steps[tuple[Contact, ...]]:
    """Search a book."""
    link = book(context, provider)
    if not isinstance(text, str):
        raise InvalidRequest("text must be text", fields={"text": "must be text"})
    if link is not None:
        return (yield from vendors.search(link, text, limit))
    if not text.strip():
        raise InvalidRequest("text must be text, not empty", fields={"text": "must be text, not empty"})
    _count("limit", limit)
    return (yield from own.search(text, limit))


def update(context: Context, contact_id: str, changes: Mapping[str, Any]) -> Steps[Contact]:
    """Change the named fields; lists and custom fields are replaced whole."""
    unknown = sorted(set(changes) - set(FIELDS))
    if unknown or not changes:
        known = ", ".join(FIELDS)
        raise vendors.faulty(
            dict.fromkeys(unknown, f"can't be changed; fields: {known}")
            or {"changes": f"are empty; fields: {known}"}
        )
    link, bare = _entry(context, contact_id)
    if link is None:
        return (yield from own.update(bare, changes, context.numbers))
    return (yield from vendors.update(link, bare, changes, context.numbers))


def delete(context: Context, contact_id: str) -> Steps[None]:
    """Delete a contact, for good."""
    link, bare = _entry(context, contact_id)
    yield from own.delete(bare) if link is None else vendors.delete(link, bare)


def book(context: Context, provider: str | None) -> Link | None:
    """Give the vendor whose book it is; None for callhub's own."""
    return None if provider in (None, OWN_BOOK) else vendors.book(context, provider)


def _entry(context: Context, contact_id: str) -> tuple[Link | None, str]:
    provider, bare = split_id(contact_id, "contact id")
    return (None if provider is None else vendors.book(context, provider)), bare


def _count(name: str, number: object) -> None:
    fault = page_fault(number)
    if fault:
        raise InvalidRequest(f"{name} {fault}", fields={name: fault})


def _texts(**given: Any) -> None:
    wrong = {name: "must be text" for name, value in given.items() if not _is_text(value)}
    if wrong:
        raise vendors.faulty(wrong)


def _is_text(value: object) -> bool:
    return value is None or isinstance(value, str) or (isinstance(value, tuple) and all(map(_is_text, value)))
