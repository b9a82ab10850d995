"""What a flow can ask for.

A flow never touches a socket, a clock or a database. It yields one of these effects and is sent
the answer; `callhub.runtime.runner` performs them, in a thread or on an event loop::

    def pause_then_find(key: str) -> Steps[Record | None]:
        yield Sleep(1.0)
        return (yield from ask(FindByKey(key)))

An effect's type parameter is the type of its answer.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from callhub.provider.http import Fault, Request, Response

if TYPE_CHECKING:
    from callhub.model.call import Call

T = TypeVar("T")


class Effect(Generic[T]):
    """Something to be done outside; `T` is what comes back."""

    __slots__ = ()


Steps: TypeAlias = Generator[Effect[Any], Any, T]


def ask(effect: Effect[T]) -> Steps[T]:
    """Yield one effect and return its answer, with its type."""
    answer: T = yield effect
    return answer


@dataclass(frozen=True, slots=True)
class Send(Effect[Response | Fault]):
    """Send a request to a provider once; `timeout` in seconds covers the whole exchange."""

    provider: str
    request: Request
    timeout: float


@dataclass(frozen=True, slots=True)
class Sleep(Effect[None]):
    """Wait that many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Now(Effect[datetime]):
    """Tell the time: aware, UTC."""


@dataclass(frozen=True, slots=True)
class Ticks(Effect[float]):
    """Tell seconds that only ever grow, for deadlines."""


@dataclass(frozen=True, slots=True)
class Jitter(Effect[float]):
    """Draw a number from 0 to 1."""


@dataclass(frozen=True, slots=True)
class NewId(Effect[str]):
    """Make an id that orders by time."""


@dataclass(frozen=True, slots=True)
class Consult(Effect[object]):
    """Ask a check of the application's own about a call, and give its answer."""

    check: Callable[[Call], object]
    call: Call


@dataclass(frozen=True, slots=True)
class Tell(Effect[None]):
    """Tell the application how a call stands."""

    listener: Callable[[Call], object]
    call: Call


class LedgerOp(Effect[T]):
    """Something that the ledger does, in one transaction."""

    __slots__ = ()
