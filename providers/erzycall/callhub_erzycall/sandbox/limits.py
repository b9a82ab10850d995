"""Keys and what they may do: scopes, and two sliding windows per key."""

from __future__ import annotations

import re
from collections import deque
from datetime import timedelta
from math import ceil
from typing import TYPE_CHECKING

from callhub_erzycall.sandbox.errors import ApiError, RateLimitedError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

_KEY = re.compile(r"ek_(live|test)_\S+")
_DEAD = {
    "revoked": ("KEY_REVOKED", "API key has been revoked"),
    "expired": ("KEY_EXPIRED", "API key has expired"),
}
_READS = {
    "calls:read",
    "contacts:read",
    "contact_groups:read",
    "cases:read",
    "assistants:read",
    "phone_numbers:read",
    "webhooks:read",
    "whatsapp:read",
}


def require_key(key: str) -> None:
    """Let only living keys pass."""
    if not _KEY.fullmatch(key):
        raise ApiError("UNAUTHORIZED", "Missing or invalid API key")
    for mark, (code, message) in _DEAD.items():
        if mark in key:
            raise ApiError(code, message)


def require_scope(key: str, scope: str) -> None:
    """Let a key with ``readonly`` in it read, and any other do everything."""
    if "readonly" in key and scope not in _READS:
        raise ApiError("INSUFFICIENT_SCOPE", f"API key lacks required scope: {scope}")


class _Window:
    """At most `limit` requests within any `span`."""

    def __init__(self, limit: int, span: timedelta) -> None:
        self.limit = limit
        self._span = span
        self._taken: deque[datetime] = deque()

    def take(self, now: datetime) -> None:
        self._taken.append(now)

    def left(self, now: datetime) -> int:
        while self._taken and now - self._taken[0] >= self._span:
            self._taken.popleft()
        return self.limit - len(self._taken)

    def resets(self, now: datetime) -> datetime:
        return self._taken[0] + self._span if self._taken else now


class RateLimits:
    """The minute's and the hour's window of every key."""

    def __init__(self, per_minute: int, per_hour: int) -> None:
        self._limits = ((per_minute, timedelta(minutes=1)), (per_hour, timedelta(hours=1)))
        self._windows: dict[str, tuple[_Window, ...]] = {}

    def admit(self, key: str, now: datetime) -> None:
        """Count one request, or raise the 429."""
        windows = self._windows.setdefault(key, self._fresh())
        full = [window.resets(now) for window in windows if window.left(now) <= 0]
        if full:
            raise RateLimitedError(max(1, ceil((max(full) - now).total_seconds())))
        for window in windows:
            window.take(now)

    def headers(self, key: str, now: datetime) -> Mapping[str, str]:
        """Describe the tighter window."""
        windows = self._windows.get(key) or self._fresh()
        tight = min(windows, key=lambda window: window.left(now))
        return {
            "x-ratelimit-limit": str(tight.limit),
            "x-ratelimit-remaining": str(max(0, tight.left(now))),
            "x-ratelimit-reset": str(ceil(tight.resets(now).timestamp())),
        }

    def _fresh(self) -> tuple[_Window, ...]:
        return tuple(_Window(limit, span) for limit, span in self._limits)
