"""The loopback server: documented curl calls, every way to cut a connection, and how it starts and stops."""

from __future__ import annotations

import gc
import json
import logging
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from callhub.provider.sandbox import Mishap, SandboxClock
from callhub.runtime.serve import Application, foreground, serve
from callhub_erzycall.sandbox import ErzyCallSandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from callhub.provider.sandbox import Dial
    from callhub.runtime.serve import Served

EXAMPLES = Path(__file__).parents[1] / "examples"
KEY = {"X-API-Key": ErzyCallSandbox.settings["api_key"]}
CALL = {"to": "+14155551234", "from": "+14155559999"}
CURL = shutil.which("curl")
TLS = ssl.create_default_context()  # made once: it is slow, and not used
request = partial(httpx2.request, headers=KEY, verify=TLS)
get, post = partial(request, "GET"), partial(request, "POST")


def real_now() -> datetime:
    return datetime.now(UTC)


def make(**options: Any) -> ErzyCallSandbox:
    return ErzyCallSandbox(SandboxClock(real_now), per_minute=10**6, per_hour=10**6, **options)


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with serve(make(pickup=10**6)) as served:
        yield served


@pytest.fixture
def client(server: Served) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=server.url, headers=KEY, timeout=5, verify=TLS) as client:
        yield client


def calls(server: Served) -> int:
    """Count the calls that exist, through a connection of its own."""
    listed = get(f"{server.url}/api/v1/calls?limit=100")
    return len(listed.json()["data"])


# Answers


def test_an_answer_arrives_as_the_sandbox_gave_it(client: httpx2.Client) -> None:
    response = client.get("/api/v1/calls/abc123")
    documented = json.loads((EXAMPLES / "erzycall.calls.get.response.json").read_text())
    assert (response.status_code, response.json()) == (200, documented)
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-ratelimit-limit"] == "1000000"
    assert "server" not in response.headers


def test_the_date_is_the_sandboxes(client: httpx2.Client, server: Served) -> None:
    server.sandbox.clock.advance(timedelta(days=400))
    told = parsedate_to_datetime(client.get("/api/v1/cases").headers["date"])
    assert abs(told - server.sandbox.clock.now()) < timedelta(seconds=2)
    assert len(client.get("/api/v1/cases").headers.get_list("date")) == 1


def test_an_answer_without_a_body(client: httpx2.Client) -> None:
    made = client.post("/api/v1/calls", json=CALL).json()["data"]["id"]
    response = client.delete(f"/api/v1/calls/{made}")
    assert (response.status_code, response.content) == (204, b"")
    assert "content-length" not in response.headers


def test_escapes_in_the_path_reach_the_sandbox_undecoded(client: httpx2.Client) -> None:
    assert client.get("/api/v1/calls/a%2Fb").json()["error"]["code"] == "INVALID_ID"
    assert client.get("/api/v1/contacts/search?q=%2B1415").json()["data"][0]["id"] == "contact_456"


def test_a_connection_is_kept_open_between_requests(client: httpx2.Client, server: Served) -> None:
    peer = ("127.0.0.1", server.port)
    with socket.create_connection(peer) as line, line.makefile("rb") as answers:
        for _ in range(2):
            line.sendall(b"GET /_sandbox/dials HTTP/1.1\r\nHost: a\r\n\r\n")
            assert answers.readline() == b"HTTP/1.1 200 OK\r\n"
            head = {}
            while (header := answers.readline().strip()) != b"":
                name, _, value = header.partition(b": ")
                head[name] = value
            answers.read(int(head[b"content-length"]))
    assert client.get("/_sandbox/dials").status_code == 200


def test_a_client_that_leaves_in_the_middle_of_its_request_does_no_harm(server: Served) -> None:
    before = calls(server)
    with socket.create_connection(("127.0.0.1", server.port)) as line:
        head = f"POST /api/v1/calls HTTP/1.1\r\nHost: a\r\nX-API-Key: {KEY['X-API-Key']}\r\n"
        line.sendall(f"{head}Content-Length: 99\r\n\r\n{json.dumps(CALL)}".encode())
    sleep(0.1)
    assert calls(server) == before


