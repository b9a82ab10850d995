"""How the demo looks: moving on a terminal, line by line elsewhere, and a table at the end."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

from rich import box
from rich.console import Group
from rich.live import Live
from rich.padding import Padding
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from callhub.cli import out
from callhub.cli.show import attempts, span, values, vendors_word
from callhub.model.call import Call

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from callhub.cli.demonstration import Trial

View: TypeAlias = "Callable[[], object]"

_LABEL = 14
_NARROWEST, _WIDEST = 26, 44
_ID = 36
_STYLES = {"ended": "green", "failed": "red", "in_doubt": "red"}
_NEXT = (
    ("callhub sandbox", "the same sandboxes to write your own program against"),
    ("callhub doctor", "what to set to call through a real vendor"),
    ("callhub providers", "what each vendor can do"),
)


@contextmanager
def silent() -> Iterator[View]:
    """Show nothing."""
    yield lambda: None


@contextmanager
def showing(trials: Sequence[Trial], left_out: Mapping[str, str]) -> Iterator[View]:
    """Show how the calls go; the view is told each time that something may have changed."""
    printer = out.console()
    names = " and ".join(trial.box.title for trial in trials) or "no provider"
    out.show(Text(f"One call through {names}, in sandboxes on this machine:\n"))
    for name, reason in left_out.items():
        out.say(f"{name} is left out: {reason}")
    if not printer.is_terminal:
        yield _Teller(trials).tell
        return
    spinner = Spinner("line")
    with Live(_moving(trials, spinner), console=printer, refresh_per_second=10, transient=True) as live:
        yield lambda: live.update(_moving(trials, spinner))


class _Teller:
    """Tells each change in a line."""

    def __init__(self, trials: Sequence[Trial]) -> None:
        self._acts = trials
        self._told: dict[str, int] = {}
        self._start = time.monotonic()

    def tell(self) -> None:
        for trial in self._acts:
            for status in trial.trail[self._told.get(trial.box.name, 0) :]:
                out.say(f"{time.monotonic() - self._start:5.1f} s  {trial.box.title:<{_LABEL}}{status}")
            self._told[trial.box.name] = len(trial.trail)


def conclude(trials: Sequence[Trial]) -> None:
    """Show what came back side by side, that nothing rang twice, and where to go from here."""
    room = max(1, (out.console().width - _LABEL) // (_NARROWEST + 2))
    if not trials:
        out.say("No provider is installed that ships a sandbox.")
        return
    for start in range(0, len(trials), room):
        together = trials[start : start + room]
        width = min(_WIDEST, (out.console().width - _LABEL) // len(together) - 2)
        out.show("", _table(together, width))
    if any(trial.call for trial in trials):
        out.show(_again(trials))
    rows = Table.grid(padding=(0, 2, 0, 0))
    for command, meaning in _NEXT:
        rows.add_row(Text(command, "bold"), meaning)
    out.show(Text("\nNext:"), Padding(rows, (0, 0, 0, 2)))


def _moving(trials: Sequence[Trial], spinner: Spinner) -> Group:
    table = Table.grid(padding=(0, 2, 0, 0))
    for trial in trials:
        sign = spinner if trial.call and not trial.over else Text("·")
        table.add_row(sign, Text(trial.box.title, "bold"), _trail(trial), "rang" if trial.rang else "")
    return Group(table)


def _trail(trial: Trial) -> Text:
    if trial.problem:
        return Text(out.clean(trial.problem), "red")
    parts = [Text(status, _STYLES.get(status, "")) for status in trial.trail]
    return Text(" → ").join(parts)


def _table(trials: Sequence[Trial], width: int) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False)
    table.add_column("", width=_LABEL - 1, style="dim")
    for trial in trials:
        table.add_column(trial.box.title, width=width, overflow="fold")
    shown = [dict(_rows(trial, width)) for trial in trials]
    for label in shown[0]:
        style = _STYLES if label == "status" else {}
        table.add_row(label, *(Text(rows[label], style.get(rows[label], "")) for rows in shown))
    return table


def _rows(trial: Trial, width: int) -> Iterator[tuple[str, str]]:
    call = trial.call or Call(id="")
    rows: dict[str, object] = {
        "call": trial.problem or call.id,
        "status": call.status if trial.call else None,
        "vendor's word": vendors_word(call),
        "outcome": call.outcome,
        "number": call.to,
        "duration": span(call.duration),
        "answered by": call.answered_by,
        "results": values(call.results),
        "attempts": attempts(call),
        "phone rang": f"{trial.rang} time{'' if trial.rang == 1 else 's'}",
    }
    for label, value in rows.items():
        yield label, out.clean(value)
    if width < _ID and not trial.problem:
        yield "call", call.id.replace("-", "-\n", 3).replace("-\n", "-", 2)


def _again(trials: Sequence[Trial]) -> Text:
    """Say what the second requests did, as it was counted."""
    counts = ", ".join(f"{trial.box.title} {trial.rang}" for trial in trials)
    if all(trial.replayed and trial.rang == 1 for trial in trials if trial.call):
        return Text(f"\nAsked again under the same keys: no phone rang twice ({counts}).", "green")
    return Text(f"\nAsked again under the same keys, and not as promised ({counts}).", "bold red")
