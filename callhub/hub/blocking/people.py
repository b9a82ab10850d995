"""People: who is not to be called, and the contact books."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from callhub.flows import (
    contacts,
    suppression,
)
from callhub.flows.contacts import copying, loading
from callhub.hub import contact_sheets, setup, spreadsheets
from callhub.hub.blocking.part import Part
from callhub.model.contact import Contact
from callhub.provider.order import ContactFilter

if TYPE_CHECKING:
    import builtins
    import os
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from callhub.flows.operations import Entry
    from callhub.flows.suppression import Suppression
    from callhub.model.copying import CopyReport

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
    """The contact books: callhub's own, the same whatever the vendor, and the vendors'.

    Without ``provider``, or with ``"callhub"``, it is the own book, which lies in the ledger and whose
    ids are bare; a vendor's is reached by its name, and its contacts by ``"<provider>:<vendor id>"``.
    """

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
        """Add a contact to callhub's own book, or to a vendor's.

        Several contacts of the own book may share a number, and even a name: each is a new one.

        Args:
            name: how the person is addressed.
            phone: number in E.164 form.
            email: email of the person.
            notes: free text.
            tags: words to find contacts by.
            groups: the same; in a vendor's book the ids of the vendor's groups.
            custom_fields: values of your own, by name; whatever JSON can hold.
            timezone: IANA name of the person's zone; no vendor's book keeps it.
            provider: whose book; None is callhub's own.

        Raises:
            Conflict: the book has that number already, where the vendor minds.
            InvalidRequest: a field is wrong, or too long by the vendor's documents; `fields` names every one.
            UnsupportedFeature: the vendor has no book.
        """
        contact = Contact(
            name=name, phone=phone, email=email, notes=notes, tags=setup.several("tags", tags),
            groups=setup.several("groups", groups),
            custom_fields=dict(custom_fields or {}), timezone=timezone,
        )  # fmt: skip
        return self._runner.run(contacts.create(self._context, provider, contact))

    def get(self, contact_id: str) -> Contact:
        """Read a contact.

        Raises:
            NotFound: there is none of that id.
        """
        return self._runner.run(contacts.get(self._context, contact_id))

    def list(
        self,
        provider: str | None = None,
        search: str | None = None,
        group: str | None = None,
        tags: Sequence[str] | None = None,
        page_size: int = 100,
    ) -> Iterator[Contact]:
        """Go through a book, page by page as it is asked for; the own one in the order of adding.

        What several filters and several tags mean together is the vendor's affair in its book. In the
        own book a contact must pass all filters and have all the tags; case doesn't count.

        Args:
            provider: whose book; None is callhub's own.
            search: part of a name, or of a number in whatever way it is written.
            group: one group.
            tags: tags.
            page_size: how many to read at once.
        """
        where = ContactFilter(search, group, setup.several("tags", tags))
        return self._pages(partial(contacts.page, self._context, provider, where, page_size))

    def search(self, text: str, *, provider: str | None = None, limit: int = 10) -> builtins.list[Contact]:
        """Search a book by name or number, in whatever way the number is written."""
        return list(self._runner.run(contacts.search(self._context, provider, text, limit)))

    def update(self, contact_id: str, /, **changes: Any) -> Contact:
        """Change the named fields; tags, groups and custom fields are replaced whole.

        Raises:
            NotFound: there is no such contact.
            InvalidRequest: a field is wrong or isn't one; `fields` names every one.
        """
        return self._runner.run(contacts.update(self._context, contact_id, changes))

    def delete(self, contact_id: str) -> None:
        """Delete a contact, for good; in the own book only, or in the vendor's only.

        Raises:
            NotFound: there is no such contact.
        """
        self._runner.run(contacts.delete(self._context, contact_id))

    def copy(self, from_: str | None = None, to: str | None = None) -> CopyReport:
        """Copy every contact of a book into another one, and tell what became of each.

        A copy adds and changes, and takes nothing away. Contacts and entries are linked, so that a
        second copy brings up to date what the first one made; where a vendor has the number already,
        its entry is linked and brought up to date. What can't be carried and who failed is told in the
        report. After a crash a repeat goes on, and duplicates nobody.

        Args:
            from_: None or ``"callhub"`` for callhub's own book, a provider's name for that vendor's.
            to: the same. From one vendor to another the contacts go through the own book.

        Raises:
            UnsupportedFeature: a vendor has no book.
            InvalidRequest: both are the same book.
            CallhubError: the key isn't accepted, or the book to copy from can't be read.
        """
        return self._runner.run(copying.copy(self._context, from_, to))

    def export(self, path: str | os.PathLike[str] | TextIO) -> int:
        """Write callhub's own book to a CSV file, and count the contacts.

        It is UTF-8, with a line of headings; what a spreadsheet could take for a formula, numbers
        included, has an apostrophe before it, which `load` takes away again. A file that is there is
        replaced; an open one is written to.

        Raises:
            InvalidRequest: the file can't be written.
        """
        return contact_sheets.write(path, self.list())

    def load(self, path: str | os.PathLike[str]) -> CopyReport:
        """Read a CSV file into callhub's own book, all of it or nothing.

        A line is the contact of its id, and then becomes as the file has it; without an id that is
        known it is the contact of the same name and number, of which an empty cell takes nothing away;
        else it is new. So a file that is read twice duplicates nobody.

        Raises:
            InvalidRequest: a line can't be read; `fields` names every such line, and nothing was read in.
        """
        read = contact_sheets.read(path, self._context.numbers)
        return self._runner.run(loading.load(read))
