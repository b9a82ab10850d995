"""What every flow of one hub shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from callhub.errors import InvalidRequest
from callhub.policy import routing
from callhub.policy.guards import NONE, Guards

if TYPE_CHECKING:
    from collections.abc import Mapping

    from callhub.model.route import Failover
    from callhub.policy.scripts import ScriptMap
    from callhub.provider.base import Provider

_UNSAFE = frozenset("/\\?#%")


@dataclass(frozen=True, slots=True)
class Room:
    """What is left of a vendor's limit, and when it is renewed: in ticks, so no clock needs to be right."""

    remaining: int
    renewed_at: float


@dataclass(slots=True)
class Link:
    """One configured vendor, and what its last answers said.

    Attributes:
        limit: what is left of the vendor's limit.
        date: its last answer's ``Date``, by which its clock can be told from ours.
    """

    provider: Provider[Any]
    limit: Room | None = None
    date: str | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """The configured vendors by name, and the rules that hold for every call.

    Attributes:
        route: through whom a call goes that says nothing of it.
        idempotency_window: seconds for which a vendor is trusted to know a key again.
        settling: seconds after which a vendor's list is trusted to show a call.
    """

    links: Mapping[str, Link]
    scripts: ScriptMap
    numbers: str = "e164"
    route: Failover | None = None
    guards: Guards = NONE
    idempotency_window: float = 600.0
    settling: float = 5.0

    def link(self, named: str | None) -> Link:
        """Give the vendor that was named, or the only one; see `routing.choose` for the errors."""
        return self.links[routing.choose(named, self.links)]


def split_id(text: object, what: str = "id") -> tuple[str | None, str]:
    """Split an id into provider and bare id; no provider means that it is callhub's own.

    Raises:
        InvalidRequest: the id could lead somewhere else once it stands in a path.
    """
    provider = None
    if isinstance(text, str):
        owner, colon, bare = text.partition(":")
        provider, bare = (owner, bare) if colon else (None, text)
        if _harmless(bare):
            return provider, bare
    message = "is no id: it must be printable, without spaces, '..' or any of / \\ ? # %"
    raise InvalidRequest(f"{what} {message}", fields={what: message}, provider=provider)


def _harmless(bare: str) -> bool:
    return (
        bool(bare)
        and bare.isprintable()
        and " " not in bare
        and ".." not in bare
        and bare != "."
        and not set(bare) & _UNSAFE
    )
