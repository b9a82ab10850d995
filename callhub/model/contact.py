"""The person who is called."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from callhub.model.source import Source

OWN_BOOK = "callhub"  # the name of callhub's own book, and so no vendor's


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """A person, as callhub and the vendors' books know them.

    Attributes:
        id: ``"<provider>:<vendor id>"`` for an entry of a vendor's book, bare for one of callhub's own;
            None until it is in a book.
        provider: the vendor whose book it is in; None for callhub's own.
        name: how the person is addressed.
        phone: number in E.164 form.
        email, notes: as the book has them.
        tags: words that contacts are grouped by.
        timezone: IANA name of the person's zone.
        groups: ids of the vendor's contact groups; in callhub's own book words, a vendor's groups
            as ``"<provider>:<id>"``.
        custom_fields: free values by name.
        created_at: aware, UTC.
    """

    id: str | None = None
    provider: str | None = None
    name: str | None = None
    phone: str | None = None
    email: str | None = None
    notes: str | None = None
    tags: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    custom_fields: dict[str, Any] = {}
    timezone: str | None = None
    created_at: datetime | None = None
    source: Source | None = None

    def __repr__(self) -> str:
        return f"<Contact {self.id or 'in no book'}>"

    @property
    def raw(self) -> Any:
        """The vendor's own object, decoded; None for a contact of one's own."""
        return self.source.decode() if self.source else None
