"""What stands between callhub and its database: settings, restarts, lost confirmations, forks, locks."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import threading
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from sqlalchemy import text

from callhub import Hub, LedgerError
from callhub.flows import operations as ops
from callhub.ledger import engine
from callhub.ledger.store import Ledger
from callhub.policy.guards import Guards
from callhub.policy.verdict import Verdict
from callhub.provider.http import Request, Response
from callhub.runtime.transport import Transport
from callhub_erzycall import ErzyCall
from tests.core.kit import NUMBER, SCRIPTS, RawServer, http_answer, wish
from tests.ledger.kit import (
    ACCOUNT,
    PERSON,
    Base,
    at_once,
    call,
    claim,
    claimed,
    record,
    settle,
    suppress,
    verdicts,
)
from tests.ledger.postgres import Databases, Server
from tests.ledger.proxy import Line

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from tests.core.kit import World

FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system starts processes in another way")
LOOSE = ("default_transaction_isolation=serializable", "synchronous_commit=off")


def settings(ledger: Ledger, *queries: str) -> list[list[Any]]:
    """Ask several connections of the pool at once, after each has been used and given back."""
    answers = []
    for _ in range(2):
        with ExitStack() as stack:
            connections = [stack.enter_context(ledger.open().engine.connect()) for _ in range(4)]
            answers += [[one.execute(text(query)).scalar() for query in queries] for one in connections]
    return answers


# SQLite


def test_every_connection_is_durable(sqlite: str) -> None:
    ledger = Ledger(sqlite)
    names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout", "secure_delete")
    assert settings(ledger, *(f"PRAGMA {name}" for name in names)) == [["wal", 2, 1, 30_000, 1]] * 8
    ledger.close()


def test_ledgers_that_make_a_file_at_once_wait_for_each_other(tmp_path: Path) -> None:
    """Whoever switches a new file to its log is turned down at once where another one does the same."""
    for number in range(40):
        ledgers = [Ledger(f"sqlite:///{tmp_path / str(number)}") for _ in range(4)]
        at_once(lambda n, opened=ledgers: opened[n].open(), 4)  # type: ignore[misc]
        for ledger in ledgers:
            ledger.close()


def test_only_the_owner_reads_the_file_and_what_stands_beside_it(sqlite: str) -> None:
    before = os.umask(0)
    try:
        ledger = Ledger(sqlite)
        claimed(ledger)
        files = sorted(Path(Base(sqlite).file).parent.glob("calls.db*"))
        assert [file.name for file in files] == ["calls.db", "calls.db-shm", "calls.db-wal"]
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
        ledger.close()
    finally:
        os.umask(before)


def test_a_ledger_in_memory_takes_turns() -> None:
    ledger = Ledger("sqlite://")
    answers = at_once(lambda number: ledger.perform(claim(call(f"k{number % 4}"))), 16)
    assert sum(isinstance(answer, ops.Claimed) for answer in answers) == 4
    ledger.close()


def test_a_file_that_is_held_for_too_long_is_said_to_be(sqlite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "BUSY_SECONDS", 0.1)
    ledger = Ledger(sqlite)
    ledger.open()
    with closing(sqlite3.connect(Base(sqlite).file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match="locked; another program holds it; try again") as caught:
            ledger.perform(claim())
    assert caught.value.dialed == "no"
    claimed(ledger)
    ledger.close()


# PostgreSQL's settings


def test_every_connection_to_a_server_keeps_what_it_commits(databases: Databases) -> None:
    ledger = Ledger(databases.make(*LOOSE))
    asked = [f"SELECT current_setting('{name}')" for name in ("synchronous_commit", "lock_timeout")]
    assert settings(ledger, *asked) == [["on", "30s"]] * 8
    ledger.close()


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_guards_hold_whatever_the_servers_default_isolation_is(databases: Databases, level: str) -> None:
    url = databases.make(f"default_transaction_isolation={level.replace(' ', chr(92) + ' ')}")
    ledger = Ledger(url)
    once = Guards(caps=["1/1d"])
    answers = at_once(lambda number: ledger.perform(claim(call(f"k{number}"), guards=once)), 12)
    assert sum(isinstance(answer, ops.Claimed) for answer in answers) == 1
    ledger.close()


def test_a_person_who_is_locked_for_too_long_is_said_to_be(
    postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "BUSY_SECONDS", 0.2)
    ledger = Ledger(postgres)
    person = ledger.open().identity.person(PERSON)
    with psycopg.connect(postgres) as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (person,))
        with pytest.raises(LedgerError, match="lock timeout; another program holds it; try again"):
            ledger.perform(claim())
        claimed(ledger, claim(call("else", "+442079460000")))
    claimed(ledger)
    ledger.close()


def test_a_server_that_takes_no_writes_is_told(databases: Databases) -> None:
    url = databases.make()
    first = Ledger(url)
    first.open()
    first.close()
    ledger = Ledger(f"{url}%20-c%20default_transaction_read_only%3Don")
    with pytest.raises(LedgerError, match="this PostgreSQL server takes no writes: name the primary one"):
        ledger.perform(claim())
    ledger.close()


def test_a_server_that_does_not_run_is_told() -> None:
    ledger = Ledger("postgresql://callhub@127.0.0.1:1/calls")
    with pytest.raises(LedgerError, match="check that the PostgreSQL server runs") as caught:
        ledger.perform(claim())
    assert caught.value.dialed == "no"


# Connections that die


def warm(ledger: Ledger) -> None:
    """Fill the pool."""
    with ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(ledger.open().engine.connect())


def cut_off(url: str) -> int:
    """End every other connection, as an operator or a time-out does."""
    with psycopg.connect(url, autocommit=True) as operator:
        ended = operator.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchall()
    return len(ended)


def test_connections_that_were_cut_are_replaced_unnoticed(
    postgres: str, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Ledger(postgres)
    warm(ledger)
    assert cut_off(postgres) >= 5
    mine = claimed(ledger)
    assert cut_off(postgres) >= 1
    assert ledger.perform(settle(mine, Verdict.ACCEPTED))
    assert cut_off(postgres) >= 1
    assert verdicts(ledger, mine) == ["accepted"]
    assert [entry for entry in caplog.records if entry.levelname == "ERROR"] == []
    ledger.close()


def test_a_connection_that_is_cut_inside_a_transaction_claims_nothing_twice(postgres: str) -> None:
    """It waits for the person's lock as it is cut; what it had written is undone, and is written anew."""
    ledger = Ledger(postgres)
    person = ledger.open().identity.person(PERSON)
    got: list[object] = []
    with psycopg.connect(postgres) as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (person,))
        thread = threading.Thread(target=lambda: got.append(ledger.perform(claim())))
        thread.start()
        waiting = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        while not (pids := other.execute(waiting).fetchall()):
            time.sleep(0.01)
        other.execute("SELECT pg_terminate_backend(%s, 5000)", pids[0])
    thread.join(30)
    assert got == [ops.Claimed()]
    assert Base(postgres).count("attempts") == 1
    ledger.close()


