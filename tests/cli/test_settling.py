"""``callhub recover``, ``resolve``, ``explain``, and what ``call`` does about a route and about risk."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from callhub.runtime.serve import Served
    from tests.cli.conftest import Cli, Ran

SCRIPT = ("--script", "aicaller:363573667364666473667332", "--name", "Bo")
ROUTED = ("--first-message", "Hello", "--name", "Bo", "--allow-default-script")


def doubtful(cli: Cli, aicaller: Served, number: str, key: str) -> Ran:
    """Place a call that nobody can tell of."""
    aicaller.sandbox.fail_next("error_after")
    ran = cli("call", number, *SCRIPT, "--key", key, "--timeout", "2", "--json")
    assert (ran.code, ran.error["dialed"]) == (6, "maybe")
    return ran


@pytest.mark.usefixtures("quick")
def test_recovering_finds_what_was_placed(cli: Cli, aicaller: Served) -> None:
    call_id = doubtful(cli, aicaller, "+14155557301", "found").error["call_id"]
    ran = cli("recover", "--json")
    assert [call["id"] for call in ran.json["placed"]] in ([call_id], [])  # the call itself may have told
    assert (ran.code, ran.json["in_doubt"], ran.json["needs_person"]) == (0, [], [])
    assert cli("recover").out.split() == ["in", "doubt", "no", "call"]
    again = cli("call", "+14155557301", *SCRIPT, "--key", "found", "--json")
    assert (again.json["replayed"], again.json["id"]) == (True, call_id)


@pytest.mark.usefixtures("quick")
def test_a_person_settles_what_nothing_else_can(cli: Cli, aicaller: Served) -> None:
    aicaller.sandbox.fail_next("error_before")
    call_id = cli("call", "+14155557302", *SCRIPT, "--key", "lost", "--json").error["call_id"]
    ran = cli("recover")
    assert ran.code == 6
    assert f"needs person    {call_id}" in ran.lines
    assert f"then: callhub resolve {call_id}" in ran.err
    told = cli("resolve", call_id, "--not-placed", "--by", "Ada")
    assert (told.code, "status          failed" in told.lines) == (0, True)
    assert "resolved: Ada said that it was not placed" in cli("explain", call_id).out
    assert cli("resolve", call_id, "--not-placed").code == 4
    assert cli("call", "+14155557302", *SCRIPT, "--key", "lost", "--json").json["id"] == call_id


@pytest.mark.usefixtures("quick")
def test_who_resolves_is_this_machine_s_user_unless_named(cli: Cli, aicaller: Served) -> None:
    aicaller.sandbox.fail_next("error_before")
    call_id = cli("call", "+14155557303", *SCRIPT, "--key", "who", "--json").error["call_id"]
    other = cli("call", "+14155557304", *SCRIPT, "--json").json
    wrong = cli("resolve", call_id, "--placed", other["provider_call_id"], "--json")
    assert (wrong.code, wrong.error["type"]) == (4, "Conflict")
    assert cli("resolve", call_id, "--placed", "nothing-like-it", "--json").error["type"] == "NotFound"
    assert cli("resolve", call_id, "--not-placed", "--json").json["needs_person"] is False
    assert f"resolved: {getpass.getuser()} said" in cli("explain", call_id).out


@pytest.mark.parametrize("given", [(), ("--placed", "x", "--not-placed")])
def test_a_word_is_one_of_two(cli: Cli, given: tuple[str, ...]) -> None:
    ran = cli("resolve", "some-call", *given)
    assert (ran.code, ran.err) == (2, "error: give either --placed ID or --not-placed\n")


def test_calls_that_are_not_there_are_not_explained(cli: Cli) -> None:
    assert cli("explain", "nothing").code == 4
    assert cli("resolve", "nothing", "--not-placed").code == 4


def test_an_explanation_tells_who_was_left_out_and_why(cli: Cli, both: dict[str, Served]) -> None:
    line = ("call", "+14155557305", "--script", "erzycall:case_789", "--route", "aicaller,erzycall", "--json")
    call = cli(*line).json
    assert (call["provider"], call["status"]) == ("erzycall", "queued")
    ran = cli("explain", call["id"])
    assert ran.lines[0] == f"call {call['id']}"
    assert any(line.startswith("considered aicaller, left out (") for line in ran.lines)
    assert "+1415" not in ran.out
    told = cli("explain", call["id"], "--json").json
    assert [one["chosen"] for one in told["considered"]] == [False, True]
    assert [one["verdict"] for one in told["attempts"]] == ["accepted"]
    assert (told["call"]["id"], told["verdict"][:8]) == (call["id"], "erzycall")
    assert both


def test_the_next_vendor_of_a_route_takes_what_the_first_refuses(
    cli: Cli, both: dict[str, Served], tmp_path: Path
) -> None:
    scripts = '[scripts.hello]\nerzycall = "case_789"\naicaller = "363573667364666473667332"\n'
    (tmp_path / "callhub.toml").write_text(scripts)
    both["erzycall"].sandbox.fail_next("rate_limit")
    line = ("call", "+14155557306", "--script", "hello", "--name", "Bo", "--route", "erzycall, aicaller")
    call = cli(*line, "--json").json
    assert call["provider"] == "aicaller"
    assert [one["verdict"] for one in call["attempts"]] == ["refused", "accepted"]


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        (("--route", "erzycall,nobody"), 3, "nobody"),
        (("--route", "erzycall,,aicaller"), 2, "--route must be given as A,B"),
        (("--route", "erzycall", "--provider", "erzycall"), 2, "exclude each other"),
        (("--on-unknown", "shrug"), 2, "--on-unknown"),
    ],
)
def test_a_wrong_route_is_refused(
    cli: Cli, both: dict[str, Served], given: tuple[str, ...], code: int, said: str
) -> None:
    ran = cli("call", "+14155557307", *ROUTED, *given)
    assert (ran.code, said in ran.err) == (code, True), ran.err
    assert both


@pytest.mark.usefixtures("quick")
def test_the_risk_of_a_second_ring_is_taken_on_request_alone(cli: Cli, aicaller: Served) -> None:
    aicaller.sandbox.fail_next("error_before")
    line = ("call", "+14155557308", *SCRIPT, "--key", "risky", "--json")
    assert cli(*line).code == 6
    assert cli(*line).code == 6
    call = cli(*line, "--on-unknown", "accept-risk").json
    assert [one["verdict"] for one in call["attempts"]] == ["maybe", "accepted"]
