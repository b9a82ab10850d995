"""Calls: their endpoints, and their life on the sandbox's clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, NamedTuple

from callhub.provider.sandbox import Persona, persona, reply
from callhub_erzycall.sandbox import checks
from callhub_erzycall.sandbox.errors import ApiError
from callhub_erzycall.sandbox.routes import Ask, Route
from callhub_erzycall.sandbox.shelf import PAGE, Shelf

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from callhub.provider.http import Response

NUMBERS = frozenset({"+14155559999", "+60360431879"})
_STATUSES = ("new", "scheduled", "processing", "ended", "cancelled", "error")
_OPEN = ("new", "scheduled")
_EXAMPLE_INSTANT = "2025-01-16T14:00:00.000Z"  # must work however late it is
_FILTERS: checks.Rules = {
    **PAGE,
    "status": checks.one_of(*_STATUSES),
    "contactId": checks.text(),
    "caseId": checks.text(),
    "from": checks.date_time,
    "to": checks.date_time,
}
_FIELDS: checks.Rules = {
    "to": checks.phone,
    "from": checks.phone,
    "contactId": checks.text(),
    "caseId": checks.text(),
    "firstMessage": checks.text(high=1_000),
    "scheduledAt": checks.date_time,
    "variableValues": checks.mapping,
}
_REQUIRED = frozenset({"to", "from"})
_SHOWN = ("to", "from", "contactId", "caseId")


class _Talk(NamedTuple):
    """What comes of a ring: seconds until the call is over, those of them spoken, and the end's reason."""

    lasts: int
    spoken: int
    reason: str


_TALKS: Mapping[Persona, _Talk] = {
    Persona.TALKS: _Talk(50, 45, "assistant-ended-call"),
    Persona.BUSY: _Talk(2, 0, "customer-busy"),
    Persona.NO_ANSWER: _Talk(30, 0, "customer-did-not-answer"),
    Persona.VOICEMAIL: _Talk(35, 20, "voicemail"),
    Persona.IVR: _Talk(20, 15, "customer-ended-call"),
    Persona.OPTS_OUT: _Talk(17, 12, "customer-ended-call"),
    Persona.CALL_LATER: _Talk(15, 10, "customer-ended-call"),
}


@dataclass(slots=True)
class Call:
    """One call as the vendor remembers it."""

    id: str
    given: Mapping[str, Any]
    created: datetime
    scheduled: datetime | None = None
    status: str = "new"
    started: datetime | None = None
    duration: int | None = None
    reason: str | None = None

    def end(self, duration: int, reason: str) -> None:
        """Be over."""
        self.status, self.duration, self.reason = "ended", duration, reason

    def view(self, *, rich: bool) -> dict[str, Any]:
        """Show the documented fields in their order, and those of the hosted endpoint if asked for."""
        given = {name: self.given[name] for name in _SHOWN if name in self.given}
        shown = {"id": self.id, "status": self.status, **given, "createdAt": checks.show(self.created)}
        if self.duration is not None:
            shown["duration"] = self.duration
        return {**shown, **self._more()} if rich else shown

    def _more(self) -> dict[str, Any]:
        instants = {"startedAt": self.started, "scheduledAt": self.scheduled}
        shown = {name: at and checks.show(at, "milliseconds") for name, at in instants.items()}
        return {"endedReason": self.reason, **shown}


