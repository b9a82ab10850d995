"""The scenes: which vendors, which rules, how much time."""

from __future__ import annotations

from dataclasses import replace

from callhub.policy.guards import Guards
from callhub.testing.simulation.scene import Scene

KEYED, SHY, PLAIN, OPEN, MUTE = (Scene((name,)) for name in ("keyed", "shy", "plain", "open", "mute"))
ALONE = (KEYED, SHY, PLAIN, OPEN, MUTE)
ROUTES = (Scene(("plain", "keyed")), Scene(("keyed", "plain")))
BRIEF = 0.4  # seconds to wait for another caller: each look of theirs is a step that can go wrong
ONE_A_DAY = Guards(caps=["1/1d"])
AN_HOUR_APART = Guards(gap="1h")
GUARDED = (ONE_A_DAY, AN_HOUR_APART)

SCENES: dict[str, tuple[Scene, ...]] = {
    "one_caller": (*ALONE, ROUTES[0], replace(OPEN, timeout=1_200.0)),
    "two_callers": tuple(replace(scene, timeout=BRIEF) for scene in (*ALONE, *ROUTES)),
    "caller_and_rescuer": tuple(replace(scene, timeout=BRIEF) for scene in (*ALONE, *ROUTES)),
    "sleeper": ALONE,
    "overslept": (replace(ROUTES[0], timeout=BRIEF),),
    "two_keys": tuple(
        replace(scene, guards=guards, timeout=BRIEF)
        for scene, rules in ((KEYED, GUARDED), (PLAIN, (Guards(), *GUARDED)), (OPEN, (Guards(), *GUARDED)))
        for guards in rules
    ),
    "asked_to_stop": tuple(
        replace(scene, timeout=BRIEF, pickup=pickup)
        for scene in (KEYED, PLAIN, OPEN)
        for pickup in (0.0, 50.0)
    ),
    "taken_back": tuple(replace(scene, timeout=BRIEF, pickup=50.0) for scene in (*ALONE, *ROUTES)),
    "failed_by_its_vendor": tuple(
        Scene(vendors, trusted=trusted, breaks=vendors[:1], timeout=BRIEF)
        for vendors in (("keyed", "plain"), ("plain", "keyed"))
        for trusted in (vendors[:1], ())
    ),
    "hasty_person": (KEYED, SHY),
    "person_too_soon": tuple(replace(scene, timeout=BRIEF) for scene in (PLAIN, OPEN, MUTE)),
    "put_back": (KEYED, SHY),
}
