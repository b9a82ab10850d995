"""How things are printed: JSON, lists of one line each, sheets of one thing.

On a terminal a list is cut to its width; into a pipe everything goes, plain. Texts of vendors'
are stripped of control characters, which could play tricks with a terminal.
"""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from rich.console import RenderableType

T = TypeVar("T")

LABEL = 14


@dataclass(frozen=True, slots=True)
class Column(Generic[T]):
    """One column of a list; it grows where a cell is wider."""

    title: str
    width: int
    cell: Callable[[T], object]


@dataclass(frozen=True, slots=True)
class View(Generic[T]):
    """How one kind of thing is shown: as JSON, as a line, as a sheet."""

    plain: Callable[[T], dict[str, Any]]
    columns: Sequence[Column[T]]
    rows: Callable[[T], Iterable[tuple[str, object]]]

    def one(self, item: T, *, as_json: bool) -> None:
        """Show one thing."""
        if as_json:
            print_json(self.plain(item))
        else:
            sheet(self.rows(item))

    def many(self, items: Iterable[T], *, as_json: bool) -> None:
        """Show each thing in a line, as it comes."""
        if as_json:
            for item in items:
                print_json(self.plain(item))
        else:
            self._lines(items)

    def _lines(self, items: Iterable[T]) -> None:
        printer = console()
        widths = [max(column.width, len(column.title)) for column in self.columns]
        empty = True
        for item in items:
            cells = [clean(column.cell(item)) for column in self.columns]
            if empty and printer.is_terminal:
                _line(printer, [column.title for column in self.columns], widths, "dim")
            empty = False
            widths = [max(width, cell_len(cell)) for width, cell in zip(widths, cells, strict=True)]
            _line(printer, cells, widths)
        if empty and printer.is_terminal:
            note("none")


class _Console(Console):
    """Leaves it to whoever runs the command what happens when nobody reads on."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console() -> Console:
    """Give the console of the standard output."""
    return _Console(highlight=False, markup=False, emoji=False)


def messages() -> Console:
    """Give the console of the standard error: progress, hints and failures."""
    return _Console(stderr=True, highlight=False, markup=False, emoji=False)


def show(*things: RenderableType) -> None:
    """Print on the standard output."""
    console().print(*things)


def say(line: str = "") -> None:
    """Print one line on the standard output, at once and as long as it is."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def note(line: str) -> None:
    """Print a hint on the standard error."""
    messages().print(Text(line, "dim"), soft_wrap=True)


def patience(doing: str, *, quiet: bool) -> AbstractContextManager[object]:
    """Show a terminal that something takes its time; nothing elsewhere."""
    printer = messages()
    return nullcontext() if quiet or not printer.is_terminal else printer.status(doing, spinner="line")


def complain(lines: Iterable[str]) -> None:
    """Print a failure on the standard error."""
    printer = messages()
    for line in lines:
        head, mark, rest = line.partition("error:")
        styled = Text.assemble((mark, "bold red"), rest) if mark and not head else Text(line)
        printer.print(styled, soft_wrap=not printer.is_terminal)


def print_json(value: Any, stream: Any = None) -> None:
    """Print one line of JSON; times are of ISO 8601, in UTC."""
    stream = stream or sys.stdout
    ascii_only = not (stream.encoding or "").lower().startswith("utf")
    stream.write(json.dumps(value, ensure_ascii=ascii_only, default=_in_utc) + "\n")
    stream.flush()


def _in_utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def sheet(rows: Iterable[tuple[str, object]]) -> None:
    """Print labels and values; what has no value is left out."""
    printer = console()
    for label, value in rows:
        if value in (None, "", (), [], {}):
            continue
        said = clean(value)
        if not printer.is_terminal:
            say(f"{label:<{LABEL}}  {said}")
            continue
        lines = Text(said).wrap(printer, max(20, printer.width - LABEL - 2))
        for number, line in enumerate(lines):
            printer.print(Text(f"{'' if number else label:<{LABEL}}  ", "dim"), line, sep="")


def clean(value: object) -> str:
    """Give a value as one line without control characters; nothing becomes a dash."""
    if value is None or value == "":
        return "-"
    return " ".join("".join(sign if sign.isprintable() else " " for sign in str(value)).split())


def _line(printer: Console, cells: Sequence[str], widths: Sequence[int], style: str = "") -> None:
    if printer.is_terminal:
        cells = cells[: _fitting(widths, printer.width)]
    padded = [cell + " " * (width - cell_len(cell)) for cell, width in zip(cells, widths, strict=False)]
    line = "  ".join([*padded[:-1], cells[-1]])
    if not printer.is_terminal:
        say(line)
        return
    if cell_len(line) > printer.width:
        line = set_cell_size(line, printer.width)
    printer.print(Text(line.rstrip(), style), soft_wrap=True)


def _fitting(widths: Sequence[int], room: int) -> int:
    """Count the columns that a terminal has room for."""
    count, used = 1, widths[0]
    for width in widths[1:]:
        used += 2 + width
        if used > room:
            break
        count += 1
    return count
