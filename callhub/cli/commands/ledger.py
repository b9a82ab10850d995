"""``callhub ledger``: look at it, copy it, put a copy back, forget people, clear out what is old."""

# ruff: noqa: D417 - options that commands share carry their own help

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

import callhub
from callhub.cli import out
from callhub.cli.help import examples
from callhub.cli.options import Age, AsJson, By
from callhub.cli.show_keeping import FORGOTTEN, INFO, PURGED, RESTORED

app = App(
    name="ledger",
    help="The ledger, which knows every call: look at it, copy it, put a copy back, take people out.",
    help_epilogue="",
)
File = Annotated[Path, Parameter(metavar="FILE")]


@app.command(help_epilogue=examples("ledger info", "ledger info --json"))
def info(*, as_json: AsJson = False) -> None:
    """Tell where the ledger lies, what it holds, and what is unsettled."""
    with callhub.Hub.from_config() as hub:
        INFO.one(hub.ledger.info(), as_json=as_json)


@app.command(help_epilogue=examples("ledger backup calls-2026-12-01.db", "ledger backup latest.db --force"))
def backup(file: File, /, *, force: bool = False, as_json: AsJson = False) -> None:
    """Copy the ledger to a file, while calls go on.

    The copy is one consistent state, on the disk, and readable for you alone. It holds people's data as
    the ledger does; forgetting a person doesn't reach it.

    Args:
        file: the file to write.
        force: replace a file that is there already.
    """
    with callhub.Hub.from_config() as hub:
        size = hub.ledger.backup(file, force=force)
    _tell({"file": str(file), "bytes": size}, f"{file}: {size:,} bytes", as_json=as_json)


@app.command(
    help_epilogue=examples("ledger restore calls-2026-12-01.db", "ledger restore moved.db --complete")
)
def restore(file: File, /, *, complete: bool = False, by: By = None, as_json: AsJson = False) -> None:
    """Put a copy in the ledger's place, while nothing uses it; what stood there is kept beside it.

    Calls may have been placed after the copy was made. So nothing is dialled on its word alone: a key
    that it doesn't know, or says to be free, is looked up at the vendor first; what that doesn't tell
    needs a person. Keys that callhub makes from now on are new. Once no key from before can come back,
    say so by `callhub ledger reopen`.

    A PostgreSQL ledger is restored by pg_restore, then `callhub ledger restored`.

    Args:
        file: the copy.
        complete: nothing was dialled after the copy was made, as when a ledger moves.
    """
    from callhub import config  # noqa: PLC0415 - not for help
    from callhub.hub import restore_ledger  # noqa: PLC0415

    done = restore_ledger(file, ledger=config.read().ledger, by=by, complete=complete)
    RESTORED.one(done, as_json=as_json)
    if not as_json and done.restoration is not None:
        out.note("next: callhub recover, then see `callhub ledger reopen --help`")


@app.command(help_epilogue=examples("ledger restored"))
def restored(*, by: By = None, as_json: AsJson = False) -> None:
    """Say that the ledger's database was restored by other means, before any call is placed with it.

    That is, after pg_restore, or after a file was copied by hand. `callhub ledger restore` says so by
    itself, and tells what it means.
    """
    from callhub import config  # noqa: PLC0415 - not for help
    from callhub.hub import mark_restored  # noqa: PLC0415

    done = mark_restored(ledger=config.read().ledger, by=by)
    _tell(asdict(done), "marked: nothing is dialled on its word alone", as_json=as_json)


@app.command(help_epilogue=examples("ledger reopen"))
def reopen(*, by: By = None, as_json: AsJson = False) -> None:
    """Say that after a restoration, a key which the ledger doesn't know is a new one.

    That is, no program or queue will ask again for a call that it asked for before. Until then such a
    key is looked up first, and needs a person where that can't tell. Keys that the ledger knows aren't
    concerned: those go on to be looked up. Who said so, and when, is written down.
    """
    with callhub.Hub.from_config() as hub:
        done = hub.ledger.reopen(by)
    said = "keys that the ledger doesn't know are new ones from now on"
    _tell(
        {"restored": done is not None} | (asdict(done) if done else {}),
        said if done else "the ledger was never restored, so there is nothing to reopen",
        as_json=as_json,
    )


@app.command(help_epilogue=examples("ledger forget +14155550100"))
def forget(number: Annotated[str, Parameter(metavar="NUMBER")], /, *, as_json: AsJson = False) -> None:
    """Erase a person from the ledger: all that tells who was called and what was said.

    Keys, verdicts and counts stay, and so does the suppression list, by a keyed hash of the number: the
    person isn't called twice, or again, for having been forgotten. What vendors and backups keep isn't
    touched; the vendors' part is listed. Calls that go on aren't cancelled: `callhub suppression add`
    does that, before.

    Args:
        number: in whatever form, with its country code.
    """
    with callhub.Hub.from_config() as hub:
        done = hub.ledger.forget(number)
    FORGOTTEN.one(done, as_json=as_json)


@app.command(help_epilogue=examples("ledger purge --older-than 90d", "ledger purge --older-than 52w --json"))
def purge(*, older_than: Age, as_json: AsJson = False) -> None:
    """Clear out what was said in settled calls that were created so long ago.

    Their keys stay, so that a repetition doesn't ring, and so do verdicts and counts. Whatever isn't
    settled stays whole; contacts and the suppression list aren't touched.
    """
    with callhub.Hub.from_config() as hub:
        done = hub.ledger.purge(older_than=older_than)
    PURGED.one(done, as_json=as_json)


def _tell(facts: dict[str, Any], line: str, *, as_json: bool) -> None:
    out.print_json(facts) if as_json else out.say(line)
