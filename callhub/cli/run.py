"""The tree of commands, and how a run ends."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from cyclopts import App, Group, Parameter

from callhub.cli import failures, out
from callhub.cli.commands import (
    call,
    calls,
    contacts,
    demo,
    doctor,
    help,  # noqa: A004 - the command's name
    ledger,
    new_provider,
    providers,
    sandbox,
    scripts,
    settling,
    suppression,
    webhooks,
)
from callhub.cli.failures import Exit, Terminated
from callhub.cli.help import Formatter, examples

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_GROUPS = {
    "Try it, without an account": (demo.app, sandbox.app),
    "Calls": (call.app, calls.app, settling.recover, settling.resolve, settling.explain),
    "People and records": (suppression.app, ledger.app),
    "At the vendors": (contacts.app, scripts.app, webhooks.app),
    "Set-up": (providers.app, doctor.app, new_provider.app, help.app),
}


def make_app() -> App:
    """Make the tree of commands."""
    app = App(
        name="callhub",
        help="Place AI phone calls through any vendor, and never ring a person twice.",
        help_format="plaintext",
        help_formatter=Formatter(),
        help_epilogue=examples("demo", "doctor", "call +14155550100 --script onboarding --name Ada --wait")
        + "\n\nExit codes and JSON: callhub help exit-codes, callhub help json",
        default_parameter=Parameter(negative=(), show_default=False),
        version=_version,
        result_action="return_value",
        suppress_keyboard_interrupt=False,
        console=out.console(),
    )
    for title, commands in _GROUPS.items():
        group = Group.create_ordered(title)
        for command in commands:
            command.group = (group,)
            app.command(command)
    options = Group.create_ordered("Options")
    app["--help"].group = app["--version"].group = (options,)
    return app


def _version() -> str:
    from importlib.metadata import version  # noqa: PLC0415 - slow, and seldom asked for

    return version("callhub")


def run(argv: Sequence[str] | None = None) -> int:
    """Carry out one command line, and give its exit code."""
    tokens = list(sys.argv[1:] if argv is None else argv)
    _prepare_streams()
    if "--json" in tokens:  # nothing but JSON may stand on either stream
        logging.getLogger("callhub").setLevel(logging.ERROR)
    try:
        return _carry_out(tokens)
    except BrokenPipeError:
        _hush()
        return Exit.READER_LEFT


def _carry_out(tokens: list[str]) -> int:
    try:
        with _stoppable():
            code = make_app()(tokens, print_error=False, exit_on_error=False)
            sys.stdout.flush()
    except BrokenPipeError:
        raise
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - what a user sees is never a traceback
        return _fail(error, tokens)
    return code if isinstance(code, int) else Exit.DONE


def _fail(error: BaseException, tokens: list[str]) -> Exit:
    if os.environ.get("CALLHUB_DEBUG"):
        sys.excepthook(type(error), error, error.__traceback__)
    if "--json" in tokens:
        out.print_json(failures.as_json(error), sys.stderr)
    else:
        out.complain(failures.in_words(error, placing=tokens[:1] == ["call"]))
    return failures.exit_code(error)


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let SIGTERM end a command as Ctrl-C does, so that it can say what it leaves behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(*_: object) -> NoReturn:
    raise Terminated


def _prepare_streams() -> None:
    """Let no character and no closed stream be an error."""
    sys.stdout = sys.stdout or Path(os.devnull).open("w")  # noqa: SIM115 - for as long as Python runs
    sys.stderr = sys.stderr or Path(os.devnull).open("w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def _hush() -> None:
    """Let nothing more be written to a pipe that nobody reads, not even as Python ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
