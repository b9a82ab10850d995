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
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from callhub.policy.verdict import Verdict
from callhub.provider.http import Fault, Request, Response

if TYPE_CHECKING:
    from datetime import datetime

    from callhub.model.call import Call
    from callhub.model.lifecycle import CallStatus

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
class Now(Effect["datetime"]):
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
class Tell(Effect[None]):
    """Tell the application how a call stands."""

    listener: Callable[[Call], object]
    call: Call


class LedgerOp(Effect[T]):
    """Something that the ledger does, in one transaction."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Record:
    """An intent as the ledger has it.

    Attributes:
        call: the call as it stands, with its attempts.
        document: what was asked for, to compare another request under the same key with.
        generation: how often the vendor's key had to be renewed.
        leased: True while another caller may still be placing it.
    """

    call: Call
    document: str = field(repr=False)
    generation: int
    leased: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands under a key, and the ledger's namespace, from which vendors' keys are derived."""

    namespace: str
    record: Record | None = None


@dataclass(frozen=True, slots=True)
class FindByKey(LedgerOp[Standing]):
    """Find the intent of an idempotency key."""

    key: str


@dataclass(frozen=True, slots=True)
class FindById(LedgerOp["Record | None"]):
    """Find an intent by callhub's id."""

    id: str


@dataclass(frozen=True, slots=True)
class FindByVendor(LedgerOp["dict[str, Record]"]):
    """Find the intents that these ids of a vendor's are bound to, by vendor id."""

    provider: str
    vendor_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Claim(LedgerOp[bool]):
    """Write down an attempt before it is made; False where somebody else has that place.

    Attributes:
        call: the call as it will stand from now on: in doubt.
        ordinal: 1 for the first attempt, which also writes the intent.
        account: keyed hash of base URL and key, taken by the ledger from this text.
        started_at: when, aware, UTC.
        lease: seconds during which others leave the attempt to this caller.
    """

    call: Call
    document: str = field(repr=False)
    ordinal: int
    provider: str
    request: Request
    account: str = field(repr=False)
    started_at: datetime
    lease: float


@dataclass(frozen=True, slots=True)
class Settle(LedgerOp[bool]):
    """Write down how an attempt ended; False where it has a verdict already, which stays."""

    call: Call
    ordinal: int
    verdict: Verdict
    reason: str | None
    finished_at: datetime

    @property
    def renews_key(self) -> bool:
        """After a refusal the vendor may keep its no under the key; nothing rang, so another one is safe."""
        return self.verdict is Verdict.REFUSED


@dataclass(frozen=True, slots=True)
class Observe(LedgerOp[None]):
    """Write down what a vendor says of a call that the ledger knows."""

    call: Call


@dataclass(frozen=True, slots=True)
class History(LedgerOp["tuple[Call, ...]"]):
    """Read calls from the ledger, newest first; `before` is the last id of the page before."""

    status: CallStatus | None
    since: datetime | None
    until: datetime | None
    to: str | None = field(repr=False)
    before: str | None
    limit: int
