"""``callhub ledger``: look, copy, put back, forget, clear out; and what the doctor says of it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from callhub.ledger.schema import VERSION

if TYPE_CHECKING:
    from pathlib import Path

    from callhub.runtime.serve import Served
    from tests.cli.conftest import Cli

CALL = ("--script", "erzycall:case_789", "--json")


def test_the_ledger_tells_where_it_lies_and_what_it_holds(cli: Cli, erzycall: Served, tmp_path: Path) -> None:
    cli("call", "+14155557501", *CALL)
    ran = cli("ledger", "info")
    assert f"ledger          {tmp_path / 'ledger.db'}" in ran.lines
    assert f"kind            SQLite, version {VERSION}" in ran.lines
    assert "calls           queued=1" in ran.lines
    told = cli("ledger", "info", "--json").json
    assert (told["calls"], told["unsettled"], told["restored"]) == ({"queued": 1}, 0, None)
    assert "+1415" not in ran.out
    assert erzycall.alive


def test_a_copy_is_put_back_and_nothing_rings_twice(cli: Cli, erzycall: Served) -> None:
    assert cli("ledger", "backup", "copy.db").lines[0].startswith("copy.db: ")
    again = cli("ledger", "backup", "copy.db")
    assert (again.code, again.err) == (
        2,
        "error: FILE is there already: choose another name, or replace it: --force\n",
    )
    assert cli("ledger", "backup", "copy.db", "--force", "--json").json["bytes"] > 0
    for place, fault in (("ledger.db", "is the ledger itself"), (".", "is a folder")):
        refused = cli("ledger", "backup", place, "--force")
        assert (refused.code, fault in refused.err) == (2, True)
    call = cli("call", "+14155557502", *CALL, "--key", "order-1").json
    ran = cli("ledger", "restore", "copy.db", "--by", "Ada")
    assert ran.code == 0
    assert any(line.startswith("restored") and line.endswith("by Ada") for line in ran.lines)
    assert any(line.startswith("replaced ") and ".replaced-" in line for line in ran.lines)
    found = cli("call", "+14155557502", *CALL, "--key", "order-1").json
    assert found["provider_call_id"] == call["provider_call_id"]
    dials = [dial for dial in erzycall.sandbox.dials if dial.number == "+14155557502"]
    assert len(dials) <= 1


def test_the_restoration_is_told_until_somebody_reopens(cli: Cli, erzycall: Served) -> None:
    cli("ledger", "backup", "copy.db")
    assert cli("ledger", "reopen").lines == ["the ledger was never restored, so there is nothing to reopen"]
    cli("ledger", "restore", "copy.db")
    assert "restored from a backup" in " ".join(cli("doctor").out.split())
    held = cli("call", "+14155557503", *CALL, "--key", "unknown")
    assert (held.code, held.error["dialed"]) == (6, "maybe")
    assert cli("call", "+14155557504", *CALL).code == 0  # a key of callhub's own is new
    assert cli("ledger", "reopen", "--by", "Ada", "--json").json["reopened_by"] == "Ada"
    assert cli("call", "+14155557505", *CALL, "--key", "another").code == 0
    assert "restored from a backup" not in cli("doctor").out
    assert "said" in cli("ledger", "info").out
    assert erzycall.alive


def test_a_ledger_that_moves_is_complete(cli: Cli) -> None:
    cli("suppression", "add", "+14155557506")
    cli("ledger", "backup", "copy.db")
    told = cli("ledger", "restore", "copy.db", "--complete", "--json").json
    assert told["restoration"] is None
    assert cli("ledger", "info", "--json").json["suppressed"] == 1


def test_a_file_that_was_put_there_by_hand_can_be_marked(cli: Cli) -> None:
    cli("ledger", "info")
    assert cli("ledger", "restored", "--by", "Ada", "--json").json["by"] == "Ada"
    assert cli("ledger", "restored").lines == ["marked: nothing is dialled on its word alone"]


def test_nothing_is_put_in_the_place_of_a_ledger_in_use(cli: Cli, tmp_path: Path) -> None:
    cli("ledger", "backup", "copy.db")
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as user:
        user.execute("SELECT * FROM facts").fetchall()
        ran = cli("ledger", "restore", "copy.db", "--json")
    assert (ran.code, ran.error["type"], "is in use" in ran.error["message"]) == (8, "LedgerError", True)


@pytest.mark.parametrize("content", [None, "nonsense"])
def test_what_is_no_ledger_is_refused(cli: Cli, tmp_path: Path, content: str | None) -> None:
    if content:
        (tmp_path / "copy.db").write_text(content)
    ran = cli("ledger", "restore", "copy.db")
    assert (ran.code, ran.err.startswith("error: FILE is")) == (2, True), ran.err


def test_for_postgresql_the_command_to_run_is_named(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLHUB_LEDGER", "postgresql://callhub:s3cret@127.0.0.1:1/calls")
    ran = cli("ledger", "restore", "copy.dump")
    assert (ran.code, "pg_restore --clean --if-exists --dbname=calls copy.dump" in ran.err) == (2, True)
    assert "s3cret" not in ran.err


def test_a_person_is_forgotten(cli: Cli, erzycall: Served) -> None:
    call = cli("call", "+14155557507", *CALL, "--name", "Bo").json
    ran = cli("ledger", "forget", "+1 415 555 7507")
    assert "calls           1" in ran.lines
    assert f"still open      {call['id']}" in ran.lines
    assert f"at vendors      erzycall:{call['provider_call_id']}" in ran.lines
    assert cli("calls", "get", call["id"], "--no-refresh", "--json").json["to"] is None
    assert cli("ledger", "forget", "+14155557508", "--json").json["calls"] == 0
    refused = cli("ledger", "forget", "0815")
    assert (refused.code, refused.err.startswith("error: NUMBER must be")) == (2, True)
    assert erzycall.alive


def test_old_calls_are_cleared_out(cli: Cli, erzycall: Served) -> None:
    cli("call", "+14155557509", *CALL)
    assert cli("ledger", "purge", "--older-than", "90d").lines[0] == "cleared         0 calls"
    assert cli("ledger", "purge", "--older-than", "2w", "--json").json == {"calls": 0, "events": 0, "kept": 0}
    assert erzycall.alive


@pytest.mark.parametrize("age", ["90", "0d", "soon", "-1d"])
def test_what_is_no_age_is_refused(cli: Cli, age: str) -> None:
    ran = cli("ledger", "purge", f"--older-than={age}")
    assert (ran.code, "--older-than" in ran.err) == (2, True)
