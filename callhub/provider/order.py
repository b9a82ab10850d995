"""What a plugin is asked to place or to look for, already in its vendor's words."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from callhub.errors import ConfigurationError, InvalidRequest, UnsupportedFeature
from callhub.model.contact import Contact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from callhub.model.lifecycle import CallStatus

T = TypeVar("T")


class Order(msgspec.Struct, frozen=True, omit_defaults=True):
    """One call to place through one vendor.

    Attributes:
        to: number to dial, in E.164 form.
        script: the vendor's own id of the script.
        variables: values by the vendor's own names.
        contact: name and email of the person, where they are known.
        contact_id: the vendor's id of the contact, where it is one of the vendor's book.
        scheduled_at: aware, UTC; None for at once.
        idempotency_key: the vendor's key, derived by callhub; the same for every repetition.
        extras: this vendor's own fields, to be sent as they are.
    """

    to: str
    idempotency_key: str
    script: str | None = None
    variables: dict[str, str] = {}
    contact: Contact | None = None
    contact_id: str | None = None
    first_message: str | None = None
    scheduled_at: datetime | None = None
    from_number: str | None = None
    record: bool | None = None
    extras: dict[str, Any] = {}

    def __repr__(self) -> str:
        return "<Order>"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing about an order that can't go out.

    Attributes:
        field: callhub's name of the field.
        message: what is wrong and what to do, without the value.
        error: what it is: a wrong value, a feature that the vendor lacks, or a missing setting.
    """

    field: str
    message: str
    error: type[InvalidRequest | UnsupportedFeature | ConfigurationError] = InvalidRequest


def reject(found: Sequence[Problem], provider: str | None = None) -> None:
    """Raise the one error for these problems (see `rejection`); do nothing where there are none."""
    if found:
        raise rejection(found, provider)


def rejection(
    found: Sequence[Problem], provider: str | None = None
) -> InvalidRequest | ConfigurationError | UnsupportedFeature:
    """Make the one error for these problems, of which there is at least one.

    It is `InvalidRequest` where any value is wrong, and then `fields` names every problem;
    `ConfigurationError` where otherwise settings are missing; else `UnsupportedFeature`.
    """
    kinds = (InvalidRequest, ConfigurationError, UnsupportedFeature)
    kind = next(kind for kind in kinds if any(problem.error is kind for problem in found))
    sentence = "; ".join(f"{problem.field} {problem.message}" for problem in found)
    if kind is InvalidRequest:
        return InvalidRequest(sentence, fields=_by_field(found), provider=provider)
    return kind(sentence, provider=provider)


def _by_field(listed: Sequence[Problem]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for problem in listed:
        fields[problem.field] = "; ".join(filter(None, (fields.get(problem.field), problem.message)))
    return fields


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls to list; ids are the vendor's, times aware."""

    status: CallStatus | None = None
    since: datetime | None = None
    until: datetime | None = None
    contact_id: str | None = None
    script: str | None = None


@dataclass(frozen=True, slots=True)
class ContactFilter:
    """Which contacts to list."""

    search: str | None = field(default=None, repr=False)
    group: str | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page of a list; `cursor` leads to the next one, whatever it is, and is None on the last."""

    items: tuple[T, ...]
    cursor: Any = None


@dataclass(frozen=True, slots=True, repr=False)
class Endpoint:
    """A webhook endpoint at the vendor; `secret` only where it was just created."""

    id: str
    provider: str
    url: str
    events: tuple[str, ...] = ()
    active: bool | None = None
    description: str | None = None
    secret: str | None = None
    created_at: datetime | None = None

    def __repr__(self) -> str:
        return f"<Endpoint {self.id}>"
