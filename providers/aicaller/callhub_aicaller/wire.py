"""AICaller's calls as they come, and as callhub's; the samples of the vendor are shape, not truth."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import field
from msgspec.json import Decoder

from callhub.model.call import Call
from callhub.model.lifecycle import CallOutcome, CallStatus
from callhub.model.source import Source
from callhub.provider.http import Response
from callhub.provider.wire import Instant, Wire, read, seconds, utc
from callhub_aicaller.tables import ANSWERED_BY, CODES, OUTCOMES, STATUSES

NAME = "aicaller"


class Variable(Wire):
    """One entry of ``promptVariableValues``."""

    key: str = ""
    value: Any = None


class Result(Wire):
    """One entry of ``resultValues``."""

    column_name: str = ""
    value: Any = None


class ExtraInfo(Wire):
    """What is told of an answered call."""

    status_code: str | None = None
    date_time: Instant | None = None


class WireCall(Wire):
    """A call."""

    id: str = field(name="_id")
    status: str = ""
    to_phone_number: str | None = None
    from_phone_number: str | None = None
    name_of_human: str | None = None
    call_template_id: str | None = None
    prompt_variable_values: list[Variable] = []
    call_delayed_until: Instant | None = None
    created_at: Instant | None = None
    call_started_at: Instant | None = None
    call_ended_at: Instant | None = None
    call_duration: float | None = None  # seconds, judging by the samples
    status_extra_info: ExtraInfo | None = None
    result_values: list[Result] = []
    recording_url: str | None = None


class One(Wire):
    """The envelope of one call."""

    data: WireCall


class Many(Wire):
    """The envelope of a list; it has no pages."""

    data: list[WireCall]


CALL, CALLS = Decoder(One), Decoder(Many)


def one_call(response: Response) -> Call:
    """Read a call."""
    return _call(read(CALL, response.body).data, response.body, ("data",))


def all_calls(response: Response) -> tuple[Call, ...]:
    """Read a list of calls."""
    body = response.body
    return tuple([_call(wire, body, ("data", at)) for at, wire in enumerate(read(CALLS, body).data)])


def _call(wire: WireCall, body: bytes, trail: tuple[str | int, ...]) -> Call:
    status = STATUSES.get(wire.status, CallStatus.UNKNOWN)
    info = wire.status_extra_info or ExtraInfo()
    outcome = _outcome(wire.status, info.status_code) if status.terminal else None
    later = outcome is CallOutcome.CALLBACK_REQUESTED
    return Call(
        id=f"{NAME}:{wire.id}",
        provider=NAME,
        provider_call_id=wire.id,
        status=status,
        outcome=outcome,
        ended_reason=info.status_code if status.terminal else None,
        provider_status=wire.status,
        to=wire.to_phone_number,
        from_number=wire.from_phone_number,
        contact=wire.name_of_human,
        script=f"{NAME}:{wire.call_template_id}" if wire.call_template_id else None,
        variables=_named((each.key, each.value) for each in wire.prompt_variable_values),
        scheduled_at=utc(wire.call_delayed_until),
        held_by=_holder(wire, status),
        created_at=utc(wire.created_at),
        started_at=utc(wire.call_started_at),
        ended_at=utc(wire.call_ended_at),
        duration=seconds(wire.call_duration),
        answered_by=ANSWERED_BY.get(outcome) if outcome else None,
        recording_url=wire.recording_url,
        results=_named((each.column_name, each.value) for each in wire.result_values),
        callback_at=utc(info.date_time) if later else None,
        source=Source(body, trail),
    )


def _holder(wire: WireCall, status: CallStatus) -> str | None:
    return "provider" if wire.call_delayed_until and status is CallStatus.QUEUED else None


def _outcome(status: str, code: str | None) -> CallOutcome:
    return OUTCOMES.get(status) or CODES.get(code or "") or CallOutcome.UNKNOWN


def _named(entries: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value for name, value in entries if name}
