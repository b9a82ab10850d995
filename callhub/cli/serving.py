"""Serving sandboxes in the foreground, and telling of each phone that rings."""

from __future__ import annotations

import threading
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from rich.text import Text

from callhub.cli import boxes, out
from callhub.errors import CallhubError, InvalidRequest, UnsupportedFeature
from callhub.provider import registry
from callhub.provider.sandbox import PERSONAS
from callhub.runtime.serve import foreground

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from callhub.cli.boxes import Box
    from callhub.provider.sandbox import Dial

_printing = threading.Lock()


def serve_all(wanted: Sequence[str], speed: float, *, as_json: bool) -> None:
    """Serve the wanted sandboxes, or all there are, until Ctrl-C or SIGTERM.

    Raises:
        InvalidRequest: a port that can't be had, or a name given twice.
        UnknownProvider, ConfigurationError, UnsupportedFeature: a named one can't be served.
    """
    tell = _tell_json if as_json else _tell
    made = _named(wanted, speed, tell) if wanted else list(_all(speed, tell))
    if not made:
        raise UnsupportedFeature("no provider is installed that ships a sandbox")
    try:
        foreground([box.served for box in made], partial(_ready_json if as_json else _ready, made, speed))
    except BrokenPipeError:
        raise
    except OSError as error:
        raise InvalidRequest(error.strerror or str(error)) from None


def _named(wanted: Sequence[str], speed: float, tell: Callable[[str, Dial], None]) -> list[Box]:
    ports = {}
    for text in wanted:
        name, colon, port = text.partition(":")
        if name in ports:
            raise InvalidRequest(f"{name} is given twice")
        if colon and not (port.isascii() and port.isdigit()):
            raise InvalidRequest(f"the port of {name} must be a number, as in {name}:9001")
        ports[name] = int(port or "0")
    return [boxes.make(name, speed, port, tell) for name, port in ports.items()]


def _all(speed: float, tell: Callable[[str, Dial], None]) -> Iterator[Box]:
    for name in registry.installed():
        try:
            yield boxes.make(name, speed, 0, tell)
        except CallhubError as error:
            out.note(f"{name} is left out: {error}")


def _ready_json(made: list[Box], _speed: float) -> None:
    told = {
        box.name: {"url": box.served.url, "settings": box.settings, "script": box.sandbox.script}
        for box in made
    }
    out.print_json({"sandboxes": told})


def _tell_json(name: str, dial: Dial) -> None:
    facts: dict[str, Any] = {"provider": name, "at": dial.at, "number": dial.number}
    with _printing:
        out.print_json({**facts, "call_id": f"{name}:{dial.call_id}", "persona": dial.persona})


def _ready(made: list[Box], speed: float) -> None:
    width = max(len(box.name) for box in made)
    _title("Sandboxes, on this machine only")
    for box in made:
        out.say(f"  {box.name:<{width}}  {box.served.url}")
    _title("In another shell", *boxes.shell_lines(made))
    _title("Or in Python", *boxes.python_lines(made))
    _title("Who answers, by the last two digits of the number")
    for line in _personas():
        out.say(f"  {line}")
    _title(f"Phones that ring (time runs {speed:g} times as fast; Ctrl-C ends)")


def _personas() -> Iterator[str]:
    """Give the table of personas, four to a line."""
    spoken = [f"{digits} {persona.replace('_', ' ')}" for digits, persona in PERSONAS.items()]
    cells = [f"{each:<16}" for each in [*spoken, "any other talks"]]
    for start in range(0, len(cells), 4):
        yield "".join(cells[start : start + 4]).rstrip()


def _tell(name: str, dial: Dial) -> None:
    with _printing:
        now = datetime.now().astimezone()
        said = f"rings, {dial.persona.replace('_', ' ')}"
        out.say(f"  {now:%H:%M:%S}  {dial.number}  {said:<18}  {name}:{dial.call_id}")


def _title(title: str, *lines: str) -> None:
    out.show(Text(f"\n{title}:", "bold"))
    for line in lines:
        out.say(line)
