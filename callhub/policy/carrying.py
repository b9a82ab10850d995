"""What of a contact can go from callhub's own book into a vendor's, and back.

A vendor's groups are named in the own book as every object of a vendor's is: ``"<provider>:<id>"``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from callhub.policy import numbers
from callhub.policy.contacts import FIELDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from callhub.model.contact import Contact

T = TypeVar("T")

_NO_ZONE = "a vendor's book keeps no time zone"


def outgoing(contact: Contact, provider: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Give what a vendor's book can be asked to keep, and what it can't, with the reason."""
    theirs, foreign = _groups(contact, f"{provider}:")
    fields = {name: getattr(contact, name) for name in FIELDS if name != "timezone"} | {"groups": theirs}
    left = {"timezone": _NO_ZONE if contact.timezone else "", "groups": foreign}
    return _filled(fields), _filled(left)


def incoming(entry: Contact, provider: str) -> dict[str, Any]:
    """Give the fields of a vendor's entry as callhub's own book names them."""
    fields = {name: getattr(entry, name) for name in FIELDS}
    fields["phone"] = numbers.readable(entry.phone) or entry.phone
    fields["groups"] = tuple(f"{provider}:{group}" for group in entry.groups)
    required = ("name", "phone")
    return {name: value for name, value in fields.items() if value or name in required}


def _groups(contact: Contact, prefix: str) -> tuple[tuple[str, ...], str]:
    theirs = [group for group in contact.groups if group.startswith(prefix) and group != prefix]
    foreign = [group for group in contact.groups if group not in theirs]
    reason = f"not groups of that vendor's: {', '.join(foreign)}" if foreign else ""
    return tuple(group.removeprefix(prefix) for group in theirs), reason


def _filled(fields: Mapping[str, T]) -> dict[str, T]:
    return {name: value for name, value in fields.items() if value}
