"""What the ledger costs: callhub's own work in a create, and how that grows with what is in the ledger."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2

import callhub
from benchmarks.measure import Figure, in_turn
from benchmarks.scene import ASKED, BODY, HEADERS, PATH, settings
from benchmarks.server import serving
from callhub.provider.http import Request, to_json
from callhub.runtime.transport import Transport
from callhub_erzycall import ErzyCall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TABLES = ("intents", "attempts", "calls")
# What differs from one row to the next; everything else is as the first create wrote it.
VARIED = {
    "id": "printf('00000000-0000-7000-8000-%012x', n)",
    "intent": "printf('00000000-0000-7000-8000-%012x', n)",
    "key": "'key-' || lower(hex(randomblob(16)))",
    "person": "lower(hex(randomblob(32)))",
    "to_number": "'+1' || abs(random() % 10000000000)",
    "provider_call_id": "'call_' || lower(hex(randomblob(12)))",
}


def own_work() -> Iterator[Figure]:
    """The processor's time in a create, less that of the request and of two bare commits."""
    with serving() as url, httpx2.Client() as client, _ledger() as file, bare_commits() as commit:
        provider = ErzyCall(ErzyCall.settings_type.model_validate(settings(url)["erzycall"]))
        transport = Transport({"erzycall": provider})
        request = Request("POST", PATH, to_json(BODY), (("idempotency-key", "benchmark"),), repeatable=True)
        with callhub.Hub(providers=settings(url), ledger=f"sqlite:///{file}") as hub:
            whole, sent, committed, naive = in_turn(
                400,
                lambda: hub.calls.create(**ASKED),
                lambda: transport.send("erzycall", request, 30.0),
                lambda: (commit(), commit()),
                lambda: client.post(url + PATH, json=BODY, headers=HEADERS).json(),
                clock=time.process_time,
            )
        transport.close()
    note = f"processor time, less that of the request and 2 bare commits; commits: {commits_of_a_create()}"
    own = whole - sent - committed
    yield Figure("create, SQLite ledger: callhub's own work", "naive httpx2 post", own, naive, 1.0, note)


def growth() -> Iterator[Figure]:
    """A create in a new ledger, and in one that holds many intents."""
    for count, most in ((100_000, 1.10), (1_000_000, 1.25)):
        ours, baseline = _grown(count)
        yield Figure(f"create, {count:,} intents in the ledger", "a new ledger", ours, baseline, most)


def _grown(count: int) -> list[float]:
    with serving() as url, _ledger() as many, _ledger() as few:
        full = callhub.Hub(providers=settings(url), ledger=f"sqlite:///{many}")
        new = callhub.Hub(providers=settings(url), ledger=f"sqlite:///{few}")
        with full, new:
            full.calls.create(**ASKED)
            _fill(many, count)
            return in_turn(600, lambda: full.calls.create(**ASKED), lambda: new.calls.create(**ASKED))


def commits_of_a_create() -> int:
    """Count the transactions that one create commits after its first writing statement."""
    with serving() as url, _ledger() as file:
        statements: list[str] = []
        with callhub.Hub(providers=settings(url), ledger=f"sqlite:///{file}") as hub:
            hub.calls.create(**ASKED)
            with hub._ledger.open().engine.connect() as connection:  # noqa: SLF001 - nobody else counts them
                driver = connection.connection.driver_connection
            driver.set_trace_callback(statements.append)
            hub.calls.create(**ASKED)
    return sum(text.startswith("BEGIN IMMEDIATE") for text in statements)


@contextmanager
def bare_commits() -> Iterator[Callable[[], object]]:
    """The least that a durable commit of about a call's size takes."""
    with _ledger() as file, closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("CREATE TABLE it (id INTEGER PRIMARY KEY, body BLOB)")
        body = bytes(1_500)

        def commit() -> object:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO it (body) VALUES (?)", (body,))
            return connection.execute("COMMIT")

        yield commit


@contextmanager
def _ledger() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "ledger.db"


def _fill(file: Path, count: int) -> None:
    """Add so many intents, each like the first but for its ids, its key and its person."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA cache_size=-1000000")
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("BEGIN")
        for table in TABLES:
            names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            values = ", ".join(VARIED.get(name, f"first.{name}") for name in names)
            connection.execute(
                f"WITH RECURSIVE number(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM number LIMIT {count}) "
                f"INSERT INTO {table} "
                f"SELECT {values} FROM number, (SELECT * FROM {table} LIMIT 1) AS first"
            )
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
