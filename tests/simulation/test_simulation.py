"""The promise holds in every play: a sample of the ways in each scene, and at length every way there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from callhub.testing import simulation
from callhub.testing.simulation import PLAYS, SCENES, Broken, Scene
from callhub.testing.simulation.plays import caller, in_the_end
from callhub.testing.simulation.replies import AT_ONCE, NEVER

if TYPE_CHECKING:
    from callhub.testing.simulation.world import World

EVERY_SCENE = [(name, at) for name in PLAYS for at in range(len(SCENES[name]))]


@pytest.mark.parametrize("play", PLAYS)
def test_a_sample_of_every_play_keeps_the_promise(play: str) -> None:
    report = simulation.run([play], limit=25, seed=7)
    assert report.runs == 25 * len(SCENES[play])
    assert report.rings > 0


@pytest.mark.long
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize(("play", "at"), EVERY_SCENE)
def test_every_way_of_every_play_keeps_the_promise(play: str, at: int) -> None:
    report = simulation.run([play], {play: [SCENES[play][at]]})
    print(play, SCENES[play][at], report)  # noqa: T201 - the figures of the full run
    assert report.settled > 0


@pytest.mark.parametrize("vendors", [("erzycall",), ("aicaller",), ("aicaller", "erzycall")])
def test_installed_vendors_keep_the_promise(vendors: tuple[str, ...]) -> None:
    scenes = {play: [Scene(vendors)] for play in PLAYS}
    report = simulation.run(["one_caller", "two_callers"], scenes, limit=12)
    assert report.rings > 0


def test_the_same_seed_plays_the_same() -> None:
    first, again = (simulation.run(["two_callers"], limit=5, seed=3) for _ in range(2))
    assert first == again
    assert first != simulation.run(["two_callers"], limit=5, seed=4)


def test_every_way_is_played_once() -> None:
    report = simulation.run(["put_back"], {"put_back": [Scene(("keyed",))]})
    assert report.runs == report.plays["put_back"] > 1


def test_a_broken_rule_is_told_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(world: World) -> None:
        world.allow(lambda *_: ())
        world.run(caller(world))
        world.run(caller(world, "another", "another-key"))
        world.intents = {each: ("one", number) for each, (_, number) in world.intents.items()}
        in_the_end(world)

    monkeypatch.setitem(PLAYS, "careless", careless)
    with pytest.raises(Broken, match="the intent 'one' has rung 2 times") as caught:
        simulation.run(["careless"], {"careless": [Scene(("plain",))]})
    assert isinstance(caught.value, AssertionError)
    assert "a caller Claim (attempt 1) → Claimed" in str(caught.value)


def test_what_a_vendor_may_have_done_is_part_of_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: set[float] = set()

    def looking(world: World) -> None:
        vendor = world.vendors["plain"]
        provider = vendor.provider(None, 1)
        seen.update(each.acts for each in world.replies(provider, vendor.sandbox))

    monkeypatch.setitem(PLAYS, "looking", looking)
    simulation.run(["looking"], {"looking": [Scene(("plain",))]}, limit=1)
    assert {NEVER, AT_ONCE, 20.0, 400.0, 590.0} == seen