@pytest.fixture
def line(postgres: str) -> Iterator[Line]:
    with Line(postgres) as line:
        yield line


def test_a_claim_whose_commit_nobody_confirmed_may_stand(postgres: str, line: Line) -> None:
    ledger = Ledger(line.url)
    ledger.open()
    line.cuts = 1
    mine = claim()
    with pytest.raises(LedgerError, match="nobody can tell whether this was written down") as caught:
        ledger.perform(mine)
    assert caught.value.dialed == "maybe"
    assert Base(postgres).count("attempts") == 1
    assert record(ledger, mine).leased
    ledger.close()


def test_a_verdict_whose_commit_nobody_confirmed_is_written_again(line: Line, postgres: str) -> None:
    ledger = Ledger(line.url)
    mine = claimed(ledger)
    line.cuts = 1
    told = settle(mine, Verdict.REFUSED, renews=True, ailing=ops.Ailing(ACCOUNT, failed=True, until=0.0))
    assert not ledger.perform(told)
    assert verdicts(ledger, mine) == ["refused"]
    assert record(ledger, mine).generation == 1
    assert [row["failures"] for row in Base(postgres).rows("SELECT failures FROM health")] == [1]
    ledger.close()


def test_a_suppression_whose_commit_nobody_confirmed_is_written_again(line: Line, postgres: str) -> None:
    ledger = Ledger(line.url)
    ledger.open()
    line.cuts = 1
    assert len(ledger.perform(suppress(PERSON))) == 1
    assert Base(postgres).count("suppressed") == 1
    ledger.close()


def hub_of(world: World, url: str) -> Hub:
    return Hub(providers=world.settings, scripts=SCRIPTS, ledger=url, clock=world.clock)


@pytest.mark.parametrize("vendor", ["erzycall", "aicaller"])
def test_nothing_is_dialled_after_a_commit_that_nobody_confirmed(
    world: World, line: Line, postgres: str, vendor: str
) -> None:
    with hub_of(world, line.url) as hub:
        list(hub.calls.history())
        line.cuts = 1
        with pytest.raises(LedgerError) as caught:
            hub.calls.create(**wish(vendor, idempotency_key="k"))
        assert caught.value.dialed == "maybe"
        assert world.erzycall.posts == world.aicaller.posts == []
        Base(postgres).lapse()
        report = hub.recover()
        again = report.placed + report.needs_person + report.in_doubt
    assert [one.idempotency_key for one in again] == ["k"]
    assert (world.erzycall.live() + world.aicaller.rung)[NUMBER] == (vendor == "erzycall")


