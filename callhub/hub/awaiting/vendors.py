"""What the vendors keep: scripts, webhook endpoints, operations of their own."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from callhub.flows import (
    exchange,
    scripts,
    webhooks,
)
from callhub.hub import setup
from callhub.hub.awaiting.part import Part

if TYPE_CHECKING:
    import builtins
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from callhub.flows.context import Context
    from callhub.model.script import Script
    from callhub.provider.order import Endpoint
    from callhub.runtime.runner import AsyncRunner

T = TypeVar("T")


class AsyncScripts(Part):
    """Call scripts: the configured names, and what the vendors keep."""

    async def list(self, provider: str | None = None, page_size: int = 100) -> AsyncIterator[Script]:
        """Go through the configured names and every vendor's scripts, or one vendor's only."""
        if provider is None:
            for configured in scripts.configured(self._context):
                yield configured
        for name in [provider] if provider is not None else scripts.listing(self._context):
            async for script in self._pages(partial(scripts.page, self._context, name, page_size)):
                yield script

    async def get(self, script_id: str) -> Script:
        """Give a configured name, or read a vendor's script by ``"<provider>:<vendor id>"``."""
        return await self._runner.run(scripts.get(self._context, script_id))


class AsyncWebhooks(Part):
    """Webhook endpoints at the vendors; ids are ``"<provider>:<vendor id>"``."""

    async def register(
        self, provider: str, url: str, events: Sequence[str] | None = None, description: str | None = None
    ) -> Endpoint:
        """Register an endpoint; keep the `secret` of what is returned, it is never shown again."""
        named = setup.several("events", events) if events is not None else None
        return await self._runner.run(webhooks.register(self._context, provider, url, named, description))

    async def list(self, provider: str) -> builtins.list[Endpoint]:
        """Read a vendor's endpoints."""
        return list(await self._runner.run(webhooks.listed(self._context, provider)))

    async def update(self, webhook_id: str, /, **changes: Any) -> Endpoint:
        """Change ``url``, ``events``, ``description`` or ``active``."""
        return await self._runner.run(webhooks.update(self._context, webhook_id, changes))

    async def delete(self, webhook_id: str) -> None:
        """Remove an endpoint."""
        await self._runner.run(webhooks.delete(self._context, webhook_id))


class AsyncVendorOperations:
    """A vendor's own operations as methods; `Provider.operations` names them."""

    def __init__(self, context: Context, runner: AsyncRunner, provider: str) -> None:
        self._context = context
        self._runner = runner
        self._name = context.link(provider).provider.name

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        link, flow = setup.operation(self._context, self._name, name)
        return lambda *args, **keywords: self._runner.run(exchange.perform(link, flow(*args, **keywords)))

    def __dir__(self) -> list[str]:
        return list(self._context.link(self._name).provider.operations)
