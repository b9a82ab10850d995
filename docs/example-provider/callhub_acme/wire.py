"""Acme's calls as they come, and as callhub's."""

from typing import Any

from callhub.model.call import Call
from callhub.model.lifecycle import CallOutcome, CallStatus
from callhub.model.source import Source
from callhub.provider.http import Response
from callhub.provider.wire import Wire, read, unix
from msgspec.json import Decoder

from callhub_acme.tables import OUTCOMES, STATUSES

NAME = "acme"


class WireCall(Wire, rename=None):  # Acme writes snake_case; without this, camelCase is read
    """A call; only its id can't be done without."""

    id: str
    state: str = ""
    number: str | None = None
    caller: str | None = None
    scenario: str | None = None
    facts: dict[str, Any] | None = None
    dial_at: float | None = None
    made_at: float | None = None
    answered_at: float | None = None
    over_at: float | None = None


class WireCalls(Wire):
    """The envelope of a list."""

    calls: list[WireCall]


CALL, CALLS = Decoder(WireCall), Decoder(WireCalls)


def one_call(response: Response) -> Call:
    """Read a call."""
    return _call(read(CALL, response.body), Source(response.body))


def all_calls(response: Response) -> tuple[Call, ...]:
    """Read a list of calls."""
    body = response.body
    calls = read(CALLS, body).calls
    return tuple([_call(wire, Source(body, ("calls", at))) for at, wire in enumerate(calls)])


def _call(wire: WireCall, source: Source) -> Call:
    status = STATUSES.get(wire.state, CallStatus.UNKNOWN)
    started, ended = unix(wire.answered_at), unix(wire.over_at)
    return Call(
        id=f"{NAME}:{wire.id}",
        provider=NAME,
        provider_call_id=wire.id,
        status=status,
        outcome=OUTCOMES.get(wire.state, CallOutcome.UNKNOWN) if status.terminal else None,
        provider_status=wire.state,
        to=wire.number,
        from_number=wire.caller,
        script=f"{NAME}:{wire.scenario}" if wire.scenario else None,
        variables=wire.facts or {},
        scheduled_at=unix(wire.dial_at),
        held_by="provider" if wire.dial_at else None,
        created_at=unix(wire.made_at),
        started_at=started,
        ended_at=ended,
        duration=ended - started if started and ended else None,
        source=source,
    )
