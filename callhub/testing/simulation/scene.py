"""What a play starts from: the vendors, the rules, the time."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from callhub.model.contact import Contact
from callhub.model.route import Failover
from callhub.policy.guards import NONE, Guards
from callhub.testing.simulation.pretended import KINDS

if TYPE_CHECKING:
    from callhub.provider.base import Provider
    from callhub.provider.sandbox import Hit, Sandbox

WINDOW = 600.0
SCRIPT = "greeting"


@dataclass(frozen=True, slots=True)
class Scene:
    """What a play starts from.

    Attributes:
        vendors: those of the route, in order; pretended ones, or any that are installed.
        trusted: those that are trusted to fail a call before any ring.
        guards: the rules of the hub.
        timeout: seconds that a create may take.
        pickup: seconds until a pretended vendor rings.
        breaks: pretended vendors that fail every call; before any ring, where they are trusted.
    """

    vendors: tuple[str, ...]
    trusted: tuple[str, ...] = ()
    guards: Guards = NONE
    timeout: float = 30.0
    pickup: float = 0.0
    breaks: tuple[str, ...] = ()

    @property
    def route(self) -> Failover:
        """Give the route over every vendor of the scene."""
        return Failover(*self.vendors, after_failure=self.trusted)

    @property
    def pretended(self) -> bool:
        """Tell whether all of its vendors are."""
        return set(self.vendors) <= set(KINDS)


@dataclass(slots=True)
class Vendor:
    """One vendor, and what it still has to do."""

    kind: type[Provider[Any]]
    sandbox: Sandbox
    late: deque[tuple[float, Hit, str | None]] = field(default_factory=deque)

    def provider(self, account: str | None, edition: int) -> Provider[Any]:
        """Make the plugin, for that account and that edition of the settings."""
        given: dict[str, Any] = {**self.sandbox.settings, "base_url": f"https://{self.kind.name}.invalid"}
        given |= {"api_key": account} if account else {}
        given |= {"edition": edition} if "edition" in self.kind.settings_type.model_fields else {}
        return self.kind(self.kind.settings_type.model_validate(given))


def contact() -> Contact:
    """Give somebody with a name, which some vendors need."""
    return Contact(name="Ada")
