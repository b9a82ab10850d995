"""What a user of the example package would write; run in an environment of its own."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import callhub
from callhub.provider import registry
from callhub.provider.sandbox import Sandbox, SandboxClock
from callhub.testing import VirtualClock, inprocess

CLOCK = VirtualClock()
OPTIONS: dict[str, Any] = {
    "providers": {"acme": {"api_key": "sandbox-key", "base_url": inprocess.url_of("acme")}},
    "scripts": {"welcome": {"acme": "sc_welcome"}},
    "ledger": "sqlite://",
    "clock": CLOCK,
}


def place_and_cancel(sandbox: Sandbox) -> list[callhub.Call]:
    """Use the blocking hub."""
    with inprocess.client({"acme": sandbox}) as client, callhub.Hub(**OPTIONS, http_client=client) as hub:
        talk = hub.calls.create(to="+14155550100", script="welcome", variables={"name": "Ada"})
        later = hub.calls.create(
            to="+14155550101", script="welcome", scheduled_at=CLOCK.now() + timedelta(hours=1)
        )
        return [hub.calls.wait(talk.id), hub.calls.cancel(later.id), *hub.calls.list()]


async def place(sandbox: Sandbox) -> callhub.Call:
    """Use the async hub."""
    async with (
        inprocess.async_client({"acme": sandbox}) as client,
        callhub.AsyncHub(**OPTIONS, http_client=client) as hub,
    ):
        call = await hub.calls.create(to="+14155550103", script="welcome", idempotency_key="order-1")
        again = await hub.calls.create(to="+14155550103", script="welcome", idempotency_key="order-1")
        assert again.replayed
        return await hub.calls.wait(call.id)


def main() -> None:
    """Say what came of it."""
    kind = registry.load("acme")
    sandbox = kind.sandbox(SandboxClock(CLOCK.now))
    calls = [*place_and_cancel(sandbox), asyncio.run(place(sandbox))]
    told = {
        "calls": [[call.status, call.outcome] for call in calls],
        "rung": dict(sandbox.rung),
        "installed": registry.installed(),
        "core": str(Path(callhub.__file__).parent),
        "plugin": str(Path(kind.sandbox.__code__.co_filename).parent),
    }
    print(json.dumps(told))  # noqa: T201 - it is a program


if __name__ == "__main__":
    main()
