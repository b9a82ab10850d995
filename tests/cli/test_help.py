"""Help: there for every command, within 80 columns, with examples that parse; and quick."""

from __future__ import annotations

import inspect
import io
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from callhub import errors
from callhub.cli import failures
from callhub.cli.failures import EXITS, MEANINGS, Exit
from callhub.cli.run import make_app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cyclopts import App

    from tests.cli.conftest import Cli


def commands(app: App, *path: str) -> Iterator[tuple[str, ...]]:
    yield path
    for name in app:
        if not name.startswith("-"):
            yield from commands(app[name], *path, name)


COMMANDS = [*commands(make_app())]
LEAVES = [path for path in COMMANDS if path and path not in {each[:-1] for each in COMMANDS}]


def help_of(path: tuple[str, ...], width: int = 80) -> str:
    page = io.StringIO()
    make_app().help_print([*path], console=Console(file=page, width=width))
    return page.getvalue()


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_fits_80_columns(path: tuple[str, ...]) -> None:
    lines = help_of(path).splitlines()
    assert [line for line in lines if len(line) > 80 or line != line.rstrip()] == []


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_option_is_explained(path: tuple[str, ...]) -> None:
    lines = help_of(path, 300).splitlines()
    options = [line for line in lines if line.startswith("  -") or line[2:6].isupper()]
    assert options
    assert [line for line in options if len(line.strip().split("  ", 1)) == 1] == []
    assert any("--json" in line for line in options)


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_example_parses(path: tuple[str, ...]) -> None:
    page = help_of(path, 300)
    examples = [line.strip() for line in page.partition("Examples:")[2].splitlines() if line.startswith("  ")]
    assert examples
    for example in examples:
        program, *tokens = shlex.split(example.partition("|")[0])
        assert (program, tokens[: len(path)]) == ("callhub", [*path])
        make_app().parse_args(tokens, print_error=False, exit_on_error=False)


def test_the_front_page_leads_on(cli: Cli) -> None:
    ran = cli("--help")
    assert (ran.code, ran.err) == (0, "")
    assert all(name in ran.out for name in ("demo", "sandbox", "call", "doctor", "callhub help exit-codes"))
    assert cli().out == ran.out


def test_exit_codes_are_documented(cli: Cli) -> None:
    ran = cli("help")
    assert [int(line.split()[0]) for line in ran.lines] == [*Exit]
    assert max(map(len, ran.lines)) <= 80
    assert cli("help", "--json").json == {str(int(code)): text for code, text in MEANINGS.items()}
    assert set(cli("help", "json").out.split('"')) >= {"error", "type", "dialed", "exit_code"}
    assert cli("help", "nothing").code == 2


def test_every_error_has_an_exit_code() -> None:
    kinds = {
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.CallhubError)
    }
    general = {errors.CallhubError, errors.Refused}
    for kind in kinds - general:
        assert failures.exit_code(kind("x")) not in (Exit.DONE, Exit.PROBLEM), kind
        known = kind in failures._CLEAR  # noqa: SLF001 - the list that the rule is about
        assert (failures.exit_code(kind("x", dialed="maybe")) == Exit.UNKNOWN) is not known, kind
    assert set(EXITS.values()) <= set(MEANINGS)


@pytest.mark.parametrize(
    "argv", [("cal",), ("calls", "lst"), ("call", "--wiat"), ("demo", "now"), ("calls", "get")]
)
def test_unknown_words_are_told_in_a_line(cli: Cli, argv: tuple[str, ...]) -> None:
    ran = cli(*argv)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: ")
    assert ran.err.endswith(("See --help.\n", "Nothing was dialled.\n"))


def test_a_wrong_command_line_is_json_where_that_was_asked_for(cli: Cli) -> None:
    ran = cli("calls", "get", "--json")
    assert (ran.code, ran.error["type"], ran.error["exit_code"]) == (2, "UsageError", 2)


def test_the_version_is_told(cli: Cli) -> None:
    assert cli("--version").out.strip()[0].isdigit()


def test_help_loads_nothing_heavy() -> None:
    program = (
        "import sys; from callhub.cli import main; code = main(['call', '--help']) or main(['--help']);"
        "heavy = {'sqlalchemy', 'httpx2', 'httpx', 'pydantic', 'uvicorn', 'stevedore', 'msgspec'};"
        "sys.exit(code or ', '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)
