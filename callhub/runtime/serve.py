"""Serves sandboxes on loopback, and nowhere else: an ASGI adapter, and a server in a thread.

In tests and demos::

    with serve(sandbox) as served:
        httpx2.get(served.url + "/_sandbox/dials")

On the command line: ``foreground([serve(first, 9001), serve(second, 9002)])``.
"""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
import struct
import sys
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC
from email.utils import format_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeAlias

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from callhub.provider.sandbox import Cut, Hit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Self

    from callhub.provider.http import Response
    from callhub.provider.sandbox import Dial, Sandbox

HOST = "127.0.0.1"
PORTS = range(65_536)
TICK = 0.2

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Line: TypeAlias = Callable[[object], "asyncio.Transport | None"]


class Application:
    """A sandbox as an ASGI application.

    A `Cut` needs the connection itself, which ASGI doesn't give: `line` finds it by the client's
    address. Where it can't be found, a cut is a `ConnectionAbortedError`.
    """

    def __init__(self, sandbox: Sandbox, line: Line = lambda _: None) -> None:
        self._sandbox = sandbox
        self._line = line

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            raise ValueError(f"a sandbox speaks HTTP only, not {scope['type']}")
        body = await _body(receive)
        if body is None:
            return
        answer = self._sandbox.handle(_hit(scope, body))
        if answer.cut is None:
            await self._send(answer.response, send)
        elif answer.cut is not Cut.HANG:
            await self._cut(answer.cut, answer.response, self._transport(scope), send)
        if answer.cut is not None:
            await _gone(receive)

    async def _send(self, response: Response, send: Send, share: int | None = None) -> None:
        """Send the head and the body; `share` sends only so many bytes of it and leaves the rest open."""
        headers = {"date": self._date(), **response.headers}
        if response.status != HTTPStatus.NO_CONTENT:
            headers["content-length"] = str(len(response.body))
        pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": response.status, "headers": pairs})
        sent, open_ended = response.body[:share], share is not None
        await send({"type": "http.response.body", "body": sent, "more_body": open_ended})

    async def _cut(self, cut: Cut, response: Response, transport: asyncio.Transport, send: Send) -> None:
        if cut is Cut.DROP:
            _reset(transport)
        elif response.body:
            await self._send(response, send, share=len(response.body) // 2)
        else:
            transport.write(b"HTTP/1.1 ")  # an answer without a body is cut within its first line
        transport.close()

    def _transport(self, scope: Message) -> asyncio.Transport:
        transport = self._line(scope.get("client"))
        if transport is None:
            raise ConnectionAbortedError("the sandbox cuts the connection")
        return transport

    def _date(self) -> str:
        return format_datetime(self._sandbox.clock.now().astimezone(UTC), usegmt=True)


async def _body(receive: Receive) -> bytes | None:
    """Read the whole body; None if the client left before its end."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _hit(scope: Message, body: bytes) -> Hit:
    target = (scope.get("raw_path") or scope["path"].encode()) + b"?" + scope["query_string"]
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return Hit.of(scope["method"], target.decode("latin-1"), headers, body)


def _reset(transport: asyncio.Transport) -> None:
    """Close so that the client gets a TCP reset, not an orderly end."""
    linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()


class _Quiet(H11Protocol):
    """Without an access log, whatever the logging of the process is."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.access_log = False


class _Server(uvicorn.Server):
    """Tells when it listens, and doesn't wait for hanging clients when it stops."""

    def __init__(self, sandbox: Sandbox) -> None:
        config = uvicorn.Config(
            Application(sandbox, self._line),
            http=_Quiet,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=600,
            timeout_graceful_shutdown=1,
        )
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await super().shutdown(sockets)

    def _line(self, client: object) -> asyncio.Transport | None:
        lines = (connection.transport for connection in self.server_state.connections)
        return next((line for line in lines if line.get_extra_info("peername") == client), None)


class Served:
    """A sandbox that listens on 127.0.0.1, in a thread of its own.

    From another thread, reach the sandbox by ``/_sandbox/…``, `Sandbox.fail_next`, its clock and
    its dials; leave `Sandbox.handle` to the server.

    Args:
        sandbox: what is served.
        port: where; 0 takes any free port.
        on_dial: called, in the server's thread, for each phone that rings from the start on.
    """

    def __init__(
        self, sandbox: Sandbox, port: int = 0, *, on_dial: Callable[[Dial], None] | None = None
    ) -> None:
        self.sandbox = sandbox
        self.port = port
        self._wanted_port = port
        self._on_dial = on_dial
        self._told = 0
        self._failure: BaseException | None = None
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The base URL; with port 0 known after the start."""
        return f"http://{HOST}:{self.port}"

    @property
    def alive(self) -> bool:
        """Tell whether it is being served."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> Self:
        """Listen; a port that can't be had is an OSError."""
        listener = _listen(self._wanted_port)
        self.port = listener.getsockname()[1]
        self._told = len(self.sandbox.dials)
        self._failure = None
        self._server = server = _Server(self.sandbox)
        run = (server, listener)
        self._thread = threading.Thread(target=self._run, args=run, name=f"sandbox {self.port}", daemon=True)
        self._thread.start()
        server.ready.wait()
        if self._failure is not None:
            self.stop()
        return self

    def stop(self) -> None:
        """Close every connection and end the thread; raises what went wrong in it, if anything did."""
        if self._server is None or self._thread is None:
            return
        self._server.should_exit = True
        self._thread.join()
        self._thread = None
        if self._failure is not None:
            raise self._failure

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self, server: _Server, listener: socket.socket) -> None:
        try:
            with listener:
                asyncio.run(self._live(server, listener))
        except BaseException as failure:  # noqa: BLE001 - `stop` raises it
            self._failure = failure
        finally:
            server.ready.set()

    async def _live(self, server: _Server, listener: socket.socket) -> None:
        ticking = asyncio.create_task(self._tick(server))
        await server.serve(sockets=[listener])
        ticking.cancel()
        with suppress(asyncio.CancelledError):
            await ticking

    async def _tick(self, server: _Server) -> None:
        """Let things happen without requests; an error ends the serving."""
        try:
            while True:
                self.sandbox.settle()
                self._tell()
                await asyncio.sleep(TICK)
        finally:
            server.should_exit = True

    def _tell(self) -> None:
        for dial in self.sandbox.dials[self._told :]:
            self._told += 1
            if self._on_dial is not None:
                self._on_dial(dial)


