"""The blocking facade."""

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
from callhub.runtime.runner import Runner
from callhub.runtime.transport import Transport

if TYPE_CHECKING:
    import builtins
    from collections.abc import Callable, Iterator, Mapping, Sequence
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


class Hub:
    """Places, reads and cancels calls through any configured vendor.

    Safe to share between threads. Closes what it opened, at the end of ``with`` or by `close`.

    Args:
        providers: settings by provider name; what is left out comes from ``CALLHUB_<NAME>_<FIELD>``.
        scripts: neutral script names: for each provider the vendor's id, or a table with ``id`` and
            ``variables``.
        ledger: ``sqlite:///path``, ``sqlite://`` (in memory) or ``postgresql://…``; default:
            ``CALLHUB_LEDGER``, else a file in the user's data directory.
        route: through whom a call goes that says nothing of it, such as ``Failover("a", "b")``.
        guards: how often a person may be dialled, and your own consent check; see `Guards`.
        namespace: what the vendors' keys are derived from; default: the ledger's own id. Set it where
            a ledger may be replaced by another one.
        idempotency_window: seconds for which a vendor is trusted to know an idempotency key again.
        settling: seconds after which a vendor's list is trusted to show a call.
        numbers: ``"e164"`` checks the syntax of numbers, ``"valid"`` that they can exist.
        http_client: an `httpx2.Client` or `httpx.Client` of your own; it stays open.
        clock: another clock, for tests.

    Raises:
        UnknownProvider: a provider isn't installed.
        ConfigurationError: a setting is missing, wrong or unsafe.
    """

    def __init__(self, **options: Unpack[setup.HubOptions]) -> None:
        self._context = setup.context_of(options)
        self._ledger = setup.ledger_of(options)
        self._transport = Transport(
            {name: link.provider for name, link in self._context.links.items()}, options.get("http_client")
        )
        self._runner = Runner(self._ledger, self._transport, options.get("clock") or Clock())
        self.calls = Calls(self._context, self._runner)
        self.contacts = Contacts(self._context, self._runner)
        self.scripts = Scripts(self._context, self._runner)
        self.suppression = Suppressions(self._context, self._runner)
        self.webhooks = Webhooks(self._context, self._runner)

    @classmethod
    def from_config(cls, **overrides: Any) -> Self:
        """Make a hub from ``callhub.toml`` and the ``CALLHUB_*`` variables; keywords win over both."""
        return cls(**(setup.configured() | overrides))

    def recover(self) -> Recovery:
        """Settle what a crash or an unclear answer has left in doubt, and tell what became of each call.

        A call that turns out not to be placed isn't dialled again: repeat it under the same key.
        """
        return self._runner.run(reconcile.recover(self._context))

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
            provider: through whom; default: the route.
            route: ``Failover(…)``: one vendor after the other, as long as nothing can have rung;
                default: the hub's. Needed, or `provider`, where several vendors are configured.
            idempotency_key: one per intended call; the same key never rings twice.
            metadata: values of your own, kept in the ledger and never sent.
            timeout: seconds for everything together, waiting for rate limits included.
            on_unknown: what to do where nobody can tell whether it was placed: ``"raise"``, or
                ``"accept_risk"``, which dials again and may ring twice.
            allow_default_script: allow a call with neither script nor first message.
            extras: a vendor's own fields by provider, sent as they are.

        The variables given here win over the contact's data, and those over the script's defaults;
        a first message given here wins over the script's; a vendor's README tells the rest.

        Raises:
            InvalidRequest: something is wrong; `fields` names every problem. Nothing was sent.
            ConfigurationError, UnknownProvider, UnsupportedFeature: nothing was sent.
            Refused, Unreachable, NoProviderAvailable: nothing was dialled, where `dialed` is "no".
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
        return self._runner.run(wait.wait(self._context, call_id, timeout, on_update))

    def cancel(self, call_id: str) -> Call:
        """Cancel a call that isn't under way, read it back, and return it.

        Raises:
            InvalidState: it is under way or over.
            UnsupportedFeature: the vendor can't cancel.
            OutcomeUnknown: nobody can tell whether the cancellation came through.
        """
        return self._runner.run(cancel.cancel(self._context, call_id))

    def reconcile(self, call_id: str, timeout: float = 30) -> Call:
        """Settle a call in doubt where that can be done without ringing twice, and return it.

        Raises:
            OutcomeUnknown: it is still in doubt; `call.needs_person` tells whether a person is needed.
            NotFound: the ledger has no such call.
        """
        return self._runner.run(reconcile.reconcile(self._context, call_id, timeout))

    def resolve(self, call_id: str, *, placed: str | None, by: str | None = None) -> Call:
        """Take a person's word on a call in doubt: the vendor's id of it, or None: it was not placed.

        `by` names the person, who is written down with the time; default: this machine's user.

        Raises:
            InvalidState: the call isn't in doubt, or somebody may still be placing it.
            NotFound: the vendor has no call of that id.
            Conflict: the vendor's call is to another number, or belongs to another call here.
        """
        who = by or setup.person_of_this_machine()
        return self._runner.run(resolve.resolve(self._context, call_id, placed, who))

    def explain(self, call_id: str) -> Explanation:
        """Tell who was considered for a call and why, what each vendor answered, and how it stands.

        Raises:
            NotFound: the ledger has no such call.
        """
        return self._runner.run(explain.explain(call_id))


class Suppressions(_Part):
    """The people who are not to be called, whichever vendor would do it."""

    def add(self, number: str, reason: str | None = None) -> Suppression:
        """Put a number on the list, cancel open calls to it, and say which couldn't be stopped.

        Raises:
            InvalidRequest: it can't be read as a number.
        """
        return self._runner.run(suppression.add(self._context, [(number, reason)]))

    def remove(self, number: str) -> bool:
        """Take a number off the list; False where it isn't on it."""
        return self._runner.run(suppression.remove(number))

    def get(self, number: str) -> Entry | None:
        """Find a number on the list, however it is written; None where it isn't on it."""
        return self._runner.run(suppression.get(number))

    def list(self) -> Iterator[Entry]:
        """Go through the list, in the order of adding."""
        return self._pages(suppression.page, 0)

    def load(self, path: str | Path) -> Suppression:
        """Put every number of a CSV file on the list, all or none, and cancel open calls to them.

        The first column, or the one headed ``number`` or ``phone``, holds the numbers; one headed
        ``reason`` the reasons.

        Raises:
            InvalidRequest: a line can't be read; it is named, and nothing was added.
        """
        return self._runner.run(suppression.add(self._context, spreadsheets.numbers_of(path), "file"))


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