class Calls:
    """The calls resource. `ring` rings a phone; `known` raises the 404 of an unknown contact or case."""

    def __init__(
        self,
        *,
        ring: Callable[[str, str, datetime], Persona],
        known: Mapping[str, Callable[[str], object]],
        new_id: Callable[[str], str],
        pickup: float,
        rich: bool,
    ) -> None:
        self._ring = ring
        self._known = known
        self._new_id = new_id
        self._pickup = timedelta(seconds=pickup)
        self._rich = rich
        self._shelf: Shelf[Call] = Shelf("Call")
        self._due: list[tuple[datetime, str, Call]] = []
        self._opted_out: set[str] = set()
        self._shelf.put("abc123", _example())

    def routes(self) -> tuple[Route, ...]:
        """List the endpoints."""
        return (
            Route("GET", "calls", "calls:read", self._list),
            Route("POST", "calls", "calls:write", self._create),
            Route("GET", "calls/{id}", "calls:read", self._get),
            Route("DELETE", "calls/{id}", "calls:write", self._cancel),
        )

    def settle(self, now: datetime) -> None:
        """Let all steps that are due by now happen, in the order in which they are due."""
        while self._due:
            # Taken before it is looked at: two threads never take the same step.
            step = heappop(self._due)
            if step[0] > now:
                heappush(self._due, step)
                return
            self._step(step[0], step[2])

    def _step(self, at: datetime, call: Call) -> None:
        if call.status in _OPEN:
            self._pick_up(at, call)
        elif call.status == "processing":
            self._hang_up(call)

    def _pick_up(self, at: datetime, call: Call) -> None:
        number = call.given["to"]
        if number in self._opted_out:
            call.end(0, "contact-opted-out")
        elif persona(number) is Persona.FAILS:
            call.status, call.reason = "error", "twilio-failed-to-connect-call"
        else:
            call.status, call.started = "processing", at
            who = self._ring(number, call.id, at)
            self._plan(at + timedelta(seconds=_TALKS[who].lasts), call)

    def _hang_up(self, call: Call) -> None:
        who = persona(call.given["to"])
        call.end(_TALKS[who].spoken, _TALKS[who].reason)
        if who is Persona.OPTS_OUT:
            self._opted_out.add(call.given["to"])

    def _plan(self, at: datetime, call: Call) -> None:
        heappush(self._due, (at, call.id, call))

    def _show(self, call: Call) -> dict[str, Any]:
        return call.view(rich=self._rich)

    def _list(self, ask: Ask) -> Response:
        asked = checks.query(ask.hit.query, _FILTERS)
        return self._shelf.page(asked, lambda call: _wanted(call, asked), self._show)

    def _get(self, ask: Ask) -> Response:
        return reply(200, {"data": self._show(self._shelf.get(ask.id))})

    def _create(self, ask: Ask) -> Response:
        given = checks.body(ask.hit.body, _FIELDS, _REQUIRED)
        scheduled = _scheduled(given, ask.now)
        self._permit(given)
        status = "scheduled" if scheduled else "new"
        call = Call(self._new_id("call"), given, ask.now, scheduled, status)
        self._shelf.put(call.id, call)
        self._plan(max(scheduled, ask.now) if scheduled else ask.now + self._pickup, call)
        return reply(201, {"data": self._show(call)})

    def _permit(self, given: Mapping[str, Any]) -> None:
        if given["from"] not in NUMBERS:
            raise ApiError("INVALID_PHONE", "Phone number not assigned to your organization")
        if given["to"] in self._opted_out:
            raise ApiError("CONTACT_OPTED_OUT", "Contact has opted out of calls")
        for name, require in self._known.items():
            if name in given:
                require(given[name])

    def _cancel(self, ask: Ask) -> Response:
        call = self._shelf.get(ask.id)
        if call.status not in _OPEN:
            raise ApiError("INVALID_STATE", f"Call cannot be cancelled in its current status: {call.status}")
        call.status = "cancelled"
        return reply(204)


def _scheduled(given: Mapping[str, Any], now: datetime) -> datetime | None:
    text = given.get("scheduledAt")
    scheduled = checks.instant(text) if text else None
    if scheduled and scheduled <= now and text != _EXAMPLE_INSTANT:
        wrong = {"scheduledAt": "Must be in the future"}
        raise ApiError("VALIDATION_ERROR", "Invalid request body", wrong)
    return scheduled


def _wanted(call: Call, asked: Mapping[str, str]) -> bool:
    after, before = (checks.instant(asked[name]) if name in asked else None for name in ("from", "to"))
    return (
        call.status == asked.get("status", call.status)
        and all(call.given.get(name) == asked[name] for name in ("contactId", "caseId") if name in asked)
        and (after is None or call.created > after)
        and (before is None or call.created < before)
    )


def _example() -> Call:
    given = {
        "to": "+14155551234",
        "from": "+14155559999",
        "contactId": "contact_456",
        "caseId": "case_789",
    }
    call = Call("abc123", given, datetime(2025, 1, 15, 10, 30, tzinfo=UTC))
    call.started = call.created + timedelta(seconds=5)
    call.end(45, "assistant-ended-call")
    return call
