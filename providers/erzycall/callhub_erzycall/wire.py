"""ErzyCall's objects as they come, and as callhub's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Generic, TypeAlias, TypeVar

from msgspec import field
from msgspec.json import Decoder
from msgspec.structs import asdict
from pydantic import Field, StringConstraints

from callhub.model.call import Call
from callhub.model.contact import Contact
from callhub.model.lifecycle import CallOutcome
from callhub.model.script import Script
from callhub.model.source import Source
from callhub.provider.http import Response, Unreadable
from callhub.provider.order import Endpoint, Page
from callhub.provider.wire import Body, Instant, Wire, read, seconds, utc
from callhub_erzycall.tables import ERROR_PREFIXES, MEANINGS, REASONS, UNKNOWN

NAME = "erzycall"
T = TypeVar("T")
W = TypeVar("W", bound=Wire)
Trail: TypeAlias = tuple[str | int, ...]


class WireCall(Wire):
    """A call; the fields below `duration` are not in the REST documents and read where they come."""

    id: str
    status: str = ""
    to: str | None = None
    from_: str | None = field(name="from", default=None)
    contact_id: str | None = None
    case_id: str | None = None
    created_at: Instant | None = None
    duration: float | None = None
    scheduled_at: Instant | None = None
    started_at: Instant | None = None
    ended_reason: str | None = None
    transcript: Any = None
    recording_url: str | None = None


class WireContact(Wire):
    """A contact, by callhub's names."""

    id: str
    name: str | None = field(name="title", default=None)
    phone: str | None = None
    email: str | None = None
    notes: str | None = None
    tags: tuple[str, ...] = ()
    groups: tuple[str, ...] = field(name="groupIds", default=())
    custom_fields: dict[str, Any] = {}
    created_at: Instant | None = None


class WireCase(Wire):
    """A case, by callhub's names for a script."""

    id: str
    title: str | None = None
    status: str | None = None
    created_at: Instant | None = None


class WireEndpoint(Wire):
    """A webhook endpoint, by callhub's names."""

    id: str
    url: str = ""
    events: tuple[str, ...] = ()
    secret: str | None = None
    active: bool | None = field(name="isActive", default=None)
    description: str | None = None
    created_at: Instant | None = None


class ContactBody(Body):
    """What may be written of a contact [/docs/api-reference/contacts]."""

    name: Annotated[str, Field(min_length=1, max_length=200)] = Field("", alias="title")
    phone: str = ""
    email: str = ""
    notes: Annotated[str, Field(max_length=5000)] = ""
    tags: Annotated[list[Annotated[str, Field(max_length=50)]], Field(max_length=20)] = []
    groups: Annotated[list[str], Field(max_length=20)] = Field([], alias="groupIds")
    custom_fields: dict[str, Any] = {}


class EndpointBody(Body):
    """What may be written of a webhook endpoint [/docs/api-reference/webhook-endpoints]."""

    url: Annotated[str, StringConstraints(pattern="^https://")] = ""
    events: Annotated[list[str], Field(min_length=1, max_length=10)] = []
    description: Annotated[str, Field(max_length=500)] = ""
    active: bool = Field(default=True, alias="isActive")


class AssistantBody(Body):
    """What may be written of an inbound assistant [/docs/api-reference/assistants]."""

    name: Annotated[str, Field(min_length=1, max_length=200)] = ""
    system_prompt_id: str = ""


class Paging(Wire):
    """Where a list goes on: a cursor comes with the last page too, so `has_more` decides."""

    cursor: str | None = None
    has_more: bool = False


class One(Wire, Generic[T]):
    """The envelope of one object."""

    data: T


class Many(Wire, Generic[T]):
    """The envelope of a list."""

    data: list[T]
    pagination: Paging = field(default_factory=Paging)


def _call(wire: WireCall, body: bytes, trail: Trail) -> Call:
    status, outcome, holder = MEANINGS.get(wire.status, UNKNOWN)
    return Call(
        id=f"{NAME}:{wire.id}",
        provider=NAME,
        provider_call_id=wire.id,
        status=status,
        outcome=_outcome(wire.ended_reason, outcome) if outcome and wire.ended_reason else outcome,
        ended_reason=wire.ended_reason,
        provider_status=wire.status,
        to=wire.to,
        from_number=wire.from_,
        contact=f"{NAME}:{wire.contact_id}" if wire.contact_id else None,
        script=f"{NAME}:{wire.case_id}" if wire.case_id else None,
        scheduled_at=wire.scheduled_at and utc(wire.scheduled_at),
        held_by=holder,
        created_at=utc(wire.created_at),
        started_at=wire.started_at and utc(wire.started_at),
        duration=seconds(wire.duration),
        recording_url=wire.recording_url,
        transcript=wire.transcript,
        source=Source(body, trail),
    )


def _outcome(reason: str, otherwise: CallOutcome) -> CallOutcome:
    """Tell what came of a call that is over: ``ended`` alone says nothing about who answered."""
    return CallOutcome.ERROR if reason.startswith(ERROR_PREFIXES) else REASONS.get(reason, otherwise)


def _contact(wire: WireContact, body: bytes, trail: Trail) -> Contact:
    return Contact(**asdict(wire) | _own(wire.id), source=Source(body, trail))


def _script(wire: WireCase, body: bytes, trail: Trail) -> Script:
    return Script(**asdict(wire) | _own(wire.id), source=Source(body, trail))


def _endpoint(wire: WireEndpoint, _body: bytes, _trail: Trail) -> Endpoint:
    return Endpoint(**asdict(wire) | _own(wire.id))


def _own(vendor_id: str) -> dict[str, str]:
    return {"id": f"{NAME}:{vendor_id}", "provider": NAME}


def _readers(
    kind: type[W], neutral: Callable[[W, bytes, Trail], T]
) -> tuple[Callable[[Response], T], Callable[[Response], Page[T]]]:
    """Make what reads one object, and what reads a page of them."""
    single, several = Decoder(One[kind]), Decoder(Many[kind])  # type: ignore[valid-type] # made at run time

    def one(response: Response) -> T:
        return neutral(read(single, response.body).data, response.body, ("data",))

    def page(response: Response) -> Page[T]:
        body = response.body
        many = read(several, body)
        found = tuple([neutral(wire, body, ("data", at)) for at, wire in enumerate(many.data)])
        return Page(found, _following(many.pagination))

    return one, page


def _following(paging: Paging) -> str | None:
    if paging.has_more and not paging.cursor:
        raise Unreadable("there is more, and the answer doesn't say where")
    return paging.cursor if paging.has_more else None


one_call, call_page = _readers(WireCall, _call)
one_contact, contact_page = _readers(WireContact, _contact)
one_script, script_page = _readers(WireCase, _script)
one_endpoint, endpoint_page = _readers(WireEndpoint, _endpoint)
