"""Contacts as CSV files: written so that no spreadsheet takes a cell for a formula, read exactly back.

A cell that a spreadsheet could take for a formula gets an apostrophe before it; whatever is read
loses that one again. Lists stand in one cell, separated by commas, custom fields as JSON.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from callhub.errors import InvalidRequest
from callhub.flows.contacts.loading import Read
from callhub.hub.spreadsheets import refuse, rows_of
from callhub.policy import contacts as rules
from callhub.policy.numbers import readable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from callhub.model.contact import Contact

HEADINGS = ("id", *rules.FIELDS, "created_at")
REQUIRED = ("name", "phone")

_DANGEROUS = re.compile(r"'*(?:\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n])")
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def defused(cell: str) -> str:
    """Give a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if _DANGEROUS.match(cell) else cell


def restored(cell: str) -> str:
    """Give the cell that was defused; any other stays as it is, a name such as ``'t Hooft`` too."""
    return cell[1:] if cell[:1] == "'" and _DANGEROUS.match(cell[1:]) else cell


def written(contacts: Iterable[Contact]) -> str:
    """Give the text of a file, the line of headings included."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(HEADINGS)
    writer.writerows(map(_row, contacts))
    return text.getvalue()


def write(path: str | os.PathLike[str] | TextIO, contacts: Iterable[Contact]) -> int:
    """Write a file, which only its owner can read where it is new, and count the contacts.

    One that is open already is written to as it is.

    Raises:
        InvalidRequest: it can't be written.
    """
    listed = list(contacts)
    if not isinstance(path, str | os.PathLike):
        path.write(written(listed))
        return len(listed)
    try:
        with open(path, "w", encoding="utf-8", newline="", opener=_private) as file:
            file.write(written(listed))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InvalidRequest(
            f"{Path(path).name} can't be written: {reason}", fields={"path": reason}
        ) from None
    return len(listed)


def read(path: str | os.PathLike[str], rule: str) -> list[Read]:
    """Read a file.

    Raises:
        InvalidRequest: the file or a line of it can't be read; every such line is named.
    """
    rows = list(rows_of(Path(path)))
    line, head = rows[0] if rows else (1, [])
    columns = [re.sub(r"[\s_]+", "_", restored(cell).strip().lower()) for cell in head]
    refuse(path, {f"line {line}": fault for fault in _head_faults(columns)})
    found: list[Read] = []
    faults: dict[str, str] = {}
    seen: dict[str | None, str] = {}
    for line, row in rows[1:]:
        contact, wrong = _contact(f"line {line}", columns, row, rule)
        if contact.id is not None and contact.id in seen:
            wrong["id"] = f"stands in {seen[contact.id]} already"
        seen[contact.id] = contact.place
        found.append(contact)
        if wrong:
            faults[contact.place] = "; ".join(f"{name} {text}" for name, text in wrong.items())
    refuse(path, faults)
    return found


def _row(contact: Contact) -> list[str]:
    return [defused(_cell(getattr(contact, name))) for name in HEADINGS]


def _cell(value: Any) -> str:
    if isinstance(value, tuple):
        return _listed(value)
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False) if value else ""
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value or ""


def _listed(words: Sequence[str]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerow(words)
    return text.getvalue().removesuffix("\r\n")


def _head_faults(columns: Sequence[str]) -> Iterator[str]:
    """Tell the first thing that is wrong with the headings."""
    unknown = sorted(set(columns) - {*HEADINGS, ""})
    missing = [name for name in REQUIRED if name not in columns]
    twice = sorted({name for name in columns if name and columns.count(name) > 1})
    if missing:
        commas = "; columns are separated by commas" if len(columns) == 1 else ""
        yield f"must hold the headings, and lacks {' and '.join(missing)}{commas}"
    elif unknown:
        yield f"has headings that aren't known: {', '.join(unknown)}; known: {', '.join(HEADINGS)}"
    elif twice:
        yield f"has headings twice: {', '.join(twice)}"


def _contact(
    place: str, columns: Sequence[str], row: Sequence[str], rule: str
) -> tuple[Read, dict[str, str]]:
    if any(cell.strip() for cell in row[len(columns) :]):
        return Read(place, {}), {"the line": "has more cells than there are headings"}
    padded = [*row, *("" for _ in columns[len(row) :])]
    cells = {name: restored(cell) for name, cell in zip(columns, padded, strict=False)}
    if cells.pop("", "").strip():
        return Read(place, {}), {"the line": "has a cell without a heading"}
    values: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for name, cell in cells.items():
        try:
            values[name] = _READERS.get(name, _same)(cell)
        except ValueError as error:
            faults[name] = str(error)
    id_, created_at = values.pop("id", None), values.pop("created_at", None)
    fields, more = rules.tidy(values, rule)
    return Read(place, fields, id_, created_at), faults | more


def _same(cell: str) -> str:
    return cell


def _id(cell: str) -> str | None:
    text = cell.strip()
    if text and not _ID.fullmatch(text):
        raise ValueError("is none of callhub's: leave the column out of files that callhub didn't write")
    return text or None


def _number(cell: str) -> str:
    found = readable(cell)
    if found is None:
        raise ValueError("must be a number with its country code, such as +14155551234")
    return found


def _words(cell: str) -> list[str]:
    if not cell.strip():
        return []
    try:
        (words,) = csv.reader(io.StringIO(cell, newline=""), strict=True, skipinitialspace=True)
    except (csv.Error, ValueError):
        raise ValueError("must be words, separated by commas") from None
    return words


def _object(cell: str) -> Any:
    try:
        return json.loads(cell) if cell.strip() else {}
    except (ValueError, RecursionError):
        raise ValueError('must be a JSON object, such as {"company": "Acme"}') from None


def _time(cell: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(cell.strip()) if cell.strip() else None
        if at is None or at.utcoffset() is not None:
            return at and at.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError("must be a time of ISO 8601 with its offset")


_READERS: Mapping[str, Callable[[str], Any]] = {
    "id": _id,
    "phone": _number,
    "tags": _words,
    "groups": _words,
    "custom_fields": _object,
    "created_at": _time,
}


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
