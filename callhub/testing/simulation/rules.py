"""The rules that no play may break, and what is counted of the plays."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from callhub.flows.operations import FindById, Record
from callhub.model.lifecycle import CallStatus
from callhub.policy.verdict import Verdict
from callhub.testing.simulation.pretended import PretendedSandbox
from callhub.testing.simulation.world import Broken

if TYPE_CHECKING:
    from callhub.testing.simulation.world import World


@dataclass(slots=True)
class Report:
    """What was played.

    Attributes:
        runs: plays, each one different from every other.
        effects: effects that were performed in them.
        rings: phones that rang.
        settled: intents that ended settled.
        needs_person: intents that ended as a person's to settle.
        plays: how many of each kind.
    """

    runs: int = 0
    effects: int = 0
    rings: int = 0
    settled: int = 0
    needs_person: int = 0
    plays: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        return (
            f"{self.runs} runs, {self.effects} effects: {self.rings} rings, "
            f"{self.settled} intents settled, {self.needs_person} left to a person"
        )


def at_most_one_ring(world: World) -> None:
    """Insist that no intent has rung twice."""
    rung: Counter[str] = Counter()
    for intent, (key, _) in world.intents.items():
        rung[key] += world.rings(intent)
    for key, times in rung.items():
        if times > 1:
            raise Broken(world.told(f"the intent {key!r} has rung {times} times"))


def nothing_lost(world: World) -> None:
    """Insist that the ledger knows every intent and what came of it, or leaves it to a person."""
    for intent, (key, _) in world.intents.items():
        record = world.books.perform(FindById(intent))
        fault = "was lost" if record is None else _fault(world, record)
        if fault:
            raise Broken(world.told(f"the intent {key!r} {fault}"))
    _bound_once(world)


def count(world: World, report: Report) -> None:
    """Add what came of a play."""
    report.effects += world.steps
    for intent in world.intents:
        record = world.books.perform(FindById(intent))
        open_ = record is None or bool(record.doubtful)
        report.needs_person += open_
        report.settled += not open_
        report.rings += world.rings(intent)


def _fault(world: World, record: Record) -> str:
    """Say where an intent's record contradicts what happened; nothing where it doesn't."""
    call, rung = record.call, world.rings(record.call.id)
    if record.doubtful and not call.needs_person:
        return "is neither settled nor left to a person"
    if rung and record.free:
        return "has rung, and the ledger says that it can't have"
    if rung and call.status is CallStatus.CANCELLED:
        return "has rung, and the ledger says that it was cancelled"
    if _accepted(record) and not rung and not _stopped(world, call.id):
        return "was never placed, and the ledger says that it was"
    return ""


def _accepted(record: Record) -> bool:
    return any(attempt.verdict == Verdict.ACCEPTED for attempt in record.call.attempts)


def _stopped(world: World, intent: str) -> bool:
    """Tell whether an intent's call came to be and was cancelled or failed before it rang."""
    for name, vendor in world.vendors.items():
        if not isinstance(vendor.sandbox, PretendedSandbox):
            return True  # of an installed vendor's calls nobody tells to which intent they belong
        if any(
            owner == intent and call["state"] in ("revoked", "broken") for call, owner in world.made(name)
        ):
            return True
    return False


def _bound_once(world: World) -> None:
    """Insist that no call of a vendor's stands for two intents."""
    records = [world.books.perform(FindById(intent)) for intent in world.intents]
    bound = [
        (each.call.provider, each.call.provider_call_id)
        for each in records
        if each is not None and each.call.provider_call_id
    ]
    if len(set(bound)) < len(bound):
        raise Broken(world.told("one call of a vendor's stands for two intents"))
