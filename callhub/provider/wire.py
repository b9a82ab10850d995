"""Read what vendors send, leniently, and write times as they ask."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from callhub.provider.http import Unreadable
from callhub.provider.order import Problem, rejection

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

T = TypeVar("T")

# A vendor's time, in UTC; one without an offset could be anywhere, so it counts as missing.
Instant: TypeAlias = Annotated[AwareDatetime, AfterValidator(lambda at: at.astimezone(UTC))]


class Wire(BaseModel):
    """A vendor's object with camelCase names; unknown fields are ignored, `Call.raw` keeps them.

    Give every field but the id a default: what is missing or of a strange form becomes that.
    """

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", hide_input_in_errors=True)


def read(kind: TypeAdapter[T], body: bytes) -> T:
    """Read an answer; fields of a strange form are treated as missing.

    Raises:
        Unreadable: it isn't JSON, or lacks what can't be done without.
    """
    try:
        return kind.validate_json(body)
    except ValidationError as error:
        strange = [detail["loc"] for detail in error.errors(include_input=False, include_url=False)]
    return _read_without(kind, body, strange)


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


def _read_without(kind: TypeAdapter[T], body: bytes, strange: Sequence[Sequence[int | str]]) -> T:
    try:
        value = json.loads(body)
        for trail in strange:
            _remove(value, trail)
        return kind.validate_json(json.dumps(value))
    except (ValueError, LookupError, TypeError, RecursionError):
        pass  # raised outside the handler: the chained exception would quote the answer
    raise Unreadable("the answer lacks what it must hold")


def _remove(value: Any, trail: Sequence[int | str]) -> None:
    for depth, step in enumerate(trail):
        if depth == len(trail) - 1 or not isinstance(value[step], dict | list):
            del value[step]
            return
        value = value[step]
