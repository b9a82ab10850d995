"""``callhub calls``: list, history, get, wait, cancel."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from callhub import CallStatus

if TYPE_CHECKING:
    from callhub.runtime.serve import Served
    from tests.cli.conftest import Cli

SCRIPT = ("--script", "erzycall:case_789")
LATER = ("--at", "2099-01-01T00:00+08:00")


def placed(cli: Cli, number: str, *more: str) -> str:
    call_id: str = cli("call", number, *SCRIPT, "--provider", "erzycall", *more, "--json").json["id"]
    return call_id


def test_a_list_is_one_line_a_call(cli: Cli, both: dict[str, Served]) -> None:
    call_id = placed(cli, "+14155553011")
    ran = cli("calls", "list", "--provider", "erzycall")
    assert (ran.code, ran.err) == (0, "")
    assert sum(call_id in line and "+14155553011" in line for line in ran.lines) == 1
    assert ran.lines[-1].startswith("erzycall:abc123 ")
    assert "\x1b" not in ran.out
    assert both


def test_a_list_goes_over_all_vendors(cli: Cli, both: dict[str, Served]) -> None:
    template = both["aicaller"].sandbox.script
    cli("call", "+14155553012", "--script", f"aicaller:{template}", "--provider", "aicaller", "--name", "Ada")
    found = [json.loads(line) for line in cli("calls", "list", "--json").lines]
    assert {call["provider"] for call in found} == {"aicaller", "erzycall"}


def test_a_limit_asks_for_no_more(cli: Cli, erzycall: Served) -> None:
    erzycall.sandbox.hits.clear()
    ran = cli("calls", "list", "--limit", "1")
    assert len(ran.lines) == 1
    assert erzycall.sandbox.hits["GET /api/v1/calls"] == 1


def test_filters_are_the_facade_s(cli: Cli, erzycall: Served) -> None:
    wanted = ("--status", "ended", "--since", "2025-01-15T00:00Z", "--until", "2025-01-16T00:00+00:00")
    ran = cli("calls", "list", *wanted, "--contact", "erzycall:contact_456", *SCRIPT, "--page-size", "5")
    assert [line.split()[0] for line in ran.lines] == ["erzycall:abc123"]
    assert cli("calls", "list", "--until", "2025-01-15T00:00Z").out == ""
    assert erzycall.alive


@pytest.mark.parametrize(
    "argv",
    [
        ("--status", "over"),
        ("--since", "2025-01-15"),
        ("--until", "9999-12-31T23:59-14:00"),
        ("--limit", "0"),
        ("--limit", "9" * 30),
        ("--page-size", "x"),
        ("--nope",),
    ],
)
def test_wrong_filters_are_refused(cli: Cli, argv: tuple[str, ...]) -> None:
    ran = cli("calls", "list", *argv)
    assert (ran.code, ran.out, len(ran.err.splitlines())) == (2, "", 1)


def test_every_status_is_known_to_the_filter(cli: Cli) -> None:
    told = cli("calls", "list", "--status", "over").err
    assert all(f'"{status}"' in told for status in CallStatus)


def test_history_asks_no_vendor(cli: Cli, erzycall: Served) -> None:
    first, second = placed(cli, "+14155553013"), placed(cli, "+14155553014", *LATER)
    erzycall.sandbox.hits.clear()
    assert [line.split()[0] for line in cli("calls", "history").lines] == [second, first]
    assert [line.split()[0] for line in cli("calls", "history", "--limit", "1").lines] == [second]
    assert first in cli("calls", "history", "--to", "+14155553013").out
    assert second not in cli("calls", "history", "--to", "+14155553013").out
    assert cli("calls", "history", "--status", "scheduled", "--json").json["id"] == second
    assert cli("calls", "history", "--until", "2020-01-01T00:00Z").out == ""
    assert not erzycall.sandbox.hits


def test_get_asks_the_vendor_unless_told_not_to(cli: Cli, erzycall: Served) -> None:
    call_id = placed(cli, "+14155553015")
    erzycall.sandbox.clock.advance(120)
    assert cli("calls", "get", call_id, "--no-refresh", "--json").json["status"] == "queued"
    assert cli("calls", "get", call_id, "--json").json["status"] == "ended"
    assert "status          ended" in cli("calls", "get", call_id).lines


def test_the_vendors_own_object_can_be_seen(cli: Cli, erzycall: Served) -> None:
    assert cli("calls", "get", "erzycall:abc123", "--raw").json["caseId"] == "case_789"
    assert erzycall.alive


@pytest.mark.parametrize(
    ("call_id", "code"), [("nothing", 4), ("erzycall:nothing", 4), ("nobody:x", 3), ("a/../b", 2)]
)
def test_what_is_not_there_is_told(cli: Cli, erzycall: Served, call_id: str, code: int) -> None:
    ran = cli("calls", "get", call_id)
    assert (ran.code, ran.out) == (code, "")
    assert erzycall.alive


def test_wait_ends_with_the_call(cli: Cli, erzycall: Served) -> None:
    call_id = placed(cli, "+14155553016")
    ran = cli("calls", "wait", call_id, "--timeout", "20")
    assert (ran.code, "status          ended" in ran.lines) == (0, True)
    assert cli("calls", "wait", call_id, "--json").json["status"] == "ended"
    assert erzycall.alive


def test_wait_ends_with_the_time(cli: Cli, erzycall: Served) -> None:
    ran = cli("calls", "wait", placed(cli, "+14155553017", *LATER), "--timeout", "0", "--json")
    assert (ran.code, ran.error["type"], ran.error["dialed"]) == (7, "WaitTimeout", "maybe")
    assert erzycall.alive


def test_waiting_for_no_number_is_refused(cli: Cli) -> None:
    assert cli("calls", "wait", "erzycall:abc123", "--timeout", "nan").code == 2


def test_cancel_cancels_once_and_then_says_so_again(cli: Cli, erzycall: Served) -> None:
    call_id = placed(cli, "+14155553018", *LATER)
    assert "status          cancelled" in cli("calls", "cancel", call_id).lines
    assert cli("calls", "cancel", call_id, "--json").json["outcome"] == "cancelled"
    assert erzycall.alive


def test_cancelling_too_late_is_refused(cli: Cli, erzycall: Served) -> None:
    ran = cli("calls", "cancel", "erzycall:abc123", "--json")
    assert (ran.code, ran.error["type"], ran.error["code"]) == (4, "InvalidState", "INVALID_STATE")
    assert erzycall.alive


def test_a_vendor_that_cannot_cancel_says_so(cli: Cli, aicaller: Served) -> None:
    template = aicaller.sandbox.script
    call_id = cli("call", "+14155553019", "--script", f"aicaller:{template}", "--name", "Ada", "--json").json[
        "id"
    ]
    ran = cli("calls", "cancel", call_id, "--json")
    assert (ran.code, ran.error["type"]) == (2, "UnsupportedFeature")


@pytest.mark.usefixtures("quick")
def test_no_network_is_told(cli: Cli, erzycall: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLHUB_ERZYCALL_BASE_URL", "http://127.0.0.1:1")
    ran = cli("calls", "list", "--json")
    assert (ran.code, ran.error["type"], ran.error["provider"]) == (5, "Unreachable", "erzycall")
    assert erzycall.alive
