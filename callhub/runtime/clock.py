"""Time, chance and ids, as the operating system gives them."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from datetime import UTC, datetime


class Clock:
    """The system's clock; tests give a hub another one."""

    def now(self) -> datetime:
        """Tell the time: aware, UTC."""
        return datetime.now(UTC)

    def ticks(self) -> float:
        """Tell seconds that only ever grow."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait, blocking."""
        time.sleep(seconds)

    async def sleep_async(self, seconds: float) -> None:
        """Wait, letting others run."""
        await asyncio.sleep(seconds)


def jitter() -> float:
    """Draw a number from 0 to 1."""
    return random.random()  # noqa: S311 - spreads retries, guards nothing


def new_id() -> str:
    """Make an id that orders by time: a UUID of version 7 (RFC 9562) with a sub-millisecond fraction."""
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    fraction = rest * 4096 // 1_000_000
    high = (milliseconds & (1 << 48) - 1) << 16 | 0x7000 | fraction
    low = 0b10 << 62 | secrets.randbits(62)
    text = f"{high << 64 | low:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
