"""The blocking facade."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack

from callhub.flows import cancel, contacts, exchange, observe, place, scripts, webhooks
from callhub.flows.observe import Wanted
from callhub.hub import setup
from callhub.ledger.store import Ledger
from callhub.model.call import CallRequest
from callhub.model.contact import Contact
from callhub.provider.order import ContactFilter, Page
from callhub.runtime.clock import Clock
from callhub.runtime.runner import Runner
from callhub.runtime.transport import Transport

if TYPE_CHECKING:
    import builtins
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from callhub.flows.context import Context
    from callhub.flows.effects import Steps
    from callhub.model.call import Call
    from callhub.model.script import Script
    from callhub.provider.order import Endpoint

T = TypeVar("T")


class Hub:
    """Places, reads and cancels calls through any configured vendor.

    Safe to share between threads. Closes what it opened, at the end of ``with`` or by `close`.

    Args:
        providers: settings by provider name; what is left out comes from ``CALLHUB_<NAME>_<FIELD>``.
        scripts: neutral script names: for each provider the vendor's id, or a table with ``id`` and
            ``variables``.
        ledger: ``sqlite:///path`` or ``sqlite://`` (in memory); default: ``CALLHUB_LEDGER``, else a
            file in the user's data directory.
        numbers: ``"e164"`` checks the syntax of numbers, ``"valid"`` that they can exist.
        http_client: an `httpx2.Client` or `httpx.Client` of your own; it stays open.
        clock: another clock, for tests.

    Raises:
        UnknownProvider: a provider isn't installed.
        ConfigurationError: a setting is missing, wrong or unsafe.
    """

    def __init__(
        self,
        *,
        providers: Mapping[str, Mapping[str, Any]] | None = None,
        scripts: Mapping[str, Any] | None = None,
        ledger: str | None = None,
        numbers: str = "e164",
        http_client: Any = None,
        clock: Clock | None = None,
    ) -> None:
        self._context = setup.context_of(providers or {}, scripts or {}, numbers)
        self._ledger = Ledger(setup.ledger_url(ledger))
        self._transport = Transport(
            {name: link.provider for name, link in self._context.links.items()}, http_client
        )
        self._runner = Runner(self._ledger, self._transport, clock or Clock())
        self.calls = Calls(self._context, self._runner)
        self.contacts = Contacts(self._context, self._runner)
        self.scripts = Scripts(self._context, self._runner)
        self.webhooks = Webhooks(self._context, self._runner)

    @classmethod
    def from_config(cls, **overrides: Any) -> Self:
        """Make a hub from ``callhub.toml`` and the ``CALLHUB_*`` variables; keywords win over both."""
        return cls(**(setup.configured() | overrides))

    def provider(self, name: str) -> VendorOperations:
        """Give a vendor's own operations, such as those on its assistants; none of them can dial."""
        return VendorOperations(self._context, self._runner, name)

    def providers(self) -> list[setup.ProviderInfo]:
        """Describe every installed provider, with its capability table."""
        return setup.infos(self._context)

    def close(self) -> None:
        """Close the connections and the ledger."""
        self._runner.closed = True
        self._transport.close()
        self._ledger.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Hub {' '.join(self._context.links) or 'without providers'}>"


class _Part:
    def __init__(self, context: Context, runner: Runner) -> None:
        self._context = context
        self._runner = runner

    def _pages(self, step: Callable[[Any], Steps[Page[T]]], cursor: Any = None) -> Iterator[T]:
        while True:
            page: Page[T] = self._runner.run(step(cursor))
            yield from page.items
            if page.cursor is None:
                return
            cursor = page.cursor