def test_many_at_once_under_one_key_make_one_call(server: Served) -> None:
    before = calls(server)

    def place(_: int) -> str:
        headers = {**KEY, "Idempotency-Key": "many"}
        return str(post(f"{server.url}/api/v1/calls", json=CALL, headers=headers).json()["data"]["id"])

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(place, range(24)))) == 1
    assert calls(server) == before + 1


# Faults, as a client sees them


@pytest.mark.parametrize(
    ("mishap", "error", "made"),
    [
        (Mishap.DROP_BEFORE, httpx2.ReadError, 0),
        (Mishap.DROP_AFTER, httpx2.ReadError, 1),
        (Mishap.TRUNCATE_AFTER, httpx2.RemoteProtocolError, 1),
        (Mishap.HANG_BEFORE, httpx2.ReadTimeout, 0),
        (Mishap.HANG_AFTER, httpx2.ReadTimeout, 1),
    ],
)
def test_cuts(
    client: httpx2.Client, server: Served, mishap: Mishap, error: type[Exception], made: int
) -> None:
    before = calls(server)
    client.get("/api/v1/cases")
    server.sandbox.fail_next(mishap)
    with pytest.raises(error):
        client.post("/api/v1/calls", json=CALL, timeout=0.2)
    assert calls(server) == before + made
    assert client.post("/api/v1/calls", json=CALL).status_code == 201


@pytest.mark.parametrize(
    ("mishap", "status", "size"),
    [
        (Mishap.REFUSE, 400, None),
        (Mishap.RATE_LIMIT, 429, None),
        (Mishap.ERROR_BEFORE, 500, None),
        (Mishap.ERROR_AFTER, 500, None),
        (Mishap.REDIRECT, 307, 0),
        (Mishap.GARBAGE_AFTER, 201, 22),
        (Mishap.HUGE_AFTER, 201, 10_485_762),
    ],
)
def test_faults_that_are_whole_answers(
    client: httpx2.Client, server: Served, mishap: Mishap, status: int, size: int | None
) -> None:
    server.sandbox.fail_next(mishap)
    response = client.post("/api/v1/calls", json=CALL)
    assert response.status_code == status
    assert size in (None, len(response.content))


