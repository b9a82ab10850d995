"""People: who is not to be called, and callhub's own contact book."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from callhub.flows.effects import LedgerOp
from callhub.provider.order import ContactFilter

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from callhub.model.contact import Contact
    from callhub.model.copying import CopyOutcome


@dataclass(frozen=True, slots=True)
class Entry:
    """A number on the suppression list; None where the number itself was erased."""

    number: str | None = field(repr=False)
    reason: str | None
    source: str
    added_at: datetime


@dataclass(frozen=True, slots=True)
class Suppress(LedgerOp["tuple[Entry, ...]"]):
    """Put numbers on the suppression list, all or none; what is there already stays as it is."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Unsuppress(LedgerOp[bool]):
    """Take a number off the suppression list; False where it isn't on it."""

    number: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FindSuppressed(LedgerOp["Entry | None"]):
    """Find a number on the suppression list, in whatever form it was written there."""

    number: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ListSuppressed(LedgerOp["tuple[Entry, ...]"]):
    """Read the suppression list, in the order of adding."""

    after: int
    limit: int


@dataclass(frozen=True, slots=True)
class Linked:
    """A contact, and the vendor's id of it by provider."""

    contact: Contact = field(repr=False)
    links: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SaveContact(LedgerOp["Contact | None"]):
    """Write a contact of callhub's own book, new or changed, with its links to vendors' books.

    Attributes:
        changes: fields to change; None writes the contact as it is.
        links: vendor ids by provider, added to those that are there.
    """

    contact: Contact = field(repr=False)
    new: bool
    changes: Mapping[str, Any] = field(default_factory=dict, repr=False)
    links: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FindContact(LedgerOp["Linked | None"]):
    """Find a contact of callhub's own book."""

    id: str


@dataclass(frozen=True, slots=True)
class FindLinked(LedgerOp["Contact | None"]):
    """Find the contact of callhub's own book that stands for an entry of a vendor's book."""

    provider: str
    vendor_id: str


@dataclass(frozen=True, slots=True)
class PageOfBook(LedgerOp["tuple[Contact, ...]"]):
    """Read those of callhub's own book that are wanted, in the order of ids, after that one."""

    after: str
    limit: int
    where: ContactFilter = field(default_factory=ContactFilter)


@dataclass(frozen=True, slots=True)
class DropContact(LedgerOp[bool]):
    """Delete a contact of callhub's own book; False where there is none."""

    id: str


@dataclass(frozen=True, slots=True)
class LinkContact(LedgerOp["str | None"]):
    """Let a contact stand for an entry of a vendor's book, unless another one does already.

    Gives the id of the contact that stands for it now; None where the contact isn't there any more.

    Attributes:
        instead_of: an entry that the contact stood for, and that isn't there any more.
    """

    id: str
    provider: str
    vendor_id: str
    instead_of: str | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A contact as it stands in callhub's own book now, and what was done to it."""

    contact: Contact = field(repr=False)
    outcome: CopyOutcome
    changed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AdoptContact(LedgerOp[Kept]):
    """Take an entry of a vendor's book into callhub's own.

    It is the contact that is linked with it; else one of the same name and number that isn't linked
    with that vendor's book; else the one that is given, new.

    Attributes:
        fields: what the vendor's book has of it.
    """

    contact: Contact = field(repr=False)
    fields: Mapping[str, Any] = field(repr=False)
    provider: str
    vendor_id: str


@dataclass(frozen=True, slots=True)
class Line:
    """A contact of a file.

    Attributes:
        contact: with the id and the time that it has there, or new ones.
        fields: what the file has of it; one that is empty there is empty.
        known: True where the id comes from the file.
    """

    contact: Contact = field(repr=False)
    fields: Mapping[str, Any] = field(repr=False)
    known: bool


@dataclass(frozen=True, slots=True)
class LoadContacts(LedgerOp["tuple[Kept, ...]"]):
    """Take the contacts of a file into callhub's own book, all or none.

    Each is the contact of its id, and then becomes as the file has it; else one of the same name and
    number that no other line stands for, and then an empty field of the file takes nothing away;
    else new.
    """

    lines: tuple[Line, ...]