class Calls(_Part):
    """Calls: place, read, list, wait for and cancel them."""

    def create(self, **options: Unpack[setup.CallOptions]) -> Call:
        """Place one call, once.

        Args:
            to: number to dial, in E.164 form; default: the contact's phone.
            script: a name from the configuration, or ``"<provider>:<vendor id>"``.
            variables: values for the script, by neutral names; text and numbers.
            contact: a `Contact`, or the id of one in a vendor's book.
            first_message: the opening line, which wins over the script's own.
            scheduled_at: aware datetime in the future; None dials at once.
            from_number: caller number; default: the provider's setting.
            record: True or False asks for it; None leaves it to the vendor.
            provider: through whom; needed where several are configured.
            idempotency_key: one per intended call; the same key never rings twice.
            metadata: values of your own, kept in the ledger and never sent.
            timeout: seconds for everything together, waiting for rate limits included.
            allow_default_script: allow a call with neither script nor first message.
            extras: a vendor's own fields by provider, sent as they are.

        The variables given here win over the contact's data, and those over the script's defaults;
        a first message given here wins over the script's; a vendor's README tells the rest.

        Raises:
            InvalidRequest: something is wrong; `fields` names every problem. Nothing was sent.
            ConfigurationError, UnknownProvider, UnsupportedFeature: nothing was sent.
            Refused, Unreachable: nothing was dialled.
            OutcomeUnknown: the vendor may have taken the call; `call` is the one in doubt.
            LedgerError: `dialed` tells whether it may have rung.
        """
        return self._runner.run(place.place(self._context, CallRequest(**options)))

    def get(self, call_id: str, *, refresh: bool = True) -> Call:
        """Give a call as its vendor tells it, or with ``refresh=False`` as the ledger has it.

        Raises:
            NotFound: there is no such call.
        """
        return self._runner.run(observe.get(self._context, call_id, refresh=refresh))

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
    ) -> Iterator[Call]:
        """Go through the vendors' calls, page by page as they are asked for.

        A filter that a vendor lacks is applied here; which of a call's times `since` and `until`
        compare with is then `created_at`, else the vendor's choice.
        """
        wanted = Wanted.of(provider, status, since, until, contact_id, script, page_size)
        return self._pages(partial(observe.page, self._context, wanted), (0, None))

    def history(
        self,
        status: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        to: str | None = None,
    ) -> Iterator[Call]:
        """Go through the calls of the ledger, newest first, asking no vendor."""
        wanted = Wanted.of(None, status, since, until)
        return self._pages(partial(observe.history, wanted, to))

    def wait(
        self, call_id: str, timeout: float = 600, on_update: Callable[[Call], object] | None = None
    ) -> Call:
        """Read a call, less and less often, until it is over; `on_update` is told each reading.

        Raises:
            WaitTimeout: it isn't over after `timeout` seconds; `call` is its latest state.
            OutcomeUnknown: the call is in doubt, so that there is nothing to wait for.
        """
        return self._runner.run(observe.wait(self._context, call_id, timeout, on_update))

    def cancel(self, call_id: str) -> Call:
        """Cancel a call that isn't under way, read it back, and return it.

        Raises:
            InvalidState: it is under way or over.
            UnsupportedFeature: the vendor can't cancel.
            OutcomeUnknown: nobody can tell whether the cancellation came through.
        """
        return self._runner.run(cancel.cancel(self._context, call_id))


class Contacts(_Part):
    """The vendors' contact books; ids are ``"<provider>:<vendor id>"``."""

    def create(
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
        """Add a contact to a vendor's book.

        Raises:
            Conflict: the book has that number already, where the vendor minds.
            InvalidRequest: a field is wrong or too long by the vendor's documents.
            UnsupportedFeature: the vendor has no book.
        """
        contact = Contact(
            name=name, phone=phone, email=email, notes=notes, tags=setup.several("tags", tags),
            groups=setup.several("groups", groups),
            custom_fields=dict(custom_fields or {}), timezone=timezone,
        )  # fmt: skip
        return self._runner.run(contacts.create(self._context, provider, contact))

    def get(self, contact_id: str) -> Contact:
        """Read a contact."""
        return self._runner.run(contacts.get(self._context, contact_id))

    def list(
        self,
        provider: str | None = None,
        search: str | None = None,
        group: str | None = None,
        tags: Sequence[str] | None = None,
        page_size: int = 100,
    ) -> Iterator[Contact]:
        """Go through a vendor's book, page by page as it is asked for."""
        where = ContactFilter(search, group, setup.several("tags", tags))
        return self._pages(partial(contacts.page, self._context, provider, where, page_size))

    def search(self, text: str, *, provider: str | None = None, limit: int = 10) -> builtins.list[Contact]:
        """Search a vendor's book by name or number."""
        return list(self._runner.run(contacts.search(self._context, provider, text, limit)))

    def update(self, contact_id: str, /, **changes: Any) -> Contact:
        """Change the named fields; tags, groups and custom fields are replaced whole."""
        return self._runner.run(contacts.update(self._context, contact_id, changes))

    def delete(self, contact_id: str) -> None:
        """Delete a contact, for good."""
        self._runner.run(contacts.delete(self._context, contact_id))


class Scripts(_Part):
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


class Webhooks(_Part):
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
