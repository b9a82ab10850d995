"""The hub itself: it holds the parts, and closes what it opened."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack

from callhub.flows import recover
from callhub.hub import setup
from callhub.hub.awaiting.calls import AsyncCalls
from callhub.hub.awaiting.keeping import AsyncLedgerTools
from callhub.hub.awaiting.people import AsyncContacts, AsyncSuppressions
from callhub.hub.awaiting.vendors import AsyncScripts, AsyncVendorOperations, AsyncWebhooks
from callhub.runtime.clock import Clock
from callhub.runtime.runner import AsyncRunner
from callhub.runtime.transport import AsyncTransport

if TYPE_CHECKING:
    from callhub.flows.recover import Recovery

T = TypeVar("T")


class AsyncHub:
    """Places, reads and cancels calls through any configured vendor."""

    def __init__(self, **options: Unpack[setup.HubOptions]) -> None:
        self._context = setup.context_of(options)
        self._ledger = setup.ledger_of(options)
        self._transport = AsyncTransport(
            {name: link.provider for name, link in self._context.links.items()}, options.get("http_client")
        )
        self._runner = AsyncRunner(self._ledger, self._transport, options.get("clock") or Clock())
        self.calls = AsyncCalls(self._context, self._runner)
        self.contacts = AsyncContacts(self._context, self._runner)
        self.scripts = AsyncScripts(self._context, self._runner)
        self.suppression = AsyncSuppressions(self._context, self._runner)
        self.webhooks = AsyncWebhooks(self._context, self._runner)
        self.ledger = AsyncLedgerTools(self._context, self._runner, self._ledger.where)

    @classmethod
    def from_config(cls, **overrides: Any) -> Self:
        """Make a hub from ``callhub.toml`` and the ``CALLHUB_*`` variables; keywords win over both."""
        return cls(**(setup.configured() | overrides))

    async def recover(self) -> Recovery:
        """Settle what a crash or an unclear answer has left in doubt, and tell what became of each call."""
        return await self._runner.run(recover.recover(self._context))

    def provider(self, name: str) -> AsyncVendorOperations:
        """Give a vendor's own operations, such as those on its assistants; none of them can dial."""
        return AsyncVendorOperations(self._context, self._runner, name)

    def providers(self) -> list[setup.ProviderInfo]:
        """Describe every installed provider, with its capability table."""
        return setup.infos(self._context)

    async def close(self) -> None:
        """Close the connections and the ledger."""
        self._runner.closed = True
        await self._transport.close()
        self._ledger.close()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._ledger.look_in)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<AsyncHub {' '.join(self._context.links) or 'without providers'}>"
