"""Each way in which the wire can fail, on real sockets: what it proves, whoever's client it is."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import httpx2
import pytest

from callhub import AsyncHub, CallhubError, ConfigurationError, OutcomeUnknown, Unreachable
from tests.core.kit import (
    HUB_CLASSES,
    KEYS,
    NUMBER,
    SCRIPTS,
    START,
    RawServer,
    call_of,
    closed_port,
    http_answer,
    reset,
    secrets_in,
    serving,
    told,
    wish,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.core.kit import Side, Vendor, World

    Talk = Callable[[RawServer, socket.socket], object]

ACCEPTED = http_answer(b'{"data": {"id": "call_1", "_id": "call_1", "status": "new"}}', "201 Created")
SOON = 0.3
LIBRARIES = [None, "httpx2", "httpx"]


@pytest.fixture(params=LIBRARIES, ids=["own", "httpx2", "httpx"])
def library(request: pytest.FixtureRequest) -> str | None:
    found: str | None = request.param
    return found


ALONE = {"idempotency_window": 0, "settling": 3600}  # what is in doubt is neither sent again nor looked up


def hub_at(side: Side, vendor: Vendor, address: str, library: str | None, **options: Any) -> Any:
    given = {name: options.pop(name) for name in ALONE if name in options}
    client = side.client(library, **options) if library else None
    settings = {vendor.name: vendor.settings | {"base_url": address}}
    return side.hub(providers=settings, http_client=client, **given)


# What the other side may do


def answers(server: RawServer, line: socket.socket) -> None:
    while server.request_of(line):
        posts = sum(request.startswith(b"POST") for request in server.requests) or 1
        line.sendall(ACCEPTED.replace(b"call_1", b"call_%d" % posts))


def resets_at_once(_: RawServer, line: socket.socket) -> None:
    reset(line)


def closes_at_once(_: RawServer, line: socket.socket) -> None:
    line.close()


def resets_in_the_middle(_: RawServer, line: socket.socket) -> None:
    line.recv(10)
    reset(line)


def resets_after_the_request(server: RawServer, line: socket.socket) -> None:
    server.request_of(line)
    reset(line)


def closes_after_the_request(server: RawServer, line: socket.socket) -> None:
    server.request_of(line)


def says_nothing(server: RawServer, line: socket.socket) -> None:
    server.request_of(line)
    server.wait_for_end(line)


def resets_within_the_head(server: RawServer, line: socket.socket) -> None:
    server.request_of(line)
    line.sendall(ACCEPTED[:20])
    reset(line)


def closes_within_the_head(server: RawServer, line: socket.socket) -> None:
    server.request_of(line)
    line.sendall(ACCEPTED[:20])


def closes_within_the_body(server: RawServer, line: socket.socket) -> None:
    server.request_of(line)
    line.sendall(ACCEPTED[:-10])


def stops_within_the_body(server: RawServer, line: socket.socket) -> None:
    server.request_of(line)
    line.sendall(ACCEPTED[:-10])
    server.wait_for_end(line)


def closes_within_a_chunk(server: RawServer, line: socket.socket) -> None:
    server.request_of(line)
    line.sendall(b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n{}")


def speaks_something_else(server: RawServer, line: socket.socket) -> None:
    server.request_of(line)
    line.sendall(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")
    server.wait_for_end(line)


def lies_about_its_coding(server: RawServer, line: socket.socket) -> None:
    server.request_of(line)
    line.sendall(http_answer(b'{"data": {"id": "call_1"}}', "201 Created", "Content-Encoding: gzip\r\n"))
    server.wait_for_end(line)


def talks_without_end(server: RawServer, line: socket.socket) -> None:
    server.request_of(line)
    line.sendall(b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        line.sendall(b"10000\r\n" + b"x" * 65_536 + b"\r\n")


QUIET = {says_nothing, stops_within_the_body}
PROVES_NOTHING: list[Talk] = [
    closes_at_once,
    resets_in_the_middle,
    resets_after_the_request,
    closes_after_the_request,
    says_nothing,
    resets_within_the_head,
    closes_within_the_head,
    closes_within_the_body,
    stops_within_the_body,
    closes_within_a_chunk,
    speaks_something_else,
    lies_about_its_coding,
    talks_without_end,
]


@pytest.mark.parametrize("talk", PROVES_NOTHING, ids=lambda talk: talk.__name__)
def test_once_a_byte_may_have_arrived_it_is_maybe_and_sent_once(
    side: Side, erzycall: Vendor, library: str | None, talk: Talk
) -> None:
    with RawServer(talk) as server:
        hub = hub_at(side, erzycall, f"http://{server.address}", library, **ALONE)
        with pytest.raises(OutcomeUnknown, match="no answer from ErzyCall: ") as caught:
            hub.calls.create(**wish(erzycall, timeout=SOON if talk in QUIET else 10, idempotency_key="k"))
        assert [attempt.verdict for attempt in call_of(caught.value).attempts] == ["maybe"]
        assert caught.value.dialed == "maybe"
        assert secrets_in(told(caught.value)) == []
        with pytest.raises(OutcomeUnknown, match="not dialled again"):
            hub.calls.create(**wish(erzycall, idempotency_key="k"))
        assert server.connections == 1


@pytest.mark.parametrize("talk", sorted(set(PROVES_NOTHING) - QUIET, key=str), ids=lambda talk: talk.__name__)
def test_what_proves_nothing_is_settled_by_the_same_bytes_again(
    side: Side, erzycall: Vendor, library: str | None, talk: Talk
) -> None:
    def once(server: RawServer, line: socket.socket) -> None:
        (talk if server.connections == 1 else answers)(server, line)

    with RawServer(once) as server:
        hub = hub_at(side, erzycall, f"http://{server.address}", library)
        call = hub.calls.create(**wish(erzycall, idempotency_key="k"))
        assert [each.verdict for each in call.attempts] == ["accepted"]
        assert call.provider_call_id in ("call_1", "call_2")  # whether or not the first was read
        assert call.attempts[0].reason == "accepted when the same request was sent again"
        assert server.connections == 2
        assert {request.partition(b" ")[0] for request in server.requests} == {b"POST"}
        assert len(set(server.requests)) == 1


@pytest.mark.parametrize("talk", [closes_at_once, resets_after_the_request], ids=lambda talk: talk.__name__)
def test_what_proves_nothing_stays_a_maybe_where_nothing_is_proved_later(
    side: Side, erzycall: Vendor, library: str | None, talk: Talk
) -> None:
    with RawServer(talk) as server:
        hub = hub_at(side, erzycall, f"http://{server.address}", library)
        with pytest.raises(OutcomeUnknown, match="the look-up failed") as caught:
            hub.calls.create(**wish(erzycall, idempotency_key="k"))
        assert (caught.value.dialed, caught.value.provider) == ("maybe", "erzycall")
        assert [attempt.verdict for attempt in call_of(caught.value).attempts] == ["maybe"]
        assert len({request for request in server.requests if request.startswith(b"POST")}) <= 1


def reads_on_never(server: RawServer, line: socket.socket) -> None:
    line.recv(10)
    server.stopping.wait(10)


def test_a_request_that_can_not_be_written_whole_is_maybe(
    side: Side, erzycall: Vendor, library: str | None
) -> None:
    """It is longer than what the sockets on the way hold."""
    with RawServer(reads_on_never, holds=4096) as server:
        hub = hub_at(side, erzycall, f"http://{server.address}", library, **ALONE)
        with pytest.raises(OutcomeUnknown, match="the connection broke while sending") as caught:
            hub.calls.create(**wish(erzycall, timeout=SOON, extras={"erzycall": {"text": "x" * 5_000_000}}))
        assert [attempt.verdict for attempt in call_of(caught.value).attempts] == ["maybe"]
        assert server.connections == 1


def test_a_reset_at_once_is_met_while_connecting_or_while_sending(
    side: Side, erzycall: Vendor, library: str | None
) -> None:
    with RawServer(resets_at_once) as server:
        hub = hub_at(side, erzycall, f"http://{server.address}", library, **ALONE)
        with pytest.raises((OutcomeUnknown, Unreachable)) as caught:
            hub.calls.create(**wish(erzycall, timeout=5))
        verdicts = [attempt.verdict for attempt in call_of(caught.value).attempts]
        assert verdicts.count("maybe") == (type(caught.value) is OutcomeUnknown)
        assert caught.value.dialed == ("maybe" if "maybe" in verdicts else "no")


@pytest.mark.parametrize(
    "talk",
    [resets_after_the_request, closes_after_the_request, closes_within_the_body, says_nothing],
    ids=lambda talk: talk.__name__,
)
def test_the_same_where_a_repeat_would_ring_twice(
    side: Side, aicaller: Vendor, library: str | None, talk: Talk
) -> None:
    with RawServer(talk) as server:
        hub = hub_at(side, aicaller, f"http://{server.address}", library, settling=3600)
        with pytest.raises(OutcomeUnknown, match="too early for a look-up"):
            hub.calls.create(**wish(aicaller, timeout=SOON if talk in QUIET else 10))
        assert len(server.requests) == 1


@pytest.mark.parametrize("listed", ["listed", None])
def test_where_a_repeat_would_ring_twice_it_is_only_looked_up(
    side: Side, aicaller: Vendor, library: str | None, listed: str | None
) -> None:
    body = {"_id": "call_1", "status": "queued", "toPhoneNumber": NUMBER, "createdAt": START.isoformat()}

    def loses_the_answer(server: RawServer, line: socket.socket) -> None:
        if server.request_of(line).startswith(b"GET"):
            line.sendall(http_answer(json.dumps({"data": [body] if listed else []}).encode()))

    with RawServer(loses_the_answer) as server:
        hub = hub_at(side, aicaller, f"http://{server.address}", library)
        if listed:
            assert hub.calls.create(**wish(aicaller)).provider_call_id == "call_1"
        else:
            with pytest.raises(OutcomeUnknown) as caught:
                hub.calls.create(**wish(aicaller))
            assert call_of(caught.value).needs_person
        assert [request.partition(b" ")[0] for request in server.requests] == [b"POST", b"GET"]


def test_a_reading_is_asked_again_where_that_is_harmless(
    side: Side, vendor: Vendor, library: str | None
) -> None:
    def unsteady(server: RawServer, line: socket.socket) -> None:
        server.request_of(line)
        if len(server.requests) < 3:
            reset(line)
        else:
            line.sendall(ACCEPTED)
            server.wait_for_end(line)

    with RawServer(unsteady) as server:
        hub = hub_at(side, vendor, f"http://{server.address}", library)
        assert hub.calls.get(f"{vendor.name}:call_1").provider_call_id == "call_1"
        assert len(server.requests) == 3


# What proves that nothing was sent


def unreachable(hub: Any, vendor: Vendor, sentence: str, **options: Any) -> None:
    with pytest.raises(
        Unreachable, match=f"no answer from {vendor.title}: {sentence}; check the net"
    ) as caught:
        hub.calls.create(**wish(vendor, **options))
    assert {attempt.verdict for attempt in call_of(caught.value).attempts} == {"unreachable"}
    assert caught.value.dialed == "no"
    assert secrets_in(told(caught.value)) == []


def test_nobody_listens(side: Side, vendor: Vendor, library: str | None) -> None:
    unreachable(
        hub_at(side, vendor, f"http://127.0.0.1:{closed_port()}", library), vendor, "could not connect"
    )


def test_a_connection_that_is_not_made_in_time(side: Side, erzycall: Vendor, library: str | None) -> None:
    """Its queue is full, so nobody answers the knocking."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        with ExitStack() as waiting:
            for _ in range(3):
                knocking = waiting.enter_context(socket.socket())
                knocking.settimeout(0)
                knocking.connect_ex(listener.getsockname())
            hub = hub_at(side, erzycall, f"http://127.0.0.1:{listener.getsockname()[1]}", library)
            unreachable(hub, erzycall, "timed out while connecting", timeout=0.1)


