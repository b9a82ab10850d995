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
from callhub.hub.awaiting.part import Part
from callhub.model.call import CallRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime

    from callhub.model.call import Call
    from callhub.model.explanation import Explanation

T = TypeVar("T")


class AsyncCalls(Part):
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
