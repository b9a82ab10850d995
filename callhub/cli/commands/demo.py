"""``callhub demo``: all vendors, without an account."""

from cyclopts import App

from callhub.cli.help import examples
from callhub.cli.options import AsJson

app = App(name="demo", help_epilogue=examples("demo", "demo --json | jq .calls"))


@app.default
def demo(*, as_json: AsJson = False) -> int:
    """Call through every installed provider's sandbox, and compare what comes back.

    Needs no account and no network, rings no phone, and takes a few seconds. Ends with 1 if
    anything isn't as promised.
    """
    from callhub.cli import demonstration  # noqa: PLC0415 - not for help

    return demonstration.run(as_json=as_json)
