"""The demo: one call through every installed provider's sandbox, watched, compared, and asked for again."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import callhub
from callhub.cli import boxes, demo_view, out
from callhub.errors import CallhubError
from callhub.provider import registry

if TYPE_CHECKING:
    from callhub.cli.boxes import Box
    from callhub.cli.demo_view import View
    from callhub.hub import Hub
    from callhub.model.call import Call

SPEED = 15.0
GAP = 0.25
LONGEST = 30.0
SCRIPT = "onboarding"


@dataclass(slots=True)
class Trial:
    """One provider's part.

    Attributes:
        call: as it was read last; None where it couldn't be placed.
        problem: why not.
        trail: every status that was seen, in order.
        replayed: whether the second request gave the first call back; None before it was made.
    """

    box: Box
    call: Call | None = None
    problem: str | None = None
    trail: list[str] = field(default_factory=list)
    replayed: bool | None = None

    @property
    def over(self) -> bool:
        """Tell whether there is nothing more to see."""
        return self.call is None or self.call.terminal

    @property
    def rang(self) -> int:
        """Count how often the phone rang: the emulator's own counter."""
        return self.box.sandbox.rung[boxes.NUMBER]

    @property
    def good(self) -> bool:
        """Tell whether it went as promised: one call, over, one ring, and given back when asked again."""
        return bool(self.call and self.call.terminal and self.rang == 1 and self.replayed)

    def see(self, call: Call) -> None:
        """Take in how the call stands."""
        self.call = call
        if self.trail[-1:] != [call.status]:
            self.trail.append(call.status)

    def request(self) -> dict[str, Any]:
        """Give the same neutral request, but for the provider."""
        return {
            "to": boxes.NUMBER,
            "script": SCRIPT,
            "variables": {"plan": "pro"},
            "contact": callhub.Contact(name="Ada Lovelace", email="ada@example.com"),
            "provider": self.box.name,
            "idempotency_key": f"demo-{self.box.name}",
        }


def run(*, as_json: bool) -> int:
    """Perform the demo, and give its exit code."""
    made, left_out = _boxes()
    with ExitStack() as stack:
        for box in made:
            stack.enter_context(box.served)
        trials = [Trial(box) for box in made]
        hub = stack.enter_context(_hub(made))
        with demo_view.silent() if as_json else demo_view.showing(trials, left_out) as shown:
            _perform(hub, trials, shown)
        _ask_again(hub, trials)
        if as_json:
            out.print_json(_plain(trials, left_out))
        else:
            demo_view.conclude(trials)
    return 0 if trials and all(trial.good for trial in trials) else 1


def _boxes() -> tuple[list[Box], dict[str, str]]:
    made, left_out = [], {}
    for name in registry.installed():
        try:
            made.append(boxes.make(name, SPEED))
        except CallhubError as error:
            left_out[name] = str(error)
    return made, left_out


def _hub(made: list[Box]) -> Hub:
    return callhub.Hub(
        providers={box.name: box.settings for box in made},
        scripts={SCRIPT: {box.name: box.sandbox.script for box in made}},
        ledger="sqlite://",
    )


def _perform(hub: Hub, trials: list[Trial], shown: View) -> None:
    """Place the calls, and watch them until all are over."""
    for trial in trials:
        try:
            trial.see(hub.calls.create(**trial.request()))
        except CallhubError as error:
            trial.problem = str(error)
        shown()
    until = time.monotonic() + LONGEST
    while not all(trial.over for trial in trials) and time.monotonic() < until:
        time.sleep(GAP)
        for trial in trials:
            _look(hub, trial)
        shown()


def _look(hub: Hub, trial: Trial) -> None:
    """Read a call that isn't over; a failure may pass."""
    if trial.call is None or trial.over:
        return
    try:
        trial.see(hub.calls.get(trial.call.id))
    except CallhubError as error:
        trial.problem = str(error)
    else:
        trial.problem = None


def _ask_again(hub: Hub, trials: list[Trial]) -> None:
    """Make the same requests under the same keys again; the emulators count the rings."""
    for trial in trials:
        if trial.call is None:
            continue
        try:
            again = hub.calls.create(**trial.request())
        except CallhubError as error:
            trial.problem, trial.replayed = str(error), False
        else:
            trial.replayed = again.replayed and again.id == trial.call.id


def _plain(trials: list[Trial], left_out: dict[str, str]) -> dict[str, Any]:
    calls = [
        {
            "provider": trial.box.name,
            "call": trial.call.to_dict() if trial.call else None,
            "problem": trial.problem,
            "trail": trial.trail,
            "dials": trial.rang,
            "replayed": trial.replayed,
        }
        for trial in trials
    ]
    return {"calls": calls, "left_out": left_out}
