"""Take the contacts of a file into callhub's own book."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from callhub.flows.effects import NewId, Now, Steps, ask
from callhub.flows.operations import Line, LoadContacts
from callhub.model.contact import Contact
from callhub.model.copying import Copied, CopyReport

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Read:
    """A contact that was read from a file.

    Attributes:
        place: where it stands, such as ``"line 2"``.
        fields: what stands there, as the own book keeps it.
        id, created_at: those of the contact when it was written to the file; None where it wasn't
            written by callhub.
    """

    place: str
    fields: Mapping[str, Any] = field(repr=False)
    id: str | None = None
    created_at: datetime | None = None


def load(read: Sequence[Read]) -> Steps[CopyReport]:
    """Take them in, all or none, and tell what became of each."""
    now = yield from ask(Now())
    lines = []
    for each in read:
        made = Contact(
            id=each.id or (yield from ask(NewId())), created_at=each.created_at or now, **each.fields
        )
        lines.append(Line(made, each.fields, each.id is not None))
    kept = yield from ask(LoadContacts(tuple(lines)))
    return CopyReport(
        tuple(
            Copied(each.place, done.contact.id, done.outcome, done.changed)
            for each, done in zip(read, kept, strict=True)
        )
    )
