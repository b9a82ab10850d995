"""``callhub new-provider``: a package for one more vendor."""

# ruff: noqa: D417 - options that commands share carry their own help

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from callhub.cli import out
from callhub.cli.help import examples
from callhub.cli.options import AsJson

app = App(name="new-provider", help_epilogue=examples("new-provider acme"))


@app.default
def new_provider(name: Annotated[str, Parameter(metavar="NAME")], /, *, as_json: AsJson = False) -> None:
    """Write a package for one more vendor; its tests say what is left to do.

    It goes into ./callhub-NAME. Nothing is overwritten.

    Args:
        name: what routes, ids and settings will call the vendor: lower-case letters, digits, hyphens.
    """
    from callhub.cli import skeleton  # noqa: PLC0415 - not for help

    folder = skeleton.write(name, Path())
    if as_json:
        out.print_json({"folder": str(folder.resolve()), "next": skeleton.NEXT})
        return
    out.say(f"Wrote {folder}. Next:")
    for command in (f"cd {folder}", *skeleton.NEXT):
        out.say(f"  {command}")
