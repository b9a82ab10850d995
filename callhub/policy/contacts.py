"""What callhub's own book takes, how it is searched, and when two contacts are the same one."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import msgspec

from callhub.policy import numbers

if TYPE_CHECKING:
    from collections.abc import Callable

    from callhub.model.contact import Contact
    from callhub.provider.order import ContactFilter

FIELDS = ("name", "phone", "email", "notes", "tags", "groups", "custom_fields", "timezone")
LONGEST = 50_000  # characters of one field: what every CSV reader takes in a cell
GROWING = ("tags", "groups")  # lists of which a copy takes nothing away

_TOO_LONG = f"may have at most {LONGEST:,} characters"
_PUNCTUATION = frozenset(" +-./()\u00a0")


def tidy(given: Mapping[str, Any], rule: str = "e164") -> tuple[dict[str, Any], dict[str, str]]:
    """Give the fields as the book keeps them, and what is wrong with the others.

    Blanks around texts and words go, an empty text is none, and no word stands twice in a list.
    """
    kept, faults = {}, {}
    for name, value in given.items():
        fault = numbers.fault(value, rule) if name == "phone" else None
        try:
            kept[name] = _READERS[name](value)
        except ValueError as error:
            fault = fault or str(error)
        if fault:
            faults[name] = fault
    return kept, faults


def additions(there: Contact, given: Mapping[str, Any]) -> dict[str, Any]:
    """Give the fields of an entry that a copy changes: it adds and changes, and takes nothing away."""
    wanted = {name: _joined(name, getattr(there, name), value) for name, value in given.items() if value}
    return {name: value for name, value in wanted.items() if not _same(name, getattr(there, name), value)}


def differences(there: Contact, given: Mapping[str, Any]) -> dict[str, Any]:
    """Give the fields that aren't as given."""
    return {name: value for name, value in given.items() if getattr(there, name) != value}


def same_name(one: str | None, other: str | None) -> bool:
    """Tell whether two names are one: case and blanks don't count."""
    return _folded(one or "").split() == _folded(other or "").split()


def matches(where: ContactFilter, contact: Contact) -> bool:
    """Tell whether a contact is among those that are asked for.

    It has the text in its name or its number, it is in the group, and it has every one of the
    tags; case doesn't count.
    """
    return (
        (not where.search or _mentions(contact, where.search))
        and (where.group is None or _words(where.group) <= _words(*contact.groups))
        and _words(*where.tags) <= _words(*contact.tags)
    )


def _mentions(contact: Contact, text: str) -> bool:
    if _folded(text).strip() in _folded(contact.name or ""):
        return True
    digits = "".join(sign for sign in text if sign.isdecimal())
    if not digits or not set(text) <= _PUNCTUATION | set(digits):
        return False
    number = contact.phone or ""
    return (digits.lstrip("0") or digits) in number or numbers.readable(text) == number


def _words(*words: str) -> set[str]:
    return {_folded(word).strip() for word in words}


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _joined(name: str, there: Any, value: Any) -> Any:
    if name in GROWING:
        return (*there, *(word for word in value if word not in there))
    return {**there, **value} if name == "custom_fields" else value


def _same(name: str, there: Any, value: Any) -> bool:
    if name == "phone" and there:
        return numbers.canonical(there) == numbers.canonical(value)
    return bool(there == value)


def _text(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError("must be text")  # noqa: TRY004 - told by its field, like every other fault
    if any(sign == "\x00" or "\ud800" <= sign <= "\udfff" for sign in value):
        raise ValueError("holds characters that can't be kept")
    if len(value) > LONGEST:
        raise ValueError(_TOO_LONG)
    return value or None


def _line(value: object) -> str | None:
    text = _text(value)
    return (text.strip() or None) if text else None


def _name(value: object) -> str:
    found = _line(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("must be text, not empty")
    return found


def _list(value: object) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ValueError("must be a list of words")  # noqa: TRY004
    words = tuple(dict.fromkeys(map(_word, value)))
    if sum(map(len, words)) > LONGEST:
        raise ValueError(_TOO_LONG)
    return words


def _word(value: object) -> str:
    found = _line(value)
    if found is None:
        raise ValueError("must be a list of words, none of them empty")
    return found


def _custom(value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise ValueError("must be a dict of names and values")
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        text.encode()
        kept: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(value))
    except (TypeError, ValueError, OverflowError, RecursionError):
        raise ValueError("hold a value that can't be written as JSON") from None
    if len(text) > LONGEST:
        raise ValueError(_TOO_LONG)
    return kept


def _zone(value: object) -> str | None:
    found = _line(value)
    try:
        return found and ZoneInfo.no_cache(found).key
    except (LookupError, ValueError, OSError):
        raise ValueError("is no time zone: give its IANA name, such as Asia/Kuala_Lumpur") from None


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "name": _name,
    "phone": _text,
    "email": _line,
    "notes": _text,
    "tags": _list,
    "groups": _list,
    "custom_fields": _custom,
    "timezone": _zone,
}
