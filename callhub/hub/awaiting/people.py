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
from callhub.hub.awaiting.part import Part
from callhub.model.contact import Contact
from callhub.provider.order import ContactFilter

if TYPE_CHECKING:
    import builtins
    import os
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from callhub.flows.operations import Entry
    from callhub.flows.suppression import Suppression
    from callhub.model.copying import CopyReport

T = TypeVar("T")


class AsyncSuppressions(Part):
    """The people who are not to be called, whichever vendor would do it."""

    async def add(self, number: str, reason: str | None = None) -> Suppression:
        """Put a number on the list, cancel open calls to it, and say which couldn't be stopped."""
        return await self._runner.run(suppression.add(self._context, [(number, reason)]))

    async def remove(self, number: str) -> bool:
        """Take a number off the list; False where it isn't on it."""
        return await self._runner.run(suppression.remove(number))

    async def get(self, number: str) -> Entry | None:
        """Find a number on the list, however it is written; None where it isn't on it."""
        return await self._runner.run(suppression.get(number))

    def list(self) -> AsyncIterator[Entry]:
        """Go through the list, in the order of adding."""
        return self._pages(suppression.page, 0)

    async def load(self, path: str | Path) -> Suppression:
        """Put every number of a CSV file on the list, all or none, and cancel open calls to them."""
        return await self._runner.run(suppression.add(self._context, spreadsheets.numbers_of(path), "file"))


class AsyncContacts(Part):
    """The contact books: callhub's own, the same whatever the vendor, and the vendors'."""

    async def create(
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
        """Add a contact to callhub's own book, or to a vendor's."""
        contact = Contact(
            name=name, phone=phone, email=email, notes=notes, tags=setup.several("tags", tags),
            groups=setup.several("groups", groups),
            custom_fields=dict(custom_fields or {}), timezone=timezone,
        )  # fmt: skip
        return await self._runner.run(contacts.create(self._context, provider, contact))

    async def get(self, contact_id: str) -> Contact:
        """Read a contact."""
        return await self._runner.run(contacts.get(self._context, contact_id))

    def list(
        self,
        provider: str | None = None,
        search: str | None = None,
        group: str | None = None,
        tags: Sequence[str] | None = None,
        page_size: int = 100,
    ) -> AsyncIterator[Contact]:
        """Go through a book, page by page as it is asked for; the own one in the order of adding."""
        where = ContactFilter(search, group, setup.several("tags", tags))
        return self._pages(partial(contacts.page, self._context, provider, where, page_size))

    async def search(
        self, text: str, *, provider: str | None = None, limit: int = 10
    ) -> builtins.list[Contact]:
        """Search a book by name or number, in whatever way the number is written."""
        return list(await self._runner.run(contacts.search(self._context, provider, text, limit)))

    async def update(self, contact_id: str, /, **changes: Any) -> Contact:
        """Change the named fields; tags, groups and custom fields are replaced whole."""
        return await self._runner.run(contacts.update(self._context, contact_id, changes))

    async def delete(self, contact_id: str) -> None:
        """Delete a contact, for good; in the own book only, or in the vendor's only."""
        await self._runner.run(contacts.delete(self._context, contact_id))

    async def copy(self, from_: str | None = None, to: str | None = None) -> CopyReport:
        """Copy every contact of a book into another one, and tell what became of each."""
        return await self._runner.run(copying.copy(self._context, from_, to))

    async def export(self, path: str | os.PathLike[str] | TextIO) -> int:
        """Write callhub's own book to a CSV file, and count the contacts."""
        return contact_sheets.write(path, [contact async for contact in self.list()])

    async def load(self, path: str | os.PathLike[str]) -> CopyReport:
        """Read a CSV file into callhub's own book, all of it or nothing."""
        read = contact_sheets.read(path, self._context.numbers)
        return await self._runner.run(loading.load(read))
