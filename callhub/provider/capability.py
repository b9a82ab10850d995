"""What a vendor can do, what callhub supplies in its place, and what can't be had."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Support(StrEnum):
    """Who supplies a feature."""

    NATIVE = "native"
    CALLHUB = "callhub"
    NOT_AVAILABLE = "not available"


class Feature(StrEnum):
    """Everything that a vendor may or may not be able to do; the value is the name shown."""

    CREATE = "create a call"
    CREATE_BATCH = "create several calls in one request"
    IDEMPOTENT_CREATE = "idempotent create"
    GET = "read a call"
    LIST = "list calls"
    PAGES = "list in pages"
    COMPLETE_LIST = "list that holds every call"
    CANCEL = "cancel a call"
    SCHEDULE = "schedule a call"
    SCRIPT = "call script"
    FIRST_MESSAGE = "first message"
    DEFAULT_SCRIPT = "call without a script"
    VARIABLES = "variables"
    CONTACT_DETAILS = "name and email of the person on the call"
    CONTACT_LINK = "contact of the vendor's book on the call"
    FROM_NUMBER = "caller number"
    RECORD = "recording on request"
    FILTER_STATUS = "filter calls by status"
    FILTER_TIME = "filter calls by time"
    FILTER_CONTACT = "filter calls by contact"
    FILTER_SCRIPT = "filter calls by script"
    SCRIPTS = "list scripts"
    CONTACTS = "contact book"
    CONTACT_SEARCH = "search contacts"
    WEBHOOKS = "manage webhook endpoints"
    OUTCOME = "tell who answered"
    RINGING = "tell ringing from talking"
    RESULTS = "values drawn from the call"
    RECORDING_URL = "link to the recording"
    TRANSCRIPT = "read the transcript"


@dataclass(frozen=True, slots=True)
class Capability:
    """Who supplies a feature, and what a user should know.

    Attributes:
        note: where it isn't available, what to do instead, as a sentence; else a remark or "".
    """

    support: Support
    note: str = ""


def native(note: str = "") -> Capability:
    """The vendor does it."""
    return Capability(Support.NATIVE, note)


def supplied(note: str = "") -> Capability:
    """The vendor doesn't, callhub does."""
    return Capability(Support.CALLHUB, note)


def missing(instead: str) -> Capability:
    """Nobody does it; `instead` says in a sentence what to do."""
    return Capability(Support.NOT_AVAILABLE, instead)


UNDECLARED = missing("The plugin says nothing of it: it may be older than this callhub.")


def complete(declared: Mapping[Feature, Capability]) -> dict[Feature, Capability]:
    """Give a table of every feature, so that a plugin may be older than a feature."""
    return {feature: declared.get(feature, UNDECLARED) for feature in Feature}
