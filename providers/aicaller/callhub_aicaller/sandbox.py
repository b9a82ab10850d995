"""AICaller as an emulator: what its pages document, and a written choice wherever they are silent.

The vendor has no idempotency: the same POST twice makes two calls, and two rings.

Choices where the vendor's rule is UNKNOWN. A client may rely on none of them:

===================  ==================================================================================
key                  any that isn't empty and doesn't start with ``wrong``; else 401 ``Unauthorized``
errors               plain text: 400 says what is wrong, 404 ``Not Found``, 429, 500; no codes
rate limit           none, unless ``limit_per_minute`` is set; 429 comes without ``Retry-After``
numbers, names, ids  any non-empty string; ids of templates and phone numbers aren't looked up
teamId               string or object, for the pages name both
variables            an empty list is fine; key and value are strings; unknown keys are fine
null                 refused, also for an optional field
undocumented fields  ignored, and not echoed
status in a request  ``queued`` as in the vendor's example; any other documented word gives 501
callDelayedUntil     ends in ``Z`` or ``+00:00``; an instant in the past means: dial at once
webhooks             url and subscribedEvent needed, secret optional; echoed in clear, never delivered,
                     since delivery, payload and signature are all undocumented
batch                all or nothing, at least one element; results in reversed order
list                 everything, newest first; query parameters that aren't documented give 501
reading a call       a field stands there once the call has reached it; busy, noAnswer and failed calls
                     have an end but no duration and no statusExtraInfo; fileId, fileName and
                     fixedMeetingTime never appear; recordings exist for answered calls only
CALL_LATER           the vendor does not place that later call itself
transcripts          undocumented, seen in public code; the shape of ``data`` is made up
anything else        501 with a sentence: cancel, change and delete among it
===================  ==================================================================================
"""

from __future__ import annotations

import json
import re
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from callhub.provider.http import Response, to_json
from callhub.provider.sandbox import Hit, Persona, Sandbox, SandboxClock, persona, reply

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_MARK = "x-callhub-sandbox"


class _Step(NamedTuple):
    """One change of a call's status, so many seconds after the one before."""

    after: float
    status: str
    code: str | None = None


_RINGS = _Step(0, "ringing")
_ANSWERED = _Step(5, "inProgress")
_LIVES: Mapping[Persona, tuple[_Step, ...]] = {
    Persona.TALKS: (_RINGS, _ANSWERED, _Step(60, "completed", "ENDED_NORMALLY")),
    Persona.BUSY: (_RINGS, _Step(3, "busy")),
    Persona.NO_ANSWER: (_RINGS, _Step(30, "noAnswer")),
    Persona.VOICEMAIL: (_RINGS, _ANSWERED, _Step(20, "completed", "VOICEMAIL_DETECTED")),
    Persona.IVR: (_RINGS, _ANSWERED, _Step(2, "completed", "IVR_DETECTED")),
    Persona.OPTS_OUT: (_RINGS, _ANSWERED, _Step(12, "completed", "DO_NOT_CALL")),
    Persona.CALL_LATER: (_RINGS, _ANSWERED, _Step(15, "completed", "CALL_LATER")),
    Persona.FAILS: (_Step(0, "failed"),),
}
_STAMPS: Mapping[str, tuple[str, ...]] = {
    "ringing": ("callTriggeredAt",),
    "inProgress": ("callStartedAt",),
    "busy": ("callEndedAt",),
    "noAnswer": ("callEndedAt",),
    "failed": ("callTriggeredAt", "callEndedAt"),
    "completed": ("callEndedAt",),
}
_HEARD: Mapping[str, str] = {
    "ENDED_NORMALLY": "Yes, speaking.",
    "VOICEMAIL_DETECTED": "Please leave a message after the tone.",
    "IVR_DETECTED": "For sales, press one.",
    "DO_NOT_CALL": "Don't call me again.",
    "CALL_LATER": "I'm busy, call me tomorrow.",
}
_UTC_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|\+00:00)")
# Both spellings of cancelled are documented for a request: one in the text, one in the option list.
_STATUSES = (*_STAMPS, "queued", "canceled", "cancelled")


