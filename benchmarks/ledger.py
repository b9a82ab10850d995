"""What the ledger costs: callhub's own work in a create, and how that grows with what is in the ledger."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2

import callhub
from benchmarks.measure import Figure, in_turn
from benchmarks.scene import ASKED, BODY, HEADERS, PATH, settings
from benchmarks.server import serving
from callhub.ledger.engine import PRAGMAS
from callhub.provider.http import Request, to_json
from callhub.runtime.clock import new_id
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
    """The processor's time in a create, less that of the request and of its rows written by hand."""
    with serving() as url, httpx2.Client() as client, _ledger() as file, by_hand(url) as rows:
        provider = ErzyCall(ErzyCall.settings_type.model_validate(settings(url)["erzycall"]))
        transport = Transport({"erzycall": provider})
        request = Request("POST", PATH, to_json(BODY), (("idempotency-key", "benchmark"),), repeatable=True)
        with callhub.Hub(providers=settings(url), ledger=f"sqlite:///{file}") as hub:
            whole, sent, written, naive = in_turn(
                400,
                lambda: hub.calls.create(**ASKED),
                lambda: transport.send("erzycall", request, 30.0),
                rows,
                lambda: client.post(url + PATH, json=BODY, headers=HEADERS).json(),
                clock=time.process_time,
            )
        transport.close()
    note = f"processor time, less the request's and the same rows by hand; {commits_of_a_create()} commits"
    own = whole - sent - written
    yield Figure("create, SQLite ledger: callhub's own work", "naive httpx2 post", own, naive, 1.0, note)


def growth() -> Iterator[Figure]:
    """A create in a new ledger, and in one that holds many intents."""
    for count, most in ((100_000, 1.10), (1_000_000, 1.25)):
        ours, baseline = _grown(count)
        yield Figure(f"create, {count:,} intents in the ledger", "a new ledger", ours, baseline, most)


def commits_of_a_create() -> int:
    """Count the transactions that one create writes in."""
    with serving() as url, _ledger() as file:
        statements: list[str] = []
        with callhub.Hub(providers=settings(url), ledger=f"sqlite:///{file}") as hub:
            hub.calls.create(**ASKED)
            driver: Any = hub._ledger.open().spare[0].driver_connection  # noqa: SLF001 - nobody else counts
            driver.set_trace_callback(statements.append)
            hub.calls.create(**ASKED)
    return sum(text.startswith("BEGIN IMMEDIATE") for text in statements)


@contextmanager
def by_hand(url: str) -> Iterator[Callable[[], object]]:
    """The same rows in the same tables, written by hand in two commits: what SQLite itself takes."""
    with _ledger() as file:
        with callhub.Hub(providers=settings(url), ledger=f"sqlite:///{file}") as hub:
            hub.calls.create(**ASKED)
        with closing(sqlite3.connect(file, isolation_level=None)) as connection:
            for pragma in PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
            yield partial(_write, connection, {table: _row(connection, table) for table in TABLES})


def _row(connection: sqlite3.Connection, table: str) -> dict[str, Any]:
    cursor = connection.execute(f"SELECT * FROM {table}")  # noqa: S608 - names of our own
    return dict(zip((column[0] for column in cursor.description), cursor.fetchone(), strict=True))


def _write(connection: sqlite3.Connection, rows: dict[str, dict[str, Any]]) -> None:
    name = new_id()
    call, attempt = rows["intents"] | {"id": name, "key": name}, rows["attempts"] | {"intent": name}
    connection.execute("BEGIN IMMEDIATE")
    _insert(connection, "intents", call)
    _insert(connection, "attempts", attempt)
    connection.execute("COMMIT")
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("UPDATE attempts SET verdict = :verdict WHERE intent = :intent", attempt)
    connection.execute("UPDATE intents SET status = :status, call = :call, body = :body WHERE id = :id", call)
    _insert(connection, "calls", rows["calls"] | {"intent": name, "provider_call_id": name})
    connection.execute("COMMIT")


def _insert(connection: sqlite3.Connection, table: str, row: dict[str, Any]) -> None:
    marks = ", ".join(f":{name}" for name in row)
    connection.execute(f"INSERT INTO {table} VALUES ({marks})", row)  # noqa: S608 - names of our own


def _grown(count: int) -> list[float]:
    with serving() as url, _ledger() as many, _ledger() as few:
        full = callhub.Hub(providers=settings(url), ledger=f"sqlite:///{many}")
        new = callhub.Hub(providers=settings(url), ledger=f"sqlite:///{few}")
        with full, new:
            full.calls.create(**ASKED)
            _fill(many, count)
            return in_turn(600, lambda: full.calls.create(**ASKED), lambda: new.calls.create(**ASKED))


@contextmanager
def _ledger() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "ledger.db"


def _fill(file: Path, count: int) -> None:
    """Add so many intents, each like the first but for its ids, its key and its person."""
    numbers = f"VALUES (1) UNION ALL SELECT n + 1 FROM number LIMIT {count}"  # noqa: S608 - a number of our own
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA cache_size=-1000000")
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("BEGIN")
        for table in TABLES:
            names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            values = ", ".join(VARIED.get(name, f"first.{name}") for name in names)
            source = f"number, (SELECT * FROM {table} LIMIT 1) AS first"  # noqa: S608 - names of our own
            insert = f"INSERT INTO {table} SELECT {values} FROM {source}"  # noqa: S608 - the same
            connection.execute(f"WITH RECURSIVE number(n) AS ({numbers}) {insert}")
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
