"""A hub on sandboxes, in one line, without a socket and without waiting.

::

with lab() as it:
    call = it.hub.calls.create(to="+14155551234", script="greeting", provider="acme")
    assert it.hub.calls.wait(call.id).outcome == "conversation"
    assert it.rung("+14155551234") == 1
"""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from callhub.hub import AsyncHub, Hub
from callhub.policy.numbers import readable
from callhub.provider import registry
from callhub.provider.sandbox import Sandbox, SandboxClock
from callhub.testing import inprocess
from callhub.testing.clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

H = TypeVar("H", Hub, AsyncHub)

SCRIPT = "greeting"


@dataclass(frozen=True, slots=True)
class Lab(Generic[H]):
    """A hub, the vendors' sandboxes behind it, and the clock that all of them go by.

    The hub knows one script, ``"greeting"``, which every sandbox has.
    """

    hub: H
    sandboxes: dict[str, Sandbox]
    clock: VirtualClock

    def rung(self, number: str) -> int:
        """Tell how often that number has rung by now, whichever vendor rang it.

        Raises:
            ValueError: it is no number, so that it can't have rung: a slip would pass as a 0.
        """
        known = readable(number)
        if known is None:
            raise ValueError("a number with + and its country code, such as +14155550100")
        for sandbox in self.sandboxes.values():
            sandbox.settle()
        return sum(sandbox.rung[known] for sandbox in self.sandboxes.values())


@contextmanager
def lab(*providers: str, **options: Any) -> Iterator[Lab[Hub]]:
    """Make a `Hub` on the sandboxes of these providers, or of all that are installed.

    `options` are further keywords of the hub.
    """
    clock = VirtualClock()
    sandboxes = _sandboxes(providers, clock)
    with inprocess.client(sandboxes) as client, Hub(**_options(sandboxes, clock, client) | options) as hub:
        yield Lab(hub, sandboxes, clock)


@asynccontextmanager
async def async_lab(*providers: str, **options: Any) -> AsyncIterator[Lab[AsyncHub]]:
    """Make an `AsyncHub` on the sandboxes of these providers, or of all that are installed."""
    clock = VirtualClock()
    sandboxes = _sandboxes(providers, clock)
    client = inprocess.async_client(sandboxes)
    async with client, AsyncHub(**_options(sandboxes, clock, client) | options) as hub:
        yield Lab(hub, sandboxes, clock)


def _sandboxes(providers: tuple[str, ...], clock: VirtualClock) -> dict[str, Sandbox]:
    names = providers or registry.installed()
    return {name: registry.load(name).sandbox(SandboxClock(clock.now)) for name in names}


def _options(sandboxes: dict[str, Sandbox], clock: VirtualClock, client: object) -> dict[str, Any]:
    return {
        "providers": {
            name: {**sandbox.settings, "base_url": inprocess.url_of(name)}
            for name, sandbox in sandboxes.items()
        },
        "scripts": {SCRIPT: {name: sandbox.script for name, sandbox in sandboxes.items()}},
        "ledger": "sqlite://",
        "clock": clock,
        "http_client": client,
    }
