"""``callhub scripts`` and ``webhooks``."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from callhub.runtime.serve import Served
    from tests.cli.conftest import Cli

BOOK = ("--provider", "erzycall")


def test_scripts_are_the_configured_names_and_the_vendors(
    cli: Cli, both: dict[str, Served], tmp_path: Path
) -> None:
    template = both["aicaller"].sandbox.script
    config = f'[scripts.onboarding]\nerzycall = "case_789"\naicaller = "{template}"\n'
    (tmp_path / "callhub.toml").write_text(config)
    ran = cli("scripts", "list")
    assert [line.split()[0] for line in ran.lines] == ["onboarding", "erzycall:case_789"]
    assert len(cli("scripts", "list", "--provider", "erzycall", "--json").lines) == 1
    assert cli("scripts", "get", "onboarding", "--json").json["providers"]["erzycall"] == "case_789"
    assert (
        "title           Customer onboarding - Acme Inc" in cli("scripts", "get", "erzycall:case_789").lines
    )


@pytest.mark.parametrize(
    ("argv", "code"),
    [(("get", "nothing"), 4), (("get", "erzycall:nothing"), 4), (("list", "--provider", "aicaller"), 2)],
)
def test_scripts_that_are_not_there(
    cli: Cli, both: dict[str, Served], argv: tuple[str, ...], code: int
) -> None:
    assert cli("scripts", *argv).code == code
    assert both


def test_an_endpoint_is_registered_changed_and_deleted(cli: Cli, erzycall: Served, tmp_path: Path) -> None:
    line = ("webhooks", "register", *BOOK, "--url", "https://x.example/h", "--description", "mine")
    ran = cli(*line, "--event", "call.ended", "--secret-file", "hook.secret", "--json")
    kept = tmp_path / "hook.secret"
    assert kept.read_text().startswith("whsec_")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert "whsec_" not in ran.out + ran.err
    assert ran.json["events"] == ["call.ended"]
    changed = cli("webhooks", "update", ran.json["id"], "--no-active", "--event", "call.failed")
    assert {"active          no", "events          call.failed"} <= set(changed.lines)
    assert ran.json["id"] in cli("webhooks", "list", *BOOK).out
    assert cli("webhooks", "delete", ran.json["id"]).code == 0
    assert ran.json["id"] not in cli("webhooks", "list", *BOOK, "--json").out
    assert erzycall.alive


def test_a_secret_is_shown_only_when_asked_for(cli: Cli, erzycall: Served) -> None:
    ran = cli("webhooks", "register", *BOOK, "--url", "https://x.example/h", "--show-secret", "--json")
    endpoint, secret = map(json.loads, ran.lines)
    assert secret["secret"].startswith("whsec_")
    assert cli("webhooks", "delete", endpoint["id"], "--json").json == {"deleted": endpoint["id"]}
    assert erzycall.alive


@pytest.mark.parametrize("argv", [(), ("--show-secret", "--secret-file", "f"), ("--secret-file", "there")])
def test_nothing_is_registered_whose_secret_would_be_lost(
    cli: Cli, erzycall: Served, tmp_path: Path, argv: tuple[str, ...]
) -> None:
    (tmp_path / "there").write_text("precious")
    before = erzycall.sandbox.hits["POST /api/v1/webhooks"]
    ran = cli("webhooks", "register", *BOOK, "--url", "https://x.example/h", *argv)
    assert (ran.code, erzycall.sandbox.hits["POST /api/v1/webhooks"]) == (2, before)
    assert (tmp_path / "there").read_text() == "precious"


def test_a_refused_endpoint_leaves_no_file(cli: Cli, erzycall: Served, tmp_path: Path) -> None:
    ran = cli("webhooks", "register", *BOOK, "--url", "http://x.example/h", "--secret-file", "f")
    assert (ran.code, (tmp_path / "f").exists()) == (2, False)
    assert erzycall.alive


def test_a_vendor_without_endpoints_says_so(cli: Cli, aicaller: Served) -> None:
    ran = cli("webhooks", "list", "--provider", "aicaller")
    assert (ran.code, "manage webhook endpoints" in ran.err) == (2, True)
    assert aicaller.alive
