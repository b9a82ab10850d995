"""Attempts of which nobody knows what came: find them, take them over, leave them to a person."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from callhub.flows.effects import LedgerOp
from callhub.flows.operations.attempts import Denial

if TYPE_CHECKING:
    from datetime import datetime

    from callhub.policy.guards import Guards
    from callhub.provider.http import Request
    from callhub.provider.order import Order


@dataclass(frozen=True, slots=True)
class Doubt:
    """An attempt in doubt, and what a look-up needs to know.

    Attributes:
        order: what was asked for; None where an older callhub wrote it, or it was erased.
        dials: how often it was sent.
        until: when its caller gave up, or will have.
        last_dial: when it was sent last.
        age: seconds since it was claimed, by the database's clock.
        rivals: the orders of other attempts in doubt to the same person at about the same time.
        assumed: True where it may never have been made, or elsewhere; `ledger.restored` tells why.
    """

    ordinal: int
    provider: str
    order: Order | None = field(repr=False)
    account_matches: bool
    started_at: datetime
    until: datetime
    last_dial: datetime
    age: float
    leased: bool
    rivals: tuple[Order | None, ...] = field(repr=False)
    dials: int = 1
    assumed: bool = False


@dataclass(frozen=True, slots=True)
class FindDoubt(LedgerOp["Doubt | None"]):
    """Give what is known of an attempt in doubt; None where it is settled."""

    call_id: str
    ordinal: int
    account: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Bound(LedgerOp["frozenset[str]"]):
    """Tell which of these ids of a vendor's belong to another attempt, of this intent or of another."""

    provider: str
    vendor_ids: tuple[str, ...]
    call_id: str
    ordinal: int


@dataclass(frozen=True, slots=True)
class Unsettled(LedgerOp["tuple[str, ...]"]):
    """Give ids of calls in doubt that nobody is placing, oldest first, after that one."""

    after: str
    limit: int


@dataclass(frozen=True, slots=True)
class Retaken:
    """The attempt is its caller's alone for now: the request as it was stored, and which dial this is."""

    request: Request
    dial: int


@dataclass(frozen=True, slots=True)
class Retake(LedgerOp[Retaken | Denial]):
    """Take over an attempt in doubt to send it again: counted as a dial, with every guard."""

    call_id: str
    ordinal: int
    account: str = field(repr=False)
    at: datetime
    window: float
    lease: float
    guards: Guards


@dataclass(frozen=True, slots=True)
class LeaveToPerson(LedgerOp[None]):
    """Write down that only a person can tell, and why."""

    call_id: str
    at: datetime
    reason: str
