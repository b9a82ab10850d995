"""``callhub scripts``: what calls can say."""

# ruff: noqa: D417 - options that commands share carry their own help

from itertools import islice

from cyclopts import App

import callhub
from callhub.cli.help import examples
from callhub.cli.options import AsJson, Limit, PageSize, Vendor
from callhub.cli.show import SCRIPTS

app = App(
    name="scripts", help="Call scripts: the configured names, and what the vendors keep.", help_epilogue=""
)


@app.command(name="list", help_epilogue=examples("scripts list", "scripts list --provider NAME --json"))
def list_(
    *, provider: Vendor = None, limit: Limit = None, page_size: PageSize = 100, as_json: AsJson = False
) -> None:
    """List the configured names, and the scripts of every vendor that can list them.

    Args:
        provider: only this vendor's own scripts.
        page_size: how many to ask for at once.
    """
    size = min(page_size, limit or page_size)
    with callhub.Hub.from_config() as hub:
        found = hub.scripts.list(provider=provider, page_size=size)
        SCRIPTS.many(islice(found, limit), as_json=as_json)


@app.command(help_epilogue=examples("scripts get onboarding", "scripts get PROVIDER:ID"))
def get(script_id: str, /, *, as_json: AsJson = False) -> None:
    """Show one script.

    Args:
        script_id: a configured name, or PROVIDER:ID.
    """
    with callhub.Hub.from_config() as hub:
        SCRIPTS.one(hub.scripts.get(script_id), as_json=as_json)
