"""Medians of things done in turn, so that whatever else the machine does hits all of them."""

from __future__ import annotations

import gc
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table: seconds of ours and of the baseline, and the most that the ratio may be."""

    name: str
    baseline_name: str
    ours: float
    baseline: float
    most: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float:
        """How many times the baseline ours takes."""
        return self.ours / self.baseline

    @property
    def holds(self) -> bool:
        """Tell whether the ratio is within its limit."""
        return self.most is None or self.ratio <= self.most


def in_turn(
    rounds: int, *things: Callable[[], object], clock: Callable[[], float] = time.perf_counter
) -> list[float]:
    """Do each thing once a round, and give each one's median in seconds of that clock."""
    times: list[list[float]] = [[] for _ in things]
    for thing in things:
        for _ in range(max(3, rounds // 20)):
            thing()
    gc.collect()
    for _ in range(rounds):
        for thing, taken in zip(things, times, strict=True):
            start = clock()
            thing()
            taken.append(clock() - start)
    return [statistics.median(taken) for taken in times]


def start_up(*codes: list[str], rounds: int = 15) -> list[float]:
    """Start a fresh interpreter with each of these arguments in turn; give the medians in seconds."""

    def run(arguments: list[str]) -> Callable[[], object]:
        return lambda: subprocess.run([sys.executable, *arguments], check=True, capture_output=True)  # noqa: S603

    return in_turn(rounds, *(run(arguments) for arguments in codes))
