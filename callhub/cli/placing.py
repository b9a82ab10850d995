"""Placing one call so that Ctrl-C, too, can tell what it left behind."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from callhub.cli import watching
from callhub.cli.failures import Interrupted, readable
from callhub.errors import CallhubError, OutcomeUnknown, WaitTimeout

if TYPE_CHECKING:
    from collections.abc import Mapping

    from callhub.hub import Hub
    from callhub.model.call import Call

_LOOKED_AT = 1_000


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
    except (Exception, KeyboardInterrupt) as broken:
        written = _written(hub, options)
        if isinstance(broken, KeyboardInterrupt):
            raise _interrupted(broken, written, options["idempotency_key"]) from None
        if written is None or not _in_doubt(written):
            raise
        message = f"unexpected {type(broken).__name__} while the call was being placed"
        raise OutcomeUnknown(message, provider=written.provider, call=written) from broken


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


def hint(hub: Hub, call: Call) -> str:
    """Say how to watch a call, and how to cancel it where its vendor can."""
    from callhub.provider.capability import Feature, Support  # noqa: PLC0415 - not for help

    infos = [info for info in hub.providers() if info.name == call.provider]
    can = any(info.capabilities[Feature.CANCEL].support is not Support.NOT_AVAILABLE for info in infos)
    watch = f"watch it: callhub calls wait {call.id}"
    return f"{watch}\ncancel it: callhub calls cancel {call.id}" if can else watch


def _written(hub: Hub, options: Mapping[str, Any]) -> Call | None:
    """Find what the ledger has under the key, if it got that far."""
    try:
        recent = islice(hub.calls.history(to=options.get("to")), _LOOKED_AT)
        return next((call for call in recent if call.idempotency_key == options["idempotency_key"]), None)
    except CallhubError:
        return None


def _in_doubt(call: Call) -> bool:
    return any(attempt.verdict in (None, "maybe") for attempt in call.attempts)


def _interrupted(stop: KeyboardInterrupt, call: Call | None, key: str) -> Interrupted:
    if call is None:
        return Interrupted("interrupted before anything was sent", stop)
    again = f"the same command with --key {key} won't ring twice"
    if _in_doubt(call):
        return Interrupted(
            f"interrupted while call {call.id} was being placed; {again}", stop, dialed="maybe", call=call
        )
    return Interrupted(f"interrupted; call {call.id} is {call.status}; {again}", stop, call=call)
