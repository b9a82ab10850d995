"""A caller that slept through its lease: what it hears then is no word on what its successor dials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from callhub import Failover, Hub
from callhub.errors import OutcomeUnknown
from callhub.flows import operations as ops
from callhub.flows.attempt import account_of
from callhub.flows.context import Link
from callhub.ledger.store import Ledger
from callhub.policy.guards import Guards
from callhub.policy.verdict import Verdict
from tests.core.kit import NUMBER, SCRIPTS, wish
from tests.ledger.kit import Base

if TYPE_CHECKING:
    from callhub.provider.sandbox import Hit
    from tests.core.kit import World

ROUTE = Failover("erzycall", "aicaller")


def hub_of(world: World, url: str) -> Hub:
    return Hub(providers=world.settings, scripts=SCRIPTS, ledger=url, clock=world.clock)


def take_over(hub: Hub, ledger: Ledger, world: World) -> object:
    """Let the lease run out, and somebody else take the attempt over."""
    Base(ledger.url).lapse()
    found = ledger.perform(ops.FindByKey("k", None)).record
    assert found is not None
    account = account_of(Link(hub._context.links["erzycall"].provider))  # noqa: SLF001 - the same vendor
    return ledger.perform(ops.Retake(found.call.id, 1, account, world.clock.now(), 1e9, 60, Guards()))


@pytest.mark.parametrize("mishap", ["refuse", "rate_limit"])
@pytest.mark.parametrize("changes", [{}, {"provider": None, "route": ROUTE}], ids=["vendor", "route"])
def test_a_late_no_leads_to_no_other_dial(
    world: World, url: str, mishap: str, changes: dict[str, Any]
) -> None:
    erzycall, other = world.erzycall, Ledger(url, clock=lambda: world.clock.now().timestamp())
    taken: list[object] = []

    def watch(hit: Hit) -> None:
        if hit.method == "POST" and not taken:
            taken.append(take_over(hub, other, world))

    erzycall.relay.watch = watch
    erzycall.fail(mishap)
    with hub_of(world, url) as hub:
        with pytest.raises(OutcomeUnknown) as caught:
            hub.calls.create(**wish(erzycall, idempotency_key="k", timeout=5) | changes)
        assert caught.value.dialed == "maybe"
        stands = other.perform(ops.FindByKey("k", None)).record
        assert isinstance(taken[0], ops.Retaken)
        assert stands is not None
        assert [attempt.verdict for attempt in stands.call.attempts] == [Verdict.MAYBE]
        assert stands.leased
        assert (len(erzycall.posts), len(world.aicaller.posts)) == (1, 0)
        Base(url).lapse()
        assert [call.idempotency_key for call in hub.recover().placed] == ["k"]
    other.close()
    assert (erzycall.live() + world.aicaller.rung)[NUMBER] == 1
