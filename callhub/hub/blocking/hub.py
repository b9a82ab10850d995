"""The hub itself: it holds the parts, and closes what it opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack

from callhub.flows import recover
from callhub.hub import setup
from callhub.hub.blocking.calls import Calls
from callhub.hub.blocking.keeping import LedgerTools
from callhub.hub.blocking.people import Contacts, Suppressions
from callhub.hub.blocking.vendors import Scripts, VendorOperations, Webhooks
from callhub.runtime.clock import Clock
from callhub.runtime.runner import Runner
from callhub.runtime.transport import Transport

if TYPE_CHECKING:
    from callhub.flows.recover import Recovery

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
        windows: calling windows; this version has none, so leave it empty.
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
        self.ledger = LedgerTools(self._context, self._runner, self._ledger.where)

    @classmethod
    def from_config(cls, **overrides: Any) -> Self:
        """Make a hub from ``callhub.toml`` and the ``CALLHUB_*`` variables; keywords win over both."""
        return cls(**(setup.configured() | overrides))

    def recover(self) -> Recovery:
        """Settle what a crash or an unclear answer has left in doubt, and tell what became of each call.

        A call that turns out not to be placed isn't dialled again: repeat it under the same key.
        """
        return self._runner.run(recover.recover(self._context))

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
        self._ledger.look_in()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Hub {' '.join(self._context.links) or 'without providers'}>"
