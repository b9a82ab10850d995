"""``callhub doctor`` and ``callhub providers``."""

from __future__ import annotations

import json
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

import pytest

from callhub.provider.capability import Feature

if TYPE_CHECKING:
    from pathlib import Path

    from callhub.runtime.serve import Served
    from tests.cli.conftest import Cli


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a plugin that can't be imported."""
    point = EntryPoint("broken", "nowhere_at_all:Provider", "callhub.providers")
    monkeypatch.setattr(
        "callhub.provider.registry.entry_points", lambda **_: [*entry_points(group=point.group), point]
    )


def test_with_nothing_configured_the_doctor_says_what_to_do_first(cli: Cli) -> None:
    ran = cli("doctor")
    assert ran.code == 1
    for line in ("export CALLHUB_ERZYCALL_API_KEY=…", "[providers.aicaller]", 'team_id = "…"'):
        assert any(line in each for each in ran.lines), line
    assert "No provider is configured. First: set up one of those above" in ran.out
    assert max(map(len, ran.lines)) <= 80


def test_a_well_configured_callhub_is_told_so(cli: Cli, both: dict[str, Served], tmp_path: Path) -> None:
    (tmp_path / "callhub.toml").write_text('[scripts.hello]\nerzycall = "case_789"\n')
    ran = cli("doctor")
    assert (ran.code, ran.lines[-1]) == (0, "All is well.")
    assert "hello (erzycall)" in ran.out
    assert "api_key      set by CALLHUB_ERZYCALL_API_KEY" in ran.out
    secrets = {served.sandbox.settings["api_key"] for served in both.values()}
    assert not any(secret in ran.out for secret in secrets)
    assert "+1415" not in ran.out


def test_findings_are_json_without_any_value(cli: Cli, both: dict[str, Served]) -> None:
    ran = cli("doctor", "--json")
    found = ran.json
    assert (ran.code, found["ok"], found["ledger_problem"]) == (0, True, None)
    assert {each["name"]: each["accepted"] for each in found["providers"]} == {
        "aicaller": True,
        "erzycall": True,
    }
    assert not any(served.sandbox.settings["api_key"] in ran.out for served in both.values())


