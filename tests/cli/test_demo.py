"""``callhub demo``: all vendors side by side, quickly, and honest where something goes wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from callhub.cli import boxes, demonstration
from tests.cli.test_output import visible

if TYPE_CHECKING:
    from tests.cli.conftest import Cli


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demonstration, "SPEED", 150.0)
    monkeypatch.setattr(demonstration, "GAP", 0.1)


def test_calls_are_watched_compared_and_asked_for_again(cli: Cli) -> None:
    ran = cli("demo")
    assert (ran.code, ran.err) == (0, "")
    assert max(map(len, ran.lines)) <= 80
    rows = {line[:13].strip(): line[13:].split() for line in ran.lines}
    assert rows["status"] == ["ended", "ended"]
    assert rows["phone rang"] == ["1", "time", "1", "time"]
    assert rows["number"] == [boxes.NUMBER] * 2
    assert "Asked again under the same keys: no phone rang twice (AICaller 1, ErzyCall 1)." in ran.lines
    assert "callhub doctor" in ran.out
    assert "\x1b" not in ran.out


def test_it_moves_on_a_terminal(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"FORCE_COLOR": "1", "COLUMNS": "80", "TERM": "xterm"}.items():
        monkeypatch.setenv(name, value)
    ran = cli("demo")
    assert (ran.code, "→" in ran.out) == (0, True)
    assert [line for line in visible(ran.out.replace("\r", "\n")) if len(line) > 80] == []


def test_it_is_json_too_and_ignores_the_user_s_settings(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLHUB_ERZYCALL_API_KEY", "ek_live_mine")
    monkeypatch.setenv("CALLHUB_ERZYCALL_BASE_URL", "https://vendor.example")
    monkeypatch.setenv("CALLHUB_LEDGER", "nonsense")
    ran = cli("demo", "--json")
    assert (ran.code, len(ran.lines)) == (0, 1)
    assert [(each["dials"], each["replayed"]) for each in ran.json["calls"]] == [(1, True)] * 2
    assert ran.json["calls"][0]["trail"][-1] == "ended"


def test_a_proxy_for_the_world_outside_is_not_asked(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert cli("demo").code == 0


def test_nothing_is_asked_again_where_nothing_was_placed(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boxes, "NUMBER", "12")
    ran = cli("demo")
    assert (ran.code, "Asked again" in ran.out) == (1, False)
    assert "must be in E.164 form" in " ".join(ran.out.split())


def test_a_plugin_without_a_sandbox_is_left_out(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("callhub_erzycall.provider.ErzyCall.sandbox")
    ran = cli("demo")
    assert (ran.code, "erzycall is left out: ErzyCall ships no sandbox" in ran.out) == (0, True)


def test_without_any_sandbox_it_says_so(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callhub.provider.registry.entry_points", lambda **_: [])
    ran = cli("demo")
    assert (ran.code, "No provider is installed" in ran.out) == (1, True)


def test_a_refused_call_stands_in_its_column(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    made = boxes.make

    def spoilt(name: str, *rest: Any) -> boxes.Box:
        box = made(name, *rest)
        if name == "aicaller":
            box.sandbox.fail_next("refuse")
        return box

    monkeypatch.setattr(boxes, "make", spoilt)
    ran = cli("demo")
    assert ran.code == 1
    assert "AICaller answered 400" in ran.out
    assert max(map(len, ran.lines)) <= 80


def test_a_second_ring_would_be_told(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demonstration.Trial, "rang", 2)
    ran = cli("demo")
    assert (ran.code, "not as promised (AICaller 2, ErzyCall 2)" in ran.out) == (1, True)
