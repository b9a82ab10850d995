"""Processes: flows that are performed one effect at a time, and may be killed at each."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any

from callhub.errors import LedgerError
from callhub.flows.effects import Effect, LedgerOp, Send, Sleep, Steps

if TYPE_CHECKING:
    from collections.abc import Callable

    from callhub.flows.context import Context

OVERSLEPT = 100.0  # seconds: longer than a lease, and short enough that others may send again
NAPS = (50.0, OVERSLEPT, 5_000.0)  # seconds: shorter than a lease, longer, and beyond everything


class Trouble(StrEnum):
    """What can happen to a process at one of its effects."""

    NONE = "goes on"
    KILLED_BEFORE = "is killed before"
    KILLED_AFTER = "is killed after"
    INTERRUPTED_BEFORE = "is interrupted before"
    INTERRUPTED_AFTER = "is interrupted after"
    LEDGER_BEFORE = "can't reach the ledger for"
    LEDGER_AFTER = "hears nothing from the ledger after"
    DOZES = "dozes before"
    OVERSLEEPS = "oversleeps before"
    SLEEPS = "sleeps before"


KILLS = (Trouble.KILLED_BEFORE, Trouble.KILLED_AFTER)
NAPPING = dict(zip((Trouble.DOZES, Trouble.OVERSLEEPS, Trouble.SLEEPS), NAPS, strict=True))
AFTER = (Trouble.KILLED_AFTER, Trouble.INTERRUPTED_AFTER, Trouble.LEDGER_AFTER)
_INTERRUPTIONS = (Trouble.INTERRUPTED_BEFORE, Trouble.INTERRUPTED_AFTER)
_LEDGER = (Trouble.LEDGER_BEFORE, Trouble.LEDGER_AFTER)


@dataclass(eq=False, slots=True)
class Process:
    """One flow under way.

    Attributes:
        effect: what it asks for and nobody has performed yet.
        wakes_at: the tick before which it doesn't go on.
        intent: callhub's id of the call that it may dial for.
        claimed: when it was allowed to dial, in steps of the play.
        over: True once it has ended or was killed.
        past: the states of the world in which its effects were performed, as a hash.
    """

    name: str
    number: int
    context: Context
    steps: Steps[Any]
    effect: Effect[Any] | None = None
    wakes_at: float = 0.0
    intent: str | None = None
    claimed: int = -1
    over: bool = False
    killed: bool = False
    result: Any = None
    error: BaseException | None = None
    done: int = 0
    past: int = 0
    _move: Callable[[], Effect[Any]] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self._move = partial(next, self.steps)

    @property
    def shares(self) -> bool:
        """Tell whether what it asks for next is more than the time or an id."""
        return isinstance(self.effect, LedgerOp | Send)

    def answer(self, answer: object, wakes_at: float) -> None:
        """Give the answer to what it asked for, to be read when it wakes."""
        self.effect, self.wakes_at = None, wakes_at
        failed = isinstance(answer, BaseException)
        self._move = partial(self.steps.throw if failed else self.steps.send, answer)

    def go_on(self) -> None:
        """Read the answer, and ask for the next thing or end."""
        if self._move is None:
            return
        move, self._move = self._move, None
        self.done += 1
        try:
            self.effect = move()
        except StopIteration as stop:
            self.over, self.result = True, stop.value
        except BaseException as error:  # noqa: BLE001 - how a flow ends is what is looked at
            self.over, self.error = True, error

    def kill(self) -> None:
        """End it as a power cut would: what it still asks for is never performed."""
        self.over = self.killed = True
        with suppress(BaseException):
            self.steps.close()

    def troubles(self, wanted: tuple[Trouble, ...]) -> tuple[Trouble, ...]:
        """Give which of these troubles can happen at what it asks for now."""
        able = [*KILLS]
        if isinstance(self.effect, Send | Sleep | LedgerOp):
            able += _INTERRUPTIONS
        if isinstance(self.effect, LedgerOp):
            able += _LEDGER
        if not isinstance(self.effect, Send):
            able += NAPPING
        return (Trouble.NONE, *(each for each in wanted if each in able))


def thrown(trouble: Trouble) -> BaseException:
    """Give what a trouble looks like to the flow."""
    if trouble in _INTERRUPTIONS:
        return KeyboardInterrupt()
    return LedgerError("the disk is full")
