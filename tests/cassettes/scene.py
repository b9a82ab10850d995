"""What a cassette is made of: a scene, which is played once to record it and again in every test.

A scene is a flow, as a plugin's operations are. It is performed by callhub's own runners and
transports, blocking or awaiting; each request goes out once, without callhub's retries, so that a
cassette holds exactly what the plugin says and what the vendor answers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from callhub.errors import CallhubError
from callhub.flows import exchange
from callhub.flows.context import Link
from callhub.provider.http import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from callhub.flows.effects import Steps
    from callhub.provider.base import Flow, Provider
    from callhub.provider.http import Request
    from callhub.provider.sandbox import Mishap, Sandbox, SandboxClock


@dataclass(slots=True)
class Stage:
    """Where a scene plays.

    Attributes:
        facts: what is known only once the vendor has answered, such as ids; kept in the cassette.
        sandbox: the vendor's emulator while recording against it; None on replay and live.
    """

    provider: Provider[Any]
    facts: dict[str, Any] = field(default_factory=dict)
    sandbox: Sandbox | None = None

    def advance(self, seconds: float) -> None:
        """Let that time pass at the vendor; it has passed already where the scene is replayed."""
        if self.sandbox is not None:
            self.sandbox.clock.advance(seconds)

    def fail_next(self, mishap: Mishap, *methods: str) -> None:
        """Let the next request of each of these methods fail."""
        if self.sandbox is not None:
            for method in methods:
                self.sandbox.fail_next(mishap, method=method)


@dataclass(frozen=True, slots=True)
class Scene:
    """One cassette.

    Attributes:
        name: of the cassette: an operation, or ``error.<code or status>``.
        play: what is recorded.
        before: what must have happened at the vendor, and isn't recorded.
        settings: settings of the provider that differ from the sandbox's.
        box: makes another sandbox than the provider's own.
        note: what a reader should know, in a sentence.
    """

    name: str
    play: Callable[[Stage], Flow[Any]]
    before: Callable[[Stage], Flow[Any]] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    box: Callable[[SandboxClock], Sandbox] | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Repertoire:
    """All scenes of one vendor.

    Attributes:
        instant: of the vendor's own samples; the clock stands there while recording.
        scenes: played against the sandbox.
        live: played against the vendor itself; among them exactly one that dials.
    """

    provider_type: type[Provider[Any]]
    instant: datetime
    scenes: tuple[Scene, ...]
    live: tuple[Scene, ...]


def performed(provider: Provider[Any], flow: Flow[Any], watch: Callable[[Request], object]) -> Steps[Any]:
    """Perform a flow as callhub does, but send each request once; `watch` sees it before it leaves."""
    link = Link(provider)
    move: Callable[[], Request] = partial(next, flow)
    while True:
        step = exchange.advance(provider, move)
        if isinstance(step, exchange.Done):
            return step.value
        watch(step)
        answer = yield from exchange.send(link, step, exchange.TIMEOUT)
        assert not isinstance(answer, Fault), f"{step!r} is not in the cassette, or got no answer: {answer}"
        if answer.ok:
            move = partial(flow.send, answer)
        else:
            error = yield from exchange.error_of(provider, answer, dialled=step.dials)
            move = partial(flow.throw, error)


def refused(flow: Flow[Any]) -> Flow[CallhubError]:
    """Play something that must end with an error, and give that error."""
    try:
        yield from flow
    except CallhubError as error:
        return error
    raise AssertionError("this must be refused")


def plain(value: Any) -> Any:
    """Give JSON types of whatever a scene returns; of an error its kind and its facts."""
    if isinstance(value, CallhubError):
        return {"raises": type(value).__name__, "says": str(value)} | _facts(value)
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if value is None or isinstance(value, str | int | float):
        return value
    return _given(value)


def _facts(error: CallhubError) -> dict[str, Any]:
    facts = {name: told for name, told in vars(error).items() if told and name != "provider"}
    facts["dialed"] = error.dialed
    return {
        name: told.total_seconds() if isinstance(told, timedelta) else told
        for name, told in sorted(facts.items())
    }


def _given(thing: Any) -> Any:
    """Give the fields of an object that hold anything; of its raw body only that it is there."""
    fields = msgspec.to_builtins(thing, enc_hook=lambda _: "...")
    if "source" in fields:
        fields["source"] = type(thing.raw).__name__
    return {name: plain(value) for name, value in fields.items() if value not in (None, (), [], {}, "")}
