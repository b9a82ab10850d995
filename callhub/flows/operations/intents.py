"""Intents: find them, read them, and write down what is heard of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from callhub.flows.effects import LedgerOp
from callhub.policy.verdict import PROVEN_NO, Verdict

if TYPE_CHECKING:
    from datetime import datetime

    from callhub.model.call import Call
    from callhub.model.lifecycle import CallStatus


@dataclass(frozen=True, slots=True)
class Record:
    """An intent as the ledger has it.

    Attributes:
        call: the call as it stands, with its attempts.
        document: what was asked for, to compare another request under the same key with.
        generation: how often the vendor's key had to be renewed.
        leased: True while another caller may still be placing it.
        plan: who was considered, and why or why not; see `routing.Plan`.
        dials: how often the request of each attempt was sent.
    """

    call: Call
    document: str = field(repr=False)
    generation: int
    leased: bool
    plan: str | None = field(default=None, repr=False)
    dials: tuple[int, ...] = field(default=(), repr=False)

    @property
    def free(self) -> bool:
        """Tell whether every attempt is a proven no, so that another one can't ring twice."""
        return all(attempt.verdict in PROVEN_NO for attempt in self.call.attempts)

    @property
    def doubtful(self) -> tuple[int, ...]:
        """Give the ordinals of the attempts of which nobody knows what came."""
        unknown = (None, Verdict.MAYBE)
        return tuple(at for at, one in enumerate(self.call.attempts, start=1) if one.verdict in unknown)

    @property
    def unsettled(self) -> bool:
        """Tell whether nobody knows if the call was placed; one that was accepted is the call."""
        accepted = any(attempt.verdict == Verdict.ACCEPTED for attempt in self.call.attempts)
        return bool(self.doubtful) and not accepted


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands under a key, and the ledger's namespace, from which vendors' keys are derived.

    Attributes:
        same: False where the key stands for another request.
    """

    namespace: str
    record: Record | None = None
    same: bool = True


@dataclass(frozen=True, slots=True)
class Happened:
    """Something that the ledger remembers of a call beside its attempts."""

    at: datetime
    kind: str
    provider: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class FindByKey(LedgerOp[Standing]):
    """Find the intent of an idempotency key, and compare what was asked for."""

    key: str
    document: str | None = field(repr=False)


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
class History(LedgerOp["tuple[Call, ...]"]):
    """Read calls from the ledger, newest first; `before` is the last id of the page before."""

    status: CallStatus | None
    since: datetime | None
    until: datetime | None
    to: str | None = field(repr=False)
    before: str | None
    limit: int


@dataclass(frozen=True, slots=True)
class Story(LedgerOp["tuple[Happened, ...]"]):
    """Give what happened to a call, in order."""

    call_id: str


@dataclass(frozen=True, slots=True)
class OpenCalls(LedgerOp["tuple[Call, ...]"]):
    """Give the calls to a person that aren't over, whatever form the number was written in."""

    number: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Observe(LedgerOp[None]):
    """Write down what a vendor says of a call that the ledger knows."""

    call: Call
    at: datetime


@dataclass(frozen=True, slots=True)
class OpenToSuppressed(LedgerOp["tuple[str, ...]"]):
    """Give the ids of calls that aren't over to people who are on the suppression list."""


@dataclass(frozen=True, slots=True)
class Remember(LedgerOp[None]):
    """Add something to the story of a call, where the ledger has it.

    Attributes:
        plan: the plan as it stands by now, where that changed.
    """

    call_id: str
    at: datetime
    kind: str
    detail: str
    plan: str | None = field(default=None, repr=False)
