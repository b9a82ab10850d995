"""What every test gets: no network but loopback, one anyio backend, hypothesis profiles."""

from __future__ import annotations

import ipaddress
import signal
import sys

import pytest
from hypothesis import settings

from tests import architecture

settings.register_profile("ci", max_examples=50, derandomize=True, deadline=None)
settings.register_profile("long", max_examples=2_000, deadline=None, print_blob=True)
settings.load_profile("ci")

CONNECTING = {"socket.connect", "socket.sendto", "socket.sendmsg"}
RESOLVING = {"socket.getaddrinfo", "socket.gethostbyname"}


def is_loopback(host: object) -> bool:
    """Tell whether a host is this machine; no host at all means the same."""
    name = host.decode() if isinstance(host, bytes) else host
    if not name or name == "localhost":
        return True
    try:
        return ipaddress.ip_address(str(name)).is_loopback
    except ValueError:
        return False


def guard(event: str, args: tuple[object, ...]) -> None:
    """Fail the test that reaches beyond loopback, with an exception that no `except Exception` hides."""
    if event in CONNECTING and isinstance(args[1], tuple):
        host = args[1][0]
    elif event in RESOLVING:
        host = args[0]
    else:
        return
    if not is_loopback(host):
        pytest.fail(f"tests may talk to loopback only, not to {host!r} ({event})")


sys.addaudithook(guard)
# In a shell's background Ctrl-C is ignored, by whatever is started there, too: some tests send one.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header() -> str:
    """Show the size of functions: the median is reported, not tested."""
    return architecture.summary()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run asynchronous tests on asyncio."""
    return "asyncio"
