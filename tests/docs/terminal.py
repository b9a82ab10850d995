"""A terminal: carries out the command lines of a page, as its reader would, beside sandboxes that are on.

What stands for something else is filled in: ``…`` is what `callhub sandbox` prints for that variable, and
``CALL`` is a call in doubt. `make` runs what the Makefile says.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from callhub.cli import demonstration, main
from callhub.policy import retry
from callhub.runtime.clock import Clock
from tests.cli.test_processes import CALLHUB
from tests.docs.pages import ROOT
from tests.plugins.outside import environment, install, run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pytest

    from callhub.provider.sandbox import Sandbox

NOT_BUILT = shutil.ignore_patterns(".*", "_build", "__pycache__", "*.egg-info", "tests", "dist")
MAKEFILE = (ROOT / "Makefile").read_text()
SLEEP = Clock.sleep  # before a fixture moves clocks instead


class Terminal:
    """Runs command lines in one working directory.

    Attributes:
        typed: the lines that were carried out.
        settings: what `callhub sandbox` prints, for whatever isn't set.
        erzycall: the sandbox at which a call is in doubt.
    """

    def __init__(
        self,
        patch: pytest.MonkeyPatch,
        shown: pytest.CaptureFixture[str],
        settings: Mapping[str, str],
        erzycall: Sandbox,
    ) -> None:
        self._patch = patch
        self._shown = shown
        self.settings = settings
        self.erzycall = erzycall
        self.typed: list[str] = []

    def type(self, line: str) -> None:
        """Carry out one line; whatever it prints, it must succeed."""
        self.typed.append(line)
        program, *words = shlex.split(line.partition(" |")[0], comments=True)
        table: Mapping[str, Callable[..., None]] = {
            "callhub": self._callhub,
            "export": self._export,
            "make": self._make,
            "pip": _pip,
        }
        table[program](*words)

    def _callhub(self, *words: str) -> None:
        if words[0] == "sandbox":
            return _serve(*words)
        self._run(0, *[self._call_in_doubt() if word == "CALL" else word for word in words])
        return None

    def _export(self, setting: str) -> None:
        name, _, value = setting.partition("=")
        self._patch.setenv(name, self.settings[name] if "…" in value else value)

    def _make(self, target: str) -> None:
        recipe = re.search(rf"^{target}:.*\n\t@\$\(BIN\)/(callhub .+)$", MAKEFILE, re.MULTILINE)
        assert recipe, f"make {target} is no one command"
        self._callhub(*recipe[1].split()[1:])

    def _run(self, ends_with: int, *words: str) -> str:
        """Run callhub in this process, with the sandboxes' settings; give what it prints."""
        with self._patch.context() as patch:
            for name in self.settings.keys() - os.environ:
                patch.setenv(name, self.settings[name])
            if words == ("demo",):
                patch.setattr(Clock, "sleep", SLEEP)
                patch.setattr(demonstration, "SPEED", 150.0)
                patch.setattr(demonstration, "GAP", 0.1)
            self._shown.readouterr()
            code, told = main(words), self._shown.readouterr()
        assert code == ends_with, (words, told.err)
        return told.out

    def _call_in_doubt(self) -> str:
        """Make a call of which nobody can tell whether it was placed, and give its id."""
        self.erzycall.fail_next(*["error_before"] * (1 + retry.TRIES))  # placed once, then sent again
        self._run(6, "call", "+14155551234", "--script", "erzycall:case_789", "--provider", "erzycall")
        return str(json.loads(self._run(0, "calls", "history", "--limit", "1", "--json"))["id"])


def _serve(*words: str) -> None:
    """Serve sandboxes on whatever ports are free, until they are interrupted."""
    command = [*CALLHUB, *(word.partition(":")[0] for word in words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout is not None
        assert any("export CALLHUB_" in line for line in serving.stdout)
        serving.send_signal(signal.SIGINT)
        assert serving.wait(20) == 0


def _pip(*words: str) -> None:
    assert words == ("install", ".")
    _installed()


@cache
def _installed() -> None:
    """Build the package of a clone, and install it into an environment of its own."""
    with TemporaryDirectory() as folder:
        python = environment(Path(folder) / "env")
        install(python, shutil.copytree(ROOT, Path(folder) / "clone", ignore=NOT_BUILT))
        ran = run(str(python), "-c", "import callhub; print(callhub.__file__)", cwd=Path(folder))
    assert "site-packages" in ran.stdout, ran.stderr
