"""Options that several commands share, and how their texts are read."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import isnan
from typing import Annotated, Any

from cyclopts import Parameter, Token

from callhub.errors import InvalidRequest
from callhub.model.lifecycle import CallStatus
from callhub.model.route import Failover


def instant(_hint: object, tokens: Sequence[Token]) -> datetime:
    """Read a time of ISO 8601 that says its offset."""
    try:
        at = datetime.fromisoformat(tokens[0].value)
        if at.utcoffset() is not None:
            return at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("it is no time of ISO 8601, such as 2026-12-01T15:00+08:00.") from None
    raise ValueError("its offset is missing: end it with Z or with one such as +08:00.")


def positive(_hint: object, number: int | None) -> None:
    """Refuse numbers that count nothing."""
    if number is not None and not 1 <= number <= MOST:
        raise ValueError(f"It must be from 1 to {MOST}.")


def waitable(_hint: object, seconds: float) -> None:
    """Refuse what is no number."""
    if isnan(seconds):
        raise ValueError("It must be a number of seconds.")


def age(_hint: object, tokens: Sequence[Token]) -> timedelta:
    """Read a number of days or weeks."""
    found = _AGE.fullmatch(tokens[0].value)
    if found is None:
        raise ValueError("it is no number of days or weeks, such as 90d or 52w.")
    return timedelta(days=int(found[1]) * _DAYS[found[2]])


MOST = 1_000_000_000
_AGE = re.compile(r"([1-9][0-9]{0,4})([dw])")
_DAYS = {"d": 1, "w": 7}

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
Patience = Annotated[float, Parameter(metavar="SECONDS", allow_leading_hyphen=True, validator=waitable)]
Age = Annotated[
    timedelta,
    Parameter(metavar="AGE", converter=age, help="how old: a number of days or weeks, such as 90d or 52w."),
]
By = Annotated[str | None, Parameter(metavar="NAME", help="who says so; this machine's user unless given.")]
Route = Annotated[str | None, Parameter(metavar="A,B")]
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


def route(given: str | None) -> Failover | None:
    """Read the names of vendors, with commas between them."""
    names = [] if given is None else [name.strip() for name in given.split(",")]
    if given is not None and (not all(names) or len(set(names)) < len(names)):
        raise InvalidRequest("--route must be given as A,B: names of providers, each of them once")
    return Failover(*names) if names else None


def given(**values: Any) -> Mapping[str, Any]:
    """Leave out what wasn't given, so that the hub's own defaults hold."""
    return {name: value for name, value in values.items() if value not in (None, (), {})}


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
