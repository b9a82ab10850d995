"""``callhub calls``: see, wait for and cancel calls."""

# ruff: noqa: D417 - options that commands share carry their own help

from itertools import islice
from typing import Annotated

from cyclopts import App, Parameter

import callhub
from callhub.cli import out, watching
from callhub.cli.help import examples
from callhub.cli.options import AsJson, Instant, Limit, PageSize, Patience, Status, Vendor
from callhub.cli.show import CALLS

app = App(name="calls", help="See, wait for and cancel calls.", help_epilogue="")


@app.command(
    name="list",
    help_epilogue=examples(
        "calls list --since 2026-12-01T00:00+08:00 --limit 20",
        "calls list --provider NAME --status ended --json | jq .results",
    ),
)
def list_(
    *,
    provider: Vendor = None,
    status: Status = None,
    since: Instant = None,
    until: Instant = None,
    contact: Annotated[str | None, Parameter(metavar="ID")] = None,
    script: str | None = None,
    limit: Limit = None,
    page_size: PageSize = 100,
    as_json: AsJson = False,
) -> None:
    """List the vendors' calls, one a line, page by page as they are read.

    What a terminal has no room for is cut off; a pipe gets all of it.

    Args:
        provider: only this vendor's; without it, every vendor's, one after the other.
        status: only calls at this status: queued, in_progress, ended and so on.
        since: only calls from this time on (ISO 8601 with an offset).
        until: only calls before this time.
        contact: only calls to this contact of a vendor's book.
        script: only calls with this script: a configured name or PROVIDER:ID.
        page_size: how many to ask for at once, where the vendor has pages.
    """
    size = min(page_size, limit or page_size)
    with callhub.Hub.from_config() as hub:
        found = hub.calls.list(
            provider=provider, status=status, since=since, until=until, contact_id=contact, script=script,
            page_size=size,
        )  # fmt: skip
        CALLS.many(islice(found, limit), as_json=as_json)


@app.command(help_epilogue=examples("calls history --limit 10", "calls history --to +14155550100 --json"))
def history(
    *,
    status: Status = None,
    since: Instant = None,
    until: Instant = None,
    to: Annotated[str | None, Parameter(metavar="NUMBER")] = None,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """List the calls of the ledger, newest first, asking no vendor.

    Args:
        status: only calls at this status, as the ledger has it.
        since: only calls from this time on (ISO 8601 with an offset).
        until: only calls before this time.
        to: only calls to this number.
    """
    with callhub.Hub.from_config() as hub:
        found = hub.calls.history(status=status, since=since, until=until, to=to)
        CALLS.many(islice(found, limit), as_json=as_json)


@app.command(help_epilogue=examples("calls get ID", "calls get PROVIDER:ID --raw"))
def get(call_id: str, /, *, refresh: Annotated[bool, Parameter(negative="--no-refresh")] = True,
        raw: bool = False, as_json: AsJson = False) -> None:  # fmt: skip
    """Show one call, as its vendor tells it now.

    Args:
        call_id: callhub's id, or PROVIDER:ID for a call that this ledger didn't place.
        refresh: ask the vendor; --no-refresh shows what the ledger has.
        raw: print the vendor's own object instead, as JSON.
    """
    with callhub.Hub.from_config() as hub:
        call = hub.calls.get(call_id, refresh=refresh)
    if raw:
        out.print_json(call.raw)
    else:
        CALLS.one(call, as_json=as_json)


@app.command(help_epilogue=examples("calls wait ID --timeout 120"))
def wait(
    call_id: str,
    /,
    *,
    timeout: Patience = 600,
    as_json: AsJson = False,
) -> None:
    """Wait until a call is over, and show it. Ctrl-C ends the waiting, not the call.

    Args:
        call_id: callhub's id, or PROVIDER:ID.
        timeout: how long to wait at most; 600 unless given.
    """
    with callhub.Hub.from_config() as hub:
        call = watching.wait(hub, call_id, timeout, quiet=as_json)
    CALLS.one(call, as_json=as_json)


@app.command(help_epilogue=examples("calls cancel ID"))
def cancel(call_id: str, /, *, as_json: AsJson = False) -> None:
    """Cancel a call that isn't under way yet, and show it.

    Args:
        call_id: callhub's id, or PROVIDER:ID.
    """
    with callhub.Hub.from_config() as hub:
        call = hub.calls.cancel(call_id)
    CALLS.one(call, as_json=as_json)
