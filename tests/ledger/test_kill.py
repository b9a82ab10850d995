"""kill -9: callers die at any moment, vendors accept and then drop, hang or fail; nobody rings twice."""

from __future__ import annotations

import random
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from callhub import Call, CallStatus, OutcomeUnknown
from callhub.policy.verdict import Verdict
from callhub.provider.sandbox import Mishap, SandboxClock
from callhub.runtime.clock import Clock
from callhub_aicaller.sandbox import AICallerSandbox
from callhub_erzycall.sandbox import ErzyCallSandbox
from tests.core.kit import call_of
from tests.ledger.kit import Base
from tests.ledger.worker import MARGIN, Job, alive, hub_of, kill, number_of, place

if TYPE_CHECKING:
    from callhub import Hub
    from callhub.flows.recover import Recovery
    from callhub.provider.sandbox import Hit
    from tests.core.kit import World
    from tests.ledger.worker import Nursery

TIMEOUT = 0.6
CALLERS = 3
FAULTS = (
    *(None, None, None),
    *(Mishap.DROP_AFTER, Mishap.DROP_AFTER, Mishap.DROP_BEFORE, Mishap.HANG_AFTER),
    *(Mishap.ERROR_AFTER, Mishap.ERROR_BEFORE, Mishap.RATE_LIMIT, Mishap.TRUNCATE_AFTER),
)


def misbehave(world: World, dice: random.Random) -> None:
    """Let both vendors live by the real clock, and fail by chance whatever may dial."""
    now = Clock().now
    world.erzycall.sandbox = ErzyCallSandbox(SandboxClock(now), per_minute=10**9, per_hour=10**9)
    world.aicaller.sandbox = AICallerSandbox(SandboxClock(now))
    for vendor in (world.erzycall, world.aicaller):
        vendor.relay.put(vendor.sandbox)

        def strike(hit: Hit, fail: object = vendor.fail) -> None:
            mishap = dice.choice(FAULTS) if hit.method == "POST" else None
            if mishap is not None:
                assert callable(fail)
                fail(mishap)

        vendor.relay.watch = strike


def behave(world: World) -> None:
    for vendor in (world.erzycall, world.aicaller):
        vendor.relay.watch = lambda _: None


def rung(world: World) -> Counter[str]:
    """Tell how often each number has rung, once every call that a vendor took has been made."""
    total: Counter[str] = Counter()
    for vendor in (world.erzycall, world.aicaller):
        vendor.sandbox.clock.advance(86_400)
        total += vendor.rung
    return total


def massacre(nursery: Nursery, job: Job, kills: int, dice: random.Random) -> int:
    """Let callers work on the same intents, kill them at random and start others; tell how many died."""

    def start() -> int:
        return nursery.start(Job(**(vars(job) | {"seed": dice.randrange(10**9)})))

    callers, killed = [start() for _ in range(CALLERS)], 0
    until = time.monotonic() + 10 + 3 * kills
    while killed < kills:
        assert time.monotonic() < until, "too few callers could be killed at work"
        time.sleep(dice.uniform(0.05, 0.5))
        victim = dice.randrange(CALLERS)
        if alive(callers[victim]):
            kill(callers[victim])
            killed += 1
        callers[victim] = start()
    nursery.wait(callers, 30 + len(job.numbers))
    return killed


def repeated(hub: Hub, intents: int) -> dict[int, Call]:
    """Ask for every intent once more, under its key; give it as it stands then."""
    found: dict[int, Call] = {}
    for intent in range(intents):
        try:
            found[intent] = place(hub, intent, 5)
        except OutcomeUnknown as error:
            found[intent] = call_of(error)
    return found


def explained(call: Call, report: Recovery) -> bool:
    """Tell whether a call that isn't settled says why."""
    return call.needs_person or call.id in report.problems or any(one.reason for one in call.attempts)


@pytest.mark.parametrize(
    ("intents", "kills"),
    [
        pytest.param(40, 5, id="small"),
        pytest.param(200, 25, id="full", marks=[pytest.mark.long, pytest.mark.timeout(600)]),
    ],
)
def test_whoever_is_killed_nobody_rings_twice_and_nothing_is_lost(
    world: World, nursery: Nursery, url: str, intents: int, kills: int
) -> None:
    seed = random.randrange(10**9)  # noqa: S311 - it is printed where the test fails
    dice = random.Random(seed)  # noqa: S311 - the same
    print("seed", seed)  # noqa: T201 - the same
    misbehave(world, dice)
    job = Job(url, world.settings, list(range(intents)), 0, TIMEOUT)
    assert massacre(nursery, job, kills, dice) == kills
    time.sleep(TIMEOUT + MARGIN)
    behave(world)
    Base(url).change("DELETE FROM health")
    with hub_of(url, world.settings) as hub:
        in_doubt = {call.id for call in hub.calls.history(status=CallStatus.IN_DOUBT)}
        report = hub.recover()
        stands = repeated(hub, intents)
        history = {call.idempotency_key: call for call in hub.calls.history()}
    rings = rung(world)
    assert set(rings.values()) == {1}
    assert {call.idempotency_key for call in stands.values()} == set(history)
    assert len(history) == intents
    told = (report.placed, report.not_placed, report.in_doubt, report.needs_person)
    assert in_doubt == {call.id for part in told for call in part}
    for intent, call in stands.items():
        verdicts = [attempt.verdict for attempt in call.attempts]
        if Verdict.ACCEPTED in verdicts:
            assert verdicts.count(Verdict.ACCEPTED) == 1
            assert rings[number_of(intent)] == 1, (intent, call.attempts)
        else:
            assert call.status is CallStatus.IN_DOUBT
            assert explained(call, report), (intent, call.attempts)
