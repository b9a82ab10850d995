"""A line to PostgreSQL that can be cut between a COMMIT and its confirmation."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import quote

from psycopg.conninfo import conninfo_to_dict

if TYPE_CHECKING:
    from typing import Self

COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"  # as the protocol has it
SIZE = 65_536


class Line:
    """Passes everything on, on loopback.

    Attributes:
        cuts: so many of the next COMMITs reach the server, and their confirmation doesn't come back.
        spares: so many COMMITs before them are left alone.
    """

    def __init__(self, url: str) -> None:
        facts = conninfo_to_dict(url)
        self._host, self._port = str(facts["host"]), int(facts.get("port") or 5432)
        self._facts = facts
        self.cuts = self.spares = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    @property
    def url(self) -> str:
        """The URL of the same ledger, through this line."""
        facts, port = self._facts, self._listener.getsockname()[1]
        options = quote(str(facts.get("options", "")))
        return f"postgresql://{facts['user']}@127.0.0.1:{port}/{facts['dbname']}?options={options}"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._sockets:
            _hang_up(each)
        for thread in self._threads:
            thread.join(10)
        for each in self._sockets:
            each.close()

    def _start(self, target: object, *args: object) -> None:
        assert callable(target)
        self._threads.append(threading.Thread(target=target, args=args, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = self._connect()
                self._sockets += [client, server]
                answers = threading.Event()
                answers.set()
                self._start(self._ask, client, server, answers)
                self._start(self._answer, client, server, answers)

    def _connect(self) -> socket.socket:
        if not self._host.startswith("/"):
            return socket.create_connection((self._host, self._port))
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{self._host}/.s.PGSQL.{self._port}")
        return server

    def _ask(self, client: socket.socket, server: socket.socket, answers: threading.Event) -> None:
        with suppress(OSError):
            while data := client.recv(SIZE):
                if data.endswith(COMMIT) and self._is_cut():
                    answers.clear()
                server.sendall(data)
        _hang_up(server)

    def _answer(self, client: socket.socket, server: socket.socket, answers: threading.Event) -> None:
        with suppress(OSError):
            while data := server.recv(SIZE):
                if not answers.is_set():
                    break
                client.sendall(data)
        _hang_up(client)
        _hang_up(server)

    def _is_cut(self) -> bool:
        if self.spares:
            self.spares -= 1
            return False
        self.cuts -= 1
        return self.cuts >= 0


def _hang_up(line: socket.socket) -> None:
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
