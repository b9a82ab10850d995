"""A call: what was asked for, what was tried, and what became of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec

from callhub.model.contact import Contact
from callhub.model.lifecycle import CallOutcome, CallStatus, follows
from callhub.model.route import Failover
from callhub.model.source import Source


class CallRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller asks for, vendor-free. See `Hub.calls.create` for the meaning of each field."""

    to: str | None = None
    script: str | None = None
    variables: dict[str, Any] = {}
    contact: Contact | str | None = None
    first_message: str | None = None
    scheduled_at: datetime | None = None
    hold: str | None = None
    from_number: str | None = None
    record: bool | None = None
    provider: str | None = None
    route: Failover | None = None
    idempotency_key: str | None = None
    metadata: dict[str, Any] = {}
    timeout: float = 30.0
    allow_default_script: bool = False
    on_unknown: str = "raise"
    extras: dict[str, dict[str, Any]] = {}

    def __repr__(self) -> str:
        return f"<CallRequest {self.idempotency_key or 'without a key'}>"


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try to place a call.

    Attributes:
        provider: the vendor that it went to.
        started_at, finished_at: aware, UTC; it has no end while it is under way.
        verdict: ``accepted``, ``refused``, ``unreachable`` or ``maybe``; None while it is under way.
        reason: why, in a sentence without personal data.
    """

    provider: str
    started_at: datetime
    finished_at: datetime | None = None
    verdict: str | None = None
    reason: str | None = None


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A call as it stands.

    Attributes:
        id: callhub's own id, which orders by time; ``"<provider>:<vendor id>"`` for a vendor's call
            that this ledger didn't place.
        provider_call_id: the vendor's id; None until it has accepted the call.
        status: where the call is.
        outcome: what came of it; None until it is over.
        ended_reason: the vendor's word for why it ended.
        provider_status: the vendor's word for the status.
        provider: the vendor that the call goes through.
        to: the number dialled, in E.164 form.
        from_number: the caller number, where the request or the vendor named one.
        contact: the contact's id, where the vendor links one, else the contact's name.
        script: neutral name, or ``"<provider>:<vendor id>"``.
        variables: what the script was given, by neutral names.
        held_by: who holds a scheduled call: ``"provider"``.
        scheduled_at, created_at, started_at, ended_at, callback_at: aware, UTC.
        duration: how long the call lasted.
        answered_by: ``"person"`` or ``"machine"``, where the vendor tells.
        recording_url: link to the recording, where the vendor gives one.
        transcript: what was said, in the vendor's own form, where it gives that.
        results: values that the vendor drew from the call, by name.
        idempotency_key: the key that the call stands under.
        metadata: the values of your own, as they were given.
        attempts: every try, in order.
        replayed: True where an idempotency key gave back an earlier call.
        needs_person: True where only a person can tell whether the call was placed.
    """

    id: str
    provider: str | None = None
    provider_call_id: str | None = None
    status: CallStatus = CallStatus.UNKNOWN
    outcome: CallOutcome | None = None
    ended_reason: str | None = None
    provider_status: str | None = None
    to: str | None = None
    from_number: str | None = None
    contact: str | None = None
    script: str | None = None
    variables: dict[str, Any] = {}
    scheduled_at: datetime | None = None
    held_by: str | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    duration: timedelta | None = None
    answered_by: str | None = None
    recording_url: str | None = None
    transcript: Any = None
    results: dict[str, Any] = {}
    callback_at: datetime | None = None
    idempotency_key: str | None = None
    metadata: dict[str, Any] = {}
    attempts: tuple[Attempt, ...] = ()
    replayed: bool = False
    needs_person: bool = False
    source: Source | None = None

    def __repr__(self) -> str:
        words = (self.status, self.outcome, self.provider)
        return f"<Call {self.id} {' '.join(word for word in words if word)}>"

    @property
    def terminal(self) -> bool:
        """Tell whether nothing more will happen."""
        return self.status.terminal

    @property
    def raw(self) -> Any:
        """The vendor's own object, decoded; None before the vendor has answered."""
        return self.source.decode() if self.source else None

    def to_dict(self) -> dict[str, Any]:
        """Give JSON types only: times in ISO 8601, `duration` in seconds, without `raw`."""
        plain: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(self, source=None))
        del plain["source"]
        plain["duration"] = self.duration.total_seconds() if self.duration else None
        return plain


_VENDORS_WORD = (
    "provider", "provider_call_id", "provider_status", "ended_reason", "started_at", "ended_at", "duration",
    "answered_by", "recording_url", "transcript", "callback_at", "source",
)  # fmt: skip
_OURS_FIRST = ("from_number", "contact", "script", "scheduled_at", "held_by", "to", "variables", "created_at")


def as_of(call: Call, now: datetime) -> Call:
    """Give the call as it stands now: what is queued for a time that lies ahead is scheduled."""
    waits = call.status is CallStatus.QUEUED and call.scheduled_at is not None and call.scheduled_at > now
    return msgspec.structs.replace(call, status=CallStatus.SCHEDULED) if waits else call


def merged(ours: Call, news: Call) -> Call:
    """Give our call with what its vendor says of it.

    Nothing we know is lost to a field that the vendor left out, and the status only moves forward:
    late news fill in what is missing, and change nothing else.
    """
    said = {name: value for name in _VENDORS_WORD if (value := getattr(news, name)) is not None}
    said |= {name: getattr(ours, name) or getattr(news, name) for name in _OURS_FIRST}
    said["results"] = news.results or ours.results
    if follows(news.status, ours.status):
        said |= {"status": news.status, "outcome": _outcome(ours.outcome, news.outcome)}
    elif ours.status is not CallStatus.UNKNOWN:
        said = {name: getattr(ours, name) or value for name, value in said.items()}
    return msgspec.structs.replace(ours, **said)


def _outcome(ours: CallOutcome | None, news: CallOutcome | None) -> CallOutcome | None:
    return ours if news is None or (news is CallOutcome.UNKNOWN and ours is not None) else news
