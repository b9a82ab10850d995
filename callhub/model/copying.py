"""What became of contacts that were copied from book to book, or read from a file."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import Any

import msgspec


class CopyOutcome(StrEnum):
    """What became of one contact."""

    CREATED = "created"
    LINKED = "linked"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    FAILED = "failed"


class Copied(msgspec.Struct, frozen=True):
    """One contact of a copy.

    Attributes:
        source: id of the contact that was copied; of a file, its line.
        target: id of the entry that it became or is linked with; None where it failed.
        outcome: what became of it.
        changed: the fields of an entry that was there already and now are the contact's.
        left: what couldn't be carried, and why, by field.
        reason: why it failed; None where it didn't.
    """

    source: str
    target: str | None
    outcome: CopyOutcome
    changed: tuple[str, ...] = ()
    left: dict[str, str] = {}
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give it with JSON types only."""
        plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return plain


class CopyReport(msgspec.Struct, frozen=True):
    """What became of every contact of a copy, in the order of the book or the file.

    Attributes:
        entries: one for each contact, whatever became of it.
    """

    entries: tuple[Copied, ...]

    @property
    def created(self) -> tuple[Copied, ...]:
        """Give those that are new in the book."""
        return self._that_are(CopyOutcome.CREATED)

    @property
    def linked(self) -> tuple[Copied, ...]:
        """Give those that were linked, now, with an entry that was there already."""
        return self._that_are(CopyOutcome.LINKED)

    @property
    def updated(self) -> tuple[Copied, ...]:
        """Give those whose entry was known, and was changed."""
        return self._that_are(CopyOutcome.UPDATED)

    @property
    def unchanged(self) -> tuple[Copied, ...]:
        """Give those whose entry was known, and had everything."""
        return self._that_are(CopyOutcome.UNCHANGED)

    @property
    def failed(self) -> tuple[Copied, ...]:
        """Give those that didn't get into the book; `reason` says why."""
        return self._that_are(CopyOutcome.FAILED)

    @property
    def incomplete(self) -> tuple[Copied, ...]:
        """Give those of which something couldn't be carried; `left` says what and why."""
        return tuple(entry for entry in self.entries if entry.left)

    def counts(self) -> dict[str, int]:
        """Count the contacts by what became of them."""
        told = Counter(entry.outcome for entry in self.entries)
        return {str(outcome): told[outcome] for outcome in CopyOutcome}

    def _that_are(self, outcome: CopyOutcome) -> tuple[Copied, ...]:
        return tuple(entry for entry in self.entries if entry.outcome is outcome)
