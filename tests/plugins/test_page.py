"""The page for authors, followed in an environment of its own: every command line that it shows."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.plugins.outside import BUILT, CLI, EXAMPLE, OFFLINE, ROOT, environment, run, variables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from subprocess import CompletedProcess

PAGE = (ROOT / "docs/write-a-provider.md").read_text()
START, TOOLS, CALL = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
[NEW] = re.findall(r"^\$ (.+)$", PAGE, re.MULTILINE)
SERVE = "callhub sandbox acme\n"


class Author:
    """Types into a shell in which `callhub` and `pip` are those of a fresh environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        python = environment(folder / "env")
        own = Path(sys.executable)
        commands = {
            "callhub": f"{python} -c '{CLI}' \"$@\"",
            "pip": f'{own} -m uv pip "$@" --python {python} {" ".join(OFFLINE)}',
            "pytest": f'{python} -m pytest -p no:cacheprovider "$@"',
            **{tool: f'{own.with_name(tool)} "$@"' for tool in ("ruff", "mypy")},
        }
        for name, command in commands.items():
            (python.parent / name).write_text(f"#!/bin/sh\nexec {command}\n")
            (python.parent / name).chmod(0o755)
        self.path = f"{python.parent}:/usr/bin:/bin"

    def type(self, lines: str, where: str = ".") -> CompletedProcess[str]:
        """Type lines, up to the first that fails."""
        return run("bash", "-euc", lines, cwd=self.folder / where, PATH=self.path)

    def serve(self) -> subprocess.Popen[str]:
        """Let the sandbox run in another shell."""
        return subprocess.Popen(
            ["bash", "-euc", f"exec {SERVE}"],
            env=variables(PATH=self.path),
            stdout=subprocess.PIPE,
            text=True,
            cwd=self.folder,
        )


@pytest.fixture
def author(tmp_path: Path) -> Author:
    return Author(tmp_path)


def exports(serving: subprocess.Popen[str]) -> Iterator[str]:
    """Give the variables that a sandbox prints."""
    assert serving.stdout is not None
    for line in serving.stdout:
        if line.strip().startswith("export "):
            yield line.split()[1]
        elif "callhub call" in line:
            return


def test_it_can_be_followed(author: Author) -> None:
    begun = author.type(f"{NEW}\n{START}")
    assert begun.returncode == 1  # "The tests fail, and end with a list of what is left to do"
    assert "to do, before the contract holds" in begun.stdout, begun.stderr
    shutil.copytree(EXAMPLE, author.folder / "callhub-acme", dirs_exist_ok=True, ignore=BUILT)
    tested = author.type(START)
    assert tested.returncode == 0, tested.stdout
    assert "to do" not in tested.stdout
    tools, _, nothing_more = TOOLS.partition(SERVE)
    tried = author.type(tools, "callhub-acme")
    assert (tried.returncode, nothing_more) == (0, ""), (tried.stdout, tried.stderr)
    assert "Acme" in tried.stdout.split("not set up")[0]
    with author.serve() as serving:
        told = dict(each.split("=", 1) for each in exports(serving))
        called = author.type(re.sub(r"(\w+)=…", lambda found: f"{found[1]}={told[found[1]]}", CALL))
        serving.send_signal(signal.SIGINT)
    assert called.returncode == 0, called.stderr
    assert re.findall(r"export (\w+)", CALL) == [*told]
    assert "conversation" in called.stdout
