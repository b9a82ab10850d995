"""What a failure looks like: its exit code, its words, its JSON. Each of these is decided here alone."""

from __future__ import annotations

import re
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from cyclopts import CycloptsError

from callhub import errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from callhub.errors import Dialed
    from callhub.model.call import Call


class Exit(IntEnum):
    """The exit codes."""

    DONE = 0
    PROBLEM = 1
    INVALID = 2
    CONFIGURATION = 3
    REFUSED = 4
    UNREACHABLE = 5
    UNKNOWN = 6
    TIMEOUT = 7
    LEDGER = 8
    INTERRUPTED = 130
    READER_LEFT = 141
    TERMINATED = 143


MEANINGS: Mapping[Exit, str] = {
    Exit.DONE: "done; what became of a call is in its status and outcome",
    Exit.PROBLEM: "doctor or demo found something wrong; or a bug in callhub or a plugin",
    Exit.INVALID: "the command line or the request is wrong, or the vendor can't do that",
    Exit.CONFIGURATION: "settings are missing or wrong, or the provider isn't there",
    Exit.REFUSED: "refused: wrong key, no right, not found, conflict, too late, rate limit",
    Exit.UNREACHABLE: "no vendor could be reached, or none of the route took the call",
    Exit.UNKNOWN: "outcome unknown: a phone may have rung, or a call may still ring",
    Exit.TIMEOUT: "the call wasn't over in time; it goes on",
    Exit.LEDGER: "the ledger can't be read or written; nothing was dialled",
    Exit.INTERRUPTED: "interrupted by Ctrl-C (but `callhub sandbox` ends with 0)",
    Exit.READER_LEFT: "the program that reads the output has gone, as with `| head`",
    Exit.TERMINATED: "ended by SIGTERM (but `callhub sandbox` ends with 0)",
}

EXITS: Mapping[type[BaseException], Exit] = {
    CycloptsError: Exit.INVALID,
    errors.InvalidRequest: Exit.INVALID,
    errors.UnsupportedFeature: Exit.INVALID,
    errors.ConfigurationError: Exit.CONFIGURATION,
    errors.UnknownProvider: Exit.CONFIGURATION,
    errors.Refused: Exit.REFUSED,
    errors.SignatureError: Exit.REFUSED,
    errors.Unreachable: Exit.UNREACHABLE,
    errors.NoProviderAvailable: Exit.UNREACHABLE,
    errors.OutcomeUnknown: Exit.UNKNOWN,
    errors.WaitTimeout: Exit.TIMEOUT,
    errors.LedgerError: Exit.LEDGER,
    BaseException: Exit.PROBLEM,
}
# It is known how the call stands, whether or not it rang.
_CLEAR = (
    *(errors.WaitTimeout, errors.InvalidState, errors.UnsupportedFeature),
    *(errors.NotFound, errors.Conflict),
)


class Interrupted(errors.CallhubError):
    """Ctrl-C or SIGTERM, and what it leaves behind."""

    def __init__(
        self, message: str, cause: BaseException, *, dialed: Dialed = "no", call: Call | None = None
    ) -> None:
        super().__init__(message, dialed=dialed, call=call)
        self.exit = Exit.TERMINATED if isinstance(cause, Terminated) else Exit.INTERRUPTED


class Terminated(KeyboardInterrupt):
    """SIGTERM, which stops a command as Ctrl-C does."""


def readable(error: BaseException) -> errors.CallhubError:
    """Give any failure as an error of callhub's, without a traceback or a value that was typed."""
    match error:
        case errors.CallhubError():
            return error
        case CycloptsError():
            return _wrong_usage(error)
        case KeyboardInterrupt():
            return Interrupted("interrupted", error)
        case OSError(strerror=str(reason)):
            return errors.CallhubError(f"the operating system says: {reason}")
    return errors.CallhubError(
        f"unexpected {type(error).__name__}: a bug in callhub or in a plugin; CALLHUB_DEBUG=1 shows where"
    )


def exit_code(error: BaseException) -> Exit:
    """Give the exit code; that a phone may have rung weighs more than what went wrong."""
    if isinstance(error, KeyboardInterrupt | Interrupted):
        return _interruption(error)
    if getattr(error, "dialed", "no") == "maybe" and not isinstance(error, _CLEAR):
        return Exit.UNKNOWN
    return next(EXITS[kind] for kind in type(error).__mro__ if kind in EXITS)


def as_json(error: BaseException) -> dict[str, Any]:
    """Give a failure with JSON types only; the keys are always all there."""
    told = readable(error)
    facts = {
        "type": "UsageError" if isinstance(error, CycloptsError) else _name(error),
        "message": str(told),
        "dialed": told.dialed,
        "provider": told.provider,
        "code": told.code,
        "fields": getattr(told, "fields", {}),
        "call_id": told.call.id if told.call else None,
        "request_id": told.request_id,
        "retry_after": told.retry_after.total_seconds() if told.retry_after is not None else None,
        "exit_code": int(exit_code(error)),
    }
    return {"error": facts}