def _is_string(value: object) -> bool:
    return isinstance(value, str)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value.strip() != ""


def _is_team(value: object) -> bool:
    return _is_text(value) or (isinstance(value, dict) and bool(value))


def _instant(value: object) -> datetime | None:
    if not isinstance(value, str) or not _UTC_INSTANT.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def _is_variables(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(item, dict) and _is_text(item.get("key")) and _is_string(item.get("value"))
        for item in value
    )


def _is_webhooks(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(item, dict)
        and _is_text(item.get("url"))
        and _is_text(item.get("subscribedEvent"))
        and _is_string(item.get("secret", ""))
        for item in value
    )


_REQUIRED = ("teamId", "callTemplateId", "nameOfHuman", "toPhoneNumber", "promptVariableValues")
_FIELDS: Mapping[str, tuple[str, Callable[[object], bool]]] = {
    "teamId": ("a non-empty string or object", _is_team),
    "callTemplateId": ("a non-empty string", _is_text),
    "nameOfHuman": ("a non-empty string", _is_text),
    "toPhoneNumber": ("a non-empty string", _is_text),
    "promptVariableValues": ("a list of {key, value}, both strings", _is_variables),
    "phoneNumberId": ("a string", _is_string),
    "fromPhoneNumber": ("a string", _is_string),
    "toEmailAddress": ("a string", _is_string),
    "status": ("one of " + ", ".join(_STATUSES), lambda value: value in _STATUSES),
    "telephonyProvider": ("twilio, plivo or telnyx", lambda value: value in ("twilio", "plivo", "telnyx")),
    "record": ("true or false", lambda value: isinstance(value, bool)),
    "callDelayedUntil": ("an ISO date with UTC timezone", lambda value: _instant(value) is not None),
    "phoneCallWebhooks": ("a list of {url, subscribedEvent, secret}", _is_webhooks),
}


def _plain(status: int, text: str, mark: str | None = None) -> Response:
    headers = {"content-type": "text/plain; charset=utf-8"} | ({_MARK: mark} if mark else {})
    return Response(status, headers, text.encode(errors="replace"))


def _unknown(what: str) -> Response:
    return _plain(501, f"UNKNOWN: AICaller's pages don't say {what}; no guess is made here.", "unknown")


def _parse(body: bytes) -> object:
    """Decode a body; None for whatever could not be echoed as JSON, NaN and lone surrogates included."""
    try:
        document = json.loads(body)
        to_json(document)
    except (ValueError, RecursionError):
        return None
    else:
        return document


def _problems(request: object) -> list[str]:
    if not isinstance(request, dict):
        return ["must be a JSON object"]
    missing = [f"{name} is required" for name in _REQUIRED if name not in request]
    wrong = [
        f"{name} must be {rule}"
        for name, (rule, fits) in _FIELDS.items()
        if name in request and not fits(request[name])
    ]
    return missing + wrong


