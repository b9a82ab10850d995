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
from callhub.hub.blocking.part import Part

if TYPE_CHECKING:
    import builtins
    from collections.abc import Callable, Iterator, Sequence

    from callhub.flows.context import Context
    from callhub.model.script import Script
    from callhub.provider.order import Endpoint
    from callhub.runtime.runner import Runner

T = TypeVar("T")


class Scripts(Part):
    """Call scripts: the configured names, and what the vendors keep."""

    def list(self, provider: str | None = None, page_size: int = 100) -> Iterator[Script]:
        """Go through the configured names and every vendor's scripts, or one vendor's only.

        Raises:
            UnsupportedFeature: the named vendor can't list its scripts.
        """
        if provider is None:
            yield from scripts.configured(self._context)
        for name in [provider] if provider is not None else scripts.listing(self._context):
            yield from self._pages(partial(scripts.page, self._context, name, page_size))

    def get(self, script_id: str) -> Script:
        """Give a configured name, or read a vendor's script by ``"<provider>:<vendor id>"``."""
        return self._runner.run(scripts.get(self._context, script_id))


class Webhooks(Part):
    """Webhook endpoints at the vendors; ids are ``"<provider>:<vendor id>"``."""

    def register(
        self, provider: str, url: str, events: Sequence[str] | None = None, description: str | None = None
    ) -> Endpoint:
        """Register an endpoint; keep the `secret` of what is returned, it is never shown again.

        Raises:
            InvalidState: the vendor allows no further endpoint.
            UnsupportedFeature: the vendor has no endpoints to manage.
        """
        named = setup.several("events", events) if events is not None else None
        return self._runner.run(webhooks.register(self._context, provider, url, named, description))

    def list(self, provider: str) -> builtins.list[Endpoint]:
        """Read a vendor's endpoints."""
        return list(self._runner.run(webhooks.listed(self._context, provider)))

    def update(self, webhook_id: str, /, **changes: Any) -> Endpoint:
        """Change ``url``, ``events``, ``description`` or ``active``."""
        return self._runner.run(webhooks.update(self._context, webhook_id, changes))

    def delete(self, webhook_id: str) -> None:
        """Remove an endpoint."""
        self._runner.run(webhooks.delete(self._context, webhook_id))


class VendorOperations:
    """A vendor's own operations as methods; `Provider.operations` names them."""

    def __init__(self, context: Context, runner: Runner, provider: str) -> None:
        self._context = context
        self._runner = runner
        self._name = context.link(provider).provider.name

    def __getattr__(self, name: str) -> Callable[..., Any]:
        link, flow = setup.operation(self._context, self._name, name)
        return lambda *args, **keywords: self._runner.run(exchange.perform(link, flow(*args, **keywords)))

    def __dir__(self) -> list[str]:
        return list(self._context.link(self._name).provider.operations)
