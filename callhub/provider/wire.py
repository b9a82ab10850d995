"""Read what vendors send, leniently, and write what they document, strictly."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeVar

import msgspec
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from callhub.provider.http import Unreadable
from callhub.provider.order import Problem, rejection

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")

# A vendor's time; one without an offset could be anywhere, so it counts as missing.
Instant: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]

_PLACE = re.compile(r" - at `\$(.+)`$")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\[\.\.\.\]")


class Wire(msgspec.Struct, rename="camel", kw_only=True):
    """A vendor's object with camelCase names; unknown fields are ignored, `Call.raw` keeps them.

    Give every field but the id a default: what is missing or of a strange form becomes that.
    """


def read(kind: msgspec.json.Decoder[T], body: bytes) -> T:
    """Read an answer; fields of a strange form are treated as missing.

    Raises:
        Unreadable: it isn't JSON, or lacks what can't be done without.
    """
    try:
        return kind.decode(body)
    except (ValueError, RecursionError):
        pass
    found: T = _read_without_strange(kind.type, body)
    return found


def utc(at: datetime | None) -> datetime | None:
    """Give an aware datetime in UTC; None, and what lies beyond Python's years, give None."""
    try:
        return at if at is None or at.tzinfo is UTC else at.astimezone(UTC)
    except OverflowError:
        return None


class Body(BaseModel):
    """What may be written to a vendor: callhub's names, the vendor's as aliases, its limits as constraints.

    Every field needs a default, which is never sent: `write` sends what is given.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        strict=True,
        hide_input_in_errors=True,
    )


def write(kind: type[Body], given: Mapping[str, Any], title: str) -> dict[str, Any]:
    """Give the vendor's object for callhub's fields.

    Raises:
        InvalidRequest: something breaks the vendor's documented limits; `fields` names every problem.
    """
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()}
    try:
        return kind.model_validate(plain).model_dump(by_alias=True, exclude_unset=True)
    except ValidationError as error:
        details = error.errors(include_input=False, include_url=False)
    names = {field.alias: name for name, field in kind.model_fields.items()}
    faults = [(str(each["loc"][0]), each["msg"].removeprefix("Value error, ")) for each in details]
    problems = [Problem(names.get(name, name), f"at {title}: {message}") for name, message in faults]
    raise rejection(problems)


def utc_milliseconds(at: datetime | None) -> str | None:
    """Write an aware datetime as ``2025-01-16T14:00:00.000Z``; None stays None."""
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


@lru_cache(maxsize=1024)
def seconds(length: float | None) -> timedelta | None:
    """Give a length of time that a vendor tells in seconds; None and what is no length give None."""
    try:
        return None if length is None else timedelta(seconds=length)
    except (OverflowError, ValueError):
        return None


def unix(at: float | None) -> datetime | None:
    """Give the instant that a vendor tells in seconds since 1970; None and what is no time give None."""
    try:
        return None if at is None else datetime.fromtimestamp(at, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _read_without_strange(kind: Any, body: bytes) -> Any:
    try:
        whole = json.dumps(json.loads(body), ensure_ascii=False).encode(errors="replace")
        value = json.loads(whole)  # without halves of characters, which nobody can write down
        while (strange := _first_strange(kind, value)) is not None:
            _remove(value, strange)
        return msgspec.convert(value, kind)
    except (ValueError, LookupError, TypeError, RecursionError):
        pass  # raised outside the handler: the chained exception would quote the answer
    raise Unreadable("the answer lacks what it must hold")


def _first_strange(kind: Any, value: object) -> list[str | int] | None:
    """Find the first field of a strange form; None where there is none, or nothing can be left out."""
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        place = _PLACE.search(str(error))
        if place is None or "missing required field" in str(error):
            return None
        steps = [(name, at) for name, at in _STEP.findall(place[1])]
        known = steps[: steps.index(("", ""))] if ("", "") in steps else steps
        return [name or int(at) for name, at in known]
    return None


def _remove(value: Any, trail: list[str | int]) -> None:
    for step in trail[:-1]:
        value = value[step]
    del value[trail[-1]]
