"""How long to wait: before a request, so that the vendor's limit isn't hit, and before another try."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from callhub.provider.base import RateLimit

TRIES = 4
LONGEST = 60.0
SCARCE = 5  # with fewer requests than this left, each one is delayed by SCARCE_PAUSE seconds
SCARCE_PAUSE = 2.0
BEYOND = 10**9  # what a vendor asks for beyond this, in seconds, makes no difference
UNTOLD = 5.0  # seconds to wait after a 429 that doesn't say
TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Read ``Retry-After`` in seconds, from its seconds or its date form; None where it says nothing."""
    text = headers.get("retry-after", "").strip()
    try:
        return float(min(max(0, int(text)), BEYOND))
    except ValueError:
        pass
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    aware = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(max(0.0, (aware - now).total_seconds()), float(BEYOND))


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


def pause(limit: RateLimit | None, now: datetime) -> float:
    """Give the seconds to wait before a request so that the vendor's limit isn't hit."""
    if limit is None or limit.remaining >= SCARCE:
        return 0.0
    until_reset = max(0.0, limit.resets_at - now.timestamp())
    return until_reset if limit.remaining <= 0 else min(until_reset, SCARCE_PAUSE)
