"""Waiting for a call, with something to look at."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from callhub.cli import out
from callhub.cli.failures import Interrupted
from callhub.cli.show import vendors_word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from callhub.hub import Hub
    from callhub.model.call import Call


def wait(hub: Hub, call_id: str, timeout: float, *, quiet: bool) -> Call:
    """Wait until a call is over, telling on the standard error where it is.

    Raises:
        Interrupted: by Ctrl-C; the call goes on.
    """
    last: list[Call] = []
    with _nothing() if quiet else _progress() as tell:

        def listen(call: Call) -> None:
            last[:] = [call]
            tell(call)

        try:
            return hub.calls.wait(call_id, timeout=timeout, on_update=listen)
        except KeyboardInterrupt as stop:
            call = last[0] if last else None
            message = f"waiting was interrupted; the call goes on: callhub calls wait {call_id}"
            raise Interrupted(message, stop, dialed="maybe", call=call) from None


@contextmanager
def _nothing() -> Iterator[Callable[[Call], object]]:
    yield lambda _: None


@contextmanager
def _progress() -> Iterator[Callable[[Call], object]]:
    """Show the status: as a line that moves on a terminal, else as a line for each change."""
    printer = out.messages()
    if not printer.is_terminal:
        said: list[str] = []
        yield lambda call: _say_once(said, _describe(call))
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415 - slow

    columns = (SpinnerColumn("line"), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=printer, transient=True) as progress:
        task = progress.add_task("asking", total=None)
        yield lambda call: progress.update(task, description=_describe(call))


def _describe(call: Call) -> str:
    word = vendors_word(call)
    return out.clean(call.status) + (f" ({out.clean(word)})" if word and word != call.status else "")


def _say_once(said: list[str], line: str) -> None:
    if said[-1:] != [line]:
        said.append(line)
        out.note(line)
