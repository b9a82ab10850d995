"""What a plugin says to its vendor and hears back: plain data, no I/O, nothing secret in a repr."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from callhub.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SUCCESS = 2
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_NOWHERE = frozenset({"", ".", ".."})


class Unreadable(ValueError):
    """The vendor's answer can't be understood. Its message never quotes the answer."""


class Fault(StrEnum):
    """What can go wrong on the wire before a whole answer is here."""

    CLOSED = "the HTTP client that was passed in is closed"
    UNSENT = "the request could not be made (are HTTPS_PROXY, ALL_PROXY and SSL_CERT_FILE right?)"
    CONNECT = "could not connect"
    DNS = "the host name does not resolve"
    CONNECT_TIMEOUT = "timed out while connecting"
    POOL_TIMEOUT = "no free connection in time"
    TLS = "the TLS handshake failed"
    PROXY = "the proxy refused"
    WRITE = "the connection broke while sending"
    READ_TIMEOUT = "no answer in time"
    RESET = "the connection broke before the whole answer"
    PROTOCOL = "the answer is not HTTP"
    TOO_LARGE = "the answer is too large"
    OTHER = "the exchange failed"


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request of a plugin's.

    Attributes:
        method: upper-case HTTP method.
        path: path below the base URL, already escaped (see `path`), with its query (see `query`).
        body: the exact bytes to send, or None for a request without a body.
        headers: headers beside the standard ones. Never the key: that is `Provider.authorization`.
        dials: True for the one request that may ring a phone.
        repeatable: True where the vendor documents that sending it again changes nothing.
    """

    method: str
    path: str
    body: bytes | None = field(default=None, repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    dials: bool = False
    repeatable: bool = False

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.path.partition('?')[0]}{' dials' if self.dials else ''}>"


@dataclass(frozen=True, slots=True)
class Response:
    """A whole HTTP answer: `headers` by lower-case name, `body` as bytes."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)

    def __repr__(self) -> str:
        return f"<Response {self.status}, {len(self.body)} bytes>"

    @property
    def ok(self) -> bool:
        """Tell whether the status is 2xx."""
        return self.status // 100 == _SUCCESS

    def json(self) -> Any:
        """Decode the body; raise `Unreadable` where it isn't JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            pass
        raise Unreadable("the answer is not JSON")


def to_json(value: Any) -> bytes:
    """Encode compactly and in the given order, so that one input always gives the same bytes."""
    return _ENCODER.encode(value).encode()


@lru_cache(maxsize=128)
def path(*segments: str) -> str:
    """Join segments into a path, each one escaped: ``path("api", "calls", "a b")``.

    Raises:
        InvalidRequest: a segment would lead elsewhere: it is empty, ``.`` or ``..``.
    """
    if not _NOWHERE.isdisjoint(segments):
        raise InvalidRequest(
            "an id can't be empty, '.' or '..'", fields={"id": "can't be empty, '.' or '..'"}
        )
    return "/" + "/".join(quote(segment, safe="") for segment in segments)


def query(items: Iterable[tuple[str, object]]) -> str:
    """Make ``?a=1&b=2`` of those items whose value isn't None; nothing gives an empty string."""
    given = [(key, str(value)) for key, value in items if value is not None]
    return "?" + urlencode(given, quote_via=quote, safe="") if given else ""
