"""The awaiting facade: `Hub` with await, async for and async with; its docstrings tell the rest."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack

from callhub.flows import (
    cancel,
    contacts,
    exchange,
    explain,
    observe,
    place,
    reconcile,
    resolve,
    scripts,
    suppression,
    wait,
    webhooks,
)
from callhub.flows.observe import Wanted
from callhub.hub import setup, spreadsheets
from callhub.model.call import CallRequest
from callhub.model.contact import Contact
from callhub.provider.order import ContactFilter, Page
from callhub.runtime.clock import Clock
from callhub.runtime.runner import AsyncRunner
from callhub.runtime.transport import AsyncTransport

if TYPE_CHECKING:
    import builtins
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from callhub.flows.context import Context
    from callhub.flows.effects import Steps
    from callhub.flows.operations import Entry
    from callhub.flows.reconcile import Recovery
    from callhub.flows.suppression import Suppression
    from callhub.model.call import Call
    from callhub.model.explanation import Explanation
    from callhub.model.script import Script
    from callhub.provider.order import Endpoint

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

    @classmethod
    def from_config(cls, **overrides: Any) -> Self:
        """Make a hub from ``callhub.toml`` and the ``CALLHUB_*`` variables; keywords win over both."""
        return cls(**(setup.configured() | overrides))

    async def recover(self) -> Recovery:
        """Settle what a crash or an unclear answer has left in doubt, and tell what became of each call."""
        return await self._runner.run(reconcile.recover(self._context))

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
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<AsyncHub {' '.join(self._context.links) or 'without providers'}>"


class _Part:
    def __init__(self, context: Context, runner: AsyncRunner) -> None:
        self._context = context
        self._runner = runner

    async def _pages(self, step: Callable[[Any], Steps[Page[T]]], cursor: Any = None) -> AsyncIterator[T]:
        while True:
            page: Page[T] = await self._runner.run(step(cursor))
            for item in page.items:
                yield item
            if page.cursor is None:
                return
            cursor = page.cursor


class AsyncCalls(_Part):
    """Calls: place, read, list, wait for and cancel them."""

    async def create(self, **options: Unpack[setup.CallOptions]) -> Call:
        """Place one call, once."""
        return await self._runner.run(place.place(self._context, CallRequest(**options)))

    async def get(self, call_id: str, *, refresh: bool = True) -> Call:
        """Give a call as its vendor tells it, or with ``refresh=False`` as the ledger has it."""
        return await self._runner.run(observe.get(self._context, call_id, refresh=refresh))

    def list(
        self,
        provider: str | None = None,
        *,
        status: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        contact_id: str | None = None,
        script: str | None = None,
        page_size: int = 100,
    ) -> AsyncIterator[Call]:
        """Go through the vendors' calls, page by page as they are asked for."""
        wanted = Wanted.of(provider, status, since, until, contact_id, script, page_size)
        return self._pages(partial(observe.page, self._context, wanted), (0, None))

    def history(
        self,
        status: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        to: str | None = None,
    ) -> AsyncIterator[Call]:
        """Go through the calls of the ledger, newest first, asking no vendor."""
        wanted = Wanted.of(None, status, since, until)
        return self._pages(partial(observe.history, wanted, to))

    async def wait(
        self,
        call_id: str,
        timeout: float = 600,  # noqa: ASYNC109 - the call is over or not, however it is awaited
        on_update: Callable[[Call], object] | None = None,
    ) -> Call:
        """Read a call, less and less often, until it is over; `on_update` is told each reading."""
        return await self._runner.run(wait.wait(self._context, call_id, timeout, on_update))

    async def cancel(self, call_id: str) -> Call:
        """Cancel a call that isn't under way, read it back, and return it."""
        return await self._runner.run(cancel.cancel(self._context, call_id))

    async def reconcile(self, call_id: str, timeout: float = 30) -> Call:  # noqa: ASYNC109
        """Settle a call in doubt where that can be done without ringing twice, and return it."""
        return await self._runner.run(reconcile.reconcile(self._context, call_id, timeout))

    async def resolve(self, call_id: str, *, placed: str | None, by: str | None = None) -> Call:
        """Take a person's word on a call in doubt: the vendor's id of it, or None: it was not placed."""
        who = by or setup.person_of_this_machine()
        return await self._runner.run(resolve.resolve(self._context, call_id, placed, who))

    async def explain(self, call_id: str) -> Explanation:
        """Tell who was considered for a call and why, what each vendor answered, and how it stands."""
        return await self._runner.run(explain.explain(call_id))


class AsyncSuppressions(_Part):
    """The people who are not to be called, whichever vendor would do it."""

    async def add(self, number: str, reason: str | None = None) -> Suppression:
        """Put a number on the list, cancel open calls to it, and say which couldn't be stopped."""
        return await self._runner.run(suppression.add(self._context, [(number, reason)]))

    async def remove(self, number: str) -> bool:
        """Take a number off the list; False where it isn't on it."""
        return await self._runner.run(suppression.remove(number))

    async def get(self, number: str) -> Entry | None:
        """Find a number on the list, however it is written; None where it isn't on it."""
        return await self._runner.run(suppression.get(number))

    def list(self) -> AsyncIterator[Entry]:
        """Go through the list, in the order of adding."""
        return self._pages(suppression.page, 0)

    async def load(self, path: str | Path) -> Suppression:
        """Put every number of a CSV file on the list, all or none, and cancel open calls to them."""
        return await self._runner.run(suppression.add(self._context, spreadsheets.numbers_of(path), "file"))


class AsyncContacts(_Part):
    """The vendors' contact books; ids are ``"<provider>:<vendor id>"``."""

    async def create(
        self,
        *,
        name: str,
        phone: str,
        email: str | None = None,
        notes: str | None = None,
        tags: Sequence[str] | None = None,
        groups: Sequence[str] | None = None,
        custom_fields: Mapping[str, Any] | None = None,
        timezone: str | None = None,
        provider: str | None = None,
    ) -> Contact:
        """Add a contact to a vendor's book."""
        contact = Contact(
            name=name, phone=phone, email=email, notes=notes, tags=setup.several("tags", tags),
            groups=setup.several("groups", groups),
            custom_fields=dict(custom_fields or {}), timezone=timezone,
        )  # fmt: skip
        return await self._runner.run(contacts.create(self._context, provider, contact))

    async def get(self, contact_id: str) -> Contact:
        """Read a contact."""
        return await self._runner.run(contacts.get(self._context, contact_id))

    def list(
        self,
        provider: str | None = None,
        search: str | None = None,
        group: str | None = None,
        tags: Sequence[str] | None = None,
        page_size: int = 100,
    ) -> AsyncIterator[Contact]:
        """Go through a vendor's book, page by page as it is asked for."""
        where = ContactFilter(search, group, setup.several("tags", tags))
        return self._pages(partial(contacts.page, self._context, provider, where, page_size))

    async def search(
        self, text: str, *, provider: str | None = None, limit: int = 10
    ) -> builtins.list[Contact]:
        """Search a vendor's book by name or number."""
        return list(await self._runner.run(contacts.search(self._context, provider, text, limit)))

    async def update(self, contact_id: str, /, **changes: Any) -> Contact:
        """Change the named fields; tags, groups and custom fields are replaced whole."""
        return await self._runner.run(contacts.update(self._context, contact_id, changes))

    async def delete(self, contact_id: str) -> None:
        """Delete a contact, for good."""
        await self._runner.run(contacts.delete(self._context, contact_id))


class AsyncScripts(_Part):
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


class AsyncWebhooks(_Part):
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
