"""Every command that a page shows exists, with its options; every command has its help on a page."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import pytest

from callhub.cli.run import make_app
from tests.docs.pages import PAGES, ROOT, command_lines, fences, name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cyclopts import App

HELP = ROOT / "docs/cli.md"


def shown(page: Path) -> list[list[str]]:
    """Give the command lines of a page, without what they are piped into."""
    typed = command_lines("\n".join(fences(page, "console")))
    examples = re.findall(r"^  (callhub .+)$", "\n".join(fences(page, "text")), re.MULTILINE)
    return [shlex.split(line.partition(" |")[0], comments=True) for line in typed + examples]


def commands(app: App, *words: str) -> Iterator[str]:
    yield " ".join(("callhub", *words))
    for each in app:
        if not each.startswith("-"):
            yield from commands(app[each], *words, each)


def problem(line: list[str]) -> str | None:
    """Tell what is wrong with a command line; nothing is carried out."""
    match line:
        case ["callhub", *words]:
            try:
                make_app().parse_args(words, print_error=False, exit_on_error=False)
            except Exception as error:  # noqa: BLE001 - whatever it is, the page is wrong
                return str(error)
        case ["make", target]:
            known = re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
            return None if known else "no such target"
        case ["export", setting]:
            return None if setting.startswith("CALLHUB_") else "no setting of callhub's"
        case ["pip", "install", "."]:
            return None
        case _:
            return "unknown command"
    return None


@pytest.mark.parametrize("page", [page for page in PAGES if shown(page)], ids=name)
def test_commands_exist(page: Path) -> None:
    found = {" ".join(line): problem(line) for line in shown(page)}
    assert {line: wrong for line, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize(
    "line", ["callhub dial", "callhub calls list --nothing", "make coffee", "rm calls.db"]
)
def test_commands_that_do_not_exist_are_found(line: str) -> None:
    assert problem(line.split())


@pytest.mark.parametrize("command", [*commands(make_app())])
def test_commands_are_documented(command: str) -> None:
    assert re.search(rf"^##+ {command}\n\n```text\nUsage: {command} ", HELP.read_text(), re.MULTILINE)
