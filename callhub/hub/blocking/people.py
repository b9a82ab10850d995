"""People: who is not to be called, and the contact books."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from callhub.flows import (
    contacts,
    suppression,
)
from callhub.hub import setup, spreadsheets
from callhub.hub.blocking.part import Part
from callhub.model.contact import Contact
from callhub.provider.order import ContactFilter

if TYPE_CHECKING:
    import builtins
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from callhub.flows.operations import Entry
    from callhub.flows.suppression import Suppression

T = TypeVar("T")


class Suppressions(Part):
    """The people who are not to be called, whichever vendor would do it."""

    def add(self, number: str, reason: str | None = None) -> Suppression:
        """Put a number on the list, cancel open calls to it, and say which couldn't be stopped.

        Raises:
            InvalidRequest: it can't be read as a number.
        """
        return self._runner.run(suppression.add(self._context, [(number, reason)]))

    def remove(self, number: str) -> bool:
        """Take a number off the list; False where it isn't on it."""
        return self._runner.run(suppression.remove(number))

    def get(self, number: str) -> Entry | None:
        """Find a number on the list, however it is written; None where it isn't on it."""
        return self._runner.run(suppression.get(number))

    def list(self) -> Iterator[Entry]:
        """Go through the list, in the order of adding."""
        return self._pages(suppression.page, 0)

    def load(self, path: str | Path) -> Suppression:
        """Put every number of a CSV file on the list, all or none, and cancel open calls to them.

        The first column, or the one headed ``number`` or ``phone``, holds the numbers; one headed
        ``reason`` the reasons.

        Raises:
            InvalidRequest: a line can't be read; it is named, and nothing was added.
        """
        return self._runner.run(suppression.add(self._context, spreadsheets.numbers_of(path), "file"))


class Contacts(Part):
    """The vendors' contact books; ids are ``"<provider>:<vendor id>"``."""

    def create(
        self,
        *,
        name: str,
        phone: str,
        email: str | None = None,
        notes: str | None = None,
        tags: Sequence[str] | None = None,
        groups: Sequence[str] | None = None,
        custom_fields: Mapping[str, Any] | None = None,
        timezone: str | None = None,
        provider: str | None = None,
    ) -> Contact:
        """Add a contact to a vendor's book.

        Raises:
            Conflict: the book has that number already, where the vendor minds.
            InvalidRequest: a field is wrong or too long by the vendor's documents.
            UnsupportedFeature: the vendor has no book.
        """
        contact = Contact(
            name=name, phone=phone, email=email, notes=notes, tags=setup.several("tags", tags),
            groups=setup.several("groups", groups),
            custom_fields=dict(custom_fields or {}), timezone=timezone,
        )  # fmt: skip
        return self._runner.run(contacts.create(self._context, provider, contact))

    def get(self, contact_id: str) -> Contact:
        """Read a contact."""
        return self._runner.run(contacts.get(self._context, contact_id))

    def list(
        self,
        provider: str | None = None,
        search: str | None = None,
        group: str | None = None,
        tags: Sequence[str] | None = None,
        page_size: int = 100,
    ) -> Iterator[Contact]:
        """Go through a vendor's book, page by page as it is asked for."""
        where = ContactFilter(search, group, setup.several("tags", tags))
        return self._pages(partial(contacts.page, self._context, provider, where, page_size))

    def search(self, text: str, *, provider: str | None = None, limit: int = 10) -> builtins.list[Contact]:
        """Search a vendor's book by name or number."""
        return list(self._runner.run(contacts.search(self._context, provider, text, limit)))

    def update(self, contact_id: str, /, **changes: Any) -> Contact:
        """Change the named fields; tags, groups and custom fields are replaced whole."""
        return self._runner.run(contacts.update(self._context, contact_id, changes))

    def delete(self, contact_id: str) -> None:
        """Delete a contact, for good."""
        self._runner.run(contacts.delete(self._context, contact_id))
