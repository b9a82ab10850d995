"""The Idempotency-Key: what was answered once is answered again, and done once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from callhub_erzycall.sandbox.errors import ApiError

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from callhub.provider.http import Response
    from callhub.provider.sandbox import Hit


@dataclass(frozen=True, slots=True)
class _Stored:
    body: bytes
    response: Response
    at: datetime


class Memory:
    """First answers of POST requests by key, method and path."""

    def __init__(self, keeps: timedelta | None) -> None:
        self._keeps = keeps
        self._stored: dict[tuple[str, str, str], _Stored] = {}

    def recall(self, hit: Hit, now: datetime) -> Response | None:
        """Give the first answer again; the same key with another body is an error."""
        stored = self._stored.get(_name(hit))
        if stored is None or (self._keeps is not None and now - stored.at >= self._keeps):
            return None
        if stored.body != hit.body:
            raise ApiError("IDEMPOTENCY_MISMATCH", "Idempotency key reused with different request body")
        return stored.response

    def keep(self, hit: Hit, response: Response, now: datetime) -> None:
        """Store the answer to a POST that has a key; refusals are raised and never come here."""
        name = _name(hit)
        if hit.method == "POST" and name[0]:
            self._stored[name] = _Stored(hit.body, response, now)


def _name(hit: Hit) -> tuple[str, str, str]:
    return hit.headers.get("idempotency-key", ""), hit.method, hit.path
