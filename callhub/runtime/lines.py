"""The lines that a blocking transport talks over: all of an exchange has one deadline.

The HTTP library bounds each read by itself, so a vendor that sends byte by byte could keep a caller for ever.
"""

from __future__ import annotations

import math
import threading
import time
from typing import TYPE_CHECKING, Any

import httpcore2
import httpx2

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

LEAST = 0.001  # seconds: a socket takes none at all for "don't wait", and less than none for an error


class _Deadline(threading.local):
    """When what this thread sends must be over."""

    at = math.inf


_deadline = _Deadline()


def must_end(at: float) -> None:
    """Set the deadline of this thread's next exchange, by the monotonic clock."""
    _deadline.at = at


def transport(tls: ssl.SSLContext, limits: httpx2.Limits) -> httpx2.HTTPTransport:
    """Make a transport that talks over such lines; the library has no word for them."""
    made = httpx2.HTTPTransport(verify=tls, limits=limits)
    made._pool = httpcore2.ConnectionPool(  # noqa: SLF001
        ssl_context=tls,
        max_connections=limits.max_connections,
        max_keepalive_connections=limits.max_keepalive_connections,
        keepalive_expiry=limits.keepalive_expiry,
        network_backend=_Backend(),
    )
    return made


class _Backend(httpcore2.SyncBackend):
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        seconds = _left(timeout)
        return Line(super().connect_tcp(host, port, seconds, local_address, socket_options))


class Line(httpcore2.NetworkStream):
    """A connection on which whatever is done must be over by the deadline of whoever does it."""

    def __init__(self, stream: httpcore2.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what has come, or wait for it."""
        return self._stream.read(max_bytes, _left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of it."""
        self._stream.write(buffer, _left(timeout))

    def close(self) -> None:
        """Close it."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        """Go on encrypted."""
        return Line(self._stream.start_tls(ssl_context, server_hostname, _left(timeout)))

    def get_extra_info(self, info: str) -> Any:
        """Tell what the connection beneath tells."""
        return self._stream.get_extra_info(info)


def _left(timeout: float | None) -> float:
    seconds = _deadline.at - time.monotonic()
    return max(LEAST, seconds if timeout is None else min(seconds, timeout))
