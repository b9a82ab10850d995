"""``callhub suppression``: who is not to be called, whichever vendor would do it."""

# ruff: noqa: D417 - options that commands share carry their own help

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

import callhub
from callhub.cli import out
from callhub.cli.failures import Exit
from callhub.cli.help import examples
from callhub.cli.options import AsJson, Limit
from callhub.cli.show_keeping import ENTRIES, SUPPRESSED
from callhub.errors import NotFound

if TYPE_CHECKING:
    from callhub.flows.suppression import Suppression

app = App(
    name="suppression",
    help="People who are not to be called, whichever vendor would do it.",
    help_epilogue="",
)
Number = Annotated[str, Parameter(metavar="NUMBER")]


@app.command(help_epilogue=examples('suppression add +14155550100 --reason "asked by letter"'))
def add(
    number: Number,
    /,
    *,
    reason: Annotated[str | None, Parameter(metavar="TEXT")] = None,
    as_json: AsJson = False,
) -> int:
    """Put a number on the list, and cancel open calls to it. Ends with 6 if one couldn't be stopped.

    Args:
        number: in whatever form, with its country code.
        reason: why; kept with the entry.
    """
    with callhub.Hub.from_config() as hub:
        done = hub.suppression.add(number, reason)
    return _told(done, as_json=as_json)


@app.command(help_epilogue=examples("suppression load numbers.csv"))
def load(file: Annotated[Path, Parameter(metavar="FILE")], /, *, as_json: AsJson = False) -> int:
    """Put every number of a CSV file on the list, all or none, and cancel open calls to them.

    The first column, or the one headed number or phone, holds the numbers; one headed reason the
    reasons. A line that can't be read fails the load, and is named. Ends with 6 if an open call couldn't
    be stopped.

    Args:
        file: a CSV file in UTF-8, with or without a line of headings.
    """
    with callhub.Hub.from_config() as hub:
        done = hub.suppression.load(file)
    return _told(done, as_json=as_json)


@app.command(help_epilogue=examples("suppression remove +14155550100"))
def remove(number: Number, /, *, as_json: AsJson = False) -> None:
    """Take a number off the list, so that it may be called again.

    Args:
        number: in whatever form, with its country code.
    """
    with callhub.Hub.from_config() as hub:
        removed = hub.suppression.remove(number)
    if not removed:
        raise NotFound("the number isn't on the suppression list")
    out.print_json({"removed": True}) if as_json else out.say("removed: it may be called again")


@app.command(help_epilogue=examples("suppression get +14155550100"))
def get(number: Number, /, *, as_json: AsJson = False) -> None:
    """Tell whether a number is on the list, since when and why. Ends with 4 if it isn't.

    Args:
        number: in whatever form, with its country code.
    """
    with callhub.Hub.from_config() as hub:
        found = hub.suppression.get(number)
    if found is None:
        raise NotFound("the number isn't on the suppression list")
    ENTRIES.one(found, as_json=as_json)


@app.command(name="list", help_epilogue=examples("suppression list", "suppression list --json"))
def list_(*, limit: Limit = None, as_json: AsJson = False) -> None:
    """List who is not to be called, in the order of adding."""
    with callhub.Hub.from_config() as hub:
        ENTRIES.many(islice(hub.suppression.list(), limit), as_json=as_json)


def _told(done: "Suppression", *, as_json: bool) -> int:
    SUPPRESSED.one(done, as_json=as_json)
    if not as_json:
        for call in done.not_cancelled:
            out.note(
                f"call {call.id} couldn't be stopped: {done.reasons.get(call.id, 'the vendor may ring')}"
            )
    return Exit.UNKNOWN if done.not_cancelled else Exit.DONE
