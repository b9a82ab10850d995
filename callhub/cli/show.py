"""How calls, contacts, scripts and webhook endpoints look."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from callhub.cli.out import Column, View
from callhub.model.lifecycle import CallOutcome, CallStatus

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import timedelta

    from callhub.model.call import Attempt, Call
    from callhub.model.contact import Contact
    from callhub.model.script import Script
    from callhub.provider.order import Endpoint

_HALF_A_YEAR = 183


def moment(at: datetime | None) -> str | None:
    """Give an instant in local time, with its offset."""
    return at.astimezone().isoformat(sep=" ", timespec="seconds") if at else None


def day(at: datetime | None) -> str | None:
    """Give an instant in 11 characters, in local time: its hour, or its year where that is far off."""
    if at is None:
        return None
    near = abs((datetime.now(UTC) - at).days) < _HALF_A_YEAR
    return at.astimezone().strftime("%m-%d %H:%M" if near else "%Y-%m-%d")


def span(duration: timedelta | None) -> str | None:
    """Give a duration in minutes and seconds."""
    if duration is None:
        return None
    minutes, seconds = divmod(round(duration.total_seconds()), 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def vendors_word(call: Call) -> str | None:
    """Give what the vendor itself says of where the call is."""
    return ", ".join(filter(None, (call.provider_status, call.ended_reason))) or None


def values(given: Mapping[str, Any]) -> str:
    """Give names and values in one line."""
    return ", ".join(f"{name}={value}" for name, value in given.items())


def attempts(call: Call) -> str:
    """Give what was tried, and how it ended."""
    return "; ".join(map(_attempt, call.attempts))


def _attempt(attempt: Attempt) -> str:
    ended = attempt.verdict or "under way"
    return f"{attempt.provider} {ended}" + (f" ({attempt.reason})" if attempt.reason else "")


def _state(call: Call) -> str:
    """Give the outcome of a call that has ended, where it is known, else its status."""
    told = call.status is CallStatus.ENDED and call.outcome not in (None, CallOutcome.UNKNOWN)
    return str(call.outcome if told else call.status)


def _call(call: Call) -> Iterator[tuple[str, object]]:
    yield from (("call", call.id), ("status", call.status), ("outcome", call.outcome))
    yield from (("vendor's word", vendors_word(call)), ("provider", call.provider))
    yield from (("vendor's id", call.provider_call_id), ("number", call.to), ("caller", call.from_number))
    yield from (("contact", call.contact), ("script", call.script), ("variables", values(call.variables)))
    yield from (("scheduled", moment(call.scheduled_at)), ("held by", call.held_by))
    yield from (("created", moment(call.created_at)), ("started", moment(call.started_at)))
    yield from (("ended", moment(call.ended_at)), ("duration", span(call.duration)))
    yield from (("answered by", call.answered_by), ("call back at", moment(call.callback_at)))
    yield from (("results", values(call.results)), ("recording", call.recording_url))
    yield "transcript", "is there; --json shows it" if call.transcript else None
    yield from (("attempts", attempts(call)), ("key", call.idempotency_key))
    yield "metadata", values(call.metadata)
    yield "replayed", "an earlier call under this key" if call.replayed else None
    yield "needs", "a person, who finds out whether it was placed" if call.needs_person else None


def _contact(contact: Contact) -> Iterator[tuple[str, object]]:
    yield from (("contact", contact.id), ("name", contact.name), ("phone", contact.phone))
    yield from (("email", contact.email), ("notes", contact.notes), ("tags", ", ".join(contact.tags)))
    yield from (("groups", ", ".join(contact.groups)), ("fields", values(contact.custom_fields)))
    yield from (("zone", contact.timezone), ("created", moment(contact.created_at)))


def _script(script: Script) -> Iterator[tuple[str, object]]:
    yield from (("script", script.id), ("title", script.title), ("status", script.status))
    yield from (("at", values(script.providers)), ("created", moment(script.created_at)))


def _endpoint(endpoint: Endpoint) -> Iterator[tuple[str, object]]:
    yield from (("webhook", endpoint.id), ("url", endpoint.url), ("events", ", ".join(endpoint.events)))
    yield "active", _yes(endpoint.active)
    yield from (("description", endpoint.description), ("created", moment(endpoint.created_at)))


def _yes(fact: bool | None) -> str | None:  # noqa: FBT001 - the fact itself
    return None if fact is None else ("yes" if fact else "no")


def _plain(thing: Contact | Script) -> dict[str, Any]:
    import msgspec  # noqa: PLC0415 - not for help

    fields: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(thing, source=None))
    del fields["source"]
    return fields


def _plain_endpoint(endpoint: Endpoint) -> dict[str, Any]:
    """Give everything but the secret."""
    return {
        "id": endpoint.id,
        "provider": endpoint.provider,
        "url": endpoint.url,
        "events": list(endpoint.events),
        "active": endpoint.active,
        "description": endpoint.description,
        "created_at": endpoint.created_at,
    }


CALLS: View[Call] = View(
    lambda call: call.to_dict(),
    (
        Column("call", 36, lambda call: call.id),
        Column("created", 11, lambda call: day(call.created_at)),
        Column("state", 12, _state),
        Column("number", 12, lambda call: call.to),
        Column("provider", 8, lambda call: call.provider),
        Column("script", 8, lambda call: call.script),
    ),
    _call,
)
CONTACTS: View[Contact] = View(
    _plain,
    (
        Column("contact", 36, lambda contact: contact.id),
        Column("phone", 12, lambda contact: contact.phone),
        Column("name", 20, lambda contact: contact.name),
        Column("email", 16, lambda contact: contact.email),
    ),
    _contact,
)
SCRIPTS: View[Script] = View(
    _plain,
    (
        Column("script", 24, lambda script: script.id),
        Column("status", 8, lambda script: script.status),
        Column("title", 24, lambda script: script.title or values(script.providers)),
    ),
    _script,
)
ENDPOINTS: View[Endpoint] = View(
    _plain_endpoint,
    (
        Column("webhook", 20, lambda endpoint: endpoint.id),
        Column("active", 6, lambda endpoint: _yes(endpoint.active)),
        Column("url", 30, lambda endpoint: endpoint.url),
        Column("events", 20, lambda endpoint: ",".join(endpoint.events)),
    ),
    _endpoint,
)
