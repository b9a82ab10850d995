"""A clock that waits for nobody."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from threading import Lock

from callhub.runtime.clock import Clock

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


class VirtualClock(Clock):
    """Time that moves only when somebody sleeps or advances it; safe to share between threads."""

    def __init__(self, start: datetime = START) -> None:
        self._start = start
        self._passed = 0.0
        self._lock = Lock()

    def now(self) -> datetime:
        """Tell the virtual time: aware, UTC."""
        return self._start + timedelta(seconds=self._passed)

    def ticks(self) -> float:
        """Tell the virtual seconds since the start."""
        return self._passed

    def advance(self, by: timedelta | float) -> None:
        """Move the time forward by a timedelta or by seconds."""
        with self._lock:
            self._passed += by.total_seconds() if isinstance(by, timedelta) else by

    def sleep(self, seconds: float) -> None:
        """Move the time forward instead of waiting."""
        self.advance(seconds)

    async def sleep_async(self, seconds: float) -> None:
        """Move the time forward and let others run."""
        self.advance(seconds)
        await asyncio.sleep(0)
