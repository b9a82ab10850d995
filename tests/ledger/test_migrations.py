"""Ledgers of other versions, on both databases: an old one is upgraded, a newer one refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace
from sqlalchemy import inspect

from callhub import Hub, LedgerError
from callhub.flows import operations as ops
from callhub.ledger import migrations
from callhub.ledger.records import text
from callhub.ledger.schema import VERSION, metadata
from callhub.ledger.store import Ledger
from callhub.model.lifecycle import CallStatus
from callhub.policy.guards import Guards
from tests.core.kit import SCRIPTS, wish
from tests.ledger.kit import (
    ACCOUNT,
    PERSON,
    Base,
    at_once,
    call,
    claim,
    claimed,
    denied,
    now,
    record,
    retake,
    suppress,
)
from tests.ledger.worker import Job

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from callhub.model.call import Call
    from tests.core.kit import World
    from tests.ledger.worker import Nursery

SECRET = "ab" * 32
FIRST_VERSION = """
CREATE TABLE facts (name VARCHAR(40) NOT NULL, value TEXT NOT NULL, PRIMARY KEY (name));
CREATE TABLE intents (
    id VARCHAR(36) NOT NULL, key VARCHAR(255) NOT NULL, generation INTEGER DEFAULT '0' NOT NULL,
    document TEXT NOT NULL, to_number VARCHAR(16) NOT NULL, status VARCHAR(16) NOT NULL,
    created_at {float} NOT NULL, call TEXT NOT NULL, body {bytes}, trail TEXT,
    PRIMARY KEY (id), UNIQUE (key)
);
CREATE INDEX ix_intents_to_number ON intents (to_number, id);
CREATE INDEX ix_intents_status ON intents (status, id);
CREATE TABLE attempts (
    intent VARCHAR(36) NOT NULL, ordinal INTEGER NOT NULL, provider VARCHAR(64) NOT NULL,
    account VARCHAR(64) NOT NULL, method VARCHAR(8) NOT NULL, path TEXT NOT NULL, headers TEXT NOT NULL,
    body {bytes}, started_at {float} NOT NULL, lease_until {float} NOT NULL, finished_at {float},
    verdict VARCHAR(12), reason TEXT,
    PRIMARY KEY (intent, ordinal), FOREIGN KEY(intent) REFERENCES intents (id)
);
CREATE TABLE calls (
    provider VARCHAR(64) NOT NULL, provider_call_id VARCHAR(255) NOT NULL, intent VARCHAR(36) NOT NULL,
    ordinal INTEGER NOT NULL,
    PRIMARY KEY (provider, provider_call_id), FOREIGN KEY(intent) REFERENCES intents (id)
);
CREATE INDEX ix_calls_intent ON calls (intent)
"""


def quoted(word: object) -> str:
    return "NULL" if word is None else f"""'{str(word).replace("'", "''")}'"""


def insert(table: str, **row: object) -> str:
    return f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(map(quoted, row.values()))})"  # noqa: S608


def old_call(number: int, verdict: str | None) -> tuple[Call, list[str]]:
    """Give a call as the first version of callhub left it."""
    accepted = verdict == "accepted"
    kept = call(f"k{number}", status=CallStatus.QUEUED if accepted else CallStatus.IN_DOUBT)
    kept = replace(kept, provider_call_id=f"v{number}" if accepted else None)
    at = now().timestamp() - 60
    rows = [
        insert(
            "intents", id=kept.id, key=kept.idempotency_key, document='{"to":"somebody"}', to_number=PERSON,
            status=kept.status.value, created_at=at, call=text(kept),
        ),
        insert(
            "attempts", intent=kept.id, ordinal=1, provider="acme", account="", method="POST", path="/calls",
            headers="[]", started_at=at, lease_until=at + 30, verdict=verdict,
        ),
    ]  # fmt: skip
    if accepted:
        rows.append(
            insert("calls", provider="acme", provider_call_id=f"v{number}", intent=kept.id, ordinal=1)
        )
    return kept, rows


@pytest.fixture
def old(base: Base) -> list[Call]:
    """Make a ledger of the first version: one call accepted, one in doubt, one after a crash."""
    kinds = {"float": "FLOAT", "bytes": "BLOB" if base.is_sqlite else "BYTEA"}
    base.change(*FIRST_VERSION.format(**kinds).split(";"))
    base.change(
        *(
            insert("facts", name=name, value=value)
            for name, value in {"version": 1, "namespace": "old", "secret": SECRET}.items()
        )
    )
    calls = []
    for number, verdict in enumerate(["accepted", "maybe", None]):
        kept, rows = old_call(number, verdict)
        base.change(*rows)
        calls.append(kept)
    return calls


def test_an_old_ledger_is_upgraded_with_all_that_it_holds(
    ledger: Ledger, base: Base, old: list[Call]
) -> None:
    standing = ledger.perform(ops.FindByKey("k0", '{"to":"somebody"}'))
    assert standing.namespace == "old"
    assert standing.same
    assert standing.record is not None
    assert standing.record.call.provider_call_id == "v0"
    assert ledger.perform(ops.FindByVendor("acme", ("v0",)))["v0"].call.id == old[0].id
    assert ledger.perform(ops.Unsettled("", 10)) == (old[1].id, old[2].id)
    versions = {row["name"]: row["value"] for row in base.rows("SELECT name, value FROM facts")}
    assert versions == {"version": str(VERSION), "namespace": "old", "secret": SECRET}


