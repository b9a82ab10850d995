"""Calls."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar, Unpack

from callhub.flows import (
    cancel,
    explain,
    observe,
    place,
    reconcile,
    resolve,
    wait,
)
from callhub.flows.observe import Wanted
from callhub.hub import setup
from callhub.hub.blocking.part import Part
from callhub.model.call import CallRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from callhub.model.call import Call
    from callhub.model.explanation import Explanation

T = TypeVar("T")


class Calls(Part):
    """Calls: place, read, list, wait for and cancel them."""

    def create(self, **options: Unpack[setup.CallOptions]) -> Call:
        """Place one call, once.

        Args:
            to: number to dial, in E.164 form; default: the contact's phone.
            script: a name from the configuration, or ``"<provider>:<vendor id>"``.
            variables: values for the script, by neutral names; text and numbers.
            contact: a `Contact`, or the id of one in callhub's book or a vendor's.
            first_message: the opening line, which wins over the script's own.
            scheduled_at: aware datetime in the future; None dials at once.
            hold: who holds a scheduled call: ``"provider"``, which is also what None means.
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
