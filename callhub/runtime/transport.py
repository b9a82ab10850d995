"""The HTTP client: sends a plugin's request once, and says what came back or what went wrong.

Nothing here retries, follows a redirect or trusts a certificate blindly. The passed-in client of a
user's may be of httpx2 or of httpx; both raise errors of the same names.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
import sys
import time
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies
from weakref import WeakSet

import httpx2

from callhub.errors import ConfigurationError
from callhub.policy import verdict
from callhub.policy.verdict import Verdict
from callhub.provider.http import Fault, Request, Response
from callhub.provider.settings import is_loopback
from callhub.runtime import lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import ModuleType

    from callhub.provider.base import Provider

_log = logging.getLogger(__name__)

LARGEST_ANSWER = 8 * 1024 * 1024
CONNECTIONS = 100
KEPT = 20  # idle ones of a pool: each is looked at before each of its requests
POOLS = 5  # of the awaiting transport: a pool's work for a request grows with its connections
KEEPALIVE_SECONDS = 5.0
GRACE = 0.5  # seconds in which the client can say itself what took too long
_MODULES = ("httpx2", "httpx")
_STOCK = ("HTTPTransport", "AsyncHTTPTransport", "MockTransport")  # which send once

# By the names that both clients use, most specific first in each class's ancestry.
FAULTS: Mapping[str, Fault] = {
    "ConnectTimeout": Fault.CONNECT_TIMEOUT,
    "PoolTimeout": Fault.POOL_TIMEOUT,
    "ReadTimeout": Fault.READ_TIMEOUT,
    "WriteTimeout": Fault.WRITE,
    "ConnectError": Fault.CONNECT,
    "WriteError": Fault.WRITE,
    "ReadError": Fault.RESET,
    "CloseError": Fault.RESET,
    "ProxyError": Fault.PROXY,
    "RemoteProtocolError": Fault.RESET,
    "DecodingError": Fault.PROTOCOL,
}
_CAUSES: tuple[tuple[type[BaseException], Fault], ...] = (
    (socket.gaierror, Fault.DNS),
    (ssl.SSLError, Fault.TLS),
)


_FIXED = ((b"accept", b"application/json"), (b"accept-encoding", b"identity"), (b"user-agent", b"callhub"))


_MADE: WeakSet[_Wire] = WeakSet()
_INHERITED: list[object] = []  # of a parent process: neither used nor closed


class _TooLarge(Exception):
    """The answer is longer than anybody needs."""


class _TooLate(Exception):
    """The answer keeps coming, but the time is up."""


class _Pool:
    """A client of our own, and how many requests are under way through it."""

    __slots__ = ("busy", "client")

    def __init__(self, client: Any) -> None:
        self.client = client
        self.busy = 0


class _Wire:
    """What the blocking and the awaiting transport share: how a request is built and an error read."""

    client_name: str
    pools: int

    def __init__(self, providers: Mapping[str, Provider[Any]], client: Any = None) -> None:
        self._providers = providers
        self._given = client
        self._passed_in = _Pool(client)
        self._module = _module_of(client, self.client_name) if client is not None else httpx2
        self._own: dict[bool, list[_Pool]] = {}
        self._making = Lock()
        self._start = lru_cache(maxsize=128)(self._begin)  # parsing a URL costs a tenth of a request
        _MADE.add(self)

    @property
    def closed(self) -> bool:
        """Tell whether a client passed in was closed by its owner."""
        return self._given is not None and self._given.is_closed

    def after_fork(self) -> None:
        """Connect anew in a forked process: on one line it could read the answer to its parent's call."""
        _INHERITED.append(self._own)
        self._own, self._making = {}, Lock()

    def _pool(self, request: Request) -> _Pool:
        """Give the least busy pool: one that reuses no connection where a repeat could ring twice."""
        if self._given is not None:
            return self._passed_in
        fresh = request.dials and not request.repeatable
        with self._making:
            if fresh not in self._own:
                self._own[fresh] = [_Pool(self._make(fresh)) for _ in range(self.pools)]
        return min(self._own[fresh], key=_busy)

    def _make(self, fresh: bool) -> Any:  # noqa: FBT001 - private, and named where it's used
        """Make a bare HTTP transport, faster than a client; only a client finds its way through a proxy."""
        limits = httpx2.Limits(
            max_connections=CONNECTIONS // self.pools,
            max_keepalive_connections=0 if fresh else KEPT,
            keepalive_expiry=KEEPALIVE_SECONDS,
        )
        if not getproxies():
            return self._bare(_tls(), limits)
        mounts = _past_proxies(self._providers)
        return getattr(httpx2, self.client_name)(verify=_tls(), limits=limits, mounts=mounts)

    def _bare(self, tls: ssl.SSLContext, limits: httpx2.Limits) -> Any:
        """Make a transport that finds its way past no proxy."""
        raise NotImplementedError

    def _build(self, provider: str, request: Request, timeout: float) -> Any:
        """Make the client's request from raw headers and bytes: nothing is added, merged or parsed again."""
        url, headers = self._start(provider, request.path)
        body = request.body
        if body is not None:
            headers = [
                *headers,
                (b"content-type", b"application/json"),
                (b"content-length", b"%d" % len(body)),
            ]
        seconds = {"connect": timeout, "read": timeout, "write": timeout, "pool": timeout}
        return self._module.Request(
            request.method,
            url,
            headers=[*headers, *_encoded(request.headers)],
            stream=self._module.ByteStream(body or b""),
            extensions={"timeout": seconds},
        )

    def _fault(self, error: BaseException, message: Any) -> Fault:
        """Name what went wrong; a client passed in may have done more than send, which proves no no."""
        fault = fault_of(error)
        if self._given is None or verdict.FAULTS[fault] is Verdict.MAYBE or self._only_sent(error, message):
            return fault
        return Fault.OTHER

    def _only_sent(self, error: BaseException, message: Any) -> bool:
        """Tell whether an error is of the one sending of this request: of no hook, of no retry."""
        stock = [getattr(self._module, name) for name in _STOCK]
        used = type(self._given._transport_for_url(message.url))  # noqa: SLF001 - nothing else tells
        return getattr(error, "_request", None) is message and used in stock

    def _begin(self, provider: str, path: str) -> tuple[Any, list[tuple[bytes, bytes]]]:
        """Give the parsed URL and the headers that every request to it has."""
        vendor = self._providers[provider]
        url = self._module.URL(vendor.settings.base_url + path)
        return url, [(b"host", url.netloc), *_FIXED, *_encoded(vendor.authorization())]


