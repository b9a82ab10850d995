"""What the core's tests share: a clock, the vendors on real sockets, raw servers, one face for both hubs."""

from __future__ import annotations

import asyncio
import http.client
import inspect
import json
import socket
import ssl
import struct
import threading
import traceback
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

import httpx
import httpx2
import trustme

from callhub import AsyncHub, Contact, Hub, OutcomeUnknown
from callhub.provider.http import Response
from callhub.provider.sandbox import Answer, Hit, Sandbox, SandboxClock
from callhub.runtime.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from typing import Self

    from callhub import Call, CallhubError

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NUMBER = "+14155550123"  # talks, by its last two digits
PERSON = "Ahmad"
KEYS = {"erzycall": "ek_test_s3cr3t-of-the-tests", "aicaller": "s3cr3t-of-the-tests-too"}
SCRIPT_IDS = {"erzycall": "case_789", "aicaller": "363573667364666473667332"}
SCRIPTS = {"onboarding": SCRIPT_IDS}
HUB_CLASSES = {"sync": Hub, "async": AsyncHub}


class Instant(Clock):
    """A clock that stands still, and whose sleeps are over at once and move it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seconds = 0.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        return START + timedelta(seconds=self._seconds)

    def ticks(self) -> float:
        return 1_000.0 + self._seconds

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)

    async def sleep_async(self, seconds: float) -> None:
        self.sleep(seconds)
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._seconds += seconds


class Relay(Sandbox):
    """Serves whichever sandbox is put into it: to start a server for each test would take most of the time.

    Attributes:
        seen: every request but those of the control paths.
        watch: called with each of them, in the server's thread, before it is answered.
        rigged: answers in the sandbox's place where it gives an answer.
    """

    provider: ClassVar[str] = "relay"
    settings: ClassVar[Mapping[str, str]] = {}
    script: ClassVar[str] = ""

    def __init__(self) -> None:
        super().__init__(SandboxClock(lambda: START))
        self.inner: Sandbox | None = None
        self.seen: list[Hit] = []
        self.watch: Callable[[Hit], object] = lambda _: None
        self.rigged: Callable[[Hit], Answer | None] = lambda _: None

    def put(self, inner: Sandbox) -> None:
        self.inner, self.clock, self.seen = inner, inner.clock, []
        self.watch = self.rigged = lambda _: None

    def handle(self, hit: Hit) -> Answer:
        assert self.inner is not None
        if hit.path.startswith("/_sandbox/"):
            return self.inner.handle(hit)
        self.seen.append(hit)
        self.watch(hit)
        return self.rigged(hit) or self.inner.handle(hit)

    def settle(self) -> None:
        if self.inner is not None:
            self.inner.settle()

    def serve(self, hit: Hit) -> Response:
        return self.handle(hit).response

    def refusal(self) -> Response:
        return Response(400)

    def rate_limited(self) -> Response:
        return Response(429)

    def internal_error(self) -> Response:
        return Response(500)


@dataclass
class Vendor:
    """One vendor behind a real socket, in the state that one test wants."""

    name: str
    title: str
    relay: Relay
    url: str
    sandbox: Any
    clock: Instant

    @property
    def settings(self) -> dict[str, Any]:
        return {**self.sandbox.settings, "api_key": KEYS[self.name], "base_url": self.url}

    @property
    def requests(self) -> list[str]:
        return [f"{hit.method} {hit.path}" for hit in self.relay.seen]

    @property
    def posts(self) -> list[Hit]:
        return [hit for hit in self.relay.seen if hit.method == "POST"]

    def fail(self, *mishaps: str, method: str = "POST") -> None:
        self.sandbox.fail_next(*mishaps, method=method)

    def in_doubt(self, hub: Any, mishap: str = "drop_after", **changes: Any) -> Call:
        """Place a call that stays in doubt: after that mishap, its vendor is out of order for a while."""
        self.fail(mishap)
        heard: list[Hit] = []

        def out_of_order(hit: Hit) -> Answer | None:
            heard.append(hit)
            return Answer(Response(503)) if len(heard) > 1 else None

        self.relay.rigged = out_of_order
        try:
            hub.calls.create(**wish(self, **changes))
        except OutcomeUnknown as error:
            return call_of(error)
        finally:
            self.relay.rigged = lambda _: None
        raise AssertionError("the call is not in doubt")

    def rig(self, answer: Response, *, method: str = "POST", part: str = "", times: int = 10**6) -> None:
        """Answer so, the next few times, whatever has that method and holds that part in its path."""
        left = [times]

        def rigged(hit: Hit) -> Answer | None:
            if hit.method != method or part not in hit.path or not left[0]:
                return None
            left[0] -= 1
            return Answer(answer)

        self.relay.rigged = rigged

    def live(self, seconds: float = 86_400) -> Counter[str]:
        """Let that time pass, and tell how often each number has rung by then."""
        self.clock.advance(seconds)
        return self.rung

    @property
    def rung(self) -> Counter[str]:
        line = http.client.HTTPConnection(self.url.removeprefix("http://"))
        line.request("GET", "/_sandbox/dials")
        dials = json.loads(line.getresponse().read())["dials"]
        line.close()
        return Counter(dial["number"] for dial in dials)


@dataclass
class World:
    """Both vendors, and the clock that they share with the hubs."""

    clock: Instant
    erzycall: Vendor
    aicaller: Vendor

    @property
    def settings(self) -> dict[str, dict[str, Any]]:
        return {vendor.name: vendor.settings for vendor in (self.erzycall, self.aicaller)}


def wish(vendor: str | Vendor, **changes: Any) -> dict[str, Any]:
    """Give the keywords of a create that either vendor accepts."""
    name = vendor if isinstance(vendor, str) else vendor.name
    contact = Contact(name=PERSON)
    return {"to": NUMBER, "script": "onboarding", "contact": contact, "provider": name} | changes


class Face:
    """Shows an `AsyncHub`, or a part of one, as if it blocked: one test then serves both facades."""

    def __init__(self, target: Any, runner: asyncio.Runner) -> None:
        self._target = target
        self._runner = runner

    def __getattr__(self, name: str) -> Any:
        return self._shown(getattr(self._target, name))

    def _shown(self, value: Any) -> Any:
        if inspect.isawaitable(value):
            return self._runner.run(_awaited(value))
        if hasattr(value, "__anext__"):
            return self._listed(value)
        if type(value).__module__.startswith("callhub.hub."):
            return Face(value, self._runner)
        return self._called(value) if callable(value) else value

    def _called(self, method: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args, **keywords: self._shown(method(*args, **keywords))

    def _listed(self, items: Any) -> Iterator[Any]:
        with suppress(StopAsyncIteration):
            while True:
                yield self._runner.run(_awaited(anext(items)))


async def _awaited(value: Any) -> Any:
    return await value


class Side:
    """Makes hubs and clients of one colour, and closes what it made."""

    def __init__(self, name: str, world: World) -> None:
        self.name = name
        self._world = world
        self._runner = asyncio.Runner()
        self._made: list[Any] = []

    def hub(self, **options: Any) -> Any:
        """Make a hub over both sandboxes, unless the options say otherwise."""
        given: dict[str, Any] = {
            "providers": self._world.settings,
            "scripts": SCRIPTS,
            "ledger": "sqlite://",
            "clock": self._world.clock,
        }
        hub = self.shown(HUB_CLASSES[self.name](**(given | options)))
        self._made.append(hub.close)
        return hub

    def client(self, library: str, **options: Any) -> Any:
        """Make a client to pass in; it trusts the tests' authority."""
        module: Any = {"httpx2": httpx2, "httpx": httpx}[library]
        kind = module.Client if self.name == "sync" else module.AsyncClient
        client = self.shown(kind(**({"verify": trusting()} | options)))
        self._made.append(client.close if self.name == "sync" else client.aclose)
        return client._target if self.name == "async" else client  # noqa: SLF001 - the hub needs the real one

    def shown(self, thing: Any) -> Any:
        return Face(thing, self._runner) if self.name == "async" else thing

    def run(self, awaitable: Any) -> Any:
        return self._runner.run(_awaited(awaitable))

    def close(self) -> None:
        for close in reversed(self._made):
            close()
        self._runner.close()


