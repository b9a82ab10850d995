"""Who may be dialled how often: rules that stand in the way of a dial, whichever vendor would carry it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from callhub.errors import ConfigurationError

if TYPE_CHECKING:
    from callhub.model.call import Call

UNITS: Mapping[str, float] = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_SPAN = re.compile(r"(\d{1,6})\s*([smhd])")
_CAP = re.compile(r"(\d{1,6})\s*/\s*(\d{0,6}\s*[smhd])")


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `times` dials to a person within `seconds`."""

    times: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Guards:
    """What keeps callhub from dialling a person too often, or without consent.

    Every dial that may have rung counts: accepted ones, those in doubt, those under way, and
    repetitions of a request in doubt. What a vendor refused, or what never reached it, doesn't.

    Attributes:
        caps: dials per person and period, such as ``("3/1d", "10/30d")``; s, m, h and d are the units.
        gap: least time between two dials to a person, such as ``"4h"`` or a `timedelta`.
        consent: a check of the application's own, called with the call before each dial (with an
            `AsyncHub` it may be async). Only True lets it go out; where it raises or returns
            anything else, nothing is dialled.

    Raises:
        ConfigurationError: a cap or a gap can't be read.
    """

    caps: tuple[Cap, ...] = ()
    gap: float | None = None
    consent: Callable[[Call], object] | None = field(default=None, repr=False)

    def __init__(
        self,
        caps: Sequence[str | Cap] = (),
        gap: str | timedelta | float | None = None,
        consent: Callable[[Call], object] | None = None,
    ) -> None:
        if isinstance(caps, str):
            raise ConfigurationError(f"guards.caps must be a list, such as [{caps!r}]")
        if consent is not None and not callable(consent):
            raise ConfigurationError("guards.consent must be callable")
        object.__setattr__(self, "caps", tuple(map(_cap, caps)))
        object.__setattr__(self, "gap", None if gap is None else _seconds("guards.gap", gap))
        object.__setattr__(self, "consent", consent)

    @property
    def longest(self) -> float:
        """Give how far back the dials to a person matter, in seconds."""
        return max([0.0, self.gap or 0.0, *(cap.seconds for cap in self.caps)])

    @property
    def most(self) -> int:
        """Give how many of the dials to a person that are nearest in time matter."""
        return max([1, *(cap.times for cap in self.caps)])

    @classmethod
    def of(cls, given: Guards | Mapping[str, Any] | None) -> Guards:
        """Read a configuration: a table with ``caps`` and ``gap``."""
        if given is None or isinstance(given, Guards):
            return given or NONE
        if not isinstance(given, Mapping) or set(given) - {"caps", "gap", "consent"}:
            raise ConfigurationError("guards must be callhub.Guards(…), or a table with caps and gap")
        return cls(**given)


def cap_wait(caps: Iterable[Cap], dials: Sequence[float], at: float) -> float | None:
    """Give the seconds until a cap has room again; None where every cap has.

    Args:
        caps: the rules.
        dials: when the person is or was rung, in seconds since the epoch, scheduled rings included.
        at: when they would be rung.
    """
    waits = []
    for cap in caps:
        near = sorted((each for each in dials if abs(each - at) < cap.seconds), reverse=True)
        if len(near) >= cap.times:
            waits.append(near[cap.times - 1] + cap.seconds - at)
    return max(waits, default=None)


def gap_wait(gap: float | None, dials: Sequence[float], at: float) -> float | None:
    """Give the seconds until the person may be rung; None where that is at the time wanted."""
    if gap is None:
        return None
    near = [each for each in dials if each - gap < at < each + gap]
    return max(near) + gap - at if near else None


def _cap(given: object) -> Cap:
    if isinstance(given, Cap):
        return given
    found = _CAP.fullmatch(given.strip()) if isinstance(given, str) else None
    if found is None or int(found[1]) < 1:
        raise ConfigurationError("guards.caps must be like '3/1d': so many dials in so long (s, m, h, d)")
    period = found[2] if found[2][0].isdigit() else f"1{found[2]}"
    return Cap(int(found[1]), _seconds("guards.caps", period))


def _seconds(what: str, given: object) -> float:
    seconds = None
    if isinstance(given, timedelta):
        seconds = given.total_seconds()
    elif isinstance(given, int | float) and not isinstance(given, bool):
        seconds = float(given)
    elif isinstance(given, str) and (found := _SPAN.fullmatch(given.strip())):
        seconds = int(found[1]) * UNITS[found[2]]
    if seconds is None or not 0 < seconds < float("inf"):
        raise ConfigurationError(f"{what} must be a time such as '4h', '30m' or '1d', longer than none")
    return seconds


NONE = Guards()
