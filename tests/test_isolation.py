"""The guard in conftest.py holds, and lets loopback through."""

from __future__ import annotations

import asyncio
import socket

import pytest

BLOCKED = "tests may talk to loopback only"


def test_connections_beyond_loopback_fail() -> None:
    with socket.socket() as outward, pytest.raises(pytest.fail.Exception, match=BLOCKED):
        outward.connect(("192.0.2.1", 80))


def test_datagrams_beyond_loopback_fail() -> None:
    with (
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as outward,
        pytest.raises(pytest.fail.Exception, match=BLOCKED),
    ):
        outward.sendto(b"", ("2001:db8::1", 53))


@pytest.mark.parametrize("host", ["vendor.example", b"192.0.2.1"])
def test_names_are_not_looked_up(host: str | bytes) -> None:
    with pytest.raises(pytest.fail.Exception, match=BLOCKED):
        socket.getaddrinfo(host, 443)


async def test_asyncio_is_guarded_too() -> None:
    with pytest.raises(pytest.fail.Exception, match=BLOCKED):
        await asyncio.open_connection("192.0.2.1", 80)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_is_free(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection((host, server.getsockname()[1])).close()