def test_a_tls_handshake_that_is_not_answered(side: Side, erzycall: Vendor, library: str | None) -> None:
    with RawServer(RawServer.wait_for_end) as server:
        hub = hub_at(side, erzycall, f"https://{server.address}", library)
        unreachable(hub, erzycall, "timed out while connecting", timeout=0.1)


@pytest.mark.parametrize("library", ["httpx2", "httpx"])
async def test_a_client_without_a_free_connection(world: World, library: str) -> None:
    """The one that it has is taken by a reading which isn't answered."""
    module: Any = {"httpx2": httpx2, "httpx": httpx}[library]
    with RawServer(says_nothing) as server:
        settings = world.settings["erzycall"] | {"base_url": f"http://{server.address}"}
        async with (
            module.AsyncClient(limits=module.Limits(max_connections=1)) as client,
            AsyncHub(
                providers={"erzycall": settings},
                scripts=SCRIPTS,
                ledger="sqlite://",
                http_client=client,
                clock=world.clock,
            ) as hub,
        ):
            reading = asyncio.create_task(hub.calls.get("erzycall:call_1"))
            while not server.requests:  # noqa: ASYNC110 - the server is in a thread
                await asyncio.sleep(0.01)
            with pytest.raises(Unreachable, match="no free connection in time") as caught:
                await hub.calls.create(**wish("erzycall", timeout=0.1))
            assert {each.verdict for each in call_of(caught.value).attempts} == {"unreachable"}
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            assert len(server.requests) == 1


