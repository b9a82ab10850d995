"""``callhub sandbox``: vendors' emulators on this machine."""

# ruff: noqa: D417 - options that commands share carry their own help

from typing import Annotated

from cyclopts import App, Parameter

from callhub.cli.help import examples
from callhub.cli.options import AsJson

FASTEST = 10_000

app = App(
    name="sandbox",
    help_epilogue=examples(
        "sandbox", "sandbox NAME:9001 --speed 1", "sandbox --json | jq -r .sandboxes.NAME.url"
    ),
)


def _speed(_hint: object, speed: float) -> None:
    if not 0 < speed <= FASTEST:
        raise ValueError(f"It must be more than 0 and at most {FASTEST}.")


@app.default
def sandbox(
    *name: Annotated[str, Parameter(name="NAME[:PORT]")],
    speed: Annotated[float, Parameter(metavar="TIMES", validator=_speed, allow_leading_hyphen=True)] = 10,
    as_json: AsJson = False,
) -> None:
    """Serve emulators of vendors on this machine, until Ctrl-C or SIGTERM.

    No call leaves the machine. Who answers is told by a number's last two digits. A line tells of
    each phone that rings. Time in a sandbox starts at now and runs faster than yours: with
    --speed 1 it doesn't, which is what a scheduled call wants.

    Args:
        name: a provider and a port; without a port a free one, without a name all providers.
        speed: how many times as fast time runs; 10 unless given.
    """
    from callhub.cli import serving  # noqa: PLC0415 - not for help

    serving.serve_all(name, speed, as_json=as_json)
