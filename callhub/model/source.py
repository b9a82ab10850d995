"""Where a neutral object came from: the vendor's bytes, decoded only when somebody asks."""

from __future__ import annotations

import json
from typing import Any

import msgspec


class Source(msgspec.Struct, frozen=True, array_like=True):
    """A place inside a vendor's answer.

    Attributes:
        body: the whole answer, shared by every object read from it.
        trail: keys and positions that lead to the object.
    """

    body: bytes
    trail: tuple[str | int, ...] = ()

    def __repr__(self) -> str:
        return f"<Source, {len(self.body)} bytes>"

    def decode(self) -> Any:
        """Decode the object that stands at the trail; None where Python can't."""
        try:
            found = json.loads(self.body)
            for step in self.trail:
                found = found[step]
        except (ValueError, LookupError, TypeError, RecursionError):
            return None
        return found
