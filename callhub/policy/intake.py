"""What a request must be before anything else happens: every problem at once, by field."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from callhub.errors import UnsupportedFeature
from callhub.model.contact import Contact
from callhub.model.route import Failover
from callhub.policy import numbers
from callhub.policy.scripts import CONTACT_FIELDS
from callhub.provider.order import Problem

if TYPE_CHECKING:
    from callhub.model.call import CallRequest

DOCUMENT_VERSION = 1
SAID = (
    *("to", "script", "variables", "contact", "first_message"),
    *("scheduled_at", "from_number", "record", "extras"),
)
SAID_OF_CONTACT = ("id", *CONTACT_FIELDS)  # no vendor is told its tags, its groups or what is its own
ON_UNKNOWN = ("raise", "accept_risk")
LONGEST_KEY = 255
LARGEST = 10**18  # a number that is spoken; NaN and the infinities are out, too
LONGEST_TIMEOUT = 86_400.0
EARLIEST, LATEST = datetime(2, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)


def document(request: CallRequest) -> str | None:
    """Give what two requests under one key are compared by: what is said to whom, and when.

    Neither who carries it nor how long to wait is in it. Fields left out are not written, so that
    a later callhub with more fields writes the same document. None where something in it can't be
    written down, which `problems` then names.
    """
    said: dict[str, Any] = {"v": DOCUMENT_VERSION}
    try:
        for name in SAID:
            value = getattr(request, name)
            if value not in (None, {}, ()):
                said[name] = _said(value)
        return msgspec.json.encode(said, order="deterministic").decode()
    except (TypeError, ValueError, OverflowError):
        return None


def said_of(contact: Contact) -> Contact:
    """Give what a call says of its contact."""
    return Contact(**_fields(contact))


def _said(value: Any) -> Any:
    if isinstance(value, Contact):
        return {name: said for name, said in _fields(value).items() if said not in (None, (), {})}
    return value.astimezone(UTC) if _aware(value) else value


def _fields(contact: Contact) -> dict[str, Any]:
    return {name: getattr(contact, name) for name in SAID_OF_CONTACT}


def key_problem(key: object) -> Problem | None:
    """Tell what is wrong with an idempotency key."""
    if isinstance(key, str) and 0 < len(key) <= LONGEST_KEY and key.isprintable():
        return None
    return Problem("idempotency_key", f"must be printable text of 1 to {LONGEST_KEY} characters")


def problems(request: CallRequest, now: datetime, rule: str) -> list[Problem]:
    """Name everything about a request that is wrong whichever vendor carries it."""
    sender, known = request.from_number, request.on_unknown in ON_UNKNOWN
    faults = (
        ("to", _number_fault(request, rule)),
        ("from_number", numbers.fault(sender) if sender is not None else None),
        ("scheduled_at", _time_fault(request.scheduled_at, now)),
        ("script", _script_fault(request)),
        ("first_message", _text_fault(request.first_message)),
        ("timeout", timeout_fault(request.timeout)),
        ("contact", _contact_fault(request.contact)),
        ("record", _choice_fault(request.record)),
        ("metadata", _json_fault(request.metadata)),
        ("extras", _json_fault(request.extras)),
        ("route", _route_fault(request)),
        ("on_unknown", None if known else f"must be one of {', '.join(ON_UNKNOWN)}"),
    )
    found = [Problem(field, fault) for field, fault in faults if fault]
    return found + _hold_problems(request.hold) + _variable_problems(request.variables)


def variables(given: Mapping[str, Any]) -> dict[str, str]:
    """Give the variables as the text that will be spoken."""
    return {name: str(value) for name, value in given.items() if _speakable(value)}


UNWRITABLE = Problem("request", "holds a value that can't be written as JSON")
_NO_NUMBER = "is missing: give the number to dial, or a contact that has one"


def _number_fault(request: CallRequest, rule: str) -> str | None:
    if request.to is not None:
        return numbers.fault(request.to, rule)
    return None if isinstance(request.contact, str) else _NO_NUMBER


def _aware(value: object) -> bool:
    return isinstance(value, datetime) and value.utcoffset() is not None


def _time_fault(at: object, now: datetime) -> str | None:
    if at is None:
        return None
    if not isinstance(at, datetime):
        return "must be a datetime with a time zone"
    if not _aware(at):
        return "has no time zone: say which, such as datetime(..., tzinfo=ZoneInfo('Asia/Kuala_Lumpur'))"
    if at > LATEST:
        return "is further ahead than anybody can plan"
    return "is not in the future" if at <= now else None


def _script_fault(request: CallRequest) -> str | None:
    if request.script is None and request.first_message is None and not request.allow_default_script:
        return (
            "is missing, and so is first_message: the vendor's bare assistant would talk; "
            "give one, or allow_default_script=True"
        )
    if request.script is not None and (not isinstance(request.script, str) or not request.script):
        return "must be a name from the configuration or '<provider>:<vendor id>'"
    return None


def _route_fault(request: CallRequest) -> str | None:
    if request.route is None:
        return None
    if request.provider is not None:
        return "and provider exclude each other: name one vendor, or give a route"
    return None if isinstance(request.route, Failover) else "must be a callhub.Failover"


def _hold_problems(hold: object) -> list[Problem]:
    if hold in (None, "provider"):
        return []
    if hold == "hub":
        instead = "can't be 'hub' yet: leave it out, and the vendor holds a scheduled call"
        return [Problem("hold", instead, UnsupportedFeature)]
    return [Problem("hold", "must be 'provider', or left out")]


def _text_fault(text: object) -> str | None:
    if text is None:
        return None
    if not isinstance(text, str) or not text.strip():
        return "must be text, not empty"
    return None if _writable(text) else "holds characters that can't be sent"


def timeout_fault(timeout: object) -> str | None:
    """Tell what is wrong with a number of seconds to wait."""
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not math.isfinite(timeout):
        return "must be a number of seconds"
    return None if 0 < timeout <= LONGEST_TIMEOUT else "must be more than 0 seconds and at most a day"


def page_fault(size: object) -> str | None:
    """Tell what is wrong with a number of entries."""
    return None if isinstance(size, int) and size >= 1 else "must be a whole number, 1 or more"


def _contact_fault(contact: object) -> str | None:
    if isinstance(contact, Contact):
        return None if _of_text(contact) else "must hold text"
    if contact is None:
        return None
    if not isinstance(contact, str):
        return "must be a callhub.Contact or a contact's id"
    return None if contact else "must be the id of a contact in callhub's book, or '<provider>:<vendor id>'"


def _of_text(contact: Contact) -> bool:
    """Tell whether a contact holds what it says, so that the ledger can give it back."""
    texts = (contact.id, contact.name, contact.email, contact.phone, contact.notes, contact.timezone)
    words = (*_listed(contact.tags), *_listed(contact.groups))
    given = (*(text for text in texts if text is not None), *words)
    return all(isinstance(each, str) for each in given) and isinstance(contact.custom_fields, Mapping)


def _choice_fault(choice: object) -> str | None:
    return None if choice is None or isinstance(choice, bool) else "must be True, False or None"


def _listed(words: object) -> tuple[object, ...]:
    return tuple(words) if isinstance(words, list | tuple) else (None,)


def _json_fault(value: object) -> str | None:
    if not isinstance(value, Mapping):
        return "must be a dict"
    try:
        if value:
            json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
            msgspec.json.encode(value)
    except (TypeError, ValueError, RecursionError):
        return "holds a value that can't be written as JSON"
    return None


def _variable_problems(given: object) -> list[Problem]:
    if not isinstance(given, Mapping):
        return [Problem("variables", "must be a dict of names and values")]
    return [
        Problem("variables", f"{name!r} must be text or a number: it is spoken as it stands")
        for name, value in given.items()
        if not isinstance(name, str) or not _writable(name) or not _speakable(value)
    ]


def _speakable(value: object) -> bool:
    if isinstance(value, str):
        return _writable(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return -LARGEST < value < LARGEST


def _writable(text: str) -> bool:
    """Tell whether it is without halves of characters, which no encoding holds."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)
