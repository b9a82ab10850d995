"""The command line: parse, call the hub, print.

Nothing is decided here. A command that needs the hub or a plugin imports them when it runs, so that
help is quick; the modules of commands evaluate their annotations, because cyclopts reads them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one command line, and give its exit code (see ``callhub help exit-codes``)."""
    try:
        from callhub.cli.run import run  # noqa: PLC0415 - so that Ctrl-C is quiet while it loads

        return run(argv)
    except KeyboardInterrupt:
        return 130