def test_an_authority_that_is_not_known(side: Side, erzycall: Vendor, library: str | None) -> None:
    with RawServer(answers, tls=serving("127.0.0.1")) as server:
        options = {"verify": httpx2.create_ssl_context()} if library else {}
        hub = hub_at(side, erzycall, f"https://{server.address}", library, **options)
        unreachable(hub, erzycall, "the TLS handshake failed")
        assert server.requests == []


def test_a_certificate_of_somebody_else(side: Side, erzycall: Vendor, library: str | None) -> None:
    with RawServer(answers, tls=serving("other.example")) as server:
        hub = hub_at(side, erzycall, f"https://{server.address}", library)
        unreachable(hub, erzycall, "the TLS handshake failed")
        assert server.requests == []


def test_no_tls_where_tls_is_wanted(side: Side, erzycall: Vendor, library: str | None) -> None:
    def plain(_: RawServer, line: socket.socket) -> None:
        line.recv(10_000)
        line.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with RawServer(plain) as server:
        hub = hub_at(side, erzycall, f"https://{server.address}", library)
        unreachable(hub, erzycall, "the TLS handshake failed")


@pytest.mark.parametrize("ends", [closes_at_once, resets_at_once], ids=lambda talk: talk.__name__)
def test_a_tls_handshake_that_breaks_off(
    side: Side, erzycall: Vendor, library: str | None, ends: Talk
) -> None:
    def hears_hello(server: RawServer, line: socket.socket) -> None:
        line.recv(10)
        ends(server, line)

    with RawServer(hears_hello) as server:
        hub = hub_at(side, erzycall, f"https://{server.address}", library)
        unreachable(hub, erzycall, "(the TLS handshake failed|could not connect)")


