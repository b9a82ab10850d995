"""Acme as an emulator: what its reference says, and a written choice wherever it is silent.

Choices where the vendor's rule is not known. A client may rely on none of them:

========  ==============================================================================
key       any but ``wrong``
scenario  any but ``sc_lost``
times     as in `LIVES`
personas  IVR, OPTS_OUT and CALL_LATER end as ``talked``, for Acme has no word for them
========  ==============================================================================
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from callhub.provider.http import Response
from callhub.provider.sandbox import Hit, Persona, Sandbox, SandboxClock, persona, reply

# What a call goes through: so many seconds after the last step, that state.
LIVES: Mapping[Persona, tuple[tuple[float, str], ...]] = {
    Persona.TALKS: ((3, "ringing"), (5, "talking"), (30, "talked")),
    Persona.BUSY: ((3, "ringing"), (1, "busy")),
    Persona.NO_ANSWER: ((3, "ringing"), (25, "unanswered")),
    Persona.VOICEMAIL: ((3, "ringing"), (10, "machine")),
    Persona.FAILS: ((3, "broken"),),
}
KINDS = {
    **dict.fromkeys(("reference", "number", "scenario", "caller", "voice"), str),
    "facts": dict,
    "dial_at": int,
}
NEEDED = ("reference", "number", "scenario")


class AcmeSandbox(Sandbox):
    """An emulator of Acme."""

    provider = "acme"
    settings: ClassVar[Mapping[str, str]] = {"api_key": "sandbox-key"}
    script = "sc_welcome"

    def __init__(self, clock: SandboxClock) -> None:
        """Start without a call."""
        super().__init__(clock)
        self.calls: dict[str, dict[str, Any]] = {}
        self.asked: dict[str, tuple[dict[str, Any], str]] = {}
        self.due: list[tuple[datetime, str, list[tuple[float, str]]]] = []

    def serve(self, hit: Hit) -> Response:
        """Answer as Acme would."""
        if hit.headers.get("authorization") in (None, "Bearer wrong"):
            return refused(401, "bad_key")
        match hit.method, hit.path.strip("/").split("/"):
            case "POST", ["v2", "calls"]:
                return self._create(hit.body)
            case "GET", ["v2", "calls"]:
                return reply(200, {"calls": [*reversed(self.calls.values())]})
            case "GET", ["v2", "calls", call_id] if call_id in self.calls:
                return reply(200, self.calls[call_id])
            case "POST", ["v2", "calls", call_id, "cancel"] if call_id in self.calls:
                return self._cancel(self.calls[call_id])
        return refused(404, "not_found")

    def settle(self) -> None:
        """Let everything happen that is due by now."""
        while self.due and min(self.due)[0] <= self.clock.now():
            at, call_id, steps = min(self.due)
            self.due.remove((at, call_id, steps))
            call = self.calls[call_id]
            if call["state"] != "revoked":
                call |= {"state": steps[0][1]} | self._times(steps, at)
                self._go_on(call_id, steps[1:], at)
            if call["state"] == "ringing":
                self.ring(call["number"], call_id, at)

    def refusal(self) -> Response:
        """Answer 400."""
        return refused(400, "bad_request")

    def rate_limited(self) -> Response:
        """Answer 429."""
        return refused(429, "slow_down", {"retry-after": "7"})

    def internal_error(self) -> Response:
        """Answer 500, of which the reference says nothing."""
        return Response(500, {}, b"oops")

    def _create(self, body: bytes) -> Response:
        asked = decoded(body)
        if asked is None:
            return self.refusal()
        if asked["scenario"] == "sc_lost":
            return refused(404, "not_found")
        if asked["reference"] in self.asked:
            before, call_id = self.asked[asked["reference"]]
            return reply(200, self.calls[call_id]) if before == asked else refused(409, "reference_used")
        return reply(201, self._take(asked))

    def _take(self, asked: dict[str, Any]) -> dict[str, Any]:
        now = self.clock.now()
        call_id = f"call-{seconds(now)}-{len(self.calls) + 1}"
        self.asked[asked["reference"]] = asked, call_id
        self.calls[call_id] = {**asked, "id": call_id, "state": "waiting", "made_at": seconds(now)}
        life = LIVES.get(persona(asked["number"]), LIVES[Persona.TALKS])
        self._go_on(call_id, [*life], max(now, datetime.fromtimestamp(asked.get("dial_at", 0), UTC)))
        return self.calls[call_id]

    def _go_on(self, call_id: str, steps: list[tuple[float, str]], at: datetime) -> None:
        if steps:
            self.due.append((at + timedelta(seconds=steps[0][0]), call_id, steps))

    def _times(self, steps: list[tuple[float, str]], at: datetime) -> dict[str, int]:
        name = "answered_at" if steps[0][1] == "talking" else "over_at" if len(steps) == 1 else None
        return {name: seconds(at)} if name else {}

    def _cancel(self, call: dict[str, Any]) -> Response:
        if call["state"] != "waiting":
            return refused(409, "too_late")
        call |= {"state": "revoked", "over_at": seconds(self.clock.now())}
        return reply(204)


def refused(status: int, reason: str, headers: Mapping[str, str] | None = None) -> Response:
    """Write an error as Acme does."""
    return reply(status, {"reason": reason, "text": f"Acme says {reason}."}, headers)


def seconds(at: datetime) -> int:
    """Write a time as Acme does."""
    return int(at.timestamp())


def decoded(body: bytes) -> dict[str, Any] | None:
    """Decode what was asked for; None where Acme would refuse it."""
    try:
        asked = json.loads(body)
    except ValueError:
        return None
    if not isinstance(asked, dict) or not all(name in asked for name in NEEDED):
        return None
    right = all(isinstance(asked[name], kind) for name, kind in KINDS.items() if name in asked)
    return asked if right else None
