"""Sandboxes without a socket: an HTTP client whose wire ends in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx2

from callhub.provider.sandbox import Answer, Cut, Hit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from callhub.provider.sandbox import Sandbox


def url_of(name: str) -> str:
    """Give the base URL under which a sandbox stands in such a client."""
    return f"https://{name}.sandbox.invalid"


def client(sandboxes: Mapping[str, Sandbox]) -> httpx2.Client:
    """Make a blocking client over these sandboxes; pass it as ``http_client``."""
    return httpx2.Client(transport=transport({name: box.handle for name, box in sandboxes.items()}))


def async_client(sandboxes: Mapping[str, Sandbox]) -> httpx2.AsyncClient:
    """Make an awaiting client over these sandboxes; pass it as ``http_client``."""
    return httpx2.AsyncClient(transport=transport({name: box.handle for name, box in sandboxes.items()}))


def transport(handlers: Mapping[str, Callable[[Hit], Answer]]) -> httpx2.MockTransport:
    """Make the wire: each handler answers under its `url_of` name."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        name = (urlsplit(str(request.url)).hostname or "").partition(".")[0]
        hit = Hit.of(request.method, request.url.raw_path.decode(), dict(request.headers), request.content)
        return _deliver(handlers[name](hit), request)

    return httpx2.MockTransport(answer)


def _deliver(answer: Answer, request: httpx2.Request) -> httpx2.Response:
    if answer.cut is not None:
        raise _CUTS[answer.cut]("the sandbox cut the connection", request=request)
    response = answer.response
    return httpx2.Response(response.status, headers=dict(response.headers), content=response.body)


_CUTS: Mapping[Cut, Any] = {
    Cut.DROP: httpx2.ReadError,
    Cut.TRUNCATE: httpx2.RemoteProtocolError,
    Cut.HANG: httpx2.ReadTimeout,
}