class Transport(_Wire):
    """Sends and blocks."""

    client_name = "Client"
    pools = 1

    def send(self, provider: str, request: Request, timeout: float) -> Response | Fault:
        """Send once; give the whole answer, or the fault that kept it away."""
        if self.closed:
            return Fault.CLOSED
        until = time.monotonic() + timeout
        chunks: list[bytes] = []
        try:
            pool, message = self._pool(request), self._build(provider, request, timeout)
        except Exception as error:  # noqa: BLE001 - nothing was sent, whatever it is
            _log.debug("a request could not be made: %s", type(error).__name__)
            return Fault.UNSENT
        lines.must_end(until)
        try:
            answer = _sending(pool.client, message)
            try:
                headers = _lowered(answer.headers.raw)
                for chunk in _body(answer, headers) or answer.iter_bytes():
                    _take(chunks, chunk, until)
            finally:
                answer.close()
        except Exception as error:  # noqa: BLE001 - a client passed in may raise anything
            return self._fault(error, message)
        return Response(answer.status_code, headers, b"".join(chunks))

    def close(self) -> None:
        """Close what was opened here; a client passed in stays open."""
        while self._own:
            for pool in self._own.popitem()[1]:
                pool.client.close()

    def _bare(self, tls: ssl.SSLContext, limits: httpx2.Limits) -> Any:
        return lines.transport(tls, limits)


class AsyncTransport(_Wire):
    """Sends and lets others run."""

    client_name = "AsyncClient"
    pools = POOLS

    async def send(self, provider: str, request: Request, timeout: float) -> Response | Fault:  # noqa: ASYNC109
        """Send once; give the whole answer, or the fault that kept it away."""
        if self.closed:
            return Fault.CLOSED
        until = time.monotonic() + timeout
        chunks: list[bytes] = []
        try:
            pool, message = self._pool(request), self._build(provider, request, timeout)
        except Exception as error:  # noqa: BLE001 - nothing was sent, whatever it is
            _log.debug("a request could not be made: %s", type(error).__name__)
            return Fault.UNSENT
        pool.busy += 1
        try:
            async with asyncio.timeout(timeout + GRACE):
                answer = await _sending(pool.client, message)
                try:
                    headers = _lowered(answer.headers.raw)
                    async for chunk in _body(answer, headers) or answer.aiter_bytes():
                        _take(chunks, chunk, until)
                finally:
                    await answer.aclose()
        except Exception as error:  # noqa: BLE001 - see Transport.send
            return self._fault(error, message)
        finally:
            pool.busy -= 1
        return Response(answer.status_code, headers, b"".join(chunks))

    async def close(self) -> None:
        """Close what was opened here; a client passed in stays open."""
        while self._own:
            for pool in self._own.popitem()[1]:
                await pool.client.aclose()

    def _bare(self, tls: ssl.SSLContext, limits: httpx2.Limits) -> Any:
        return httpx2.AsyncHTTPTransport(verify=tls, limits=limits)


