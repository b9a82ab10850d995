"""Every cassette is replayed through both transports, and read into the neutral model as ever.

Covered: callhub's own httpx2 clients, blocking and awaiting, for every cassette; a passed-in
`httpx` client for one of each vendor. vcrpy takes the place of their stock transports, so
everything above these runs: the runner, the flow, the request as it is built, the answer as it is
read. What lies below (connections, TLS, time-outs) isn't: tests/core has that.
A request matches by method, URI, the body's bytes and its Idempotency-Key.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from callhub.provider.http import Request
from tests.cassettes import tape
from tests.cassettes.replay import answered, awaiting, blocking

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion

CASSETTES = [path.relative_to(tape.FOLDER) for path in sorted(tape.FOLDER.glob("*/*.yaml"))]
CREATE = {"erzycall": Path("erzycall/create_call.yaml"), "aicaller": Path("aicaller/create_call.yaml")}


@pytest.mark.parametrize("cassette", CASSETTES, ids=str)
async def test_replays_through_both_transports(cassette: Path, snapshot: SnapshotAssertion) -> None:
    value = blocking(tape.FOLDER / cassette)
    assert value == snapshot
    assert await awaiting(tape.FOLDER / cassette) == value


@pytest.mark.parametrize("cassette", CREATE.values(), ids=str)
async def test_replays_through_a_client_of_the_users(cassette: Path) -> None:
    path = tape.FOLDER / cassette
    expected = blocking(path)
    with httpx.Client() as client:
        assert blocking(path, client) == expected
    async with httpx.AsyncClient() as client:
        assert await awaiting(path, client) == expected


def first_request(cassette: Path) -> Request:
    """Give the first request of a cassette, as callhub would send it."""
    said = tape.parsed((tape.FOLDER / cassette).read_text())["interactions"][0]["request"]
    keys = said["headers"].get("idempotency-key", [])
    where = "/" + said["uri"].split("/", 3)[3]
    return Request(
        said["method"],
        where,
        said["body"].encode(),
        tuple(("idempotency-key", key) for key in keys),
        dials=True,
    )


def changed(request: Request, **changes: Any) -> Request:
    fields = {name: getattr(request, name) for name in ("method", "path", "body", "headers", "dials")}
    return Request(**fields | changes)


@pytest.mark.parametrize("cassette", CREATE.values(), ids=str)
def test_a_recorded_request_is_answered(cassette: Path) -> None:
    assert answered(tape.FOLDER / cassette, first_request(cassette)) in (200, 201)


@pytest.mark.parametrize("cassette", CREATE.values(), ids=str)
def test_another_number_is_refused(cassette: Path) -> None:
    request = first_request(cassette)
    body = (
        (request.body or b"")
        .replace(b"+14155551234", b"+14155550102")
        .replace(b"+1234567890", b"+14155550102")
    )
    assert body != request.body
    with pytest.raises(AssertionError, match="is not in the cassette"):
        answered(tape.FOLDER / cassette, changed(request, body=body))


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "PUT"},
        {"path": "/api/v1/call"},
        {"path": "/api/v1/calls?dry=1"},
        {"body": b'{"from":"+14155559999","to":"+14155551234"}'},
        {"headers": (("idempotency-key", "another"),)},
        {"headers": ()},
    ],
    ids=["method", "path", "query", "bytes", "key", "no key"],
)
def test_any_other_request_is_refused(changes: dict[str, Any]) -> None:
    request = changed(first_request(CREATE["erzycall"]), **changes)
    with pytest.raises(AssertionError, match="is not in the cassette"):
        answered(tape.FOLDER / CREATE["erzycall"], request)


@pytest.mark.parametrize(
    "base_url", ["https://app.erzycall.example", "https://app.erzycall.com:8443", "http://localhost"]
)
def test_any_other_place_is_refused(base_url: str) -> None:
    with pytest.raises(AssertionError, match="is not in the cassette"):
        answered(tape.FOLDER / CREATE["erzycall"], first_request(CREATE["erzycall"]), {"base_url": base_url})


def test_a_body_that_nobody_matches_would_pass() -> None:
    """Why `MATCH` is what it is: by vcrpy's default a call to anybody replays."""
    request = changed(first_request(CREATE["erzycall"]), body=b'{"to":"+14155550102"}')
    default = ("method", "scheme", "host", "port", "path", "query")
    assert answered(tape.FOLDER / CREATE["erzycall"], request, match_on=default) == 201


def test_no_socket_can_be_made_while_replaying() -> None:
    with tape.replaying(tape.FOLDER / CREATE["erzycall"]), pytest.raises(AssertionError, match="no I/O"):
        socket.socket()
