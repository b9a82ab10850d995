"""Every way in which a play can go: it asks what happens next, and is played again until all was tried."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

T = TypeVar("T")

SELDOM = 0.12  # how often a drawn play takes anything but the first of options that are rare


class Seen(Exception):
    """The play has come to a state from which everything was tried before."""


class Choose(Protocol):
    """Takes one of the options; the first is what usually happens."""

    def __call__(self, options: Sequence[T], *, rare: bool = False) -> T:
        """Take one; `rare` where anything but the first is an exception."""
        ...


@dataclass(slots=True)
class _Path:
    """The choices of one play: what to take first, and what was taken."""

    given: list[int]
    draw: Callable[[int, bool], int]
    taken: list[tuple[int, int]] = field(default_factory=list)

    def __call__(self, options: Sequence[T], *, rare: bool = False) -> T:
        """Take what is given, else what is drawn."""
        if len(options) == 1:
            return options[0]
        at = len(self.taken)
        index = self.given[at] if at < len(self.given) else self.draw(len(options), rare)
        self.taken.append((index, len(options)))
        return options[index]

    @property
    def prefix(self) -> tuple[int, ...]:
        """Give what was taken so far."""
        return tuple(index for index, _ in self.taken)


class Explorer:
    """Plays one play again and again, in every way or in ways that are drawn.

    Args:
        limit: how many plays to draw; None tries every way there is.
        seed: what the draws go by.
    """

    def __init__(self, limit: int | None = None, seed: int = 0) -> None:
        self._limit = limit
        self._random = Random(seed)  # noqa: S311 - no secret
        self._states: dict[Hashable, tuple[int, ...]] = {}
        self._path = _Path([], self._first)

    def ways(self) -> Iterator[Choose]:
        """Give one choice of everything after the other; play each to its end, or until `Seen`."""
        return self._every() if self._limit is None else self._drawn(self._limit)

    def come_to(self, state: Hashable) -> None:
        """Leave the play where another way led to this state before.

        Raises:
            Seen: it did.
        """
        if self._limit is None and self._states.setdefault(state, self._path.prefix) != self._path.prefix:
            raise Seen

    def _every(self) -> Iterator[Choose]:
        given: list[int] | None = []
        while given is not None:
            self._path = _Path(given, self._first)
            yield self._path
            given = _following(self._path.taken)

    def _drawn(self, limit: int) -> Iterator[Choose]:
        for _ in range(limit):
            self._path = _Path([], self._any)
            yield self._path

    def _first(self, _count: int, _rare: bool) -> int:  # noqa: FBT001 - private
        return 0

    def _any(self, count: int, rare: bool) -> int:  # noqa: FBT001 - private
        if rare and self._random.random() > SELDOM:
            return 0
        return self._random.randrange(1 if rare else 0, count)


def _following(taken: list[tuple[int, int]]) -> list[int] | None:
    """Give the next way in order; None after the last one."""
    while taken and taken[-1][0] + 1 == taken[-1][1]:
        taken.pop()
    return [*(index for index, _ in taken[:-1]), taken[-1][0] + 1] if taken else None
