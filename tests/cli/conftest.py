"""A command line in process, against real sandboxes on loopback."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from callhub.cli import main
from callhub.config import variable
from callhub.provider.registry import load
from callhub.provider.sandbox import SandboxClock
from callhub.runtime.serve import Served, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SPEED = 100  # a call's minute takes less than a second
scanned = cache(entry_points)  # each scan of what is installed takes 20 ms, and commands make many


@dataclass(frozen=True)
class Ran:
    """What a command line did."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def json(self) -> Any:
        """The one object that was printed."""
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        """The failure that was printed as JSON."""
        told: dict[str, Any] = json.loads(self.err)["error"]
        return told


class Cli(Protocol):
    """Runs a command line in process."""

    def __call__(self, *argv: str) -> Ran: ...


@pytest.fixture(autouse=True)
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start without settings, in an empty directory, and with a ledger of its own."""
    for name in os.environ:
        if name.startswith(("CALLHUB_", "COLUMNS", "FORCE_COLOR", "NO_COLOR", "TTY_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("CALLHUB_LEDGER", f"sqlite:///{tmp_path / 'ledger.db'}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("callhub.provider.registry.entry_points", scanned)


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    def run(*argv: str) -> Ran:
        capsys.readouterr()
        code = main(argv)
        told = capsys.readouterr()
        return Ran(code, told.out, told.err)

    return run


@pytest.fixture(scope="session")
def served() -> Iterator[dict[str, Served]]:
    """Serve both sandboxes; tests keep apart by the numbers that they call."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(
                serve(load(name).sandbox(SandboxClock(lambda: datetime.now(UTC), SPEED)))
            )
            for name in ("aicaller", "erzycall")
        }


def settings(served: Served) -> dict[str, str]:
    """Give the variables that lead to a sandbox."""
    fields = {**served.sandbox.settings, "base_url": served.url}
    return {variable(served.sandbox.provider, field): value for field, value in fields.items()}


@pytest.fixture
def both(served: dict[str, Served], monkeypatch: pytest.MonkeyPatch) -> dict[str, Served]:
    """Configure both vendors, by variables."""
    for each in served.values():
        for name, value in settings(each).items():
            monkeypatch.setenv(name, value)
    return served


@pytest.fixture
def erzycall(served: dict[str, Served], monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """Configure ErzyCall alone; faults that a test left behind are taken away."""
    for name, value in settings(served["erzycall"]).items():
        monkeypatch.setenv(name, value)
    yield served["erzycall"]
    served["erzycall"].sandbox._mishaps.clear()  # noqa: SLF001


@pytest.fixture
def aicaller(served: dict[str, Served], monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """Configure AICaller alone; faults that a test left behind are taken away."""
    for name, value in settings(served["aicaller"]).items():
        monkeypatch.setenv(name, value)
    yield served["aicaller"]
    served["aicaller"].sandbox._mishaps.clear()  # noqa: SLF001


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Don't wait between tries."""
    monkeypatch.setattr("callhub.runtime.clock.Clock.sleep", lambda _self, _seconds: None)
