"""The reusable text of a call."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from callhub.model.source import Source


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """A call script: a neutral name, or a vendor's own case, call template or whatever it is called there.

    Attributes:
        id: the neutral name from the configuration, or ``"<provider>:<vendor id>"``.
        provider: the vendor that keeps it; None for a neutral name.
        title: what the vendor calls it.
        status: the vendor's own word.
        providers: for a neutral name, the vendor's id by provider.
        created_at: aware, UTC.
    """

    id: str
    provider: str | None = None
    title: str | None = None
    status: str | None = None
    providers: dict[str, str] = {}
    created_at: datetime | None = None
    source: Source | None = None

    @property
    def raw(self) -> Any:
        """The vendor's own object, decoded; None for a neutral name."""
        return self.source.decode() if self.source else None
