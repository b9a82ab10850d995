"""Attempts: claim them before they are made, and write down how they end."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from callhub.flows.effects import LedgerOp

if TYPE_CHECKING:
    from datetime import datetime

    from callhub.model.call import Call
    from callhub.policy.guards import Guards
    from callhub.policy.verdict import Verdict
    from callhub.provider.http import Request
    from callhub.provider.order import Order


class Rule(StrEnum):
    """What can stand between a call and its dial."""

    TAKEN = "somebody else has that place"
    LEASED = "somebody else may still be placing it"
    SETTLED = "it is settled"
    SUPPRESSED = "the person asked not to be called"
    CAP = "attempt cap"
    GAP = "minimum gap"
    COOLING = "the vendor keeps failing"
    ACCOUNT = "another account"
    LATE = "too late to repeat"
    RESTORED = "a backup was restored, and the call may have been placed after it was made"


@dataclass(frozen=True, slots=True)
class Denial:
    """Why nothing may be dialled; `wait` in seconds, where waiting would help."""

    rule: Rule
    wait: float | None = None


@dataclass(frozen=True, slots=True)
class Claimed:
    """The attempt is written down, and its caller's alone; `ailing` where its vendor has failed lately."""

    ailing: bool = False


@dataclass(frozen=True, slots=True)
class Claim(LedgerOp["Claimed | Denial"]):
    """Write down an attempt before it is made, unless a guard or another caller stands in the way.

    Attributes:
        call: the call as it will stand from now on: in doubt.
        ordinal: 1 for the first attempt, which also writes the intent.
        order: what the vendor is asked for, to read its answer by after a crash.
        account: keyed hash of base URL and key, taken by the ledger from this text.
        started_at: when, aware, UTC.
        lease: seconds during which others leave the attempt to this caller.
        cooling: True to ask the vendor's health first, and to let nobody else probe an ailing one.
        risky: True where earlier attempts may have rung, and the caller accepts that.
    """

    call: Call
    document: str = field(repr=False)
    plan: str = field(repr=False)
    ordinal: int
    provider: str
    request: Request
    order: Order = field(repr=False)
    account: str = field(repr=False)
    started_at: datetime
    lease: float
    guards: Guards
    cooling: bool = False
    risky: bool = False


@dataclass(frozen=True, slots=True)
class Ailing:
    """What an attempt tells of the health of a vendor's account.

    Attributes:
        failed: None where it tells nothing, and leaves it to the next one to find out.
        until: until when the attempt kept others from probing, in seconds since the epoch.
    """

    account: str = field(repr=False)
    failed: bool | None
    until: float


@dataclass(frozen=True, slots=True)
class Settle(LedgerOp[bool]):
    """Write down how an attempt ended; False where that stands already, or may not be changed.

    Attributes:
        dial: which dial of the attempt it speaks of: where somebody has dialled since, only an
            acceptance counts.
        proof: True for what settles a *maybe*: success under the same key, a look-up, a person.
            An acceptance is always one.
        renews: True where the vendor may keep its answer under the key, and nothing rang.
        opted_out: True where the vendor says that the person asked not to be called.
        ailing: what it tells of the vendor's health; None where nobody asked.
        said: what else to remember, for `explain`: a kind and a sentence.
        vendor_id: the vendor's id of this very attempt, where `call` may show a later one's.
    """

    call: Call
    ordinal: int
    verdict: Verdict
    reason: str | None
    finished_at: datetime
    dial: int = 1
    proof: bool = False
    renews: bool = False
    opted_out: bool = False
    ailing: Ailing | None = None
    said: tuple[str, str] | None = None
    vendor_id: str | None = None


@dataclass(frozen=True, slots=True)
class Release(LedgerOp[bool]):
    """Take the attempt of a call that its vendor has failed for a no: the route trusts that vendor so far.

    False where the call isn't failed, or the attempt wasn't accepted.
    """

    call_id: str
    ordinal: int
    reason: str
