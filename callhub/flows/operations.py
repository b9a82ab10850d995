"""What a flow can ask of the ledger: each operation is one transaction.

An answer that is a `Denial` says which rule stood in the way; nothing was written then.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from callhub.flows.effects import LedgerOp
from callhub.policy.verdict import PROVEN_NO, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from callhub.model.call import Call
    from callhub.model.contact import Contact
    from callhub.model.lifecycle import CallStatus
    from callhub.policy.guards import Guards
    from callhub.provider.http import Request
    from callhub.provider.order import Order


@dataclass(frozen=True, slots=True)
class Record:
    """An intent as the ledger has it.

    Attributes:
        call: the call as it stands, with its attempts.
        document: what was asked for, to compare another request under the same key with.
        generation: how often the vendor's key had to be renewed.
        leased: True while another caller may still be placing it.
        plan: who was considered, and why or why not; see `routing.Plan`.
    """

    call: Call
    document: str = field(repr=False)
    generation: int
    leased: bool
    plan: str | None = field(default=None, repr=False)

    @property
    def free(self) -> bool:
        """Tell whether every attempt is a proven no, so that another one can't ring twice."""
        return all(attempt.verdict in PROVEN_NO for attempt in self.call.attempts)

    @property
    def doubtful(self) -> tuple[int, ...]:
        """Give the ordinals of the attempts of which nobody knows what came."""
        unknown = (None, Verdict.MAYBE)
        return tuple(at for at, one in enumerate(self.call.attempts, start=1) if one.verdict in unknown)


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands under a key, and the ledger's namespace, from which vendors' keys are derived.

    Attributes:
        same: False where the key stands for another request.
    """

    namespace: str
    record: Record | None = None
    same: bool = True


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
    """What an attempt tells of the health of a vendor's account."""

    account: str = field(repr=False)
    failed: bool


@dataclass(frozen=True, slots=True)
class Settle(LedgerOp[bool]):
    """Write down how an attempt ended; False where that stands already, or may not be changed.

    Attributes:
        proof: True for what settles a *maybe*: success under the same key, a look-up, a person.
            An acceptance is always one.
        renews: True where the vendor may keep its answer under the key, and nothing rang.
        opted_out: True where the vendor says that the person asked not to be called.
        ailing: what it tells of the vendor's health; None where nobody asked.
        said: what else to remember, for `explain`: a kind and a sentence.
    """

    call: Call
    ordinal: int
    verdict: Verdict
    reason: str | None
    finished_at: datetime
    proof: bool = False
    renews: bool = False
    opted_out: bool = False
    ailing: Ailing | None = None
    said: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Release(LedgerOp[bool]):
    """Take the attempt of a call that its vendor has failed for a no: the route trusts that vendor so far.

    False where the call isn't failed, or the attempt wasn't accepted.
    """

    call_id: str
    ordinal: int
    reason: str


@dataclass(frozen=True, slots=True)
class Retake(LedgerOp["Request | Denial"]):
    """Take over an attempt in doubt to send it again: counted as a dial, with every guard.

    The answer is the request as it was stored, to the byte.
    """

    call_id: str
    ordinal: int
    account: str = field(repr=False)
    at: datetime
    window: float
    lease: float
    guards: Guards


@dataclass(frozen=True, slots=True)
class Doubt:
    """An attempt in doubt, and what a look-up needs to know.

    Attributes:
        order: what was asked for; None where an older callhub wrote it, or it was erased.
        until: when its caller gave up, or will have.
        last_dial: when it was sent last.
        age: seconds since it was claimed, by the database's clock.
        rivals: the orders of other attempts in doubt to the same person at about the same time.
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


@dataclass(frozen=True, slots=True)
class FindDoubt(LedgerOp["Doubt | None"]):
    """Give what is known of an attempt in doubt; None where it is settled."""

    call_id: str
    ordinal: int
    account: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Bound(LedgerOp["frozenset[str]"]):
    """Tell which of these ids of a vendor's belong to another intent."""

    provider: str
    vendor_ids: tuple[str, ...]
    call_id: str


@dataclass(frozen=True, slots=True)
class Unsettled(LedgerOp["tuple[str, ...]"]):
    """Give ids of calls in doubt that nobody is placing, oldest first, after that one."""

    after: str
    limit: int


@dataclass(frozen=True, slots=True)
class LeaveToPerson(LedgerOp[None]):
    """Write down that only a person can tell, and why."""

    call_id: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Observe(LedgerOp[None]):
    """Write down what a vendor says of a call that the ledger knows."""

    call: Call
    at: datetime


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
class Happened:
    """Something that the ledger remembers of a call beside its attempts."""

    at: datetime
    kind: str
    provider: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class Story(LedgerOp["tuple[Happened, ...]"]):
    """Give what happened to a call, in order."""

    call_id: str


@dataclass(frozen=True, slots=True)
class OpenCalls(LedgerOp["tuple[Call, ...]"]):
    """Give the calls to a person that aren't over, whatever form the number was written in."""

    number: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Entry:
    """A number on the suppression list; None where the number itself was erased."""

    number: str | None = field(repr=False)
    reason: str | None
    source: str
    added_at: datetime


@dataclass(frozen=True, slots=True)
class Suppress(LedgerOp["tuple[Entry, ...]"]):
    """Put numbers on the suppression list, all or none; what is there already stays as it is."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Unsuppress(LedgerOp[bool]):
    """Take a number off the suppression list; False where it isn't on it."""

    number: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FindSuppressed(LedgerOp["Entry | None"]):
    """Find a number on the suppression list, in whatever form it was written there."""

    number: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ListSuppressed(LedgerOp["tuple[Entry, ...]"]):
    """Read the suppression list, in the order of adding."""

    after: int
    limit: int


@dataclass(frozen=True, slots=True)
class SaveContact(LedgerOp["Contact | None"]):
    """Write a contact of callhub's own book, new or changed, with its links to vendors' books.

    Attributes:
        changes: fields to change; None writes the contact as it is.
        links: vendor ids by provider, added to those that are there.
    """

    contact: Contact = field(repr=False)
    new: bool
    changes: Mapping[str, Any] = field(default_factory=dict, repr=False)
    links: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FindContact(LedgerOp["Linked | None"]):
    """Find a contact of callhub's own book."""

    id: str


@dataclass(frozen=True, slots=True)
class FindLinked(LedgerOp["Contact | None"]):
    """Find the contact of callhub's own book that stands for an entry of a vendor's book."""

    provider: str
    vendor_id: str


@dataclass(frozen=True, slots=True)
class Linked:
    """A contact, and the vendor's id of it by provider."""

    contact: Contact = field(repr=False)
    links: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PageOfBook(LedgerOp["tuple[Contact, ...]"]):
    """Read callhub's own book in the order of ids, after that one."""

    after: str
    limit: int


@dataclass(frozen=True, slots=True)
class DropContact(LedgerOp[bool]):
    """Delete a contact of callhub's own book; False where there is none."""

    id: str