def _busy(pool: _Pool) -> int:
    return pool.busy


def _sending(client: Any, message: Any) -> Any:
    """Send by whatever there is; an awaiting one gives something to await."""
    if isinstance(client, httpx2.HTTPTransport):
        return client.handle_request(message)
    if isinstance(client, httpx2.AsyncHTTPTransport):
        return client.handle_async_request(message)
    return client.send(message, stream=True, auth=None, follow_redirects=False)


def _lowered(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Give the headers by lower-case name; one that comes twice is joined, as the standard has it."""
    found: dict[str, str] = {}
    for key, value in raw:
        name, text = key.decode("latin-1").lower(), value.decode("latin-1")
        found[name] = f"{found[name]}, {text}" if name in found else text
    return found


def _body(answer: Any, headers: Mapping[str, str]) -> Any:
    """Give the body as it comes over the wire, where it is as it was asked for: not compressed."""
    return None if "content-encoding" in headers else answer.stream


def fault_of(error: BaseException) -> Fault:
    """Name what went wrong; what isn't known could mean anything."""
    if isinstance(error, _TooLarge):
        return Fault.TOO_LARGE
    if isinstance(error, (_TooLate, TimeoutError)):
        return Fault.READ_TIMEOUT
    _log.debug("an exchange failed: %s", type(error).__name__)
    names = [kind.__name__ for kind in type(error).__mro__]
    fault = next((FAULTS[name] for name in names if name in FAULTS), Fault.OTHER)
    return _cause(error, fault) if fault is Fault.CONNECT else fault


def _cause(error: BaseException | None, fault: Fault) -> Fault:
    """Find why a connection couldn't be made; only ever asked where none was."""
    while error is not None:
        for kind, named in _CAUSES:
            if isinstance(error, kind):
                return named
        error = error.__cause__ or error.__context__
    return fault


def _take(chunks: list[bytes], chunk: bytes, until: float) -> None:
    chunks.append(chunk)
    if (len(chunks) > 1 and sum(map(len, chunks)) > LARGEST_ANSWER) or len(chunk) > LARGEST_ANSWER:
        raise _TooLarge
    if time.monotonic() > until:
        raise _TooLate


def _encoded(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers]


def _module_of(client: object, name: str) -> ModuleType:
    """Find the library that a passed-in client is of.

    Raises:
        ConfigurationError: it is none of the kinds that callhub knows, or it trusts any certificate.
    """
    for module in (sys.modules.get(name) for name in _MODULES):
        if module is not None and isinstance(client, getattr(module, name)):
            _refuse_blind_trust(client)
            return module
    raise ConfigurationError(f"http_client must be an httpx2.{name} or an httpx.{name}")


def _refuse_blind_trust(client: Any) -> None:
    """Refuse a client made with verify=False, as far as it shows."""
    transports = [getattr(client, "_transport", None), *getattr(client, "_mounts", {}).values()]
    for transport in transports:
        context = getattr(getattr(transport, "_pool", None), "_ssl_context", None)
        if isinstance(context, ssl.SSLContext) and not context.check_hostname:
            raise ConfigurationError(
                "http_client doesn't verify whom it talks to (verify=False, or check_hostname off): "
                "anybody on the way could read the key"
            )


def _past_proxies(providers: Mapping[str, Provider[Any]]) -> dict[str, None]:
    """Keep what stays on this machine off every proxy: it may be plain http, with the key in it."""
    hosts = [urlsplit(provider.settings.base_url).hostname or "" for provider in providers.values()]
    return {f"all://{f'[{host}]' if ':' in host else host}": None for host in hosts if is_loopback(host)}


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    """One context for all hubs: making one reads every certificate authority."""
    return httpx2.create_ssl_context()


def _leave_parents_connections() -> None:
    for wire in list(_MADE):
        wire.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_parents_connections)
