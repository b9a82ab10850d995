"""How long to wait: before a request, so that the vendor's limit isn't hit, and before another try."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

TRIES = 4
LONGEST = 60.0
SCARCE = 5  # with fewer requests than this left, each one is delayed by SCARCE_PAUSE seconds
SCARCE_PAUSE = 2.0
BEYOND = 10**9  # what a vendor asks for beyond this, in seconds, makes no difference
LONGEST_WINDOW = 3600.0  # what a vendor says of its limit for longer than an hour is taken for an error
UNTOLD = 5.0  # seconds to wait after a 429 that doesn't say
TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Read ``Retry-After`` in seconds, from its seconds or its date form; None where it says nothing."""
    text = headers.get("retry-after", "").strip()
    try:
        return float(min(max(0, int(text)), BEYOND))
    except ValueError:
        pass
    until = date(text)
    return None if until is None else min(max(0.0, (until - now).total_seconds()), float(BEYOND))


def backoff(tried: int, told: float | None, jitter: float) -> float | None:
    """Give the seconds before another try; None where there should be none.

    Args:
        tried: how many tries there were.
        told: what the vendor asked for; obeyed in full, or not tried again where it is too long.
        jitter: a number from 0 to 1.
    """
    if tried >= TRIES or (told is not None and told > LONGEST):
        return None
    grown: float = min(0.5 * 2 ** (tried - 1), LONGEST)
    return (told if told is not None else grown * 0.5) + grown * 0.5 * jitter


def pause(remaining: int, until_reset: float) -> float:
    """Give the seconds to wait before a request so that the vendor's limit isn't hit.

    Args:
        remaining: how many requests the vendor has room for.
        until_reset: seconds until there is room again.
    """
    if remaining >= SCARCE or until_reset <= 0:
        return 0.0
    return until_reset if remaining <= 0 else min(until_reset, SCARCE_PAUSE)


def date(text: str | None) -> datetime | None:
    """Read a time in the form of HTTP's ``Date``; None where it says nothing."""
    try:
        said = parsedate_to_datetime(text or "")
    except (ValueError, OverflowError):
        return None
    return said if said.tzinfo else said.replace(tzinfo=UTC)
