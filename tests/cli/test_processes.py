"""Whole processes: signals, pipes, and what a shell sees."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

import pytest

from tests.cli.conftest import settings
from tests.cli.test_output import visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from callhub.runtime.serve import Served
    from tests.cli.conftest import Cli

CALLHUB = [sys.executable, "-c", "import sys; from callhub.cli import main; sys.exit(main())"]


@contextmanager
def started(*argv: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [*CALLHUB, *argv],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **variables},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def out(process: subprocess.Popen[str]) -> IO[str]:
    assert process.stdout is not None
    return process.stdout


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_sandboxes_are_served_until_they_are_stopped(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, stop: int
) -> None:
    with started("sandbox", "--json", "--speed", "100") as process:
        told = json.loads(out(process).readline())["sandboxes"]
        assert set(told) == {"aicaller", "erzycall"}
        for name, each in told.items():
            for field, value in each["settings"].items():
                monkeypatch.setenv(f"CALLHUB_{name.upper()}_{field.upper()}", value)
        script = f"erzycall:{told['erzycall']['script']}"
        assert cli("call", "+14155557001", "--provider", "erzycall", "--script", script).code == 0
        dial = json.loads(out(process).readline())
        assert (dial["provider"], dial["number"], dial["persona"]) == ("erzycall", "+14155557001", "busy")
        process.send_signal(stop)
        assert (process.wait(10), process.communicate()) == (0, ("", ""))


def test_what_a_sandbox_prints_can_be_pasted() -> None:
    with started("sandbox", "aicaller", "--speed", "100") as process:
        lines: list[str] = []
        while not lines or not lines[-1].startswith("Phones that ring"):
            lines.append(out(process).readline().rstrip("\n"))
        text = "\n".join(lines)
        shell = text.partition("In another shell:\n")[2].partition("\n\n")[0]
        program = text.partition("Or in Python:\n")[2].partition("\n\n")[0]
        assert [line for line in lines if len(line) > 80] == []
        assert re.search(r"01 busy +02 no answer", text)
        command = " ".join(f"'{word}'" for word in CALLHUB)
        typed = shell.replace("\ncallhub ", f"\n{command} ")
        pasted = (["bash", "-euc", typed], [sys.executable, "-W", "error", "-c", program])
        both = [subprocess.Popen(line, stdout=subprocess.PIPE, text=True) for line in pasted]
        told = [each.communicate(timeout=30)[0] for each in both]
        assert ([each.returncode for each in both], [text.count("conversation") for text in told]) == (
            [0, 0],
            [1, 1],
        )
        assert " +14155550100  rings, talks" in out(process).readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0


def test_ctrl_c_waits_for_no_vendor_of_the_doctors(erzycall: Served) -> None:
    erzycall.sandbox.fail_next("hang_before", method="GET")
    before = erzycall.sandbox.hits["GET /api/v1/calls"]
    with started("doctor", **settings(erzycall)) as process:
        while erzycall.sandbox.hits["GET /api/v1/calls"] == before:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        assert (process.wait(5), "Traceback" in process.communicate()[1]) == (130, False)


def test_ctrl_c_while_the_vendor_is_silent_leaves_the_truth_behind(cli: Cli, erzycall: Served) -> None:
    line = ("call", "+14155557011", "--script", "erzycall:case_789", "--key", "order-1")
    erzycall.sandbox.fail_next("hang_after")
    before = erzycall.sandbox.hits["POST /api/v1/calls"]
    with started(*line, **settings(erzycall)) as process:
        while erzycall.sandbox.hits["POST /api/v1/calls"] == before:
            time.sleep(0.02)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        told, failed = process.communicate(timeout=10)
    assert (process.returncode, told) == (130, "")
    assert "Traceback" not in failed
    found = re.search(r"while call (\S+) was being placed", failed)
    assert found
    call = cli("calls", "get", found[1], "--json").json
    assert (call["status"], call["attempts"][0]["verdict"]) == ("in_doubt", "maybe")
    settled = cli(*line, "--json")
    assert (settled.code, settled.json["id"], settled.json["replayed"]) == (0, found[1], True)
    erzycall.sandbox.clock.advance(60)
    erzycall.sandbox.settle()
    assert erzycall.sandbox.rung["+14155557011"] == 1


@pytest.mark.parametrize("argv", [("providers", "--json"), ("--help",)])
def test_a_reader_that_leaves_is_no_matter(argv: tuple[str, ...]) -> None:
    with started(*argv) as process:
        out(process).close()
        assert process.stderr is not None
        assert (process.stderr.read(), process.wait(10)) == ("", 141)


def test_the_demo_takes_seconds_and_a_terminal_shows_it_move() -> None:
    master, slave = pty.openpty()
    began = time.monotonic()
    with subprocess.Popen(
        [*CALLHUB, "demo"], stdout=slave, stderr=slave, env={**os.environ, "COLUMNS": "80", "TERM": "xterm"}
    ) as process:
        os.close(slave)
        told = b"".join(iter(lambda: _read(master), b"")).decode()
        assert process.wait(10) == 0
    os.close(master)
    assert time.monotonic() - began < 20
    lines = visible(told.replace("\r", "\n"))
    assert "\x1b[" in told
    assert [line for line in lines if len(line) > 80] == []
    assert any(line.startswith("Asked again under the same keys: no phone rang twice") for line in lines)


def _read(master: int) -> bytes:
    try:
        return os.read(master, 65_536)
    except OSError:  # what Linux says when the other end is closed
        return b""
