"""Which request goes where: one row per documented endpoint."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from callhub_erzycall.sandbox.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from callhub.provider.http import Response
    from callhub.provider.sandbox import Hit

_ROOT = "/api/v1/"
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SILENT: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(
        ("phone-numbers", "phone_numbers", "phoneNumbers"), ("phone numbers", "their path and fields")
    ),
    **dict.fromkeys(
        ("contact-groups", "contact_groups", "contactGroups"), ("contact groups", "their path and fields")
    ),
    "whatsapp": ("other endpoints of WhatsApp", "what they answer"),
    "assistants": ("other endpoints of assistants", "them"),
    "webhooks": ("other endpoints of webhooks", "them"),
}


@dataclass(frozen=True, slots=True)
class Ask:
    """One request on its way to its endpoint: `id` stands in the path, where there is one."""

    hit: Hit
    id: str
    now: datetime


class Route(NamedTuple):
    """One endpoint: ``{id}`` in its path is for any id."""

    method: str
    path: str
    scope: str
    answer: Callable[[Ask], Response]


class Routes:
    """All endpoints, a literal segment before ``{id}``."""

    def __init__(self, rows: Iterable[Route]) -> None:
        self._rows = sorted(rows, key=lambda row: "{id}" in row.path)

    def find(self, method: str, path: str) -> tuple[Route, str]:
        """Give the endpoint and the id in the path, or raise what the vendor would say."""
        segments = path.removeprefix(_ROOT).split("/") if path.startswith(_ROOT) else []
        for row in self._rows:
            if row.method == method and _fits(row.path.split("/"), segments):
                return row, _id(segments[-1]) if row.path.endswith("{id}") else ""
        if segments and segments[0] in _SILENT:
            raise not_emulated(*_SILENT[segments[0]])
        raise ApiError("NOT_FOUND", f"No endpoint {method} {path}")


def not_emulated(what: str, unknown: str) -> ApiError:
    """Say that the documents are silent, rather than guess."""
    return ApiError("NOT_EMULATED", f"Not emulated: {what}. The vendor's documents don't tell {unknown}.")


def _fits(pattern: list[str], segments: list[str]) -> bool:
    pairs = zip(pattern, segments, strict=False)
    return len(pattern) == len(segments) and all(want in ("{id}", given) for want, given in pairs)


def _id(segment: str) -> str:
    record_id = unquote(segment)
    if not _ID.fullmatch(record_id):
        raise ApiError("INVALID_ID", "Missing or malformed resource ID")
    return record_id
