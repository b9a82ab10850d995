"""Acme's words, and what they mean."""

from collections.abc import Mapping

from callhub import errors
from callhub.model.lifecycle import CallOutcome, CallStatus
from callhub.provider.capability import Capability, Feature, missing, native, supplied

STATUSES: Mapping[str, CallStatus] = {
    "waiting": CallStatus.QUEUED,
    "ringing": CallStatus.RINGING,
    "talking": CallStatus.IN_PROGRESS,
    "talked": CallStatus.ENDED,
    "machine": CallStatus.ENDED,
    "busy": CallStatus.ENDED,
    "unanswered": CallStatus.ENDED,
    "revoked": CallStatus.CANCELLED,
    "broken": CallStatus.FAILED,
}

OUTCOMES: Mapping[str, CallOutcome] = {
    "talked": CallOutcome.CONVERSATION,
    "machine": CallOutcome.VOICEMAIL,
    "busy": CallOutcome.BUSY,
    "unanswered": CallOutcome.NO_ANSWER,
    "revoked": CallOutcome.CANCELLED,
    "broken": CallOutcome.NOT_CONNECTED,
}

# 409 reference_used isn't here: the reference was seen, so a call may exist.
REFUSALS: Mapping[tuple[int, str | None], type[errors.Refused]] = {
    (400, "bad_request"): errors.InvalidRequest,
    (401, "bad_key"): errors.AuthenticationFailed,
    (402, "no_credit"): errors.PermissionDenied,
    (403, "do_not_call"): errors.Suppressed,
    (404, "not_found"): errors.NotFound,
    (409, "too_late"): errors.InvalidState,
    (429, "slow_down"): errors.RateLimited,
}

CAPABILITIES: Mapping[Feature, Capability] = {
    Feature.CREATE: native(),
    Feature.CREATE_BATCH: missing("Place the calls one by one."),
    Feature.IDEMPOTENT_CREATE: native("a reference is kept for seven days"),
    Feature.GET: native(),
    Feature.LIST: native("the newest first"),
    Feature.PAGES: missing("All calls come at once."),
    Feature.COMPLETE_LIST: native("all calls, whatever has become of them"),
    Feature.CANCEL: native("while it waits"),
    Feature.SCHEDULE: native(),
    Feature.SCRIPT: native("a scenario, always needed"),
    Feature.FIRST_MESSAGE: missing("Put the opening line into the scenario, or into one of its facts."),
    Feature.DEFAULT_SCRIPT: missing("A scenario is always needed."),
    Feature.VARIABLES: native("facts"),
    Feature.CONTACT_DETAILS: missing("Let the script's mapping put contact.name into a fact."),
    Feature.CONTACT_LINK: missing("Acme has no contact book."),
    Feature.FROM_NUMBER: native(),
    Feature.RECORD: missing("Acme doesn't record; leave record=None."),
    Feature.FILTER_STATUS: supplied(),
    Feature.FILTER_TIME: supplied(),
    Feature.FILTER_CONTACT: missing("Acme has no contact book; filter what is listed by its number."),
    Feature.FILTER_SCRIPT: supplied(),
    Feature.SCRIPTS: missing("Read a scenario's id in Acme's dashboard and put it under scripts."),
    Feature.CONTACTS: missing("Acme has no contact book."),
    Feature.CONTACT_SEARCH: missing("Acme has no contact book."),
    Feature.WEBHOOKS: missing("Acme has none; ask for the call with calls.get or calls.wait."),
    Feature.OUTCOME: native(),
    Feature.RINGING: native(),
    Feature.RESULTS: missing("Acme draws no values from a call."),
    Feature.RECORDING_URL: missing("Acme doesn't record."),
    Feature.TRANSCRIPT: missing("Acme writes none."),
}

CALL_NAMES = frozenset({"reference", "number", "scenario", "facts", "dial_at", "caller", "voice"})
