"""What every vendor emulator shares: a clock that can be moved, personas, faults, and the dial counter.

A `Sandbox` is pure: `handle` takes a request and gives an answer. Who serves it (a loopback
server, a test) is not its business. The dial counter is the oracle of callhub's promise: a number
that stands there twice rang twice.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qsl

from callhub.provider.http import Response, to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Persona(StrEnum):
    """Who answers, by the last two digits of the dialled number; any other number talks."""

    TALKS = "talks"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    VOICEMAIL = "voicemail"
    IVR = "ivr"
    OPTS_OUT = "opts_out"
    CALL_LATER = "call_later"
    FAILS = "fails"


PERSONAS: Mapping[str, Persona] = {
    "01": Persona.BUSY,
    "02": Persona.NO_ANSWER,
    "03": Persona.VOICEMAIL,
    "04": Persona.IVR,
    "05": Persona.OPTS_OUT,
    "06": Persona.CALL_LATER,
    "07": Persona.FAILS,
}


def persona(number: str) -> Persona:
    """Tell who answers that number."""
    return PERSONAS.get(number[-2:], Persona.TALKS)


class Mishap(StrEnum):
    """A fault on demand. ``*_before`` strikes before the vendor acts, ``*_after`` when it has acted."""

    REFUSE = "refuse"  # the vendor's own way to say 400
    RATE_LIMIT = "rate_limit"  # 429 with Retry-After
    RATE_LIMIT_BARE = "rate_limit_bare"  # 429 without it
    ERROR_BEFORE = "error_before"  # 500, nothing done
    ERROR_AFTER = "error_after"  # 500, though the request was carried out
    DROP_BEFORE = "drop_before"  # connection closed without an answer
    DROP_AFTER = "drop_after"
    TRUNCATE_AFTER = "truncate_after"  # half an answer, then closed
    HANG_BEFORE = "hang_before"  # no answer, connection left open
    HANG_AFTER = "hang_after"
    GARBAGE_AFTER = "garbage_after"  # 2xx, but not JSON
    HUGE_AFTER = "huge_after"  # 2xx of 10 MB
    REDIRECT = "redirect"  # 307 to elsewhere


_FAULTS = ", ".join(Mishap)
_SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?")


class Cut(StrEnum):
    """How the connection ends instead of a proper answer."""

    DROP = "drop"
    TRUNCATE = "truncate"
    HANG = "hang"


@dataclass(frozen=True, slots=True)
class Hit:
    """One request as the vendor sees it: path without query, headers by lower-case name."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @classmethod
    def of(cls, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Hit:
        """Split the target into path and query and lower the header names."""
        path, _, query = target.partition("?")
        lowered = {name.lower(): value for name, value in headers.items()}
        return cls(method, path, dict(parse_qsl(query, keep_blank_values=True)), lowered, body)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the vendor answers, and whether the connection survives it."""

    response: Response
    cut: Cut | None = None


@dataclass(frozen=True, slots=True)
class Dial:
    """One phone that rang."""

    at: datetime
    number: str
    call_id: str
    persona: Persona


class SandboxClock:
    """Time inside a sandbox: the given clock, made faster and moved forward at will."""

    def __init__(self, now: Callable[[], datetime], speed: float = 1.0) -> None:
        self._now = now
        self._start = now()
        self._speed = speed
        self._ahead = timedelta()

    def now(self) -> datetime:
        """Tell the sandbox's present instant, aware and in UTC."""
        return self._start + (self._now() - self._start) * self._speed + self._ahead

    def advance(self, by: timedelta | float) -> None:
        """Move the time forward by a timedelta or by seconds."""
        self._ahead += by if isinstance(by, timedelta) else timedelta(seconds=by)


def reply(status: int, body: Any = None, headers: Mapping[str, str] | None = None) -> Response:
    """Make a JSON answer; None gives an empty body."""
    if body is None:
        return Response(status, dict(headers or {}))
    return Response(status, {"content-type": "application/json", **(headers or {})}, to_json(body))


class Sandbox(ABC):
    """An emulator of one vendor.

    Subclasses answer in `serve` and call `ring` when a phone would ring. Everything else
    (faults, the control paths below ``/_sandbox``, the dial counter) is here.

    Attributes:
        provider: the vendor's name.
        settings: settings of the provider, beside ``base_url``, that work against this sandbox.
        script: the vendor's id of a call script that this sandbox has.
        clock: the sandbox's time.
        dials: every phone that rang, in order.
    """

    provider: ClassVar[str]
    settings: ClassVar[Mapping[str, str]]
    script: ClassVar[str]

    def __init__(self, clock: SandboxClock) -> None:
        self.clock = clock
        self.dials: list[Dial] = []
        self.hits: Counter[str] = Counter()
        self._mishaps: deque[tuple[Mishap, str]] = deque()

    @abstractmethod
    def serve(self, hit: Hit) -> Response:
        """Answer as the vendor would."""

    @abstractmethod
    def settle(self) -> None:
        """Let everything happen that is due by now: pick-ups, rings, ends."""

    @abstractmethod
    def refusal(self) -> Response:
        """Answer 400 in the vendor's own form."""

    @abstractmethod
    def rate_limited(self) -> Response:
        """Answer 429 in the vendor's own form, with ``retry-after`` where it is known."""

    @abstractmethod
    def internal_error(self) -> Response:
        """Answer 500 in the vendor's own form."""

    @property
    def rung(self) -> Counter[str]:
        """How often each number rang."""
        return Counter(dial.number for dial in self.dials)

    def ring(self, number: str, call_id: str, at: datetime) -> Persona:
        """Ring that number, and tell who is there."""
        who = persona(number)
        self.dials.append(Dial(at, number, call_id, who))
        return who

    def fail_next(self, *mishaps: Mishap | str, method: str = "POST") -> None:
        """Let the next requests of that method fail, one each, in that order."""
        unknown = [str(each) for each in mishaps if each not in set(Mishap)]
        if unknown:
            raise ValueError(f"no fault: {', '.join(unknown)}; known: {_FAULTS}")
        self._mishaps.extend((Mishap(each), method) for each in mishaps)

    def handle(self, hit: Hit) -> Answer:
        """Answer one request, with the next fault that was asked for."""
        if hit.path.startswith("/_sandbox/"):
            return Answer(self._control(hit))
        self.hits[f"{hit.method} {hit.path}"] += 1
        self.settle()
        return self._strike(hit)

    def _strike(self, hit: Hit) -> Answer:
        mishap = self._next_mishap(hit.method)
        if mishap is None:
            return Answer(self.serve(hit))
        early = self._early(mishap)
        return early if early is not None else self._late(mishap, self.serve(hit))

    def _next_mishap(self, method: str) -> Mishap | None:
        for position, (mishap, wanted) in enumerate(self._mishaps):
            if wanted in (method, "*"):
                del self._mishaps[position]
                return mishap
        return None

    def _early(self, mishap: Mishap) -> Answer | None:
        limited = self.rate_limited
        table: dict[Mishap, Callable[[], Answer]] = {
            Mishap.REFUSE: lambda: Answer(self.refusal()),
            Mishap.RATE_LIMIT: lambda: Answer(limited()),
            Mishap.RATE_LIMIT_BARE: lambda: Answer(_without(limited(), "retry-after")),
            Mishap.ERROR_BEFORE: lambda: Answer(self.internal_error()),
            Mishap.DROP_BEFORE: lambda: Answer(Response(500), Cut.DROP),
            Mishap.HANG_BEFORE: lambda: Answer(Response(500), Cut.HANG),
            Mishap.REDIRECT: lambda: Answer(Response(307, {"location": "https://elsewhere.invalid/"})),
        }
        return table[mishap]() if mishap in table else None

    def _late(self, mishap: Mishap, response: Response) -> Answer:
        table: dict[Mishap, Callable[[], Answer]] = {
            Mishap.ERROR_AFTER: lambda: Answer(self.internal_error()),
            Mishap.DROP_AFTER: lambda: Answer(response, Cut.DROP),
            Mishap.TRUNCATE_AFTER: lambda: Answer(response, Cut.TRUNCATE),
            Mishap.HANG_AFTER: lambda: Answer(response, Cut.HANG),
            Mishap.GARBAGE_AFTER: lambda: Answer(Response(response.status, {}, b"<html>thank you</html>")),
            Mishap.HUGE_AFTER: lambda: Answer(Response(response.status, {}, b'"' + b"x" * 10_485_760 + b'"')),
        }
        return table[mishap]()

    def _control(self, hit: Hit) -> Response:
        """Serve ``/_sandbox/…``, callhub's own: dials, advance (seconds), faults (names)."""
        match hit.method, hit.path.removeprefix("/_sandbox/"):
            case "GET", "dials":
                self.settle()
                return reply(200, {"dials": [_spoken(dial) for dial in self.dials]})
            case "POST", "advance":
                seconds = hit.query.get("seconds", "60")
                if not _SECONDS.fullmatch(seconds):
                    return reply(400, {"error": "seconds must be a number, 0 or more"})
                self.clock.advance(float(seconds))
                self.settle()
                return reply(200, {"now": self.clock.now().isoformat()})
            case "POST", "fail":
                names = hit.query.get("faults", "").split(",")
                unknown = sorted(set(names) - set(Mishap))
                if unknown:
                    return reply(400, {"error": f"no fault: {', '.join(unknown)}; known: {_FAULTS}"})
                self.fail_next(*names, method=hit.query.get("method", "POST"))
                return reply(200, {"faults": names})
        return reply(404, {"error": "known: GET dials, POST advance?seconds=, POST fail?faults=&method="})


def _without(response: Response, name: str) -> Response:
    kept = {key: value for key, value in response.headers.items() if key != name}
    return Response(response.status, kept, response.body)


def _spoken(dial: Dial) -> dict[str, str]:
    return {
        "at": dial.at.isoformat(),
        "number": dial.number,
        "call_id": dial.call_id,
        "persona": dial.persona,
    }