def call_of(error: CallhubError) -> Call:
    """Give the call that an error must have."""
    assert error.call is not None
    return error.call


def told(error: BaseException) -> str:
    """Give everything that an error could show: itself, its facts, and whatever it is chained to."""
    chain: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        link = waiting.pop()
        if link is not None and link not in chain:
            chain.append(link)
            waiting += [link.__cause__, link.__context__]
    facts = [f"{link} {link!r} {vars(link)!r}" for link in chain]
    return "\n".join([*traceback.format_exception(error), *facts])


def secrets_in(text: str) -> list[str]:
    """Find what nobody may read: the keys, the number, and the number without its plus."""
    return [secret for secret in (*KEYS.values(), NUMBER.removeprefix("+")) if secret in text]


# Below HTTP


@cache
def authority() -> trustme.CA:
    return trustme.CA()


@cache
def trusting() -> ssl.SSLContext:
    """Give what trusts the tests' authority and nobody else; shared, since making one takes long."""
    context = ssl.create_default_context()
    authority().configure_trust(context)
    return context


def serving(host: str) -> ssl.SSLContext:
    """Give what a server of that name shows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert(host).configure_cert(context)
    return context


class RawServer:
    """Hands each connection to a function, in a thread of its own.

    Attributes:
        requests: every whole request that `request_of` has read.
        connections: how many there were.
        over: released once for each connection that is over.
        stopping: set when the test is over.
    """

    def __init__(
        self,
        talk: Callable[[RawServer, socket.socket], object],
        tls: ssl.SSLContext | None = None,
        holds: int | None = None,
    ) -> None:
        self._talk = talk
        self._tls = tls
        self.requests: list[bytes] = []
        self.connections = 0
        self.over = threading.Semaphore(0)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if holds is not None:  # so many bytes, as long as nobody reads them
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, holds)
        self._threads: list[threading.Thread] = []
        self._lines: list[socket.socket] = []
        self.stopping = threading.Event()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        with suppress(OSError):
            socket.create_connection(self._listener.getsockname()).close()
        for line in self._lines:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        self._listener.close()
        assert not any(thread.is_alive() for thread in self._threads)

    def request_of(self, line: socket.socket) -> bytes:
        """Read one whole request; empty where the client has closed instead."""
        data = b""
        while b"\r\n\r\n" not in data:
            chunk = line.recv(65_536)
            if not chunk:
                return b""
            data += chunk
        head, _, body = data.partition(b"\r\n\r\n")
        lengths = [part for part in head.lower().split(b"\r\n") if part.startswith(b"content-length:")]
        missing = int(lengths[0].partition(b":")[2]) - len(body) if lengths else 0
        while missing > 0:
            chunk = line.recv(missing)
            data, missing = data + chunk, missing - len(chunk)
        self.requests.append(data)
        return data

    def wait_for_end(self, line: socket.socket) -> None:
        """Say nothing until the client leaves."""
        line.settimeout(10)
        while line.recv(65_536):
            pass

    def _start(self, target: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            line, _ = self._listener.accept()
            if self.stopping.is_set():
                line.close()
                return
            self.connections += 1
            self._lines.append(line)
            self._start(self._serve, line)

    def _serve(self, line: socket.socket) -> None:
        with suppress(OSError), line:
            wrapped = self._tls.wrap_socket(line, server_side=True) if self._tls else line
            self._lines.append(wrapped)
            with wrapped:
                self._talk(self, wrapped)
        self.over.release()


def reset(line: socket.socket) -> None:
    """Close so that the other side gets a TCP reset."""
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    line.close()


def http_answer(body: bytes, status: str = "200 OK", headers: str = "") -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    )
    return head.encode() + body


def closed_port() -> int:
    """Give a port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@dataclass
class Rows:
    """What stands in a ledger's file, read by a connection of its own."""

    file: Path

    @property
    def url(self) -> str:
        return f"sqlite:///{self.file}"

    def __call__(self, table: str) -> list[dict[str, Any]]:
        import sqlite3  # noqa: PLC0415 - only tests of the ledger look into it

        connection = sqlite3.connect(self.file)
        connection.row_factory = sqlite3.Row
        try:
            return [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]  # noqa: S608
        finally:
            connection.close()