def test_a_wrong_key_is_found(cli: Cli, erzycall: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLHUB_ERZYCALL_API_KEY", "ek_live_expired")
    ran = cli("doctor")
    assert (ran.code, "KEY_EXPIRED" in ran.out, "ek_live" in ran.out) == (1, True, False)
    found = {each["name"]: each for each in cli("doctor", "--json").json["providers"]}["erzycall"]
    assert (found["reachable"], found["accepted"]) == (True, False)
    assert erzycall.alive


@pytest.mark.usefixtures("quick")
def test_a_vendor_that_does_not_answer_is_found(
    cli: Cli, erzycall: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLHUB_ERZYCALL_BASE_URL", "http://127.0.0.1:1")
    ran = cli("doctor")
    assert (ran.code, "could not connect" in " ".join(ran.out.split())) == (1, True)
    assert erzycall.alive


def test_the_doctor_uses_what_commands_use(
    cli: Cli, erzycall: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "callhub.toml").write_text(
        f'[providers.erzycall]\napi_key = "ek_test_file"\nbase_url = "{erzycall.url}"\n'
    )
    monkeypatch.setenv("CALLHUB_ERZYCALL_API_KEY", "ek_live_expired")
    assert (cli("doctor").code, cli("calls", "list").code) == (1, 4)
    monkeypatch.setenv("CALLHUB_ERZYCALL_API_KEY", "")
    assert (cli("doctor").code, cli("calls", "list").code) == (0, 0)


def test_settings_that_can_not_be_read_are_no_missing_settings(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "callhub.toml").write_text("settling = 'soon'\n[providers.erzycall]\napi_key = 'x'\n")
    ran = cli("doctor")
    told = " ".join(ran.out.split())
    assert (ran.code, "settling should be a valid number" in told) == (1, True)
    assert "mend them first" in told
    assert "set up one of those above" not in told


def test_a_setting_is_called_what_it_is_called_in_the_file(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "callhub.toml").write_text("[providers.erzycall]\napi_key = 'x'\nform_number = '+1'\n")
    ran = cli("calls", "list")
    assert (ran.code, "form_number is not a setting" in ran.err) == (3, True)
    assert "from_number" in ran.err
    assert "--from" not in ran.err


@pytest.mark.usefixtures("both")
def test_the_route_is_checked(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "none: a call names its vendor" in cli("doctor").out
    monkeypatch.setenv("CALLHUB_ROUTE", '["erzycall", "aicaller"]')
    assert "erzycall, aicaller" in cli("doctor").out
    for wrong in ('["erzycall", "acme"]', '{"failover": ["erzycall"], "attempts": 0}'):
        monkeypatch.setenv("CALLHUB_ROUTE", wrong)
        found = cli("doctor", "--json")
        assert (found.code, found.json["ok"], found.json["route"]) == (1, False, [])
        assert found.json["route_problem"]


@pytest.mark.usefixtures("both")
@pytest.mark.parametrize("setting", ["CALLHUB_SETTLING", "CALLHUB_IDEMPOTENCY_WINDOW"])
def test_times_that_can_not_be_are_found(cli: Cli, setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in ("-1", "nan", "inf", "soon"):
        monkeypatch.setenv(setting, wrong)
        ran = cli("doctor")
        assert (ran.code, setting.removeprefix("CALLHUB_").lower() in ran.out) == (1, True)


@pytest.mark.usefixtures("both")
def test_a_variable_that_nothing_reads_is_named(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("CALLHUB_ERZICALL_API_KEY", "CALLHUB_PAINT", "CALLHUB_DEBUG", "CALLHUB_PUBLIC_URL"):
        monkeypatch.setenv(variable, "x")
    monkeypatch.setenv("CALLHUB_Settling", "7")  # which is read, whatever its case
    found = cli("doctor")
    assert (found.code, found.lines[-1]) == (0, "All is well.")
    told = " ".join(found.out.split())
    assert "CALLHUB_ERZICALL_API_KEY: nothing reads it; is CALLHUB_ERZYCALL_API_KEY meant?" in told
    assert "CALLHUB_PAINT: nothing reads it ok AICaller" in told
    unread = cli("doctor", "--json").json["unread"]
    assert unread == {"CALLHUB_ERZICALL_API_KEY": "CALLHUB_ERZYCALL_API_KEY", "CALLHUB_PAINT": None}


def test_a_missing_setting_is_found_and_explained(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLHUB_AICALLER_API_KEY", "k")
    ran = cli("doctor")
    assert ran.code == 1
    assert "NEEDED: Id of the team" in ran.out
    assert any("export CALLHUB_AICALLER_TEAM_ID=…" in line for line in ran.lines)
    assert cli("calls", "list").code == 3


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("providers = 1", "config file"),
        ("nonsense", "config file"),
        ('ledger = "mysql://x"', "the ledger must be given as"),
        ("[scripts]\nhello = 1", "scripts.hello must name providers"),
        ('[scripts.hello]\nnobody = "x"', "not installed: nobody"),
        ("[providers.nobody]\nx = 1", "no provider 'nobody' is installed"),
    ],
)
def test_what_is_wrong_in_the_file_is_found(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: str, said: str
) -> None:
    monkeypatch.delenv("CALLHUB_LEDGER")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    (tmp_path / "callhub.toml").write_text(config)
    ran = cli("doctor")
    wrong = " ".join(ran.out.partition("!!")[2].split())
    assert (ran.code, said in wrong) == (1, True), ran.out


def test_a_file_that_is_not_there_is_found(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLHUB_CONFIG", "nowhere.toml")
    assert cli("calls", "history").code == 3
    ran = cli("doctor")
    assert (ran.code, "there is no such file" in ran.out) == (1, True)


def test_a_ledger_that_cannot_be_opened_is_found(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLHUB_LEDGER", f"sqlite:///{__file__}/ledger.db")
    ran = cli("doctor")
    assert (ran.code, "can't be opened" in " ".join(ran.out.split())) == (1, True)


@pytest.mark.usefixtures("broken")
def test_a_broken_plugin_is_found_and_disturbs_nobody(cli: Cli, both: dict[str, Served]) -> None:
    ran = cli("doctor")
    assert (ran.code, "can't be imported" in " ".join(ran.out.split())) == (1, True)
    assert "broken can't be used" in cli("providers").out
    assert cli("calls", "list").code == 0
    assert both


def test_a_plugin_s_bug_is_found_and_named(
    cli: Cli, both: dict[str, Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    def bug(*_: Any) -> None:
        raise KeyError("+14155556001")

    monkeypatch.setattr("callhub_erzycall.provider.ErzyCall.list_calls", bug)
    ran = cli("doctor")
    assert (ran.code, "unexpected KeyError" in ran.out, "+1415" in ran.out) == (1, True, False)
    assert "aicaller" in {
        each["name"] for each in cli("doctor", "--json").json["providers"] if each["accepted"]
    }
    assert both


def test_the_doctor_explains_a_provider_on_request(cli: Cli, erzycall: Served) -> None:
    assert "CALLHUB_AICALLER_TEAM_ID" not in cli("doctor").out
    assert "CALLHUB_AICALLER_TEAM_ID" in cli("doctor", "aicaller").out
    assert cli("doctor", "nobody").code == 3
    assert erzycall.alive


def test_the_table_has_a_row_for_every_feature(cli: Cli, erzycall: Served) -> None:
    ran = cli("providers")
    assert ran.code == 0
    rows = {feature: [line for line in ran.lines if line.startswith(f"{feature} ")] for feature in Feature}
    assert {feature: len(found) for feature, found in rows.items()} == dict.fromkeys(Feature, 1)
    assert rows[Feature.CANCEL][0].split()[-2:] == ["-", "native"]
    assert ran.lines[1].split() == ["not", "set", "up", "configured"]
    assert erzycall.alive


def test_notes_say_what_to_do_instead(cli: Cli) -> None:
    ran = cli("providers", "--notes")
    assert "submit a scheduled call shortly before its time" in " ".join(ran.out.split())


def test_the_table_as_json_has_stable_keys(cli: Cli) -> None:
    found = {each["name"]: each for each in map(json.loads, cli("providers", "--json").lines)}
    assert set(found["aicaller"]["capabilities"]) == {feature.name.lower() for feature in Feature}
    assert found["aicaller"]["capabilities"]["cancel"]["support"] == "not available"


def test_the_table_is_there_whatever_the_configuration(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "callhub.toml").write_text("nonsense")
    ran = cli("providers")
    assert (ran.code, "what is configured can't be told" in ran.err) == (0, True)
