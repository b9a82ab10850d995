"""Every page of the documentation: the README, the pages below docs, the vendors' READMEs."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [
    page
    for pattern in (
        "README.md",
        "docs/*.md",
        "docs/providers/*.md",
        "providers/*/README.md",
        "cassettes/README.md",
    )
    for page in sorted(ROOT.glob(pattern))
]
_FENCE = re.compile(r"^( *)```(\S*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_INCLUDED = re.compile(r"^```\{include\} (\S+)$", re.MULTILINE)


def name(page: Path) -> str:
    """Give the path of a page below the repository."""
    return page.relative_to(ROOT).as_posix()


def text(page: Path) -> str:
    """Give the text of a page, or of the page that it includes."""
    written = page.read_text()
    included = _INCLUDED.search(written)
    return text((page.parent / included[1]).resolve()) if included else written


def fences(page: Path, language: str) -> list[str]:
    """Give the blocks of code in that language."""
    return [found[3] for found in _FENCE.finditer(page.read_text()) if found[2] == language]


def command_lines(block: str) -> list[str]:
    """Give what is typed in a block of a terminal."""
    return re.findall(r"^ *\$ (.+)$", block, re.MULTILINE)


def links(page: Path) -> list[str]:
    """Give the targets of a page's links."""
    return re.findall(r"\]\(([^)\s]+)\)", _FENCE.sub("", page.read_text()))


def anchors(page: Path) -> set[str]:
    """Give what a link may name behind a ``#``: the headings, as GitHub and MyST write them."""
    titles = re.findall(r"^#+ (.+)$", _FENCE.sub("", text(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