@pytest.mark.parametrize("vendor", ["erzycall", "aicaller"])
def test_an_accepted_call_is_known_although_nobody_confirmed_the_commit(
    world: World, line: Line, vendor: str
) -> None:
    with hub_of(world, line.url) as hub:
        list(hub.calls.history())
        line.spares, line.cuts = 1, 1
        call = hub.calls.create(**wish(vendor, idempotency_key="k"))
        assert call.provider_call_id
        assert hub.calls.create(**wish(vendor, idempotency_key="k")).id == call.id
    assert (world.erzycall.live() + world.aicaller.rung)[NUMBER] == 1


# A server that is stopped


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


def test_a_server_that_is_restarted_in_the_middle_loses_and_dials_nothing(
    world: World, server: Server
) -> None:
    erzycall, aicaller = world.erzycall, world.aicaller
    with hub_of(world, server.url) as hub:
        first = hub.calls.create(**wish("erzycall", idempotency_key="before"))
        server.stop()
        with pytest.raises(LedgerError, match="check that the PostgreSQL server runs") as caught:
            hub.calls.create(**wish("erzycall", idempotency_key="stopped"))
        assert caught.value.dialed == "no"
        assert len(erzycall.posts) == 1
        server.start()
        assert hub.calls.create(**wish("erzycall", idempotency_key="before")).id == first.id
        aicaller.relay.watch = lambda _: server.stop()
        with pytest.raises(LedgerError, match="check that the PostgreSQL server runs") as caught:
            hub.calls.create(**wish("aicaller", idempotency_key="in flight"))
        assert caught.value.dialed == "maybe"
        aicaller.relay.watch = lambda _: None
        server.start()
        Base(server.url).lapse()
        world.clock.advance(60)
        report = hub.recover()
        assert [one.idempotency_key for one in report.placed] == ["in flight"]
    assert (erzycall.live() + aicaller.rung)[NUMBER] == 2


# Forks


def in_child(work: Callable[[], object]) -> str:
    """Do something in a process that is forked off here, and give what it says or raises."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.alarm(30)
        try:
            said = repr(work())
        except BaseException as error:  # noqa: BLE001 - it is told
            said = f"{type(error).__name__}: {error}"
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        told = pipe.read()
    os.waitpid(pid, 0)
    return told


@FORKS
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_opens_connections_of_its_own(ledger: Ledger, base: Base) -> None:
    """To share one would mix up the answers of two processes."""
    mine = claimed(ledger)
    used = ledger.open().engine
    assert in_child(lambda: (ledger.open().engine is used, ledger.perform(claim(call("child"))))) == (
        "(False, Claimed(ailing=False))"
    )
    assert in_child(lambda: ledger.perform(claim())).startswith("Denial(rule=<Rule.TAKEN")
    assert ledger.open().engine is used
    assert ledger.perform(settle(mine, Verdict.ACCEPTED))
    assert base.count("intents") == 2


@FORKS
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_ledger_in_memory_does_not_go_into_a_forked_process() -> None:
    """There it would know nothing of what this process dials from then on."""
    ledger = Ledger("sqlite://")
    claimed(ledger)
    assert "stays with the process that opened it" in in_child(lambda: ledger.perform(claim(call("k2"))))
    claimed(ledger, claim(call("k2")))
    ledger.close()


@FORKS
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_talks_to_its_vendor_on_a_line_of_its_own() -> None:
    """On one line each could read the answer to the other's call."""

    def talk(server: RawServer, line: socket.socket) -> None:
        while server.request_of(line):
            line.sendall(http_answer(b"{}"))

    with RawServer(talk) as server:
        given = {"api_key": "ek_test", "base_url": f"http://{server.address}"}
        transport = Transport({"erzycall": ErzyCall(ErzyCall.settings_type.model_validate(given))})
        request = Request("GET", "/api/v1/calls", repeatable=True)
        answers = [transport.send("erzycall", request, 10) for _ in range(2)]
        assert (str(answers), server.connections) == (str([Response(200, {}, b"{}")] * 2), 1)
        assert in_child(lambda: transport.send("erzycall", request, 10)) == repr(answers[0])
        assert repr(transport.send("erzycall", request, 10)) == repr(answers[0])
        assert server.connections == 2
        transport.close()
