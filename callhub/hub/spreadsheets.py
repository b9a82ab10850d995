"""Read CSV files, whole or not at all: what can't be read is named by its line."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from callhub.errors import InvalidRequest
from callhub.policy.numbers import readable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from os import PathLike

NUMBER_HEADS = ("number", "phone")
MOST_NAMED = 20  # broken lines; the rest is counted
_NONE = "holds no number with + and its country code"
_HEADED = f"; a line of headings calls it {' or '.join(NUMBER_HEADS)}, between commas"


def numbers_of(path: str | Path) -> list[tuple[str, str | None]]:
    """Read numbers and reasons from a CSV file, with or without a line of headings.

    Raises:
        InvalidRequest: the file or a line of it can't be read; every such line is named.
    """
    rows = list(rows_of(Path(path)))
    if not rows:
        refuse(path, {"the file": "holds no line"})
    first, head = rows[0]
    number_at, reason_at = _columns(head)
    headed = number_at is not None
    found, faults = [], {}
    for line, row in rows[headed:]:
        number, reason = readable(_cell(row, number_at or 0)), _cell(row, reason_at)
        fault = _fault(row, len(head), number, "" if headed else reason)
        if fault is None:
            found.append((number or "", reason or None))
        else:
            faults[f"line {line}"] = fault + (_HEADED if line == first else "")
    refuse(path, faults)
    return found


def _fault(row: Sequence[str], width: int, number: str | None, beside: str) -> str | None:
    """Tell what is wrong with a line; what stands beside a number in a file without headings is no number."""
    if number is None:
        return _NONE
    if len(row) > width:
        return f"has {len(row)} cells, and the first line {width}"
    return "holds two numbers: put one in each line, or head the columns" if readable(beside) else None


def refuse(path: str | PathLike[str], faults: dict[str, str]) -> None:
    """Raise one error for everything that is wrong with a file; do nothing where nothing is.

    Raises:
        InvalidRequest: `fields` names every line.
    """
    if not faults:
        return
    named = "; ".join(f"{line} {fault}" for line, fault in list(faults.items())[:MOST_NAMED])
    more = f"; and {len(faults) - MOST_NAMED} more" if len(faults) > MOST_NAMED else ""
    raise InvalidRequest(f"{Path(path).name}: {named}{more}; nothing was read in", fields=faults)


def rows_of(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Give every line that isn't empty, with its number; one of several lines has the first's.

    Raises:
        InvalidRequest: the file can't be read.
    """
    last = 0
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            for row in reader:
                if any(cell.strip() for cell in row):
                    yield last + 1, row
                last = reader.line_num
    except OSError as error:
        reason = error.strerror or type(error).__name__
    except UnicodeDecodeError:
        reason = "it isn't CSV in UTF-8"
    except csv.Error as error:
        reason = f"it isn't CSV in UTF-8: line {last + 1}: {error}"
    else:
        return
    raise InvalidRequest(f"{path.name} can't be read: {reason}", fields={"path": reason})


def _columns(head: Sequence[str]) -> tuple[int | None, int | None]:
    names = [cell.strip().lower() for cell in head]
    number = next((names.index(name) for name in NUMBER_HEADS if name in names), None)
    if number is None:
        return None, 1 if len(names) > 1 else None
    return number, names.index("reason") if "reason" in names else None


def _cell(row: Sequence[str], at: int | None) -> str:
    return row[at].strip() if at is not None and at < len(row) else ""
