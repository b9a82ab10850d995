"""The documented limits of fields, as rules that are put together in tables."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from callhub.provider.http import to_json
from callhub_erzycall.sandbox.errors import ApiError

Rule: TypeAlias = Callable[[Any], str | None]
Rules: TypeAlias = Mapping[str, Rule]

_E164 = re.compile(r"\+[1-9][0-9]{1,14}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)")


def body(raw: bytes, rules: Rules, required: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Read a JSON object and check every field of it."""
    given = _parse(raw)
    if not isinstance(given, dict):
        raise ApiError("VALIDATION_ERROR", "Request body must be a JSON object")
    _check(given, rules, required, "Invalid request body")
    return given


def query(
    given: Mapping[str, str], rules: Rules, required: frozenset[str] = frozenset()
) -> Mapping[str, str]:
    """Check every query parameter."""
    _check(given, rules, required, "Invalid query parameters")
    return given


def _parse(raw: bytes) -> Any:
    try:
        value = json.loads(raw.decode())
        to_json(value)  # finds NaN, infinities and lone surrogates, which json.loads lets through
    except (ValueError, RecursionError):
        raise ApiError("INVALID_JSON", "Request body is not valid JSON") from None
    return value


def _check(given: Mapping[str, Any], rules: Rules, required: frozenset[str], summary: str) -> None:
    wrong = dict.fromkeys(sorted(required - given.keys()), "Required")
    for name, value in given.items():
        problem = rules[name](value) if name in rules else "Unknown field"
        if problem:
            wrong[name] = problem
    if wrong:
        raise ApiError("VALIDATION_ERROR", summary, wrong)


def instant(text: str) -> datetime | None:
    """Read an ISO 8601 date-time with its offset; None where it isn't one."""
    if not _INSTANT.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def show(at: datetime, timespec: str = "seconds") -> str:
    """Write an instant as the vendor does."""
    return at.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def date_time(value: Any) -> str | None:
    """Accept an ISO 8601 date-time with ``Z`` or an offset."""
    good = isinstance(value, str) and instant(value)
    return None if good else "Must be an ISO 8601 datetime with Z or an offset"


def phone(value: Any) -> str | None:
    """Accept E.164."""
    good = isinstance(value, str) and _E164.fullmatch(value)
    return None if good else "Must be E.164 format (e.g., +14155551234)"


def email(value: Any) -> str | None:
    """Accept one ``@`` with something around it."""
    return None if isinstance(value, str) and _EMAIL.fullmatch(value) else "Must be an email address"


def https(value: Any) -> str | None:
    """Accept an https URL with a host."""
    try:
        parts = urlsplit(value if isinstance(value, str) else "")
    except ValueError:
        return "Must be a URL"
    return None if parts.scheme == "https" and parts.hostname else "Must be an HTTPS URL"


def flag(value: Any) -> str | None:
    """Accept true and false."""
    return None if isinstance(value, bool) else "Must be a boolean"


def mapping(value: Any) -> str | None:
    """Accept an object of anything."""
    return None if isinstance(value, dict) else "Must be an object"


def text(low: int = 0, high: int | None = None) -> Rule:
    """Accept a string of that length."""

    def rule(value: Any) -> str | None:
        if not isinstance(value, str):
            return "Must be a string"
        if len(value) < low:
            return f"Must be at least {low} characters"
        return None if high is None or len(value) <= high else f"Must be at most {high} characters"

    return rule


def one_of(*words: str) -> Rule:
    """Accept one of those words."""
    return lambda value: None if value in words else f"Must be one of: {', '.join(words)}"


def whole(low: int, high: int) -> Rule:
    """Accept a whole number in a query."""

    def rule(value: str) -> str | None:
        good = re.fullmatch("[0-9]{1,9}", value) and low <= int(value) <= high
        return None if good else f"Must be an integer between {low} and {high}"

    return rule


def several(low: int, high: int, each: Rule) -> Rule:
    """Accept a list of that length, every element of it by its own rule."""

    def rule(value: Any) -> str | None:
        if not isinstance(value, list) or not low <= len(value) <= high:
            return f"Must be an array of {low} to {high} entries"
        return next((f"Entry {at}: {bad}" for at, bad in enumerate(map(each, value)) if bad), None)

    return rule
