"""People: who is not to be called, and callhub's own contact book."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from callhub.flows.effects import LedgerOp

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from callhub.model.contact import Contact


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
    """Read callhub's own book in the order of ids, after that one."""

    after: str
    limit: int


@dataclass(frozen=True, slots=True)
class DropContact(LedgerOp[bool]):
    """Delete a contact of callhub's own book; False where there is none."""

    id: str
