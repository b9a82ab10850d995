"""The lifecycle as a picture, drawn from its table."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from callhub.model.lifecycle import FOLLOWS, TERMINAL, CallStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

WIDE, HIGH, GAP = 104, 34, 36  # a box of the diagram, and the room between two


def lifecycle() -> str:
    """Draw the lifecycle: an arrow wherever no third status stands between two."""
    line = {status for status, later in FOLLOWS.items() if CallStatus.UNKNOWN in later}
    line = (line | TERMINAL) - {CallStatus.IN_DOUBT}
    after = {status: FOLLOWS[status] & line for status in CallStatus if status in line}
    steps = {
        status: later - {far for near in later for far in after[near]} for status, later in after.items()
    }
    places = _places(after)
    aside = [status for status in CallStatus if status not in line]
    bottom = max(y for _, y in places.values()) + HIGH + GAP
    for status in aside:
        places[status] = (len([each for each in aside if each < status]) * (WIDE + 200) + 4, bottom)
    drawn = [*(_arrow(places[one], places[two]) for one in steps for two in sorted(steps[one]))]
    drawn += [_box(places[status], status) for status in places]
    drawn += [_text(places[status], "may become any of these") for status in aside]
    return "\n".join([_head(places), *drawn, "</svg>"])


def _places(after: Mapping[CallStatus, frozenset[CallStatus]]) -> dict[CallStatus, tuple[int, int]]:
    """Give each status a column by what comes before it, and a row of its own in that column."""
    columns: dict[int, list[CallStatus]] = defaultdict(list)
    for status in after:
        columns[_rank(status, after)].append(status)
    tallest = max(map(len, columns.values()))
    return {
        status: (4 + column * (WIDE + GAP), 4 + (2 * row + tallest - len(listed)) * (HIGH + 12) // 2)
        for column, listed in columns.items()
        for row, status in enumerate(listed)
    }


def _rank(status: CallStatus, after: Mapping[CallStatus, frozenset[CallStatus]]) -> int:
    return max((1 + _rank(each, after) for each, later in after.items() if status in later), default=0)


def _head(places: Mapping[CallStatus, tuple[int, int]]) -> str:
    width = max(x for x, _ in places.values()) + WIDE + 4
    height = max(y for _, y in places.values()) + HIGH + 4
    style = "rect{fill:#eef3fb;stroke:#5b7fb5}.over{fill:#e9f4ea;stroke:#5d9464}path,.note{stroke:#8a8f98}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="monospace" font-size="13" role="img">\n'
        f"<style>{style}</style>\n<title>Which status may follow which</title>\n"
        '<defs><marker id="tip" markerWidth="8" markerHeight="8" refX="7" refY="4" orient="auto">'
        '<path d="M0 0 8 4 0 8Z" fill="#8a8f98"/></marker></defs>'
    )


def _arrow(start: tuple[int, int], end: tuple[int, int]) -> str:
    (x, y), (to_x, to_y) = start, end
    line = f"M{x + WIDE} {y + HIGH // 2}L{to_x - 1} {to_y + HIGH // 2}"
    return f'<path d="{line}" fill="none" marker-end="url(#tip)"/>'


def _box(place: tuple[int, int], status: CallStatus) -> str:
    x, y = place
    over = ' class="over"' if status.terminal else ""
    return (
        f'<rect x="{x}" y="{y}" width="{WIDE}" height="{HIGH}" rx="6"{over}/>\n'
        f'<text x="{x + WIDE // 2}" y="{y + 22}" text-anchor="middle">{status}</text>'
    )


def _text(place: tuple[int, int], words: str) -> str:
    return f'<text x="{place[0] + WIDE + 8}" y="{place[1] + 21}" fill="#8a8f98" font-size="11">{words}</text>'
