"""What a doctor says: findings, and what to do about them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.text import Text

from callhub.cli import out

if TYPE_CHECKING:
    from collections.abc import Iterator

    from callhub.cli.diagnosis import Checked, Findings, Setting

_GOOD, _BAD, _NEITHER = ("ok", "green"), ("!!", "bold red"), ("--", "dim")


def show(found: Findings, *, as_json: bool) -> None:
    """Show what was found, and how to set what is missing."""
    if as_json:
        out.print_json({"ok": found.well, **asdict(found)})
        return
    out.say(f"callhub {found.callhub}, Python {found.python}\n")
    _basics(found)
    for each in found.providers:
        out.say()
        _provider(each, found)
    out.say()
    for line in _verdict(found):
        out.say(line)


def _basics(found: Findings) -> None:
    if found.file_problem:
        _line(_BAD, "config file", found.file_problem)
    else:
        there = found.file if found.file_found else f"none ({found.file} isn't there; it needn't be)"
        _line(_GOOD if found.file_found else _NEITHER, "config file", there)
    memory = "in memory: forgotten as soon as a command ends"
    place = memory if found.ledger == "in memory" else found.ledger
    _line(_BAD if found.ledger_problem else _GOOD, "ledger", found.ledger_problem or place)
    named = "; ".join(f"{name} ({', '.join(providers)})" for name, providers in found.scripts.items())
    mark = _GOOD if named else _NEITHER
    _line(_BAD if found.scripts_problem else mark, "scripts", found.scripts_problem or named or "none")


def _provider(checked: Checked, found: Findings) -> None:
    if checked.problem:
        _line(_BAD, checked.title, checked.problem)
    elif checked.configured:
        _line(_GOOD, checked.title, f"{checked.base_url} answers and accepts the key")
    else:
        _line(_NEITHER, checked.title, "not configured")
    if checked.configured:
        width = max(len(setting.name) for setting in checked.settings)
        for setting in checked.settings:
            _line(("", ""), f"  {setting.name:<{width}}", _setting(setting), width + 2)
    missing = any(setting.required and not setting.set_by for setting in checked.settings)
    if checked.wanted or not found.set_up or (checked.configured and missing):
        for line in _how_to(checked):
            out.say(line)


def _setting(setting: Setting) -> str:
    if setting.set_by:
        return f"set by {' and '.join(setting.set_by)}"
    if setting.required:
        return f"MISSING: {setting.description}"
    return f"not set. {setting.description}"


def _how_to(checked: Checked) -> Iterator[str]:
    """Give both ways to set a provider up; what may be left out is a comment."""
    if not checked.settings:
        return
    width = max(len(setting.variable) for setting in checked.settings)
    yield "     in the shell:"
    for setting in checked.settings:
        lead = "export" if setting.required else "# export"
        yield f"       {lead} {setting.variable + '=…':<{width + 2}}  # {setting.description}"
    yield "     or in callhub.toml:"
    yield f"       [providers.{checked.name}]"
    for setting in checked.settings:
        yield f'       {"" if setting.required else "# "}{setting.name} = "…"'


def _verdict(found: Findings) -> Iterator[str]:
    if found.well:
        yield "All is well."
    elif found.set_up:
        yield "Something is wrong: see the lines marked !!"
    elif found.providers:
        yield "No provider is configured. First: set up one of those above, then run `callhub doctor`"
        yield "again. No account yet? `callhub demo` and `callhub sandbox` need none."
    else:
        yield "No provider is installed. First: install a package that brings one."


def _line(mark: tuple[str, str], label: str, text: str, width: int = 12) -> None:
    printer = out.console()
    head = Text.assemble((f"{mark[0]:<2}", mark[1]), f" {label:<{width}}  ")
    if not printer.is_terminal:
        out.say(f"{head.plain}{out.clean(text)}")
        return
    lines = Text(out.clean(text)).wrap(printer, max(20, printer.width - len(head)))
    for number, line in enumerate(lines):
        printer.print(head if not number else Text(" " * len(head)), line, sep="")
