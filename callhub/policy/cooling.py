"""How long a vendor that keeps failing is left alone."""

from __future__ import annotations

PATIENCE = 3  # failures in a row before the route passes a vendor over
FIRST, LONGEST = 30.0, 600.0
_DOUBLINGS = 10


def pause(failures: int) -> float:
    """Give the seconds to leave a vendor alone after so many failures in a row; 0 for too few."""
    if failures < PATIENCE:
        return 0.0
    return min(FIRST * 2.0 ** min(failures - PATIENCE, _DOUBLINGS), LONGEST)
