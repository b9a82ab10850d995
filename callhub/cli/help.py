"""How help looks: names on the left, their meaning on the right, and examples at the end."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Any

from rich.text import Text

if TYPE_CHECKING:
    from cyclopts.help import HelpPanel
    from rich.console import Console, ConsoleOptions

_WIDEST = 28
_UNWRAPPED = 10_000


def examples(*commands: str) -> str:
    """Make the end of a command's help."""
    return "\n".join(["Examples:", *(f"  callhub {command}" for command in commands)])


class Formatter:
    """Shows a panel of help without a frame."""

    def __call__(self, console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:  # noqa: ARG002 - cyclopts sets the names
        """Print one panel: its title, and a row for each entry."""
        if not panel.entries:
            return
        labels = [", ".join(entry.display_labels_with_metavar) for entry in panel.entries]
        width = min(_WIDEST, max(map(len, labels)))
        console.print(Text(f"{panel.title}:"))
        for label, entry in zip(labels, panel.entries, strict=True):
            lines = wrap(_plain(entry.description, console), max(20, console.width - width - 4)) or [""]
            for number, line in enumerate(lines):
                name = "" if number else label
                gap = " " * (width + 2 - len(name))
                console.print(Text.assemble("  ", (name, "bold"), gap if line else "", line))
        console.print()

    def render_usage(self, console: Console, options: ConsoleOptions, usage: Any) -> None:  # noqa: ARG002
        """Print the line that shows the form of the command."""
        if usage:
            console.print(Text(f"Usage: {str(usage).strip()}\n"))

    def render_description(self, console: Console, options: ConsoleOptions, description: Any) -> None:  # noqa: ARG002
        """Print what the command does, its paragraphs wrapped anew."""
        for paragraph in _plain(description, console).split("\n\n"):
            if paragraph.strip():
                console.print(Text("\n".join(wrap(paragraph, console.width)) + "\n"))


def _plain(described: Any, console: Console) -> str:
    """Give the text of what cyclopts wraps in its own kinds of text."""
    if not described:
        return ""
    lines = console.render_lines(described, console.options.update(width=_UNWRAPPED), pad=False)
    return "\n".join("".join(part.text for part in line).rstrip() for line in lines).strip()