def _objection(requests: Sequence[tuple[str, object]]) -> Response | None:
    """Refuse those requests, every problem at once; None when they are all right."""
    problems = [f"{where}: {problem}" for where, request in requests for problem in _problems(request)]
    if problems:
        return _plain(400, "; ".join(problems))
    statuses = {request.get("status", "queued") for _, request in requests if isinstance(request, dict)}
    if statuses != {"queued"}:
        return _unknown("what sending a status other than queued does")
    return None


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(slots=True)
class _Call:
    """One call: what was asked for, and how far it has come."""

    id: str
    request: dict[str, Any]
    created: datetime
    updated: datetime
    steps: deque[_Step]
    status: str = "queued"
    code: str | None = None
    times: dict[str, datetime] = field(default_factory=dict)

    def take_step(self, at: datetime) -> None:
        step = self.steps.popleft()
        self.status, self.code, self.updated = step.status, step.code, at
        self.times |= dict.fromkeys(_STAMPS[step.status], at)

    def echo(self) -> dict[str, Any]:
        """Speak as the answer to a create does."""
        dates = {"createdAt": _iso(self.created), "updatedAt": _iso(self.updated)}
        return {**self.request, "status": self.status, "_id": self.id, **dates}

    def read(self) -> dict[str, Any]:
        """Speak as the answers to reads do."""
        times = {name: _iso(at) for name, at in self.times.items()}
        return {**self.echo(), **times, **self._result(), "callOrigin": "api"}

    def transcript(self) -> dict[str, Any]:
        """Speak as public code expects it: no ``data`` before the end."""
        if self.steps:
            return {}
        if self.code is None:
            return {"data": []}
        said = (("assistant", f"Hello {self.request['nameOfHuman']}."), ("user", _HEARD[self.code]))
        return {"data": [{"role": role, "content": content} for role, content in said]}

    def _result(self) -> dict[str, Any]:
        if self.code is None:
            return {}
        ended, talked = self.times["callEndedAt"], self.code == "ENDED_NORMALLY"
        return {
            "callDuration": int((ended - self.times["callStartedAt"]).total_seconds()),
            "statusExtraInfo": {"statusCode": self.code} | self._callback(ended),
            "resultValues": [{"columnName": "city", "value": "Bangalore"}] if talked else [],
            "customTagsHitOnCall": ["sandbox"] if talked else [],
        } | ({"recordingUrl": f"https://recordings.invalid/{self.id}.mp3"} if self.request["record"] else {})

    def _callback(self, ended: datetime) -> dict[str, str]:
        if self.code != "CALL_LATER":
            return {}
        later = (ended + timedelta(days=1)).astimezone(UTC).isoformat(timespec="seconds")
        return {"dateTime": later.replace("+00:00", "Z")}


