"""ErzyCall's words and limits, and what they mean. Sources are the vendor's own pages, by path."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from callhub import errors
from callhub.model.lifecycle import CallOutcome, CallStatus
from callhub.provider.capability import Capability, Feature, missing, native

if TYPE_CHECKING:
    from collections.abc import Mapping

# By status word [/docs/api-reference/calls]: where the call is, what came of it unless a reason
# tells, and who holds it.
Meaning: TypeAlias = tuple[CallStatus, CallOutcome | None, str | None]
MEANINGS: Mapping[str, Meaning] = {
    "new": (CallStatus.QUEUED, None, None),
    "scheduled": (CallStatus.SCHEDULED, None, "provider"),
    "processing": (CallStatus.IN_PROGRESS, None, None),
    "ended": (CallStatus.ENDED, CallOutcome.UNKNOWN, None),
    "cancelled": (CallStatus.CANCELLED, CallOutcome.CANCELLED, None),
    "error": (CallStatus.FAILED, CallOutcome.ERROR, None),
}
UNKNOWN: Meaning = (CallStatus.UNKNOWN, None, None)
STATUSES: Mapping[str, CallStatus] = {word: meaning[0] for word, meaning in MEANINGS.items()}
WORDS: Mapping[CallStatus, str] = {status: word for word, status in STATUSES.items()}
NEVER_SAID = frozenset({CallStatus.RINGING, CallStatus.IN_DOUBT})

# The vendor's field notes; the REST documents show no end reason.
# [Erzy-Inc/erzycall-agent-skills skills/erzycall-call-outcomes/SKILL.md]
REASONS: Mapping[str, CallOutcome] = {
    "assistant-ended-call": CallOutcome.CONVERSATION,
    "customer-ended-call": CallOutcome.CONVERSATION,
    "customer-did-not-answer": CallOutcome.NO_ANSWER,
    "customer-busy": CallOutcome.BUSY,
    "voicemail": CallOutcome.VOICEMAIL,
    "silence-timed-out": CallOutcome.ERROR,
    "twilio-failed-to-connect-call": CallOutcome.NOT_CONNECTED,
    "assistant-request-returned-error": CallOutcome.ERROR,
    "contact-opted-out": CallOutcome.OPTED_OUT,
}
ERROR_PREFIXES = ("pipeline-error-", "assistant-error-")

# [/docs/guides/errors]. INTERNAL_ERROR and IDEMPOTENCY_MISMATCH aren't here: after either the call may exist.
REFUSALS: Mapping[tuple[int, str | None], type[errors.Refused]] = {
    (400, "VALIDATION_ERROR"): errors.InvalidRequest,
    (400, "INVALID_JSON"): errors.InvalidRequest,
    (400, "INVALID_ID"): errors.InvalidRequest,
    (401, "UNAUTHORIZED"): errors.AuthenticationFailed,
    (401, "KEY_REVOKED"): errors.AuthenticationFailed,
    (401, "KEY_EXPIRED"): errors.AuthenticationFailed,
    (403, "INSUFFICIENT_SCOPE"): errors.PermissionDenied,
    (403, "CONTACT_OPTED_OUT"): errors.Suppressed,  # field notes, skills/erzycall-contact-safety/SKILL.md
    (404, "NOT_FOUND"): errors.NotFound,
    (409, "CONFLICT"): errors.Conflict,
    (422, "INVALID_STATE"): errors.InvalidState,
    (422, "INVALID_PHONE"): errors.InvalidRequest,
    (422, "MAX_ENDPOINTS"): errors.InvalidState,
    (429, "RATE_LIMITED"): errors.RateLimited,
}

CAPABILITIES: Mapping[Feature, Capability] = {
    Feature.CREATE: native(),
    Feature.CREATE_BATCH: missing("Place the calls one by one."),
    Feature.IDEMPOTENT_CREATE: native("Idempotency-Key; how long a key is kept is not documented."),
    Feature.GET: native(),
    Feature.LIST: native(),
    Feature.PAGES: native("up to 100 calls a page"),
    Feature.COMPLETE_LIST: native("page by page, until hasMore says that there is no more"),
    Feature.CANCEL: native("while new or scheduled"),
    Feature.SCHEDULE: native(),
    Feature.SCRIPT: native("a case"),
    Feature.FIRST_MESSAGE: native("up to 1,000 characters"),
    Feature.DEFAULT_SCRIPT: native("with allow_default_script=True"),
    Feature.VARIABLES: native(),
    Feature.CONTACT_DETAILS: missing(
        "Use a contact of ErzyCall's book, or a script mapping such as contact.name."
    ),
    Feature.CONTACT_LINK: native(),
    Feature.FROM_NUMBER: native(),
    Feature.RECORD: missing("Recording is not part of the documented API; leave record=None."),
    Feature.FILTER_STATUS: native(),
    Feature.FILTER_TIME: native("which time it compares is not documented"),
    Feature.FILTER_CONTACT: native(),
    Feature.FILTER_SCRIPT: native(),
    Feature.SCRIPTS: native("read only"),
    Feature.CONTACTS: native(),
    Feature.CONTACT_SEARCH: native(),
    Feature.WEBHOOKS: native("at most 5 endpoints"),
    Feature.OUTCOME: missing("The documented call has no end reason; where one is sent it is read."),
    Feature.RINGING: missing("A call is in_progress from pick-up to end."),
    Feature.RESULTS: missing("No results are documented."),
    Feature.RECORDING_URL: missing("No recording is documented; where a link is sent it is read."),
    Feature.TRANSCRIPT: missing("No transcript is documented; where one is sent it is read."),
}

LONGEST_FIRST_MESSAGE = 1000
SHORTEST_SEARCH, MOST_FOUND = 2, 50  # [/docs/api-reference/contacts]
CALL_EVENTS = ("call.scheduled", "call.started", "call.ended", "call.failed", "call.cancelled")
CALL_NAMES = ("to", "from", "firstMessage", "caseId", "contactId", "variableValues", "scheduledAt")
