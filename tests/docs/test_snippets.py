"""Every snippet of the pages runs, top to bottom, against the sandboxes on loopback.

The page stays what a reader would type. Here ``127.0.0.1:9001`` and ``:9002`` become the ports that the
sandboxes got, a block of TOML is written as ``callhub.toml``, a block of output is what the Python
above it printed, and instead of waiting the sandboxes' clocks are moved.
"""

from __future__ import annotations

import io
import os
from contextlib import ExitStack, redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sybil import Document
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser

from callhub.provider import registry
from callhub.provider.sandbox import SandboxClock
from callhub.runtime.clock import Clock
from callhub.runtime.serve import serve
from tests.docs.pages import PAGES, fences, name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sybil import Example

    from callhub.provider.sandbox import Sandbox

PLACES = {"erzycall": "http://127.0.0.1:9001", "aicaller": "http://127.0.0.1:9002"}


class Vendors:
    """Both sandboxes, listening."""

    def __init__(self, stack: ExitStack) -> None:
        self.sandboxes: dict[str, Sandbox] = {
            vendor: registry.load(vendor).sandbox(SandboxClock(lambda: datetime.now(UTC)))
            for vendor in PLACES
        }
        self.urls = {vendor: stack.enter_context(serve(box)).url for vendor, box in self.sandboxes.items()}

    def placed(self, text: str) -> str:
        """Give a page's text with the places where the sandboxes are."""
        for vendor, place in PLACES.items():
            text = text.replace(place, self.urls[vendor])
        return text

    def rung_twice(self) -> list[str]:
        """Give the numbers that rang more than once for what a page asks once."""
        for box in self.sandboxes.values():
            box.settle()
        return [number for box in self.sandboxes.values() for number, times in box.rung.items() if times > 1]

    def wait(self, seconds: float) -> None:
        """Move the clocks instead of waiting."""
        for box in self.sandboxes.values():
            box.clock.advance(seconds)


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

    def __init__(self) -> None:
        self._printed = io.StringIO()
        self._run = PythonEvaluator()
        blocks = {"python": self.python, "output": self.output, "toml": self.toml}
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
        """Write it down."""
        Path("callhub.toml").write_text(example.parsed)


@pytest.mark.parametrize("page", [page for page in PAGES if fences(page, "python")], ids=name)
def test_snippets(page: Path, vendors: Vendors, tmp_path: Path) -> None:
    copy = tmp_path / page.name
    copy.write_text(vendors.placed(page.read_text()))
    for example in Document.parse(str(copy), *Reader().parsers).examples():
        example.evaluate()
    assert vendors.rung_twice() == []