@pytest.mark.parametrize("library", ["httpx2", "httpx"])
@pytest.mark.parametrize(
    "talk",
    [resets_after_the_request, closes_after_the_request, closes_within_the_body],
    ids=lambda talk: talk.__name__,
)
def test_what_breaks_off_after_the_tls_handshake_is_maybe(
    side: Side, erzycall: Vendor, library: str, talk: Talk
) -> None:
    """Our own client doesn't know the tests' authority, so its handshake would never be over."""
    with RawServer(talk, tls=serving("127.0.0.1")) as server:
        hub = hub_at(side, erzycall, f"https://{server.address}", library, **ALONE)
        with pytest.raises(OutcomeUnknown) as caught:
            hub.calls.create(**wish(erzycall))
        assert [attempt.verdict for attempt in call_of(caught.value).attempts] == ["maybe"]
        assert len(server.requests) == 1


@pytest.mark.parametrize("ends", [closes_at_once, resets_at_once], ids=lambda talk: talk.__name__)
def test_a_proxy_that_says_nothing_and_leaves_lets_no_dial_through(
    side: Side, erzycall: Vendor, library: str | None, ends: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it was told to ring is then not ours to say, so that *maybe* is as right as *no*."""

    def leaves(server: RawServer, line: socket.socket) -> None:
        server.request_of(line)
        ends(server, line)

    with RawServer(leaves) as server:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{server.address}")
        options = {"proxy": f"http://{server.address}"} if library else {}
        hub = hub_at(side, erzycall, "https://vendor.example", library, **options, **ALONE)
        with pytest.raises((OutcomeUnknown, Unreachable)) as caught:
            hub.calls.create(**wish(erzycall))
        verdicts = {attempt.verdict for attempt in call_of(caught.value).attempts}
        assert verdicts == ({"maybe"} if caught.value.dialed == "maybe" else {"unreachable"})
        assert {request.partition(b" ")[0] for request in server.requests} == {b"CONNECT"}
        assert not any(KEYS["erzycall"].encode() in request for request in server.requests)


@pytest.mark.parametrize(
    "status", [b"403 Forbidden", b"407 Proxy Authentication Required", b"502 Bad Gateway"]
)
def test_a_proxy_that_refuses(
    side: Side, erzycall: Vendor, library: str | None, status: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    def refuses(server: RawServer, line: socket.socket) -> None:
        server.request_of(line)
        line.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")

    with RawServer(refuses) as server:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{server.address}")
        options = {"proxy": f"http://{server.address}"} if library else {}
        hub = hub_at(side, erzycall, "https://vendor.example", library, **options)
        unreachable(hub, erzycall, "the proxy refused")
        assert {request.partition(b" ")[0] for request in server.requests} == {b"CONNECT"}
        assert not any(KEYS["erzycall"].encode() in request for request in server.requests)


def test_a_proxy_that_is_not_there(
    side: Side, erzycall: Vendor, library: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = f"http://127.0.0.1:{closed_port()}"
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    options = {"proxy": proxy} if library else {}
    unreachable(
        hub_at(side, erzycall, "https://vendor.example", library, **options), erzycall, "could not connect"
    )


NO_SUCH_HOST = """
import asyncio, json, sys
import httpx, httpx2
from callhub import AsyncHub, Hub, Unreachable
from tests.core.kit import Instant, wish

def told(error):
    return [type(error).__name__, str(error), [attempt.verdict for attempt in error.call.attempts]]

def options(client):
    settings = {"api_key": "ek_test_x", "base_url": "https://callhub.invalid", "from_number": "+14155559999"}
    return {"providers": {"erzycall": settings}, "scripts": {"onboarding": {"erzycall": "case_789"}},
            "ledger": "sqlite://", "clock": Instant(), "http_client": client}

async def later(client):
    async with AsyncHub(**options(client)) as hub:
        try:
            await hub.calls.create(**wish("erzycall"))
        except Exception as error:
            return told(error)

found = []
for client in (None, httpx2.Client(), httpx.Client()):
    with Hub(**options(client)) as hub:
        try:
            hub.calls.create(**wish("erzycall"))
        except Exception as error:
            found.append(told(error))
for kind in (None, httpx2.AsyncClient, httpx.AsyncClient):
    found.append(asyncio.run(later(kind and kind())))
print(json.dumps(found))
"""


def test_a_host_name_that_does_not_resolve() -> None:
    """In a process of its own, since names can't be looked up in this one."""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", NO_SUCH_HOST],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert len(found) == 6
    sentence = "no answer from ErzyCall: the host name does not resolve; check the network and "
    for kind, message, verdicts in found:
        assert (kind, set(verdicts)) == ("Unreachable", {"unreachable"})
        assert message == sentence + "CALLHUB_ERZYCALL_BASE_URL"


# The whole exchange has one limit


@pytest.mark.parametrize(
    "begin", [b"\r\nContent-Length: 1000\r\n\r\n", b"\r\nX-Head: "], ids=["body", "head"]
)
def test_an_answer_that_trickles_in_is_given_up(side: Side, erzycall: Vendor, begin: bytes) -> None:
    def trickles(server: RawServer, line: socket.socket) -> None:
        server.request_of(line)
        line.sendall(b"HTTP/1.1 201 Created" + begin)
        for _ in range(30):
            line.sendall(b"x")
            time.sleep(0.05)

    with RawServer(trickles) as server:
        hub = hub_at(side, erzycall, f"http://{server.address}", None, **ALONE)
        began = time.monotonic()
        with pytest.raises(OutcomeUnknown, match="no answer in time"):
            hub.calls.create(**wish(erzycall, timeout=SOON))
        assert time.monotonic() - began < 4 * SOON


# Clients that are passed in


@pytest.mark.parametrize("library", ["httpx2", "httpx"])
def test_a_client_that_is_passed_in_is_used_and_stays_open(side: Side, vendor: Vendor, library: str) -> None:
    client = side.client(library, headers={"x-mine": "1"})
    for _ in range(2):
        hub = side.hub(http_client=client)
        assert hub.calls.wait(hub.calls.create(**wish(vendor)).id).terminal
        hub.close()
        assert not client.is_closed
    assert vendor.live() == {NUMBER: 2}


@pytest.mark.parametrize("library", ["httpx2", "httpx"])
def test_a_clients_own_ways_change_nothing(side: Side, vendor: Vendor, library: str) -> None:
    """Neither its base URL, nor its parameters, its cookies, its authorization or its time-out."""
    client = side.client(
        library,
        base_url="https://elsewhere.example",
        params={"a": "b"},
        cookies={"c": "d"},
        auth=("user", "hunter2"),
        timeout=0.000001,
    )
    side.hub(http_client=client).calls.create(**wish(vendor))
    (hit,) = vendor.relay.seen
    assert hit.query == {}
    assert not {"authorization", "cookie"} & set(hit.headers)


@pytest.mark.parametrize("library", ["httpx2", "httpx"])
def test_a_client_that_fails_in_a_way_of_its_own_proves_nothing(
    side: Side, vendor: Vendor, library: str
) -> None:
    def hook(_: object) -> None:
        raise ZeroDivisionError

    async def later(_: object) -> None:
        raise ZeroDivisionError

    hooks = {"response": [hook if side.name == "sync" else later]}
    hub = side.hub(http_client=side.client(library, event_hooks=hooks))
    with pytest.raises(OutcomeUnknown, match="the exchange failed"):
        hub.calls.create(**wish(vendor))
    assert vendor.live() == {NUMBER: 1}


@pytest.mark.parametrize("library", ["httpx2", "httpx"])
def test_over_tls_with_an_authority_that_the_client_trusts(side: Side, vendor: Vendor, library: str) -> None:
    with RawServer(answers, tls=serving("127.0.0.1")) as server:
        hub = hub_at(side, vendor, f"https://{server.address}", library)
        assert hub.calls.create(**wish(vendor)).provider_call_id == "call_1"
        assert len(server.requests) == 1


@pytest.mark.parametrize("library", ["httpx2", "httpx"])
@pytest.mark.parametrize("options", [{}, {"proxy": "http://127.0.0.1:9"}], ids=["direct", "proxy"])
def test_a_client_that_trusts_anybody_is_refused(side: Side, library: str, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="verify=False"):
        side.hub(http_client=side.client(library, verify=False, **options))


@pytest.mark.parametrize("library", ["httpx2", "httpx"])
def test_a_client_that_trusts_any_name_is_refused(side: Side, library: str) -> None:
    context = httpx2.create_ssl_context()
    context.check_hostname = False
    client = side.client(library, verify=context)
    with pytest.raises(ConfigurationError, match="verify"):
        side.hub(http_client=client)


@pytest.mark.parametrize("library", ["httpx2", "httpx"])
def test_a_client_of_the_other_colour_is_refused(side: Side, world: World, library: str) -> None:
    client = side.client(library)
    other = HUB_CLASSES["async" if side.name == "sync" else "sync"]
    with pytest.raises(ConfigurationError, match=r"http_client must be an httpx2\.\w+ or an httpx\.\w+"):
        other(providers=world.settings, ledger="sqlite://", http_client=client)


@pytest.mark.parametrize("client", [object(), "httpx", httpx2, httpx2.Client, 5, False])
def test_what_is_no_client_is_refused(side: Side, client: object) -> None:
    with pytest.raises(ConfigurationError, match="http_client must be an"):
        side.hub(http_client=client)


@pytest.mark.parametrize("library", ["httpx2", "httpx"])
def test_a_client_that_is_closed_already_is_no_maybe(side: Side, vendor: Vendor, library: str) -> None:
    client = side.client(library)
    hub = side.hub(http_client=client)
    if side.name == "sync":
        client.close()
    else:
        side.run(client.aclose())
    with pytest.raises((ConfigurationError, Unreachable)):
        hub.calls.create(**wish(vendor))
    assert vendor.relay.seen == []


# Connections


def test_the_connections_of_our_own_are_closed_with_the_hub(side: Side, vendor: Vendor) -> None:
    with RawServer(answers) as server:
        hub = hub_at(side, vendor, f"http://{server.address}", None)
        hub.calls.create(**wish(vendor))
        hub.calls.get(f"{vendor.name}:call_1")
        assert server.connections == len(server.requests) if vendor.name == "aicaller" else 1
        hub.close()
        for _ in range(server.connections):
            assert server.over.acquire(timeout=2)


def test_a_reading_reuses_a_connection(side: Side, vendor: Vendor) -> None:
    with RawServer(answers) as server:
        hub = hub_at(side, vendor, f"http://{server.address}", None)
        for _ in range(3):
            hub.calls.get(f"{vendor.name}:call_1")
        assert (server.connections, len(server.requests)) == (1, 3)


def test_a_dial_that_may_not_be_repeated_gets_a_connection_of_its_own(side: Side, aicaller: Vendor) -> None:
    with RawServer(answers) as server:
        hub = hub_at(side, aicaller, f"http://{server.address}", None)
        hub.calls.get("aicaller:call_1")
        for expected in (2, 3):
            hub.calls.create(**wish(aicaller))
            assert server.connections == expected
        hub.calls.get("aicaller:call_1")
        assert server.connections == 3


LEAK = """
import asyncio, gc
from callhub import AsyncHub, Hub
from tests.core.kit import Relay, SCRIPTS, RawServer
from tests.core.test_wire import answers
import contextlib

def options(server, file):
    settings = {"api_key": "x", "base_url": f"http://{server.address}"}
    given = {"erzycall": settings | {"from_number": "+14155559999"},
             "aicaller": settings | {"team_id": "t", "phone_number_id": "p"}}
    return {"providers": given, "scripts": SCRIPTS, "ledger": file}

def wanted(name):
    from tests.core.kit import wish
    return wish(name)

async def later(server, file):
    asyncio.get_running_loop().slow_callback_duration = 60  # a busy machine is no leak
    async with AsyncHub(**options(server, file)) as hub:
        for name in ("erzycall", "aicaller"):
            call = await hub.calls.create(**wanted(name))
            await hub.calls.get(call.id)
    with contextlib.suppress(ZeroDivisionError):
        async with AsyncHub(**options(server, file)) as hub:
            await hub.calls.get("erzycall:x")
            raise ZeroDivisionError

with RawServer(answers) as server:
    file = "sqlite:///leak.db"
    with Hub(**options(server, file)) as hub:
        for name in ("erzycall", "aicaller"):
            hub.calls.get(hub.calls.create(**wanted(name)).id)
    with contextlib.suppress(ZeroDivisionError), Hub(**options(server, file)) as hub:
        hub.calls.get("erzycall:x")
        raise ZeroDivisionError
    asyncio.run(later(server, file))
gc.collect()
print("done")
"""


def test_nothing_is_left_open(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    paths = [str(each) for each in (root, *(root / "providers").iterdir())]
    program = f"import sys; sys.path[:0] = {paths!r}\n{LEAK}"
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-W", "ignore::DeprecationWarning", "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("done\n", "")


def test_what_isnt_used_is_never_opened(side: Side, vendor: Vendor, tmp_path: Path) -> None:
    """A hub that is made and closed leaves neither a file nor a connection."""
    with RawServer(answers) as server:
        hub = hub_at(side, vendor, f"http://{server.address}", None)
        hub.close()
        assert server.connections == 0
    quiet = side.hub(ledger=f"sqlite:///{tmp_path / 'quiet.db'}")
    quiet.close()
    with pytest.raises(CallhubError):
        side.hub(ledger=f"sqlite:///{tmp_path / 'quiet.db'}").calls.create(**wish(vendor, to="x"))
