"""``callhub suppression``: who is not to be called."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from callhub.runtime.serve import Served
    from tests.cli.conftest import Cli

CALL = ("--script", "erzycall:case_789")


def test_a_number_is_added_found_in_any_form_and_removed(cli: Cli) -> None:
    assert cli("suppression", "add", "+1 (415) 555-7401", "--reason", "by letter").lines == [
        "on the list     +14155557401"
    ]
    found = cli("suppression", "get", "+14155557401", "--json").json
    assert (found["number"], found["reason"], found["source"]) == ("+14155557401", "by letter", "by hand")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", found["added_at"])  # as the times of calls
    assert "by letter" in cli("suppression", "list").out
    assert [json.loads(line)["number"] for line in cli("suppression", "list", "--json").lines] == [
        "+14155557401"
    ]
    assert cli("suppression", "remove", "+1 415 555 7401").code == 0
    assert cli("suppression", "get", "+14155557401").code == 4
    assert cli("suppression", "remove", "+14155557401").code == 4


def test_who_is_on_the_list_is_not_called(cli: Cli, erzycall: Served) -> None:
    cli("suppression", "add", "+14155557402")
    ran = cli("call", "+14155557402", *CALL)
    assert (ran.code, "suppression list" in ran.err) == (4, True)
    assert ran.err.lower().count("nothing was dialled") == 1
    assert erzycall.alive


def test_open_calls_are_cancelled_and_what_could_not_be_stopped_is_told(
    cli: Cli, both: dict[str, Served]
) -> None:
    later = "2027-12-01T15:00+08:00"
    first = cli("call", "+14155557403", *CALL, "--provider", "erzycall", "--at", later, "--json").json
    aicaller = ("--script", "aicaller:363573667364666473667332", "--provider", "aicaller", "--name", "Bo")
    second = cli("call", "+14155557403", *aicaller, "--json").json
    ran = cli("suppression", "add", "+14155557403")
    assert ran.code == 6
    assert f"cancelled       {first['id']}" in ran.lines
    assert f"not stopped     {second['id']}" in ran.lines
    assert f"call {second['id']} couldn't be stopped: AICaller" in ran.err
    told = cli("suppression", "add", "+14155557403", "--json").json
    assert [each["number"] for each in told["entries"]] == ["+14155557403"]
    assert set(told["reasons"]) <= {second["id"]}
    assert both


def test_a_file_is_loaded_whole_or_not_at_all(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "numbers.csv"
    file.write_text("name,phone,reason\nBo,+14155557405,letter\nAda,+14155557406,\n")
    assert cli("suppression", "load", str(file)).lines == ["on the list     2 numbers"]
    assert cli("suppression", "get", "+14155557405", "--json").json["reason"] == "letter"
    file.write_text("+14155557407\nnobody\n0815\n")
    ran = cli("suppression", "load", str(file))
    assert (ran.code, ran.err.splitlines()) == (
        2,
        [
            "error: 2 things are wrong:",
            "  line 2 holds no number with + and its country code",
            "  line 3 holds no number with + and its country code",
            "Nothing was read in.",
        ],
    )
    assert cli("suppression", "get", "+14155557407").code == 4


@pytest.mark.parametrize(
    "line", [("add", "0815"), ("get", "nobody"), ("remove", ""), ("load", "nowhere.csv")]
)
def test_what_cannot_be_read_is_refused(cli: Cli, line: tuple[str, ...]) -> None:
    ran = cli("suppression", *line)
    assert (ran.code, ran.err.startswith(("error: NUMBER must be", "error: FILE No such"))) == (2, True), (
        ran.err
    )
