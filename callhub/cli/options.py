"""Options that several commands share, and how their texts are read."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from cyclopts import Parameter, Token

from callhub.errors import InvalidRequest
from callhub.model.lifecycle import CallStatus


def instant(_hint: object, tokens: Sequence[Token]) -> datetime:
    """Read a time of ISO 8601 that says its offset."""
    try:
        at = datetime.fromisoformat(tokens[0].value)
    except ValueError:
        at = None
    if at is None:
        raise ValueError("it is no time of ISO 8601, such as 2026-12-01T15:00+08:00.")
    if at.utcoffset() is None:
        raise ValueError("its offset is missing: end it with Z or with one such as +08:00.")
    return at


def positive(_hint: object, number: int | None) -> None:
    """Refuse numbers below 1."""
    if number is not None and number < 1:
        raise ValueError("It must be 1 or more.")


AsJson = Annotated[
    bool, Parameter(name="--json", help="print JSON, one object a line; a failure goes to stderr as JSON.")
]
Vendor = Annotated[str | None, Parameter(name="--provider", metavar="NAME")]
Instant = Annotated[datetime | None, Parameter(metavar="TIME", converter=instant)]
Status = Annotated[
    str | None, Parameter(metavar="STATUS", choices=tuple(map(str, CallStatus)), show_choices=False)
]
Limit = Annotated[
    int | None, Parameter(metavar="N", validator=positive, help="stop after that many, and ask for no more.")
]
PageSize = Annotated[int, Parameter(metavar="N", validator=positive)]
Several = Annotated[tuple[str, ...], Parameter(metavar="TEXT")]
Pairs = Annotated[tuple[str, ...], Parameter(metavar="NAME=VALUE")]


def pairs(option: str, given: Sequence[str]) -> dict[str, str]:
    """Read ``NAME=VALUE``, several times."""
    found: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise InvalidRequest(f"{option} must be given as NAME=VALUE")
        if name in found:
            raise InvalidRequest(f"{option} gives {name} twice")
        found[name] = value
    return found


def extras(given: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Read ``PROVIDER.FIELD=JSON``; what isn't JSON is text."""
    found: dict[str, dict[str, Any]] = {}
    for where, value in pairs("--extra", given).items():
        provider, dot, field = where.partition(".")
        if not dot or not provider or not field:
            raise InvalidRequest("--extra must be given as PROVIDER.FIELD=JSON")
        found.setdefault(provider, {})[field] = _json_or_text(value)
    return found


def given(**values: Any) -> Mapping[str, Any]:
    """Leave out what wasn't given, so that the hub's own defaults hold."""
    return {name: value for name, value in values.items() if value not in (None, (), {})}


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
