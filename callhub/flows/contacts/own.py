"""callhub's own contact book, which lies in the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from callhub.errors import NotFound
from callhub.flows.contacts.vendors import faulty
from callhub.flows.effects import NewId, Now, ask
from callhub.flows.operations import DropContact, FindContact, PageOfBook, SaveContact
from callhub.model.contact import Contact
from callhub.policy import contacts as rules
from callhub.provider.order import ContactFilter, Page

if TYPE_CHECKING:
    from collections.abc import Mapping

    from callhub.flows.effects import Steps


def create(contact: Contact, rule: str) -> Steps[Contact]:
    """Add a contact. Several may share a number, so nothing is refused for being there already."""
    fields = _tidy({name: getattr(contact, name) for name in rules.FIELDS}, rule)
    made = Contact(id=(yield from ask(NewId())), created_at=(yield from ask(Now())), **fields)
    yield from ask(SaveContact(made, new=True))
    return made


def get(contact_id: str) -> Steps[Contact]:
    """Read a contact.

    Raises:
        NotFound: it isn't there.
    """
    found = yield from ask(FindContact(contact_id))
    if found is None:
        raise _not_there()
    return found.contact


def page(where: ContactFilter, limit: int, after: str | None) -> Steps[Page[Contact]]:
    """Read one page, in the order of adding."""
    found = yield from ask(PageOfBook(after or "", limit, where))
    return Page(found, found[-1].id if len(found) == limit else None)


def search(text: str, limit: int) -> Steps[tuple[Contact, ...]]:
    """Search names and numbers."""
    return (yield from ask(PageOfBook("", limit, ContactFilter(text))))


def update(contact_id: str, changes: Mapping[str, Any], rule: str) -> Steps[Contact]:
    """Change the named fields; lists and custom fields are replaced whole."""
    fields = _tidy(changes, rule)
    changed = yield from ask(SaveContact(Contact(id=contact_id), new=False, changes=fields))
    if changed is None:
        raise _not_there()
    return changed


def delete(contact_id: str) -> Steps[None]:
    """Delete a contact and what links it with vendors' books; their entries stay."""
    if not (yield from ask(DropContact(contact_id))):
        raise _not_there()


def _tidy(given: Mapping[str, Any], rule: str) -> dict[str, Any]:
    kept, faults = rules.tidy(given, rule)
    if faults:
        raise faulty(faults)
    return kept


def _not_there() -> NotFound:
    return NotFound(
        "callhub's own book has no such contact; a vendor's is asked for by '<provider>:<vendor id>'"
    )
