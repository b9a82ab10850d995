"""How things look: plain in a pipe, within the width on a terminal, never a vendor's control characters."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

import callhub
from callhub.cli import out
from callhub.cli.show import CALLS, day, span

if TYPE_CHECKING:
    from callhub.runtime.serve import Served
    from tests.cli.conftest import Cli

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let rich believe in a terminal of 80 columns."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm-256color")


def visible(text: str) -> list[str]:
    return [ESCAPES.sub("", line).rstrip() for line in text.splitlines()]


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(
    "argv",
    [
        ("calls", "list"),
        ("calls", "get", "erzycall:abc123"),
        ("contacts", "list", "--provider", "erzycall"),
        ("scripts", "list"),
        ("webhooks", "list", "--provider", "erzycall"),
        ("providers",),
        ("providers", "--notes"),
        ("doctor",),
        ("help",),
        ("help", "json"),
    ],
    ids=" ".join,
)
def test_a_terminal_of_80_columns_is_enough(cli: Cli, both: dict[str, Served], argv: tuple[str, ...]) -> None:
    ran = cli(*argv)
    assert ran.code == 0
    assert [line for line in visible(ran.out) if len(line) > 80] == []
    assert both


@pytest.mark.usefixtures("terminal")
def test_a_list_on_a_terminal_shows_whole_columns_under_their_titles(cli: Cli, erzycall: Served) -> None:
    title, *lines = visible(cli("calls", "list").out)
    assert title.split() == ["call", "created", "state", "number"]
    assert lines[-1].split() == ["erzycall:abc123", "2025-01-15", "ended", "+14155551234"]
    assert "\x1b" in cli("calls", "list").out
    assert erzycall.alive


@pytest.mark.usefixtures("terminal")
def test_an_empty_list_says_so_to_a_person_only(cli: Cli) -> None:
    ran = cli("calls", "history")
    assert (ran.out, visible(ran.err)) == ("", ["none"])


@pytest.mark.usefixtures("terminal")
def test_waiting_moves_on_a_terminal(cli: Cli, erzycall: Served) -> None:
    ran = cli("call", "+14155555011", "--script", "erzycall:case_789", "--wait")
    assert ran.code == 0
    assert "ended" in ran.err
    assert "status" in visible(ran.out)[1]
    assert erzycall.alive


def test_a_pipe_gets_everything_and_no_escapes(cli: Cli, both: dict[str, Served]) -> None:
    line = cli("calls", "list", "--provider", "erzycall").lines[-1]
    assert line.split()[-1] == "erzycall:case_789"
    assert both


def test_no_colour_is_obeyed(cli: Cli, monkeypatch: pytest.MonkeyPatch, erzycall: Served) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", cli("doctor").out)
    assert erzycall.alive


def test_control_characters_do_not_reach_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    nasty = callhub.Call(id="x\x1b[2J", ended_reason="a\r\nb", results={"k\x07": "v\x9b31m"})
    CALLS.one(nasty, as_json=False)
    CALLS.many([nasty], as_json=False)
    told = capsys.readouterr().out
    assert all(sign.isprintable() or sign == "\n" for sign in told)


def test_times_are_short_and_say_what_matters() -> None:
    now = datetime.now(UTC)
    assert re.fullmatch(r"\d\d-\d\d \d\d:\d\d", day(now) or "")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", day(now - timedelta(days=400)) or "")
    assert (day(None), span(None), out.clean(None)) == (None, None, "-")
    assert (span(timedelta(seconds=45)), span(timedelta(seconds=61))) == ("45 s", "1 min 1 s")
