"""The promise, played through: at most one ring per intent, whatever crashes and whatever a vendor answers.

Operations of callhub are generators that yield effects, so everything that can happen to them can be
played: this package performs the effects one by one, on the real ledger and a virtual clock, and at
every point where the world has a choice it takes each one in turn::

    from callhub.testing import simulation

    print(simulation.run(limit=200))

What is chosen: what the vendor answers and whether it has acted by then, or acts later; at which
effect a process is killed, interrupted, put to sleep, or loses its ledger; which of two processes
goes on; how much time passes; and who comes next: a repetition under the same key, a recovery, a
person, somebody with another account.

After each play the rules are held against what happened:

1. No intent has rung twice.
2. No intent is lost: the ledger knows it, and what it says of it is true.
3. Every intent is settled, or marked as one that a person must settle.
4. Whoever was told "no phone can have rung" was told the truth.
5. Nobody is dialled after they were put on the suppression list, nor more often than the caps allow.

What is taken for granted, since nothing could keep the promise without it: a refusal that a plugin's
table lists is one; a vendor carries out a request, and lists the call, within `idempotency_window` of
the moment its caller gave up, or never; it knows a key for as long as that; a person tells the truth;
and no process sleeps between the last look at the clock and the first byte. `on_unknown="accept_risk"`
gives the promise up, and isn't played.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from callhub.testing.simulation import plays as _plays
from callhub.testing.simulation import rules
from callhub.testing.simulation.books import Books
from callhub.testing.simulation.choices import Explorer, Seen
from callhub.testing.simulation.pretended import KINDS
from callhub.testing.simulation.rules import Report
from callhub.testing.simulation.scene import Scene
from callhub.testing.simulation.scenes import SCENES
from callhub.testing.simulation.world import Broken, World

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from callhub.testing.simulation.plays import Play

__all__ = ["KINDS", "PLAYS", "SCENES", "Broken", "Report", "Scene", "run"]

PLAYS: dict[str, Play] = {
    play.__name__: play
    for play in (
        _plays.one_caller,
        _plays.two_callers,
        _plays.caller_and_rescuer,
        _plays.sleeper,
        _plays.overslept,
        _plays.two_keys,
        _plays.asked_to_stop,
        _plays.taken_back,
        _plays.failed_by_its_vendor,
        _plays.hasty_person,
        _plays.person_too_soon,
        _plays.put_back,
    )
}


def run(
    plays: Iterable[str] = (),
    scenes: Mapping[str, Iterable[Scene]] | None = None,
    *,
    limit: int | None = None,
    seed: int = 0,
) -> Report:
    """Play the plays in every way, or in ways that are drawn, and tell what came of them.

    Args:
        plays: names from `PLAYS`; default: all.
        scenes: in which scenes, by the play's name; default: `SCENES`. A scene names its vendors:
            pretended ones from `KINDS`, or installed ones, which answer through their sandboxes.
        limit: how many ways to draw for each play in each scene; None plays every way there is.
        seed: what the draws go by: the same seed plays the same.

    Raises:
        Broken: a rule was broken. An AssertionError whose message holds every step that led there.
    """
    report, books = Report(), Books()
    try:
        for name in plays or PLAYS:
            for scene in (scenes or SCENES)[name]:
                explorer = Explorer(limit, seed)
                before = report.runs
                _explore(PLAYS[name], scene, books, explorer, report)
                report.plays[name] = report.plays.get(name, 0) + report.runs - before
    finally:
        books.close()
    return report


def _explore(play: Play, scene: Scene, books: Books, explorer: Explorer, report: Report) -> None:
    for choose in explorer.ways():
        world = World(scene, books, choose, explorer.come_to)
        report.runs += 1
        try:
            play(world)
        except Seen:
            report.effects += world.steps
        else:
            rules.count(world, report)
