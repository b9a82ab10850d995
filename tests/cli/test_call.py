"""``callhub call``: one call, once, and the truth about it whatever happens."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

import callhub
from callhub.cli import failures
from callhub.runtime.transport import Transport

if TYPE_CHECKING:
    from callhub.runtime.serve import Served
    from tests.cli.conftest import Cli

SCRIPT = ("--script", "erzycall:case_789")
TEMPLATE = ("--script", "aicaller:363573667364666473667332")


def test_a_call_is_placed_and_shown(cli: Cli, erzycall: Served) -> None:
    ran = cli("call", "+14155552001", *SCRIPT, "--var", "plan=pro", "--name", "Ada", "--meta", "order=9")
    assert ran.code == 0
    assert "number          +14155552001" in ran.lines
    assert "variables       plan=pro" in ran.lines
    assert "metadata        order=9" in ran.lines
    assert "callhub calls wait" in ran.err
    assert "callhub calls cancel" in ran.err
    assert erzycall.sandbox.hits["POST /api/v1/calls"]


def test_no_cancelling_is_hinted_at_where_the_vendor_cannot(cli: Cli, aicaller: Served) -> None:
    ran = cli("call", "+14155552002", *TEMPLATE, "--name", "Ada")
    assert (ran.code, "calls cancel" in ran.err) == (0, False)
    assert aicaller.sandbox.provider in ran.out


def test_json_is_one_object_with_the_keys_of_a_call(cli: Cli, erzycall: Served) -> None:
    ran = cli("call", "+14155552003", *SCRIPT, "--json")
    assert (ran.code, ran.err, len(ran.lines)) == (0, "", 1)
    assert set(ran.json) == set(callhub.Call(id="x").to_dict())
    assert ran.json["from_number"] == erzycall.sandbox.settings["from_number"]


def test_waiting_shows_each_status_and_the_end(cli: Cli, aicaller: Served) -> None:
    ran = cli("call", "+14155552044", *TEMPLATE, "--name", "Ada", "--wait", "--wait-timeout", "20")
    assert ran.code == 0
    assert "outcome         conversation" in ran.lines
    assert ran.err.splitlines()[-1] == "ended (completed, ENDED_NORMALLY)"
    assert aicaller.sandbox.rung["+14155552044"] == 1


def test_every_option_arrives(cli: Cli, aicaller: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr(
        "callhub.hub.blocking.Calls.create", lambda _self, **options: asked.update(options) or _call()
    )
    ran = cli(
        "call", "+14155552005", *TEMPLATE, "--provider", "aicaller", "--var", "a=1", "--var", "b=x=y",
        "--name", "Ada", "--email", "a@example.com", "--first-message", "Hi", "--at", "2099-01-01T10:00Z",
        "--from", "+14155550000", "--no-record", "--key", "k", "--allow-default-script", "--meta", "m=n",
        "--extra", "aicaller.n=1", "--extra", "aicaller.t=text", "--timeout", "5", "--no-wait", "--json",
    )  # fmt: skip
    assert ran.code == 0
    assert asked.pop("scheduled_at").isoformat() == "2099-01-01T10:00:00+00:00"
    assert asked == {
        "to": "+14155552005", "script": TEMPLATE[1], "provider": "aicaller",
        "variables": {"a": "1", "b": "x=y"},
        "contact": callhub.Contact(name="Ada", email="a@example.com"), "first_message": "Hi",
        "from_number": "+14155550000", "record": False, "metadata": {"m": "n"}, "idempotency_key": "k",
        "extras": {"aicaller": {"n": 1, "t": "text"}}, "allow_default_script": True, "timeout": 5.0,
    }  # fmt: skip
    assert aicaller.alive


def _call() -> callhub.Call:
    return callhub.Call(id="x", status=callhub.CallStatus.ENDED)


def test_the_same_key_rings_once(cli: Cli, erzycall: Served) -> None:
    line = ("call", "+14155552006", *SCRIPT, "--key", "order-1009", "--wait")
    first, again = cli(*line), cli(*line)
    assert (first.code, again.code) == (0, 0)
    assert "replayed" in again.out
    assert erzycall.sandbox.rung["+14155552006"] == 1


def test_another_call_under_a_key_is_refused(cli: Cli, erzycall: Served) -> None:
    assert cli("call", "+14155552007", *SCRIPT, "--key", "k").code == 0
    ran = cli("call", "+14155552008", *SCRIPT, "--key", "k")
    assert (ran.code, "Nothing was dialled." in ran.err) == (4, True)
    assert "+1415" not in ran.err
    assert erzycall.sandbox.rung["+14155552008"] == 0


def test_wrong_requests_name_every_option_and_no_value(cli: Cli, erzycall: Served) -> None:
    ran = cli("call", "4155552009", "--from", "12", "--at", "2020-01-01T00:00Z")
    assert ran.code == 2
    assert ran.err.splitlines()[0] == "error: 4 things are wrong:"
    assert {line.split()[0] for line in ran.err.splitlines()[1:5]} == {"NUMBER", "--from", "--at", "--script"}
    assert "4155552009" not in ran.err
    assert erzycall.alive


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("--at", "tomorrow"), "it is no time of ISO 8601"),
        (("--at", "2099-01-01T10:00"), "its offset is missing"),
        (("--var", "plan"), "--var must be given as NAME=VALUE"),
        (("--var", "a=1", "--var", "a=2"), "--var gives a twice"),
        (("--extra", "field=1"), "--extra must be given as PROVIDER.FIELD=JSON"),
        (("--name", "Ada", "--contact", "erzycall:contact_456"), "either --contact, or --name"),
        (("--timeout", "soon"), "--timeout"),
        (("--timeout", "-1"), "--timeout must be more than 0 seconds"),
        (("--wiat",), "Did you mean --wait?"),
        (("+14155552011",), "Unused Tokens: ['…']"),
    ],
)
def test_slips_of_the_keyboard_are_told_in_a_line(
    cli: Cli, erzycall: Served, argv: tuple[str, ...], said: str
) -> None:
    ran = cli("call", "+14155552010", *SCRIPT, *argv)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert "Traceback" not in ran.err
    assert "415555" not in ran.err
    assert erzycall.sandbox.rung["+14155552010"] == 0


def test_a_contact_of_a_book_is_called_at_its_number(cli: Cli, erzycall: Served) -> None:
    ran = cli("call", "--contact", "erzycall:contact_456", *SCRIPT, "--json")
    assert (ran.code, ran.json["to"]) == (0, "+14155551234")
    assert erzycall.alive


def test_a_wrong_key_is_refused_by_the_vendor(
    cli: Cli, erzycall: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLHUB_ERZYCALL_API_KEY", "ek_live_revoked")
    ran = cli("call", "+14155552012", *SCRIPT, "--json")
    assert (ran.code, ran.out) == (4, "")
    assert ran.error == {
        "type": "AuthenticationFailed", "message": ran.error["message"], "dialed": "no",
        "provider": "erzycall", "code": "KEY_REVOKED", "fields": {}, "call_id": ran.error["call_id"],
        "request_id": None,
        "retry_after": None, "exit_code": 4,
    }  # fmt: skip
    assert "ek_live" not in ran.err
    assert erzycall.alive


def test_a_closed_port_is_unreachable(cli: Cli, erzycall: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLHUB_ERZYCALL_BASE_URL", "http://127.0.0.1:1")
    ran = cli("call", "+14155552013", *SCRIPT, "--timeout", "0.2")
    assert (ran.code, ran.err.splitlines()[-1]) == (5, "Nothing was dialled.")
    assert erzycall.sandbox.rung["+14155552013"] == 0


def test_too_many_requests_is_a_refusal(cli: Cli, erzycall: Served) -> None:
    erzycall.sandbox.fail_next("rate_limit")
    ran = cli("call", "+14155552014", *SCRIPT, "--timeout", "0.5", "--json")
    assert (ran.code, ran.error["type"], ran.error["retry_after"]) == (4, "RateLimited", 1.0)


@pytest.mark.parametrize("fault", ["drop_after", "hang_after", "error_after", "garbage_after"])
def test_an_unknown_outcome_says_that_a_phone_may_have_rung(cli: Cli, aicaller: Served, fault: str) -> None:
    number = f"+141555521{['drop_after', 'hang_after', 'error_after', 'garbage_after'].index(fault)}0"
    line = ("call", number, *TEMPLATE, "--name", "Ada", "--key", "k", "--timeout", "0.5")
    aicaller.sandbox.fail_next(fault)
    ran = cli(*line)
    assert (ran.code, "A phone may have rung" in ran.err) == (6, True)
    call_id = ran.err.partition("callhub calls get ")[2].split()[0]
    assert "callhub recover" in ran.err or f"callhub resolve {call_id} --placed ID | --not-placed" in ran.err
    assert cli("calls", "get", call_id, "--json").json["status"] == "in_doubt"
    again = cli(*line, "--json")
    assert (again.code, again.error["dialed"], again.error["call_id"]) == (6, "maybe", call_id)
    assert aicaller.sandbox.hits["POST /v1/phoneCalls"]
    aicaller.sandbox.clock.advance(10)
    aicaller.sandbox.settle()
    assert aicaller.sandbox.rung[number] <= 1


def test_a_failure_to_watch_never_says_that_nothing_was_dialled(cli: Cli, erzycall: Served) -> None:
    erzycall.sandbox.fail_next("refuse", method="GET")
    ran = cli("call", "+14155552015", *SCRIPT, "--wait")
    assert ran.code == 6
    assert "Nothing was dialled" not in ran.err
    assert "A phone may have rung" in ran.err


def test_waiting_too_short_says_that_the_call_goes_on(cli: Cli, erzycall: Served) -> None:
    line = ("call", "+14155552016", *SCRIPT, "--at", "2099-01-01T00:00Z", "--wait", "--wait-timeout", "0")
    ran = cli(*line)
    assert (ran.code, "It goes on: callhub calls wait" in ran.err) == (7, True)
    ran = cli(*line, "--json")
    assert (ran.code, ran.error["type"], ran.error["dialed"]) == (7, "WaitTimeout", "maybe")
    assert erzycall.alive


def test_a_ledger_that_cannot_be_written_stops_everything(
    cli: Cli, erzycall: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLHUB_LEDGER", f"sqlite:///{__file__}/ledger.db")
    ran = cli("call", "+14155552017", *SCRIPT)
    assert (ran.code, ran.err.splitlines()[-1]) == (8, "Nothing was dialled.")
    assert erzycall.sandbox.rung["+14155552017"] == 0


def test_nothing_configured_leads_to_the_doctor(cli: Cli) -> None:
    ran = cli("call", "+14155552018", *SCRIPT)
    assert (ran.code, "`callhub doctor`" in ran.err) == (3, True)


def test_an_unknown_provider_names_the_known_ones(cli: Cli, both: dict[str, Served]) -> None:
    ran = cli("call", "+14155552019", *SCRIPT, "--provider", "nobody")
    assert (ran.code, "configured: aicaller, erzycall" in ran.err) == (3, True)
    assert both


def test_several_providers_need_a_choice(cli: Cli, both: dict[str, Served]) -> None:
    ran = cli("call", "+14155552020", *SCRIPT)
    assert (ran.code, "say through which vendor: --provider" in ran.err) == (3, True)
    assert "provider=" not in ran.err
    assert both


def interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_ctrl_c_while_placing_leaves_a_call_in_doubt(
    cli: Cli, erzycall: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Transport, "send", interrupt)
    ran = cli("call", "+14155552021", *SCRIPT, "--key", "order-1")
    assert ran.code == 130
    assert "--key order-1 won't ring twice" in ran.err
    assert erzycall.sandbox.rung["+14155552021"] == 0


def test_ctrl_c_is_told_as_json(cli: Cli, erzycall: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Transport, "send", interrupt)
        ran = cli("call", "+14155552022", *SCRIPT, "--key", "k", "--json")
    assert (ran.code, ran.error["type"], ran.error["dialed"]) == (130, "Interrupted", "maybe")
    call = cli("calls", "get", ran.error["call_id"], "--json").json
    assert (call["status"], call["attempts"][0]["verdict"]) == ("in_doubt", "maybe")
    settled = cli("call", "+14155552022", *SCRIPT, "--key", "k", "--json")
    assert (settled.code, settled.json["id"], settled.json["replayed"]) == (0, ran.error["call_id"], True)
    erzycall.sandbox.clock.advance(600)
    erzycall.sandbox.settle()
    assert erzycall.sandbox.rung["+14155552022"] == 1


@pytest.mark.usefixtures("quick")
def test_what_stays_in_doubt_is_told_with_what_to_do(cli: Cli, aicaller: Served) -> None:
    """AICaller can't be asked again, and what it doesn't list may be there all the same."""
    aicaller.sandbox.fail_next("error_before")
    line = ("call", "+14155552024", "--script", "aicaller:t1", "--name", "A", "--key", "k24", "--json")
    first = cli(*line)
    assert (first.code, first.error["type"], first.error["dialed"]) == (6, "OutcomeUnknown", "maybe")
    again = cli(*line)
    assert (again.code, again.error["call_id"]) == (6, first.error["call_id"])
    assert f"callhub resolve {first.error['call_id']}" in again.error["message"]
    assert aicaller.sandbox.rung["+14155552024"] == 0


def test_ctrl_c_before_the_claim_says_that_nothing_was_sent(
    cli: Cli, erzycall: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("callhub.policy.intake.problems", interrupt)
        ran = cli("call", "+14155552023", *SCRIPT)
    assert (ran.code, ran.err) == (130, "error: interrupted before anything was sent\n")
    assert cli("calls", "history").out == ""
    assert erzycall.alive


def test_ctrl_c_says_that_a_number_which_can_not_be_read_was_not_sent(
    cli: Cli, erzycall: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callhub.policy.intake.problems", interrupt)
    ran = cli("call", "0155 garbage", *SCRIPT)
    assert (ran.code, ran.err) == (130, "error: interrupted before anything was sent\n")
    assert erzycall.alive


def test_ctrl_c_never_says_no_without_the_ledger_s_word(
    cli: Cli, erzycall: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Transport, "send", interrupt)
    monkeypatch.setattr("callhub.hub.blocking.Calls.history", interrupt)
    ran = cli("call", "+14155552028", *SCRIPT, "--key", "k", "--json")
    assert (ran.code, ran.error["dialed"]) == (130, "maybe")
    assert "the ledger can't be asked" in ran.error["message"]
    assert erzycall.alive


def test_ctrl_c_while_waiting_leaves_the_call_alone(
    cli: Cli, erzycall: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callhub.runtime.clock.Clock.sleep", interrupt)
    ran = cli("call", "+14155552024", *SCRIPT, "--wait")
    assert (ran.code, "the call goes on: callhub calls wait" in ran.err) == (130, True)
    assert erzycall.alive


def test_sigterm_ends_a_command_as_ctrl_c_does(
    cli: Cli, erzycall: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(Transport, "send", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    ran = cli("call", "+14155552025", *SCRIPT, "--json")
    assert (ran.code, ran.error["dialed"]) == (143, "maybe")
    assert signal.getsignal(signal.SIGTERM) is before
    assert erzycall.sandbox.rung["+14155552025"] == 0


def test_a_bug_after_the_claim_is_an_unknown_outcome(
    cli: Cli, erzycall: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bug(*_: object) -> None:
        raise RuntimeError("+14155552026 is in here")

    monkeypatch.setattr(Transport, "send", bug)
    ran = cli("call", "+14155552026", *SCRIPT)
    assert (ran.code, "A phone may have rung" in ran.err) == (6, True)
    assert "+14155552026" not in ran.err
    assert erzycall.alive


def test_a_bug_is_one_line_and_a_traceback_only_on_request(
    cli: Cli, erzycall: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bug(*_: object) -> None:
        raise RuntimeError("+14155552027 is in here")

    monkeypatch.setattr("callhub.policy.intake.problems", bug)
    ran = cli("call", "+14155552027", *SCRIPT)
    assert (ran.code, len(ran.err.splitlines())) == (1, 1)
    assert "+1415" not in ran.err
    monkeypatch.setenv("CALLHUB_DEBUG", "1")
    ran = cli("call", "+14155552027", *SCRIPT)
    assert (ran.code, "Traceback" in ran.err) == (failures.Exit.PROBLEM, True)
    assert erzycall.alive


def test_a_call_whose_output_can_not_be_written_is_told_all_the_same(
    cli: Cli, erzycall: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("callhub.cli.out.View.one", full)
    ran = cli("call", "+14155552044", *SCRIPT, "--key", "k44")
    assert ran.code == 6
    assert "the call was placed, but the output can't be written (No space left on device)" in ran.err
    assert "--key k44 won't ring twice" in ran.err
    assert erzycall.alive