def in_words(error: BaseException, *, placing: bool = False) -> Iterator[str]:
    """Say what went wrong, a line each: the failure, then what it means and what to do.

    Args:
        error: what was raised.
        placing: whether the command was to place a call, so that it matters whether it has.
    """
    told = readable(error)
    yield from _problem(told)
    if isinstance(told, errors.WaitTimeout) and told.call is not None:
        yield f"It goes on: callhub calls wait {told.call.id}"
    elif not isinstance(told, Interrupted | errors.WaitTimeout):
        yield from _rung(told, placing=placing)
    if exit_code(error) is Exit.CONFIGURATION:
        yield "`callhub doctor` shows what is set, and how to set the rest."


def _rung(told: errors.CallhubError, *, placing: bool) -> Iterator[str]:
    if told.dialed == "maybe":
        yield "A phone may have rung, or may still ring."
        if told.call is not None:
            yield from _what_to_do(told, told.call.id)
    elif placing and type(told) is not errors.CallhubError and "nothing was dialled" not in str(told):
        yield "Nothing was dialled."


def _what_to_do(told: errors.CallhubError, call_id: str) -> Iterator[str]:
    yield f"What is known of the call: callhub calls get {call_id}"
    if not isinstance(told, errors.OutcomeUnknown) or told.call is None or told.call.status != "in_doubt":
        return
    if told.call.needs_person:
        yield f"Look at the vendor, then: callhub resolve {call_id} --placed ID | --not-placed"
    else:
        yield "Settle what can be settled: callhub recover"


OPTIONS: Mapping[str, str] = {
    "to": "NUMBER",
    "contact": "--name or --contact",
    "variables": "--var",
    "first_message": "--first-message",
    "scheduled_at": "--at",
    "from_number": "--from",
    "idempotency_key": "--key",
    "metadata": "--meta",
    "extras": "--extra",
    "contact_id": "--contact",
    "custom_fields": "--field",
    "tags": "--tag",
    "groups": "--group",
    "events": "--event",
    "number": "NUMBER",
    "path": "FILE",
    "id": "ID",
    "call id": "ID",
    "contact id": "ID",
    "script id": "ID",
    "webhook id": "ID",
    "request": "the request",
    "changes": "the changes",
}
_FIELDS = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b")
_KEYWORDS = re.compile(r"\b([a-z_]+)=(?:…|True|Contact\(([a-z]+)=…\))")


def _problem(told: errors.CallhubError) -> Iterator[str]:
    fields: Mapping[str, str] = getattr(told, "fields", {})
    if isinstance(told, errors.ConfigurationError):  # its fields are settings, not options
        yield f"error: {_keywords(str(told))}"
        return
    if not fields or told.code is not None:
        yield f"error: {_for_the_shell(str(told))}"
        return
    named = [_in_the_shell(name, text) for name, text in fields.items()]
    if len(named) == 1:
        yield f"error: {named[0]}"
        return
    yield f"error: {len(named)} things are wrong:"
    yield from (f"  {each}" for each in named)
    if "nothing was read in" in str(told):
        yield "Nothing was read in."


def _in_the_shell(field: str, text: str) -> str:
    """Say what is wrong with a field as it was typed; of a line of a file, as it stands there."""
    if field not in OPTIONS and not field.isidentifier():
        return f"{field} {text}"
    option = OPTIONS.get(field) or f"--{field.replace('_', '-')}"
    return f"{option} {_for_the_shell(text)}"


def _for_the_shell(text: str) -> str:
    """Say an option where a sentence of the hub's says a Python keyword."""
    return _FIELDS.sub(lambda found: OPTIONS.get(found[0], found[0]), _keywords(text))


def _keywords(text: str) -> str:
    return _KEYWORDS.sub(lambda found: "--" + (found[2] or found[1]).replace("_", "-"), text)


def _interruption(error: KeyboardInterrupt | Interrupted) -> Exit:
    if isinstance(error, Interrupted):
        return error.exit
    return Exit.TERMINATED if isinstance(error, Terminated) else Exit.INTERRUPTED


def _wrong_usage(error: CycloptsError) -> errors.InvalidRequest:
    from callhub.policy.redact import safe  # noqa: PLC0415 - only a failure needs it

    error.verbose = False
    message = str(error)
    for token in error.root_input_tokens or ():
        message = message.replace(token, safe(token))  # numbers and addresses stay out of logs
    return errors.InvalidRequest(f"{message} See --help.")


def _name(error: BaseException) -> str:
    return "Interrupted" if isinstance(error, KeyboardInterrupt) else type(error).__name__