def serve(sandbox: Sandbox, port: int = 0, *, on_dial: Callable[[Dial], None] | None = None) -> Served:
    """Make a server of that sandbox: a context manager, or one for `foreground`."""
    return Served(sandbox, port, on_dial=on_dial)


def foreground(served: Sequence[Served], ready: Callable[[], None] = lambda: None) -> None:
    """Serve several until Ctrl-C or SIGTERM; `ready` is called when all of them listen."""
    stop = threading.Event()
    with ExitStack() as stack:
        stack.enter_context(_signals(stop))
        for each in served:
            stack.enter_context(each)
        ready()
        while all(each.alive for each in served) and not stop.wait(TICK):
            pass


@contextmanager
def _signals(stop: threading.Event) -> Iterator[None]:
    kinds = (signal.SIGINT, signal.SIGTERM)
    before = {kind: signal.signal(kind, lambda *_: stop.set()) for kind in kinds}
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


def _listener(port: int) -> socket.socket:
    """Listen with the protocol named: asyncio answers without delay (TCP_NODELAY) only then."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(1_024)
    except OSError:
        listener.close()
        raise
    return listener


def _listen(port: int) -> socket.socket:
    if port not in PORTS:
        raise OSError(errno.EINVAL, f"{port} is not a port: choose one from 0 to {PORTS[-1]}")
    try:
        return _listener(port)
    except OSError as wrong:
        reason = "it is taken" if wrong.errno == errno.EADDRINUSE else wrong.strerror
        advice = "choose another one, or 0 for any that is free"
        raise OSError(wrong.errno, f"can't listen on port {port} of {HOST}: {reason}; {advice}") from wrong
