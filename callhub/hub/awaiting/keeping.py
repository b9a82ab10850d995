"""The ledger: what it holds, copies of it, and what is taken out of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from callhub.flows import housekeeping
from callhub.flows.effects import ask
from callhub.flows.operations.keeping import CopyLedger, Reopen
from callhub.hub import setup
from callhub.hub.awaiting.part import Part

if TYPE_CHECKING:
    from datetime import timedelta

    from callhub.flows.context import Context
    from callhub.flows.operations.keeping import Forgotten, LedgerInfo, Purged, Restoration
    from callhub.runtime.runner import AsyncRunner


class AsyncLedgerTools(Part):
    """The ledger: what it holds, copies of it, and what is taken out of it."""

    def __init__(self, context: Context, runner: AsyncRunner, where: str) -> None:
        super().__init__(context, runner)
        self._where = where

    async def info(self) -> LedgerInfo:
        """Tell what the ledger is and holds."""
        return await self._runner.run(housekeeping.look(self._where))

    async def backup(self, path: str | Path, *, force: bool = False) -> int:
        """Copy the ledger to a file while others go on writing, and give the copy's size in bytes."""
        return await self._runner.run(ask(CopyLedger(Path(path), force)))

    async def forget(self, number: str) -> Forgotten:
        """Erase a person, in one transaction: all that tells who was called and what was said."""
        return await self._runner.run(housekeeping.forget(number))

    async def purge(self, *, older_than: timedelta) -> Purged:
        """Clear out settled calls that were created so long ago, a few hundred at a time."""
        return await self._runner.run(housekeeping.purge(older_than))

    async def reopen(self, by: str | None = None) -> Restoration | None:
        """Say that a key which the ledger doesn't know is a new one: nothing comes back from before."""
        return await self._runner.run(ask(Reopen(by or setup.person_of_this_machine())))
