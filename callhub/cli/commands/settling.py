"""``callhub recover``, ``resolve`` and ``explain``: calls in doubt, and why calls went as they did."""

# ruff: noqa: D417 - options that commands share carry their own help

from typing import Annotated

from cyclopts import App, Parameter

import callhub
from callhub.cli import out
from callhub.cli.failures import Exit
from callhub.cli.help import examples
from callhub.cli.options import AsJson, By
from callhub.cli.show import CALLS
from callhub.cli.show_keeping import RECOVERY, explained
from callhub.errors import InvalidRequest

CallId = Annotated[str, Parameter(metavar="CALL")]

recover = App(name="recover", help_epilogue=examples("recover", "recover --json"))
resolve = App(
    name="resolve",
    help_epilogue=examples("resolve CALL --placed abc123", "resolve CALL --not-placed --by Ada"),
)
explain = App(name="explain", help_epilogue=examples("explain CALL", "explain CALL --json"))


@recover.default
def recover_(*, as_json: AsJson = False) -> int:
    """Settle what a crash or an unclear answer has left in doubt, without ringing anybody twice.

    Each call in doubt is asked for again where its vendor knows the key again, else looked up at the
    vendor. To ask again may ring a phone that hasn't rung yet. A call that a look-up shows not to be placed
    isn't dialled: repeat it under its key. Ends with 6 if any stays in doubt.
    """
    with callhub.Hub.from_config() as hub, out.patience("asking the vendors", quiet=as_json):
        report = hub.recover()
    RECOVERY.one(report, as_json=as_json)
    if not as_json:
        for call in report.needs_person:
            out.note(f"find out at {call.provider} whether it was placed, then: callhub resolve {call.id} …")
    return Exit.UNKNOWN if report.in_doubt or report.needs_person or report.problems else Exit.DONE


@resolve.default
def resolve_(
    call_id: CallId,
    /,
    *,
    placed: Annotated[str | None, Parameter(metavar="ID")] = None,
    not_placed: bool = False,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Say whether a call in doubt was placed, after looking at the vendor. Who said so, and when, is kept.

    With --placed, the vendor's call is read to see that it is to the same number. With --not-placed, the
    same key dials again when it is next used: a wrong word rings the person twice.

    Args:
        call_id: callhub's id, as `callhub recover` and the failure named it.
        placed: it was placed: the vendor's id of it.
        not_placed: it was not placed.
    """
    if (placed is None) != not_placed:
        raise InvalidRequest("give either --placed ID or --not-placed")
    with callhub.Hub.from_config() as hub:
        call = hub.calls.resolve(call_id, placed=placed, by=by)
    CALLS.one(call, as_json=as_json)


@explain.default
def explain_(call_id: CallId, /, *, as_json: AsJson = False) -> None:
    """Tell why a call went as it did: who was considered, who answered what, how it stands and why.

    Args:
        call_id: callhub's id, or PROVIDER:ID of a call that this ledger placed.
    """
    with callhub.Hub.from_config() as hub:
        found = hub.calls.explain(call_id)
    if as_json:
        out.print_json(explained(found))
    else:
        for line in found.lines():
            out.say(out.clean(line))
