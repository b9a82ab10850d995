"""AICaller's words, and what they mean. Sources are the vendor's own pages, by path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from callhub import errors
from callhub.model.lifecycle import CallOutcome, CallStatus
from callhub.provider.capability import Capability, Feature, missing, native, supplied

if TYPE_CHECKING:
    from collections.abc import Mapping

# [/api-reference/phone-calls/post-v1phonecalls]; both spellings of cancelled stand on that page.
STATUSES: Mapping[str, CallStatus] = {
    "queued": CallStatus.QUEUED,
    "ringing": CallStatus.RINGING,
    "inProgress": CallStatus.IN_PROGRESS,
    "completed": CallStatus.ENDED,
    "busy": CallStatus.ENDED,
    "noAnswer": CallStatus.ENDED,
    "failed": CallStatus.FAILED,
    "cancelled": CallStatus.CANCELLED,
    "canceled": CallStatus.CANCELLED,
}
# By status, where it alone tells [/possible-status-on-aicaller-and-what-they-mean].
OUTCOMES: Mapping[str, CallOutcome] = {
    "busy": CallOutcome.BUSY,
    "noAnswer": CallOutcome.NO_ANSWER,
    "failed": CallOutcome.NOT_CONNECTED,
    "cancelled": CallOutcome.CANCELLED,
    "canceled": CallOutcome.CANCELLED,
}
# By statusExtraInfo.statusCode of a completed call, same page; its list goes on beyond the known copy.
CODES: Mapping[str, CallOutcome] = {
    "ENDED_NORMALLY": CallOutcome.CONVERSATION,
    "IVR_DETECTED": CallOutcome.IVR,
    "VOICEMAIL_DETECTED": CallOutcome.VOICEMAIL,
    "DO_NOT_CALL": CallOutcome.OPTED_OUT,
    "CALL_LATER": CallOutcome.CALLBACK_REQUESTED,
}
ANSWERED_BY: Mapping[CallOutcome, str] = {
    CallOutcome.CONVERSATION: "person",
    CallOutcome.OPTED_OUT: "person",
    CallOutcome.CALLBACK_REQUESTED: "person",
    CallOutcome.IVR: "machine",
    CallOutcome.VOICEMAIL: "machine",
}

# The vendor documents no errors: that these statuses prove that nothing was dialled is our choice.
# 409 and everything else may mean that the call exists.
REFUSALS: Mapping[tuple[int, str | None], type[errors.Refused]] = {
    (400, None): errors.InvalidRequest,
    (401, None): errors.AuthenticationFailed,
    (403, None): errors.PermissionDenied,
    (404, None): errors.NotFound,
    (422, None): errors.InvalidRequest,
    (429, None): errors.RateLimited,
}

CAPABILITIES: Mapping[Feature, Capability] = {
    Feature.CREATE: native(),
    Feature.CREATE_BATCH: native("the longest batch and the order of its answer are not documented"),
    Feature.IDEMPOTENT_CREATE: missing(
        "A repeated request may ring twice, so callhub never repeats one in doubt."
    ),
    Feature.GET: native(),
    Feature.LIST: native("order and length are not documented"),
    Feature.PAGES: missing("The documented list has no pages; all of it is read at once."),
    Feature.COMPLETE_LIST: missing(
        "How much the list holds is not documented, so that a call can be found there but never ruled out."
    ),
    Feature.CANCEL: missing(
        "No such operation is documented; submit a scheduled call shortly before its time."
    ),
    Feature.SCHEDULE: native(),
    Feature.SCRIPT: native("a call template, always needed"),
    Feature.FIRST_MESSAGE: missing(
        "Put the opening line into the call template, or into one of its variables."
    ),
    Feature.DEFAULT_SCRIPT: missing("A call template is always needed."),
    Feature.VARIABLES: native(),
    Feature.CONTACT_DETAILS: native("the name is needed"),
    Feature.CONTACT_LINK: missing(
        "The vendor has no contact book; give the person's name by contact=Contact(name=…)."
    ),
    Feature.FROM_NUMBER: native(),
    Feature.RECORD: native(),
    Feature.FILTER_STATUS: supplied(),
    Feature.FILTER_TIME: supplied("by the time of creation"),
    Feature.FILTER_CONTACT: missing("The vendor has no contact book; filter what is listed by its number."),
    Feature.FILTER_SCRIPT: native(),
    Feature.SCRIPTS: missing(
        "Read the id of a call template in the vendor's dashboard and put it under scripts."
    ),
    Feature.CONTACTS: supplied("kept in callhub's own book: name no provider"),
    Feature.CONTACT_SEARCH: supplied("kept in callhub's own book: name no provider"),
    Feature.WEBHOOKS: missing("Webhooks are given with each call, by extras: phoneCallWebhooks."),
    Feature.OUTCOME: native(),
    Feature.RINGING: native(),
    Feature.RESULTS: native(),
    Feature.RECORDING_URL: native(),
    Feature.TRANSCRIPT: missing("Not documented; read_transcripts=true reads it the way public code does."),
}

# What callhub sets from its own keywords, so that extras may not.
OWN_NAMES = frozenset(
    {
        "teamId",
        "callTemplateId",
        "nameOfHuman",
        "toPhoneNumber",
        "toEmailAddress",
        "promptVariableValues",
        "fromPhoneNumber",
        "record",
        "callDelayedUntil",
    }
)