def raw(server: Served, method: str, path: str) -> bytes:
    """Send one request by hand and read until the connection ends."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as line:
        line.sendall(f"{method} {path} HTTP/1.1\r\nHost: a\r\nX-API-Key: {KEY['X-API-Key']}\r\n\r\n".encode())
        parts = []
        while part := line.recv(65_536):
            parts.append(part)
        return b"".join(parts)


def test_a_drop_is_a_reset_without_a_byte(server: Served) -> None:
    server.sandbox.fail_next(Mishap.DROP_AFTER, method="GET")
    with pytest.raises(ConnectionResetError):
        raw(server, "GET", "/api/v1/cases")


def test_a_truncated_answer_promises_all_and_gives_half(server: Served) -> None:
    whole = get(f"{server.url}/api/v1/cases").content
    server.sandbox.fail_next(Mishap.TRUNCATE_AFTER, method="GET")
    head, _, body = raw(server, "GET", "/api/v1/cases").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert f"content-length: {len(whole)}".encode() in head
    assert body == whole[: len(whole) // 2]


def test_an_answer_without_a_body_is_truncated_in_its_first_line(server: Served) -> None:
    server.sandbox.fail_next(Mishap.TRUNCATE_AFTER, method="DELETE")
    assert raw(server, "DELETE", "/api/v1/contacts/contact_456") == b"HTTP/1.1 "


# The vendor's curl calls


def request_body(name: str) -> list[str]:
    body = (EXAMPLES / f"erzycall.{name}.request.json").read_text()
    return ["-H", "Content-Type: application/json", "-d", body]


DOCUMENTED: list[tuple[int, str, str, list[str]]] = [
    (200, "GET", "calls?limit=10&status=ended", []),
    (201, "POST", "calls", request_body("calls.create.with_case")),
    (
        201,
        "POST",
        "calls",
        [*request_body("calls.create.simple"), "-H", "Idempotency-Key: unique-call-12345"],
    ),
    (201, "POST", "calls", request_body("calls.create.scheduled")),
    (200, "GET", "calls/abc123", []),
    (422, "DELETE", "calls/abc123", []),  # has ended, as the documented answer of GET shows it
    (200, "GET", "cases?limit=10", []),
    (200, "GET", "cases/case_789", []),
    (200, "GET", "contacts?limit=20&tags=vip", []),
    (200, "GET", "contacts/search?q=john&limit=5", []),
    (
        201,
        "POST",
        "contacts",
        [*request_body("contacts.create"), "-H", "Idempotency-Key: create-contact-john"],
    ),
    (200, "GET", "contacts/contact_456", []),
    (200, "PATCH", "contacts/contact_456", request_body("contacts.update")),
    (200, "GET", "assistants/inbound", []),
    (200, "GET", "assistants/inbound/asst_001", []),
    (200, "PATCH", "assistants/inbound/asst_001", request_body("assistants.inbound.update")),
    (200, "GET", "assistants/outbound", []),
    (200, "GET", "whatsapp/accounts", []),
    (200, "GET", "webhooks", []),
    (
        201,
        "POST",
        "webhooks",
        [*request_body("webhooks.create"), "-H", "Idempotency-Key: create-webhook-prod"],
    ),
    (
        201,
        "POST",
        "calls",
        [*request_body("calls.create.minimal"), "-H", "Idempotency-Key: unique-request-id-12345"],
    ),
]
DELETIONS: list[tuple[int, str, str, list[str]]] = [
    (204, "DELETE", "contacts/contact_456", []),
    (204, "DELETE", "webhooks/wh_001", []),
]


@pytest.mark.skipif(CURL is None, reason="curl is not installed")
@pytest.mark.parametrize("order", [1, -1], ids=["forwards", "backwards"])
def test_documented_curl_calls_work_in_any_order(order: int) -> None:
    with serve(ErzyCallSandbox(SandboxClock(real_now))) as served:
        for status, method, path, rest in [*DOCUMENTED[::order], *DELETIONS]:
            target = f"{served.url}/api/v1/{path}"
            command = ["-sS", "-X", method, target, "-H", "X-API-Key: ek_live_abc123", *rest]
            done = subprocess.run(
                [str(CURL), *command, "-w", "\n%{http_code}"], capture_output=True, check=True, text=True
            )
            body, _, code = done.stdout.rpartition("\n")
            assert int(code) == status, (method, path, body)
            assert done.stderr == ""
            assert bool(body) == (status != 204)


# Without a server


async def test_an_application_answers_in_process() -> None:
    transport = httpx2.ASGITransport(Application(make()))
    async with httpx2.AsyncClient(transport=transport, base_url="http://sandbox", headers=KEY) as client:
        assert (await client.get("/api/v1/cases")).status_code == 200


async def test_a_cut_in_process_is_an_error() -> None:
    sandbox = make()
    sandbox.fail_next(Mishap.DROP_AFTER, method="GET")
    transport = httpx2.ASGITransport(Application(sandbox))
    async with httpx2.AsyncClient(transport=transport, base_url="http://sandbox", headers=KEY) as client:
        with pytest.raises(ConnectionAbortedError):
            await client.get("/api/v1/cases")


# Start, stop, and what happens in between


def test_it_starts_fast_and_leaves_nothing_behind() -> None:
    before = set(threading.enumerate())
    begun = monotonic()
    served = serve(make())
    with served:
        took = monotonic() - begun
        assert served.alive
        assert get(f"{served.url}/_sandbox/dials").status_code == 200
    assert took < 1
    assert not served.alive
    assert set(threading.enumerate()) == before
    with pytest.raises(httpx2.ConnectError):
        get(served.url)
    gc.collect()  # an unclosed socket would warn, and warnings are errors


def test_it_stops_at_once_though_clients_hang() -> None:
    sandbox = make()
    with httpx2.Client(headers=KEY, verify=TLS) as idle, ThreadPoolExecutor(1) as pool:
        with serve(sandbox) as served:
            idle.get(f"{served.url}/api/v1/cases")
            sandbox.fail_next(Mishap.HANG_BEFORE, method="GET")
            hanging = pool.submit(get, f"{served.url}/api/v1/cases", timeout=10)
            while sandbox.hits["GET /api/v1/cases"] < 2:
                sleep(0.01)
            begun = monotonic()
        assert monotonic() - begun < 1
        with pytest.raises(httpx2.TransportError):
            hanging.result()


def test_it_starts_again_after_a_stop() -> None:
    served = serve(make())
    for _ in range(2):
        with served:
            assert get(f"{served.url}/_sandbox/dials").status_code == 200
    served.stop()


def test_a_port_that_is_taken(server: Served) -> None:
    with pytest.raises(OSError, match=f"port {server.port} of 127.0.0.1: it is taken; choose another"):
        serve(make(), server.port).start()


def test_a_port_that_is_none() -> None:
    with pytest.raises(OSError, match="70000 is not a port"):
        serve(make(), 70_000).start()


def test_only_loopback_is_served(server: Served) -> None:
    assert server.url == f"http://127.0.0.1:{server.port}"
    with pytest.raises(OSError, match=r"refused|timed out|unreachable|assign"):
        socket.create_connection(("127.0.0.2", server.port), timeout=0.5)


def test_a_given_port_is_used() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with serve(make(), port) as served:
        assert served.port == port
        assert get(f"http://127.0.0.1:{port}/_sandbox/dials").status_code == 200


def test_phones_ring_without_requests_and_are_told_live() -> None:
    sandbox, rang = make(pickup=0.1), threading.Event()
    heard: list[tuple[Dial, int]] = []

    def listen(dial: Dial) -> None:
        heard.append((dial, sandbox.hits.total()))
        rang.set()

    with serve(sandbox, on_dial=listen) as served:
        made = post(f"{served.url}/api/v1/calls", json=CALL).json()["data"]
        assert rang.wait(5)
        sleep(0.25)
    assert [(dial.call_id, hits) for dial, hits in heard] == [(made["id"], 1)]
    with serve(sandbox, on_dial=listen):
        sleep(0.25)
    assert len(heard) == 1


def test_an_error_of_the_listener_comes_out_at_the_stop() -> None:
    def fail(_: Dial) -> None:
        raise LookupError("broken listener")

    sandbox = make(pickup=0)
    served = serve(sandbox, on_dial=fail).start()
    post(f"{served.url}/api/v1/calls", json=CALL)
    with suppress(httpx2.TransportError):
        post(f"{served.url}/_sandbox/advance")
    until = monotonic() + 5
    while served.alive and monotonic() < until:
        sleep(0.01)
    assert not served.alive
    with pytest.raises(LookupError, match="broken listener"):
        served.stop()


def test_an_error_of_the_start_is_raised_there(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise LookupError("broken start")

    monkeypatch.setattr("uvicorn.Server.startup", fail)
    served = serve(make())
    with pytest.raises(LookupError, match="broken start"):
        served.start()
    assert not served.alive


def test_there_is_no_access_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), serve(make()) as served:
        get(f"{served.url}/api/v1/cases")
    told = {record.name for record in caplog.records if "/api/v1/cases" in record.getMessage()}
    assert told == {"httpx2"}


FOREGROUND = """
from datetime import UTC, datetime
from callhub.provider.sandbox import SandboxClock
from callhub.runtime.serve import foreground, serve
from callhub_erzycall.sandbox import ErzyCallSandbox
clock = SandboxClock(lambda: datetime.now(UTC))
both = [serve(ErzyCallSandbox(clock)) for _ in range(2)]
foreground(both, lambda: print(*(each.url for each in both), flush=True))
print("stopped")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to send to one process")
def test_several_are_served_until_a_signal() -> None:
    def start() -> subprocess.Popen[str]:
        command = [sys.executable, "-W", "error", "-c", FOREGROUND]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    with start() as interrupted, start() as terminated:
        for process, kind in ((interrupted, signal.SIGINT), (terminated, signal.SIGTERM)):
            assert process.stdout is not None
            urls = process.stdout.readline().split()
            statuses = [get(f"{url}/_sandbox/dials").status_code for url in urls]
            process.send_signal(kind)
            out, err = process.communicate(timeout=10)
            assert (statuses, out, err, process.returncode) == ([200, 200], "stopped\n", "", 0)


def test_what_is_served_in_the_foreground_stops_when_one_of_them_fails(server: Served) -> None:
    first = serve(make())
    with pytest.raises(OSError, match="it is taken"):
        foreground([first, serve(make(), server.port)])
    assert not first.alive


def test_handlers_of_signals_are_given_back() -> None:
    def fail() -> None:
        raise LookupError("ready")

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(LookupError, match="ready"):
        foreground([serve(make())], fail)
    assert signal.getsignal(signal.SIGTERM) is before
