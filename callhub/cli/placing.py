"""Placing one call so that Ctrl-C, too, can tell what it left behind."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from callhub.cli import watching
from callhub.cli.failures import Interrupted, readable
from callhub.errors import CallhubError, InvalidRequest, OutcomeUnknown, WaitTimeout

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from callhub.errors import Dialed
    from callhub.hub import Hub
    from callhub.model.call import Call

_PROVEN = ("refused", "unreachable")


def place(hub: Hub, options: Mapping[str, Any]) -> Call:
    """Place a call.

    Raises:
        Interrupted: by Ctrl-C; `call` is what stands in the ledger, `dialed` whether it may have rung.
        OutcomeUnknown: something unforeseen happened once the call was written down.
        CallhubError: see `Hub.calls.create`.
    """
    try:
        return hub.calls.create(**options)
    except CallhubError:
        raise
    except (Exception, KeyboardInterrupt) as broken:  # noqa: BLE001 - whatever it is, the ledger tells more
        error = _broken_off(broken, hub, options)
        raise error from (None if isinstance(error, Interrupted) else broken)


def watch(hub: Hub, call: Call, timeout: float, *, quiet: bool) -> Call:
    """Wait until a call that was just placed is over.

    Raises:
        Interrupted, WaitTimeout: the call goes on.
        OutcomeUnknown: it was placed, and can't be read.
    """
    try:
        return watching.wait(hub, call.id, timeout, quiet=quiet)
    except (Interrupted, WaitTimeout, OutcomeUnknown):
        raise
    except Exception as error:
        message = f"the call was placed, but watching it failed: {readable(error)}"
        raise OutcomeUnknown(message, provider=call.provider, call=call) from error


@contextmanager
def told(call: Call) -> Iterator[None]:
    """Have a call that was placed told all the same where the output can't be written.

    Raises:
        OutcomeUnknown: it can't; `call` is the one.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads has seen enough
        raise
    except OSError as error:
        message = f"the call was placed, but the output can't be written ({error.strerror})"
        message += _again(call.idempotency_key)
        raise OutcomeUnknown(message, provider=call.provider, call=call) from error


def hint(hub: Hub, call: Call) -> str:
    """Say how to watch a call, and how to cancel it where its vendor can."""
    from callhub.provider.capability import Feature, Support  # noqa: PLC0415 - not for help

    infos = [info for info in hub.providers() if info.name == call.provider]
    can = any(info.capabilities[Feature.CANCEL].support is not Support.NOT_AVAILABLE for info in infos)
    watch = f"watch it: callhub calls wait {call.id}"
    return f"{watch}\ncancel it: callhub calls cancel {call.id}" if can else watch


def _broken_off(broken: BaseException, hub: Hub, options: Mapping[str, Any]) -> CallhubError:
    """Make the error that tells what stands in the ledger."""
    try:
        call = _written(hub, options)
    except InvalidRequest:  # a number that can't be read: nothing was written down
        call = None
    except (CallhubError, KeyboardInterrupt):
        return _error(broken, "and the ledger can't be asked whether anything was sent", options, "maybe")
    if call is None:
        return _error(broken, "before anything was sent", options)
    if all(attempt.verdict in _PROVEN for attempt in call.attempts):
        return _error(broken, f"and nothing of call {call.id} was dialled", options, call=call)
    return _error(broken, f"while call {call.id} was being placed", options, "maybe", call)


def _written(hub: Hub, options: Mapping[str, Any]) -> Call | None:
    """Find what the ledger has under the key, if it got that far."""
    calls = hub.calls.history(to=options.get("to"))
    return next((call for call in calls if call.idempotency_key == options["idempotency_key"]), None)


def _error(
    broken: BaseException,
    said: str,
    options: Mapping[str, Any],
    dialed: Dialed = "no",
    call: Call | None = None,
) -> CallhubError:
    text = said + (_again(options["idempotency_key"]) if call or dialed == "maybe" else "")
    if isinstance(broken, KeyboardInterrupt):
        return Interrupted(f"interrupted {text}", broken, dialed=dialed, call=call)
    kind = OutcomeUnknown if dialed == "maybe" else CallhubError
    return kind(f"unexpected {type(broken).__name__} {text}", dialed=dialed, call=call)


def _again(key: str | None) -> str:
    return f"; the same command with --key {key} won't ring twice"
