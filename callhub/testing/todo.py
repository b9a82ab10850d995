"""A pytest plugin that ends a run with what is left to do: ``pytest -p callhub.testing.todo``.

One entry for each sentence, and first the one that holds up the most tests.
"""

from __future__ import annotations

from collections import defaultdict
from textwrap import wrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest import TerminalReporter  # noqa: PT013 - for the annotation alone

BARE = ("AssertionError: ", "NotImplementedError: ")
INDENT = " " * 4


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Write the list, where anything is left to do."""
    found: dict[str, list[str]] = defaultdict(list)
    for kind in ("error", "failed"):
        for report in terminalreporter.stats.get(kind, ()):
            found[_sentence(report)].append(report.nodeid.rpartition("::")[2])
    if not found:
        return
    terminalreporter.section("to do, before the contract holds")
    for line in _lines(found, terminalreporter._tw.fullwidth):  # noqa: SLF001 - pytest tells it nowhere else
        terminalreporter.line(line)


def _lines(found: Mapping[str, Sequence[str]], width: int) -> Iterator[str]:
    in_order = sorted(found.items(), key=lambda entry: -len(entry[1]))
    for number, (sentence, tests) in enumerate(in_order, start=1):
        yield from wrap(sentence, width, initial_indent=f"{number:2}. ", subsequent_indent=INDENT)
        more = f" and {len(tests) - 1} more" if len(tests) > 1 else ""
        yield f"{INDENT}({tests[0]}{more})"
    yield "Where a test failed: pytest --tb=short -k NAME"


def _sentence(report: Any) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash else (report.longreprtext.splitlines() or [""])[-1]
    for prefix in BARE:
        text = text.removeprefix(prefix)
    return " ".join(text.split())
