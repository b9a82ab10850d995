"""``callhub sandbox``, in process where it ends at once; see test_processes for the rest."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Cli


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (("nobody",), 3, "installed: aicaller, erzycall"),
        (("erzycall:x",), 2, "the port of erzycall must be a number, as in erzycall:9001"),
        (("erzycall:",), 2, "must be a number"),
        (("erzycall:70000",), 2, "not a port"),
        (("erzycall", "erzycall:0"), 2, "erzycall is given twice"),
        (("--speed", "0"), 2, "more than 0"),
        (("--speed", "nan"), 2, "more than 0"),
        (("--speed", "-1"), 2, "more than 0"),
        (("--speed", "1e9"), 2, "at most 10000"),
    ],
)
def test_slips_are_told_in_a_line(cli: Cli, argv: tuple[str, ...], code: int, said: str) -> None:
    ran = cli("sandbox", *argv)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err


def test_a_port_that_is_taken_is_told_in_a_line(cli: Cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = cli("sandbox", f"erzycall:{taken.getsockname()[1]}")
    assert (ran.code, len(ran.err.splitlines()), "it is taken" in ran.err) == (2, 1, True)


def test_without_any_provider_it_says_so(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callhub.provider.registry.entry_points", lambda **_: [])
    assert cli("sandbox").code == 2
