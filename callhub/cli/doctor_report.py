"""What a doctor says: findings, and what to do about them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.text import Text

from callhub.cli import out

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from callhub.cli.doctor_checks import Checked, Findings, Setting

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
    file = found.file if found.file_found else f"none ({found.file} isn't there; it needn't be)"
    forgets = "in memory: forgotten as soon as a command ends"
    ledger = forgets if found.ledger == "in memory" else f"{found.ledger} (version {found.ledger_version})"
    scripts = "; ".join(f"{name} ({', '.join(providers)})" for name, providers in found.scripts.items())
    _finding("config file", found.file_problem, file, good=found.file_found)
    _finding("ledger", found.ledger_problem, ledger, good=True)
    if not found.ledger_problem:
        _finding("in doubt", None, _in_doubt(found), good=not found.unsettled and not found.restored)
    no_guards = "none: nothing limits how often a person is dialled"
    no_route = "none: a call names its vendor, where there are several"
    _set_or_not("guards", found.guards_problem, found.guards, no_guards)
    _set_or_not("route", found.route_problem, ", ".join(found.route), no_route)
    _set_or_not("scripts", found.scripts_problem, scripts, "none")
    for variable, meant in found.unread.items():
        hint = f"; is {meant} meant?" if meant else ""
        _set_or_not("unread", None, "", f"{variable}: nothing reads it{hint}")


def _in_doubt(found: Findings) -> str:
    """Say which calls are unsettled, and what to do about them."""
    held = "restored from a backup: unknown keys are looked up first, see `callhub ledger reopen --help`"
    person = f"{found.needs_person} for a person: look at the vendor, then `callhub resolve`"
    rest = f"{found.unsettled - found.needs_person} for `callhub recover`"
    counts = ((found.unsettled > found.needs_person, rest), (found.needs_person, person))
    calls = ", ".join(text for count, text in counts if count) or "no call"
    return f"{calls}; {held}" if found.restored else calls


def _provider(checked: Checked, found: Findings) -> None:
    answers = f"{checked.base_url} answers and accepts the key"
    text = answers if checked.configured else "not configured"
    _finding(checked.title, checked.problem, text, good=checked.configured)
    explain = checked.wanted or checked.lacks_settings or not (found.set_up or found.file_problem)
    if checked.configured or explain:
        _settings(checked.settings)
    if explain and checked.settings:
        for line in _how_to(checked):
            out.say(line)


def _settings(settings: Sequence[Setting]) -> None:
    width = max((len(setting.name) for setting in settings), default=0)
    for setting in settings:
        _line(("", ""), f"  {setting.name:<{width}}", _setting(setting), width + 2)


def _finding(label: str, problem: str | None, text: str, *, good: bool) -> None:
    if problem:
        _line(_BAD, label, problem)
    else:
        _line(_GOOD if good else _NEITHER, label, text)


def _set_or_not(label: str, problem: str | None, text: str, otherwise: str) -> None:
    _finding(label, problem, text or otherwise, good=bool(text))


def _setting(setting: Setting) -> str:
    if setting.set_by:
        return f"set by {' and '.join(setting.set_by)}"
    if setting.required:
        return f"NEEDED: {setting.description}"
    default = f"default is {setting.default}" if setting.default is not None else "may be left out"
    return f"{default}: {setting.description}"


def _how_to(checked: Checked) -> Iterator[str]:
    """Give both ways to set a provider up; what may be left out is a comment."""
    yield "     in the shell:"
    for setting in checked.settings:
        yield f"       {'' if setting.required else '# '}export {setting.variable}=…"
    yield "     or in callhub.toml:"
    yield f"       [providers.{checked.name}]"
    for setting in checked.settings:
        yield f'       {"" if setting.required else "# "}{setting.name} = "…"'


def _verdict(found: Findings) -> Iterator[str]:
    if found.well:
        yield "All is well."
    elif found.file_problem:
        yield "The settings can't be read, so nothing else is sure: mend them first, then run"
        yield "`callhub doctor` again."
    elif found.set_up:
        yield "Something is wrong: see the lines marked !!"
    elif found.providers:
        yield "No provider is configured. First: set up one of those above, then run"
        yield "`callhub doctor` again. `callhub demo` and `callhub sandbox` need no account."
    else:
        yield "No provider is installed. First: install a package that brings one."


def _line(mark: tuple[str, str], label: str, text: str, width: int = 12) -> None:
    printer = out.console()
    head = Text.assemble((f"{mark[0]:<2}", mark[1]), f" {label:<{width}}  ")
    lines = Text(out.clean(text)).wrap(printer, max(20, printer.width - len(head)))
    for number, line in enumerate(lines):
        printer.print(head if not number else Text(" " * len(head)), line, sep="")
