"""Every snippet of the pages runs, top to bottom, against the sandboxes on loopback.

The page stays what a reader would type. Here ``127.0.0.1:9001`` and ``:9002`` become the ports that the
sandboxes got, a block of TOML is written as ``callhub.toml``, a block of output is what the Python
above it printed, and instead of waiting the sandboxes' clocks are moved. Command lines run in the
terminal of `terminal.py`.
"""

from __future__ import annotations

import io
import os
import shlex
import tomllib
from contextlib import ExitStack, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sybil import Document
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser

from callhub import Hub
from callhub.cli import boxes
from callhub.runtime.clock import Clock
from tests.docs.pages import PAGES, ROOT, command_lines, fences, name
from tests.docs.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sybil import Example

PLACES = {"erzycall": "http://127.0.0.1:9001", "aicaller": "http://127.0.0.1:9002"}
PASTED = {"README.md"}  # pages that tell the reader to paste what `callhub sandbox` prints
GOES_ON = {"docs/cli.md"}  # pages whose reader has the quickstart's callhub.toml


class Vendors:
    """Both sandboxes, listening."""

    def __init__(self, stack: ExitStack) -> None:
        self.boxes = [boxes.make(vendor, 1.0) for vendor in PLACES]
        for box in self.boxes:
            stack.enter_context(box.served)

    def placed(self, text: str) -> str:
        """Give a page's text with the places where the sandboxes are."""
        for box in self.boxes:
            text = text.replace(PLACES[box.name], box.served.url)
        return text

    def exports(self) -> dict[str, str]:
        """Give the variables that `callhub sandbox` prints."""
        lines = (
            line.removeprefix("export ") for line in boxes.shell_lines(self.boxes) if line[:7] == "export "
        )
        return dict(shlex.split(line)[0].split("=", 1) for line in lines)

    def rung_twice(self) -> list[str]:
        """Give the numbers that one vendor rang more than once, though no page asks for that."""
        for box in self.boxes:
            box.sandbox.settle()
        return [number for box in self.boxes for number, times in box.sandbox.rung.items() if times > 1]

    def wait(self, seconds: float) -> None:
        """Move the clocks instead of waiting."""
        for box in self.boxes:
            box.sandbox.clock.advance(seconds)


@pytest.fixture
def vendors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vendors]:
    """Give both sandboxes, an empty working directory and an environment without settings."""
    for variable in [*os.environ]:
        if variable.startswith(("CALLHUB_", "XDG_")):
            monkeypatch.delenv(variable)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with ExitStack() as stack:
        vendors = Vendors(stack)

        async def wait(_: Clock, seconds: float) -> None:
            vendors.wait(seconds)

        monkeypatch.setattr(Clock, "sleep", lambda _, seconds: vendors.wait(seconds))
        monkeypatch.setattr(Clock, "sleep_async", wait)
        yield vendors


class Reader:
    """Does what a reader of a page would do with its blocks."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._printed = io.StringIO()
        self._run = PythonEvaluator()
        blocks = {"python": self.python, "output": self.output, "toml": self.toml, "console": self.console}
        self.parsers = [CodeBlockParser(language, do) for language, do in blocks.items()]

    def python(self, example: Example) -> None:
        """Run it."""
        self._printed = io.StringIO()
        with redirect_stdout(self._printed):
            self._run(example)

    def output(self, example: Example) -> None:
        """Compare it with what was printed."""
        assert self._printed.getvalue().strip() == example.parsed.strip()

    def toml(self, example: Example) -> None:
        """Write the file; use what is only a part of it together with the file that is there."""
        settings = tomllib.loads(example.parsed)
        if "providers" in settings:
            Path("callhub.toml").write_text(example.parsed)
        else:
            Hub.from_config(**settings).close()

    def console(self, example: Example) -> None:
        """Carry out each of its lines."""
        for line in command_lines(example.parsed):
            self._terminal.type(line)


@pytest.mark.parametrize(
    "page", [page for page in PAGES if fences(page, "python") or fences(page, "console")], ids=name
)
def test_snippets(
    page: Path,
    vendors: Vendors,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    terminal = Terminal(monkeypatch, capsys, vendors.exports(), vendors.boxes[0].sandbox)
    if name(page) in PASTED:
        for variable, value in vendors.exports().items():
            monkeypatch.setenv(variable, value)
    if name(page) in GOES_ON:
        Path("callhub.toml").write_text(vendors.placed(fences(ROOT / "docs/quickstart.md", "toml")[0]))
    copy = tmp_path / page.name
    copy.write_text(vendors.placed(page.read_text()))
    for example in Document.parse(str(copy), *Reader(terminal).parsers).examples():
        example.evaluate()
    assert terminal.typed == command_lines("\n".join(fences(copy, "console")))
    assert vendors.rung_twice() == []