class AICallerSandbox(Sandbox):
    """An emulator of AICaller; its choices are listed at the top of this module.

    ``GET /v1/transcripts`` is served although undocumented, for public code uses it; its answers
    carry ``x-callhub-sandbox: undocumented``. A 501 carries ``x-callhub-sandbox: unknown``.
    """

    provider = "aicaller"
    settings: ClassVar[Mapping[str, str]] = {
        "api_key": "sandbox-key",
        "team_id": "363573667364666473667332",
        "phone_number_id": "363573667364666473667332",
    }
    script = "363573667364666473667332"

    def __init__(
        self, clock: SandboxClock, *, pickup: float = 2, limit_per_minute: int | None = None
    ) -> None:
        """Start empty; `pickup` is how many seconds an undelayed call stays queued."""
        super().__init__(clock)
        self._pickup = timedelta(seconds=pickup)
        self._limit = limit_per_minute
        self._admitted: deque[datetime] = deque()
        self._calls: dict[str, _Call] = {}
        self._agenda: list[tuple[datetime, int, _Call]] = []

    def serve(self, hit: Hit) -> Response:
        """Answer as AICaller would."""
        key = hit.headers.get("aicaller-api-key", "").strip()
        if not key or key.startswith("wrong"):
            return _plain(401, "Unauthorized")
        if not self._admit():
            return self.rate_limited()
        for method, path, queries, answer in self._ROUTES:
            if hit.method == method and path.fullmatch(hit.path):
                strange = sorted(hit.query.keys() - queries)
                return _unknown(f"what {', '.join(strange)} means there") if strange else answer(self, hit)
        return _unknown(f"that {hit.method} {hit.path} exists, nor how to cancel, change or delete a call")

    def settle(self) -> None:
        """Bring every call to where it is by now, in the order of the instants."""
        now = self.clock.now()
        while self._agenda and self._agenda[0][0] <= now:
            at, order, call = heappop(self._agenda)
            call.take_step(at)
            if call.status == "ringing":
                self.ring(call.request["toPhoneNumber"], call.id, at)
            if call.steps:
                heappush(self._agenda, (at + timedelta(seconds=call.steps[0].after), order, call))

    def refusal(self) -> Response:
        """Answer 400; the text is a choice."""
        return _plain(400, "Bad Request")

    def rate_limited(self) -> Response:
        """Answer 429 without ``retry-after``, which isn't documented."""
        return _plain(429, "Too Many Requests")

    def internal_error(self) -> Response:
        """Answer 500; the text is a choice."""
        return _plain(500, "Internal Server Error")

    def _admit(self) -> bool:
        """Count this request, unless the last minute already holds the limit."""
        if self._limit is None:
            return True
        now = self.clock.now()
        while self._admitted and self._admitted[0] <= now - timedelta(minutes=1):
            self._admitted.popleft()
        free = len(self._admitted) < self._limit
        if free:
            self._admitted.append(now)
        return free

    def _create(self, hit: Hit) -> Response:
        request = _parse(hit.body)
        refused = _objection([("phoneCall", request)])
        if refused:
            return refused
        return reply(200, {"data": self._accept(request).echo()})

    def _create_batch(self, hit: Hit) -> Response:
        body = _parse(hit.body)
        requests = body.get("phoneCalls") if isinstance(body, dict) else None
        if not isinstance(requests, list) or not requests:
            return _plain(400, "phoneCalls must be a list of at least one phone call")
        named = [(f"phoneCalls[{position}]", request) for position, request in enumerate(requests)]
        refused = _objection(named)
        if refused:
            return refused
        calls = [self._accept(request) for request in requests]
        return reply(200, {"data": [call.echo() for call in reversed(calls)]})

    def _accept(self, request: Any) -> _Call:
        now, order = self.clock.now(), len(self._calls) + 1
        kept = {"record": False} | {name: value for name, value in request.items() if name in _FIELDS}
        # Seconds first, as in an ObjectId: a sandbox started anew doesn't give out the old ids again.
        call_id = f"{int(now.timestamp()) & 0xFFFFFFFF:08x}{order:016x}"
        call = _Call(call_id, kept, now, now, deque(_LIVES[persona(kept["toPhoneNumber"])]))
        self._calls[call_id] = call
        delayed = _instant(kept.get("callDelayedUntil"))
        heappush(self._agenda, (delayed if delayed and delayed > now else now + self._pickup, order, call))
        return call

    def _list(self, hit: Hit) -> Response:
        wanted = hit.query.get("callTemplateId")
        calls = [call for call in self._calls.values() if wanted in (None, call.request["callTemplateId"])]
        return reply(200, {"data": [call.read() for call in reversed(calls)]})

    def _get(self, hit: Hit) -> Response:
        call = self._calls.get(hit.path.rpartition("/")[2])
        return reply(200, {"data": call.read()}) if call else _plain(404, "Not Found")

    def _transcript(self, hit: Hit) -> Response:
        if "phoneCallId" not in hit.query:
            return _plain(400, "phoneCallId is required", "undocumented")
        call = self._calls.get(hit.query["phoneCallId"])
        if call is None:
            return _plain(404, "Not Found", "undocumented")
        return reply(200, call.transcript(), {_MARK: "undocumented"})

    _ROUTES: ClassVar[
        Sequence[tuple[str, re.Pattern[str], frozenset[str], Callable[[AICallerSandbox, Hit], Response]]]
    ] = (
        ("POST", re.compile("/v1/phoneCalls"), frozenset(), _create),
        ("POST", re.compile("/v1/phoneCalls/batch"), frozenset(), _create_batch),
        ("GET", re.compile("/v1/phoneCalls"), frozenset({"callTemplateId"}), _list),
        ("GET", re.compile("/v1/phoneCalls/[^/]+"), frozenset(), _get),
        ("GET", re.compile("/v1/transcripts"), frozenset({"phoneCallId"}), _transcript),
    )
