"""``callhub providers``: who can do what."""

# ruff: noqa: D417 - options that commands share carry their own help

from cyclopts import App

from callhub.cli.help import examples
from callhub.cli.options import AsJson

app = App(name="providers", help_epilogue=examples("providers", "providers --notes", "providers --json"))


@app.default
def providers(*, notes: bool = False, as_json: AsJson = False) -> None:
    """Show what each installed provider can do: itself, with callhub's help, or not at all.

    Args:
        notes: say what to know, and what to do where something isn't available.
    """
    from callhub.cli import capability_table  # noqa: PLC0415 - not for help

    capability_table.show(notes=notes, as_json=as_json)
