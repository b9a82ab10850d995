"""A server that answers at once, or after a while, in a process of its own."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

ACCEPTED = {
    "data": {
        "id": "call_abc123",
        "status": "new",
        "to": "+14155551234",
        "from": "+14155559999",
        "caseId": "case_789",
        "createdAt": "2025-01-15T10:30:00Z",
    }
}


class _Instant(asyncio.Protocol):
    """Answers with the same bytes but for the id; GET /connections tells how many were open at once."""

    open = 0
    most = 0
    answered = 0

    def __init__(self, answer: bytes, delay: float) -> None:
        self._answer = answer
        self._delay = delay
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        kind = type(self)
        kind.open += 1
        kind.most = max(kind.most, kind.open)
        self._transport = transport

    def connection_lost(self, _: Exception | None) -> None:
        type(self).open -= 1

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (length := _request_length(self._buffer)) is not None:
            request, self._buffer = self._buffer[:length], self._buffer[length:]
            self._reply(request)

    def _reply(self, request: bytes) -> None:
        kind = type(self)
        kind.answered += 1
        counted = request.startswith(b"GET /connections")
        answer = self._answer.replace(b"call_abc123", b"call_%06d" % (kind.answered % 1_000_000))
        answer = _http(200, {"most": self.most}) if counted else answer
        asyncio.get_running_loop().call_later(self._delay, self._write, answer)

    def _write(self, answer: bytes) -> None:
        if isinstance(self._transport, asyncio.WriteTransport) and not self._transport.is_closing():
            self._transport.write(answer)


@contextmanager
def serving(body: object = ACCEPTED, delay: float = 0.0) -> Iterator[str]:
    """Serve until the end of the block; give the base URL."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=_serve, args=(_http(201, body), delay, theirs), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()


def _serve(answer: bytes, delay: float, ready: Connection) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        server = await loop.create_server(lambda: _Instant(answer, delay), sock=listener)
        ready.send(listener.getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


def _http(status: int, body: object) -> bytes:
    content = json.dumps(body).encode()
    head = f"HTTP/1.1 {status} OK\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
    return head.encode() + content


def _request_length(buffer: bytes) -> int | None:
    """Tell how long the first whole request is; None while it isn't whole."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    start = buffer.lower().find(b"content-length:", 0, end)
    length = int(buffer[start + 15 : buffer.find(b"\r\n", start)]) if start >= 0 else 0
    return end + 4 + length if len(buffer) >= end + 4 + length else None