@pytest.mark.usefixtures("old")
def test_what_an_old_ledger_dialled_counts(ledger: Ledger) -> None:
    assert denied(ledger.perform(claim(call("new"), guards=Guards(caps=["3/1d"])))) is ops.Rule.CAP
    assert isinstance(ledger.perform(claim(call("new"), guards=Guards(caps=["4/1d"]))), ops.Claimed)
    ledger.perform(suppress(PERSON))
    assert [one.idempotency_key for one in ledger.perform(ops.OpenCalls(PERSON))] == ["k0", "k1", "k2", "new"]


def test_an_old_doubt_of_another_account_is_not_sent_again(ledger: Ledger, old: list[Call]) -> None:
    mine = claim(old[1])
    assert denied(ledger.perform(retake(mine))) is ops.Rule.ACCOUNT
    found = ledger.perform(ops.FindDoubt(old[1].id, 1, ACCOUNT))
    assert found is not None
    assert found.order is None
    assert 50 < found.age < 120


@pytest.mark.usefixtures("old")
def test_an_upgraded_ledger_has_the_tables_that_a_new_one_has(ledger: Ledger) -> None:
    engine = ledger.open().engine
    seen = inspect(engine)
    for table in metadata.sorted_tables:
        columns = {column["name"]: column["nullable"] for column in seen.get_columns(table.name)}
        assert columns == {column.name: column.nullable for column in table.columns}
        indexes = {index["name"] for index in seen.get_indexes(table.name)}
        assert {index.name for index in table.indexes} <= indexes


@pytest.mark.usefixtures("old")
def test_an_upgraded_ledger_works_on(ledger: Ledger) -> None:
    mine = claimed(ledger, claim(call("new")))
    assert record(ledger, mine).leased
    assert isinstance(ledger.perform(retake(claimed(ledger, claim(call("short"), lease=0.0)))), ops.Retaken)


@pytest.mark.usefixtures("old")
def test_an_upgrade_that_breaks_off_changes_nothing(
    ledger: Ledger, base: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "_upgrade", broken_off(migrations._upgrade))  # noqa: SLF001 - the crash
        with pytest.raises(LedgerError):
            ledger.perform(ops.FindById("x"))
    assert base.rows("SELECT value FROM facts WHERE name = 'version'") == [{"value": "1"}]
    assert set(base.rows("SELECT * FROM attempts")[0]) == {
        *("intent", "ordinal", "provider", "account", "method", "path", "headers", "body", "started_at"),
        *("lease_until", "finished_at", "verdict", "reason"),
    }
    assert ledger.perform(ops.FindByKey("k0", None)).record is not None


def broken_off(step: Callable[..., None]) -> Callable[..., None]:
    """Let a step be carried out, and the program end just before it is committed."""

    def broken(*given: object) -> None:
        step(*given)
        raise RuntimeError("the lights go out")

    return broken


@pytest.mark.usefixtures("old")
def test_many_upgrade_at_once_and_one_does(open_ledger: Callable[[], Ledger], base: Base) -> None:
    ledgers = [open_ledger() for _ in range(6)]
    found = at_once(lambda number: ledgers[number].perform(ops.FindByKey("k0", None)).record, 6)
    assert all(one is not None for one in found)
    assert base.count("facts") == 3


def test_many_make_a_ledger_at_once_and_agree(open_ledger: Callable[[], Ledger], base: Base) -> None:
    ledgers = [open_ledger() for _ in range(8)]
    names = at_once(lambda number: ledgers[number].perform(ops.FindByKey("k", None)).namespace, 8)
    assert len(set(names)) == 1
    assert base.count("facts") == 3


@pytest.mark.parametrize("version", ["old", "new"])
def test_processes_that_come_first_at_once_share_one_ledger(
    world: World, base: Base, nursery: Nursery, version: str, request: pytest.FixtureRequest
) -> None:
    tmp_path: Path = request.getfixturevalue("tmp_path")
    before = len(request.getfixturevalue("old")) if version == "old" else 0
    gate, report = tmp_path / "gate", tmp_path / "report"
    jobs = [Job(base.url, world.settings, [number], 0, 20, str(gate), str(report)) for number in range(5)]
    callers = [nursery.start(job) for job in jobs]
    gate.touch()
    nursery.wait(callers, 60)
    assert [line for line in report.read_text().splitlines() if "Error" in line] == []
    assert base.count("intents") == before + len(jobs)
    assert base.rows("SELECT value FROM facts WHERE name = 'version'") == [{"value": str(VERSION)}]


def test_a_newer_ledger_is_refused(world: World, url: str, base: Base) -> None:
    made = Ledger(url)
    made.open()
    made.close()
    base.change("UPDATE facts SET value = '99' WHERE name = 'version'")
    with Hub(providers=world.settings, scripts=SCRIPTS, ledger=url) as hub:
        for _ in range(2):
            with pytest.raises(LedgerError, match="written by a newer callhub: install that one") as caught:
                hub.calls.create(**wish("erzycall"))
            assert caught.value.dialed == "no"
    assert world.erzycall.posts == []
    assert base.count("intents") == 0
