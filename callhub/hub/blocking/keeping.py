"""The ledger: what it holds, copies of it, and what is taken out of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from callhub.flows import housekeeping
from callhub.flows.effects import ask
from callhub.flows.operations.keeping import CopyLedger, Reopen
from callhub.hub import setup
from callhub.hub.blocking.part import Part

if TYPE_CHECKING:
    from datetime import timedelta

    from callhub.flows.context import Context
    from callhub.flows.operations.keeping import Forgotten, LedgerInfo, Purged, Restoration
    from callhub.runtime.runner import Runner


class LedgerTools(Part):
    """The ledger: what it holds, copies of it, and what is taken out of it.

    A copy is put back by ``callhub.hub.restore_ledger``, while no hub uses the ledger.
    """

    def __init__(self, context: Context, runner: Runner, where: str) -> None:
        super().__init__(context, runner)
        self._where = where

    def info(self) -> LedgerInfo:
        """Tell what the ledger is and holds."""
        return self._runner.run(housekeeping.look(self._where))

    def backup(self, path: str | Path, *, force: bool = False) -> int:
        """Copy the ledger to a file while others go on writing, and give the copy's size in bytes.

        The copy is one consistent state, on the disk, readable for its owner alone, and holds what the
        ledger holds: people, too.

        Args:
            path: the file to write.
            force: replace a file that is there already.

        Raises:
            InvalidRequest: the file is there already.
            LedgerError: it can't be written; nothing was left behind.
            UnsupportedFeature: the ledger is on PostgreSQL; the message names the command to run.
        """
        return self._runner.run(ask(CopyLedger(Path(path), force)))

    def forget(self, number: str) -> Forgotten:
        """Erase a person, in one transaction: all that tells who was called and what was said.

        Keys, verdicts, counts and the suppression list go on to hold, by a keyed hash of the number.
        What the vendors keep isn't touched; `at_vendors` names it.

        Raises:
            InvalidRequest: it can't be read as a number.
            InvalidState: a call to it is being placed right now.
        """
        return self._runner.run(housekeeping.forget(number))

    def purge(self, *, older_than: timedelta) -> Purged:
        """Clear out settled calls that were created so long ago, a few hundred at a time.

        Their keys stay, so that a repetition doesn't ring, and so do verdicts and counts. What isn't
        settled stays whole; contacts and the suppression list aren't touched.

        Raises:
            InvalidRequest: `older_than` isn't a time of a day or more.
        """
        return self._runner.run(housekeeping.purge(older_than))

    def reopen(self, by: str | None = None) -> Restoration | None:
        """Say that a key which the ledger doesn't know is a new one: nothing comes back from before.

        None where the ledger was never restored. Hubs hear of it at once.
        """
        return self._runner.run(ask(Reopen(by or setup.person_of_this_machine())))
