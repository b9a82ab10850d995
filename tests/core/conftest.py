"""Fixtures of the core's tests: both vendors on loopback, and hubs of both colours over them."""

from __future__ import annotations

import os
import sys
from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

import pytest

from callhub.provider import registry
from callhub.provider.sandbox import SandboxClock
from callhub.runtime.serve import serve
from callhub_aicaller.sandbox import AICallerSandbox
from callhub_erzycall.sandbox import ErzyCallSandbox
from tests.core.kit import Instant, Relay, Rows, Side, Vendor, World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def relays() -> Iterator[dict[str, tuple[Relay, str]]]:
    """Serve both vendors for the whole session."""
    relays = {name: Relay() for name in ("erzycall", "aicaller")}
    with serve(relays["erzycall"]) as first, serve(relays["aicaller"]) as second:
        urls = {"erzycall": first.url, "aicaller": second.url}
        yield {name: (relay, urls[name]) for name, relay in relays.items()}


@pytest.fixture(scope="session", autouse=True)
def few_scans() -> Iterator[None]:
    """Look for plugins once per import path: a scan takes 10 ms, and a hub makes four."""
    scan: Any = cache(lambda _path, group: entry_points(group=group))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "entry_points", lambda *, group: scan(tuple(sys.path), group))
        yield


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the machine's settings out: neither CALLHUB_ variables, nor proxies, nor a callhub.toml."""
    for name in list(os.environ):
        if name.startswith("CALLHUB_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def clock() -> Instant:
    return Instant()


@pytest.fixture
def world(relays: dict[str, tuple[Relay, str]], clock: Instant) -> World:
    """Give both vendors, new, without limits, and on the hub's clock."""
    erzycall = ErzyCallSandbox(SandboxClock(clock.now), per_minute=10**9, per_hour=10**9)
    sandboxes = {"erzycall": erzycall, "aicaller": AICallerSandbox(SandboxClock(clock.now))}
    made = {}
    for name, title in (("erzycall", "ErzyCall"), ("aicaller", "AICaller")):
        relay, url = relays[name]
        relay.put(sandboxes[name])
        made[name] = Vendor(name, title, relay, url, sandboxes[name], clock)
    return World(clock, made["erzycall"], made["aicaller"])


@pytest.fixture(params=["sync", "async"])
def side(request: pytest.FixtureRequest, world: World) -> Iterator[Side]:
    """Make hubs of one colour."""
    side = Side(request.param, world)
    yield side
    side.close()


@pytest.fixture
def hub(side: Side) -> Any:
    return side.hub()


@pytest.fixture(params=["erzycall", "aicaller"])
def vendor(request: pytest.FixtureRequest, world: World) -> Vendor:
    found: Vendor = getattr(world, request.param)
    return found


@pytest.fixture
def erzycall(world: World) -> Vendor:
    return world.erzycall


@pytest.fixture
def aicaller(world: World) -> Vendor:
    return world.aicaller


@pytest.fixture
def rows(tmp_path: Path) -> Rows:
    """Read the tables of the ledger at `rows.url`."""
    return Rows(tmp_path / "calls.db")
