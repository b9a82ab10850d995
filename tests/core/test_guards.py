"""Who is not to be dialled, and how often anybody may be: asked within the claim, whichever vendor it is."""

from __future__ import annotations

import sqlite3
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from callhub import (
    CallhubError,
    CallOutcome,
    CallStatus,
    ConfigurationError,
    Guards,
    Hub,
    InvalidRequest,
    LedgerError,
    OutcomeUnknown,
    RateLimited,
    Suppressed,
)
from callhub.provider.http import Response, to_json
from callhub.provider.sandbox import Answer
from tests.core.kit import NUMBER, SCRIPTS, START, call_of, secrets_in, told, wish

if TYPE_CHECKING:
    from pathlib import Path

    from callhub import Call
    from tests.core.kit import Rows, Side, Vendor, World

LONDON = "+442079460000"
OTHER = "+14155550177"
OPTS_OUT = "+14155550105"
OPTED_OUT = Response(403, {}, b'{"error": {"code": "CONTACT_OPTED_OUT", "message": "No"}}')


def refused_here(hub: Any, vendor: Vendor, **changes: Any) -> CallhubError:
    """Insist that nothing is sent."""
    before = len(vendor.relay.seen)
    with pytest.raises(CallhubError) as caught:
        hub.calls.create(**wish(vendor, **changes))
    assert len(vendor.relay.seen) == before
    assert caught.value.dialed == "no"
    assert secrets_in(told(caught.value)) == []
    return caught.value


# The list


@pytest.mark.parametrize("written", [LONDON, "+44 020 7946 0000", "+44 (0)20-7946-0000", "+4402079460000"])
@pytest.mark.parametrize("dialled", [LONDON, "+4402079460000"])
def test_a_number_is_known_however_it_is_written(
    hub: Any, vendor: Vendor, written: str, dialled: str
) -> None:
    hub.suppression.add(written, reason="asked by mail")
    error = refused_here(hub, vendor, to=dialled)
    assert type(error) is Suppressed
    assert "suppression list" in str(error)
    entry = hub.suppression.get(LONDON)
    assert (entry.reason, entry.source) == ("asked by mail", "by hand")
    assert hub.suppression.remove("+44 20 79460000")
    assert not hub.suppression.remove(LONDON)
    assert hub.suppression.get(LONDON) is None
    assert hub.calls.create(**wish(vendor, to=dialled)).status is CallStatus.QUEUED


def test_a_number_that_can_not_exist_is_known_by_its_letter(hub: Any, vendor: Vendor) -> None:
    hub.suppression.add("+1234567890")
    assert type(refused_here(hub, vendor, to="+1234567890")) is Suppressed
    assert hub.calls.create(**wish(vendor, to="+1234567891")).provider == vendor.name


def test_everybody_else_is_called(hub: Any, vendor: Vendor) -> None:
    hub.suppression.add(OTHER)
    hub.calls.create(**wish(vendor))
    assert vendor.live() == {NUMBER: 1}


@pytest.mark.parametrize("number", ["4155550123", "", "everybody", None, 5, "+", "+0441", "sip:a@b"])
def test_what_is_no_number_is_not_added(hub: Any, number: Any) -> None:
    for act in (hub.suppression.add, hub.suppression.remove, hub.suppression.get):
        with pytest.raises(InvalidRequest) as caught:
            act(number)
        assert "number" in caught.value.fields
    assert list(hub.suppression.list()) == []


def test_the_list_is_read_in_the_order_of_adding(side: Side, world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr("callhub.flows.suppression.PAGE", 2)
    hub = side.hub()
    for last in range(5):
        world.clock.advance(1)
        hub.suppression.add(f"+1415555018{last}", reason=str(last))
    assert [entry.reason for entry in hub.suppression.list()] == ["0", "1", "2", "3", "4"]


def test_adding_again_changes_nothing(hub: Any, world: World) -> None:
    hub.suppression.add(NUMBER, reason="first")
    world.clock.advance(60)
    (entry,) = hub.suppression.add(NUMBER, reason="second").entries
    assert (entry.reason, entry.added_at) == ("first", START)
    assert len(list(hub.suppression.list())) == 1


def test_no_number_is_in_a_repr(hub: Any) -> None:
    assert secrets_in(repr(hub.suppression.add(NUMBER))) == []


def test_every_process_knows_the_list(side: Side, vendor: Vendor, rows: Rows) -> None:
    hub = side.hub(ledger=rows.url)
    assert list(hub.suppression.list()) == []
    side.hub(ledger=rows.url).suppression.add(NUMBER)
    assert type(refused_here(hub, vendor)) is Suppressed
    assert rows("attempts") == rows("intents") == []


# Fed by the vendors


def test_erzycalls_refusal_puts_the_person_on_the_list(hub: Any, erzycall: Vendor, aicaller: Vendor) -> None:
    erzycall.rig(OPTED_OUT)
    with pytest.raises(Suppressed) as caught:
        hub.calls.create(**wish(erzycall))
    assert (caught.value.code, caught.value.dialed) == ("CONTACT_OPTED_OUT", "no")
    assert hub.suppression.get(NUMBER).source == "erzycall"
    assert type(refused_here(hub, aicaller)) is Suppressed


def test_so_does_a_refusal_of_the_request_that_is_sent_again(
    hub: Any, erzycall: Vendor, aicaller: Vendor
) -> None:
    """It proves nothing of the first request: that stays in doubt."""
    answers = [Response(503), *[OPTED_OUT] * 9]
    erzycall.relay.rigged = lambda hit: Answer(answers.pop(0)) if hit.method == "POST" else None
    with pytest.raises(OutcomeUnknown):
        hub.calls.create(**wish(erzycall))
    assert hub.suppression.get(NUMBER).source == "erzycall"
    assert type(refused_here(hub, aicaller)) is Suppressed


def test_erzycalls_end_puts_the_person_on_the_list(hub: Any, erzycall: Vendor, aicaller: Vendor) -> None:
    call = hub.calls.create(**wish(erzycall))
    body = {"id": call.provider_call_id, "status": "ended", "endedReason": "contact-opted-out", "to": NUMBER}
    erzycall.rig(Response(200, {}, to_json({"data": body})), method="GET")
    assert hub.calls.get(call.id).outcome is CallOutcome.OPTED_OUT
    assert hub.suppression.get(NUMBER).source == "erzycall"
    assert type(refused_here(hub, aicaller)) is Suppressed


def test_aicallers_do_not_call_puts_the_person_on_the_list(
    hub: Any, erzycall: Vendor, aicaller: Vendor
) -> None:
    call = hub.calls.create(**wish(aicaller, to=OPTS_OUT))
    assert hub.calls.wait(call.id).outcome is CallOutcome.OPTED_OUT
    assert hub.suppression.get(OPTS_OUT).source == "aicaller"
    for vendor in (erzycall, aicaller):
        assert type(refused_here(hub, vendor, to=OPTS_OUT)) is Suppressed


def test_so_does_a_call_that_a_list_tells_of(hub: Any, aicaller: Vendor) -> None:
    call = hub.calls.create(**wish(aicaller, to=OPTS_OUT))
    aicaller.clock.advance(600)
    listed = {each.id: each for each in hub.calls.list(provider="aicaller")}
    assert listed[call.id].outcome is CallOutcome.OPTED_OUT
    assert hub.suppression.get(OPTS_OUT) is not None


# What is open is cancelled


def test_adding_a_number_cancels_its_open_calls_and_tells_which_it_could_not(hub: Any, world: World) -> None:
    at = START + timedelta(hours=3)
    stopped = [hub.calls.create(**wish("erzycall", scheduled_at=at, variables={"n": n})) for n in range(2)]
    not_stopped = hub.calls.create(**wish("aicaller", scheduled_at=at))
    doubtful = world.aicaller.in_doubt(hub)
    elsewhere = hub.calls.create(**wish("erzycall", to=OTHER, scheduled_at=at))
    done = hub.suppression.add(NUMBER)
    assert [call.id for call in done.cancelled] == [call.id for call in stopped]
    assert {call.status for call in done.cancelled} == {CallStatus.CANCELLED}
    assert [call.id for call in done.not_cancelled] == [not_stopped.id, doubtful.id]
    assert "can't do this: cancel a call" in done.reasons[not_stopped.id]
    assert "no id at a vendor" in done.reasons[doubtful.id]
    assert world.erzycall.live() == {OTHER: 1}
    assert hub.calls.get(elsewhere.id).status is CallStatus.ENDED


def test_a_number_written_otherwise_cancels_them_too(hub: Any, erzycall: Vendor) -> None:
    call = hub.calls.create(**wish(erzycall, to="+4402079460000"))
    done = hub.suppression.add(LONDON)
    assert [each.id for each in done.cancelled] == [call.id]
    assert erzycall.live() == {}


def test_a_call_that_is_under_way_is_told(hub: Any, erzycall: Vendor) -> None:
    call = hub.calls.create(**wish(erzycall))
    erzycall.clock.advance(15)
    done = hub.suppression.add(NUMBER)
    assert (done.cancelled, [each.id for each in done.not_cancelled]) == ((), [call.id])
    assert type(refused_here(hub, erzycall)) is Suppressed


def test_a_vendor_that_is_out_of_order_keeps_nobody_off_the_list(hub: Any, erzycall: Vendor) -> None:
    call = hub.calls.create(**wish(erzycall))
    for method in ("DELETE", "GET"):
        erzycall.fail(*["error_before"] * 8, method=method)
    done = hub.suppression.add(NUMBER)
    assert [each.id for each in done.not_cancelled] == [call.id]
    assert hub.suppression.get(NUMBER) is not None


# From a file


@pytest.mark.parametrize(
    "text",
    [
        f"number,reason\n{NUMBER},by mail\n+44 20 7946 0000,by phone\n",
        f"{NUMBER},by mail\n\n+44 020 7946 0000,by phone\n",
        f"\ufeffname;x\n{NUMBER}\n".replace("name;x", "Phone") + "+44 (0)20 7946 0000\n",
        f'reason,phone\nby mail,"{NUMBER}"\r\nby phone,{LONDON}\r\n',
    ],
)
def test_a_file_is_read_in(hub: Any, vendor: Vendor, tmp_path: Path, text: str) -> None:
    file = tmp_path / "stop.csv"
    file.write_text(text, encoding="utf-8")
    done = hub.suppression.load(file)
    assert [entry.source for entry in done.entries] == ["file", "file"]
    assert [entry.reason for entry in done.entries] in (["by mail", "by phone"], [None, None])
    for number in (NUMBER, LONDON):
        assert type(refused_here(hub, vendor, to=number)) is Suppressed


def test_a_line_that_can_not_be_read_fails_the_whole_file(hub: Any, vendor: Vendor, tmp_path: Path) -> None:
    file = tmp_path / "stop.csv"
    file.write_text(f"number\n{OTHER}\n{NUMBER[1:]}\n\nnobody\n{NUMBER}\n")
    with pytest.raises(InvalidRequest, match=r"stop\.csv: line 3 .*line 5 .*nothing was read in") as caught:
        hub.suppression.load(str(file))
    assert set(caught.value.fields) == {"line 3", "line 5"}
    assert secrets_in(told(caught.value)) == []
    assert list(hub.suppression.list()) == []
    assert hub.calls.create(**wish(vendor, to=OTHER)).provider == vendor.name


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (f"number\n{NUMBER},oops,extra\n", "line 2 has 3 cells, and the first line 1"),
        (f"{NUMBER},{OTHER}\n", "line 1 holds two numbers"),
        ("", "the file holds no line"),
        ("\n\n", "the file holds no line"),
    ],
)
def test_no_number_of_a_file_is_passed_over(hub: Any, tmp_path: Path, text: str, fault: str) -> None:
    file = tmp_path / "stop.csv"
    file.write_text(text)
    with pytest.raises(InvalidRequest, match=fault):
        hub.suppression.load(file)
    assert list(hub.suppression.list()) == []


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00", b'"open\n'])
def test_a_file_that_can_not_be_read_at_all(hub: Any, tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "stop.csv"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InvalidRequest, match="can't be read"):
        hub.suppression.load(file)


def test_a_file_cancels_what_is_open(hub: Any, erzycall: Vendor, tmp_path: Path) -> None:
    call = hub.calls.create(**wish(erzycall))
    (tmp_path / "stop.csv").write_text(f"{NUMBER}\n")
    assert [each.id for each in hub.suppression.load(tmp_path / "stop.csv").cancelled] == [call.id]
    assert erzycall.live() == {}


# How often


def test_a_cap_counts_what_was_accepted_at_any_vendor(side: Side, world: World) -> None:
    hub = side.hub(guards=Guards(caps=["2/1d"]))
    for name in ("erzycall", "aicaller"):
        hub.calls.create(**wish(name))
        world.clock.advance(3600)
    error = refused_here(hub, world.erzycall)
    assert (type(error), error.code) == (RateLimited, "cap")
    assert error.retry_after == timedelta(hours=22)
    assert hub.calls.create(**wish("erzycall", to=OTHER)).status is CallStatus.QUEUED
    world.clock.advance(22 * 3600 + 1)
    hub.calls.create(**wish("erzycall"))


def test_a_cap_counts_maybe(side: Side, vendor: Vendor) -> None:
    hub = side.hub(guards=Guards(caps=["1/1d"]))
    vendor.in_doubt(hub, idempotency_key="first")
    error = refused_here(hub, vendor, idempotency_key="second")
    assert (type(error), error.code) == (RateLimited, "cap")


def test_a_cap_counts_no_refusal(side: Side, vendor: Vendor) -> None:
    hub = side.hub(guards=Guards(caps=["1/1d"]))
    for _ in range(2):
        vendor.fail("refuse")
        with pytest.raises(InvalidRequest):
            hub.calls.create(**wish(vendor))
    hub.calls.create(**wish(vendor))
    assert type(refused_here(hub, vendor)) is RateLimited


def test_the_request_again_is_a_dial_to_the_cap(side: Side, erzycall: Vendor, rows: Rows) -> None:
    """Where the cap leaves no room for it, the call is looked up instead."""
    hub = side.hub(ledger=rows.url, guards=Guards(caps=["1/1d"]))
    erzycall.fail("drop_after")
    call = hub.calls.create(**wish(erzycall))
    assert call.attempts[0].reason == "found by a look-up at the vendor"
    assert ([row["dials"] for row in rows("attempts")], len(erzycall.posts)) == ([1], 1)
    erzycall.fail("drop_before")
    with pytest.raises(OutcomeUnknown, match="attempt cap: it isn't sent again before"):
        hub.calls.create(**wish(erzycall, to=OTHER))
    roomy = side.hub(ledger=rows.url, guards=Guards(caps=["3/1d"]))
    erzycall.fail("drop_before")
    roomy.calls.create(**wish(erzycall))
    assert sum(row["dials"] for row in rows("attempts")) == 4
    assert type(refused_here(roomy, erzycall)) is RateLimited


def test_a_cap_goes_by_the_person_not_by_the_spelling(side: Side, vendor: Vendor) -> None:
    hub = side.hub(guards=Guards(caps=["1/1d"]))
    hub.calls.create(**wish(vendor, to=LONDON))
    assert type(refused_here(hub, vendor, to="+4402079460000")) is RateLimited


def test_several_caps_all_hold(side: Side, vendor: Vendor) -> None:
    hub = side.hub(guards={"caps": ["1/1h", "2/1d"]})
    hub.calls.create(**wish(vendor))
    assert refused_here(hub, vendor).retry_after == timedelta(hours=1)
    vendor.clock.advance(3601)
    hub.calls.create(**wish(vendor))
    assert (refused_here(hub, vendor).retry_after or timedelta()) > timedelta(hours=22)


def test_the_least_time_between_two_dials(side: Side, vendor: Vendor) -> None:
    hub = side.hub(guards=Guards(gap="4h"))
    hub.calls.create(**wish(vendor))
    vendor.clock.advance(3600)
    error = refused_here(hub, vendor)
    assert (error.code, error.retry_after) == ("gap", timedelta(hours=3))
    vendor.clock.advance(3 * 3600)
    hub.calls.create(**wish(vendor))


def test_what_is_refused_for_a_while_may_be_asked_again_under_its_key(side: Side, vendor: Vendor) -> None:
    hub = side.hub(guards=Guards(gap="1h"))
    hub.calls.create(**wish(vendor, idempotency_key="first"))
    refused_here(hub, vendor, idempotency_key="second")
    vendor.clock.advance(3600)
    assert hub.calls.create(**wish(vendor, idempotency_key="second")).attempts[0].verdict == "accepted"


def test_what_was_placed_is_given_back_whatever_the_guards_say(side: Side, vendor: Vendor) -> None:
    hub = side.hub(guards=Guards(caps=["1/1d"], gap="1d"))
    call = hub.calls.create(**wish(vendor, idempotency_key="order-1"))
    assert hub.calls.create(**wish(vendor, idempotency_key="order-1")).id == call.id


@pytest.mark.parametrize(
    "given",
    [{"caps": "3/1d"}, {"caps": ["3 a day"]}, {"caps": ["0/1d"]}, {"caps": [3]}, {"gap": "soon"}, {"gap": -1},
     {"gap": 0}, {"gap": True}, {"cap": ["3/1d"]}, 5, {"consent": "yes"}],
)  # fmt: skip
def test_rules_that_can_not_be_read_are_refused(side: Side, given: Any) -> None:
    with pytest.raises(ConfigurationError):
        side.hub(guards=given)


def test_many_at_once_dial_no_more_than_the_cap(world: World, rows: Rows) -> None:
    start = threading.Barrier(8)
    ends: list[str] = []

    def place(number: int) -> None:
        with Hub(
            providers=world.settings, scripts=SCRIPTS, ledger=rows.url, guards={"caps": ["2/1d"]}
        ) as hub:
            name = ("erzycall", "aicaller")[number % 2]
            start.wait()
            try:
                ends.append(hub.calls.create(**wish(name)).status)
            except RateLimited as error:
                ends.append(str(error.code))

    threads = [threading.Thread(target=place, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(ends) == ["cap"] * 6 + ["queued"] * 2
    assert world.erzycall.live()[NUMBER] + world.aicaller.rung[NUMBER] == 2


# Consent


def test_the_applications_own_check_is_asked_before_each_dial(side: Side, vendor: Vendor) -> None:
    asked: list[Call] = []

    def check(call: Call) -> bool:
        asked.append(call)
        assert vendor.relay.seen == []
        return True

    call = side.hub(guards=Guards(consent=check)).calls.create(**wish(vendor, metadata={"order": 1}))
    (seen,) = asked
    assert (seen.id, seen.to, seen.provider, seen.metadata) == (call.id, NUMBER, vendor.name, {"order": 1})


@pytest.mark.parametrize("answer", [False, None, 1, "yes", KeyError("no such person")])
def test_anything_but_true_dials_nothing(side: Side, vendor: Vendor, answer: object, rows: Rows) -> None:
    def check(_: Call) -> object:
        if isinstance(answer, Exception):
            raise answer
        return answer

    hub = side.hub(guards=Guards(consent=check), ledger=rows.url)
    error = refused_here(hub, vendor)
    assert (type(error), error.provider) == (Suppressed, None)
    assert "consent check" in str(error)
    assert "no such person" not in str(error)
    assert (rows("attempts"), rows("suppressed")) == ([], [])


def test_a_check_that_awaits(side: Side, vendor: Vendor) -> None:
    async def yes(_: Call) -> bool:
        return True

    async def no(_: Call) -> bool:
        return False

    if side.name == "sync":
        return
    assert side.hub(guards=Guards(consent=yes)).calls.create(**wish(vendor)).provider == vendor.name
    assert type(refused_here(side.hub(guards=Guards(consent=no)), vendor)) is Suppressed


class Later:
    """What an awaiting check returns; a coroutine that nobody awaits would warn as well."""

    def __await__(self) -> Any:
        yield


def test_a_check_that_awaits_says_nothing_to_a_hub_that_blocks(world: World, vendor: Vendor) -> None:
    guards = Guards(consent=lambda _: Later())
    with Hub(providers=world.settings, scripts=SCRIPTS, ledger="sqlite://", guards=guards) as hub:
        assert "returned Later, not True" in str(refused_here(hub, vendor))


def test_the_check_is_asked_of_each_vendor_and_each_try(side: Side, world: World) -> None:
    asked: list[str | None] = []

    def check(call: Call) -> bool:
        asked.append(call.provider)
        return len(asked) < 2

    world.erzycall.rig(Response(401, {}, b'{"error": {"code": "UNAUTHORIZED"}}'))
    hub = side.hub(guards=Guards(consent=check), route=["erzycall", "aicaller"])
    with pytest.raises(Suppressed) as caught:
        hub.calls.create(**wish("erzycall", provider=None))
    assert (asked, caught.value.dialed) == (["erzycall", "aicaller"], "no")
    assert world.aicaller.relay.seen == []


def test_without_consent_nothing_is_sent_again(side: Side, erzycall: Vendor, rows: Rows) -> None:
    asked: list[str] = []

    def check(call: Call) -> bool:
        asked.append(call.id)
        return len(asked) == 1

    erzycall.fail("drop_before")
    with pytest.raises(OutcomeUnknown) as caught:
        side.hub(guards=Guards(consent=check), ledger=rows.url).calls.create(**wish(erzycall))
    assert (len(asked), len(erzycall.posts), caught.value.dialed) == (2, 1, "maybe")


def test_nothing_is_sent_again_to_who_is_on_the_list_by_then(
    side: Side, world: World, erzycall: Vendor
) -> None:
    hub = side.hub()
    call = erzycall.in_doubt(hub, "drop_before", idempotency_key="order-1")
    posts = len(erzycall.posts)
    hub.suppression.add(NUMBER)
    with pytest.raises(OutcomeUnknown, match="the person asked not to be called: it isn't sent") as caught:
        hub.calls.create(**wish(erzycall, idempotency_key="order-1"))
    assert (call_of(caught.value).id, caught.value.dialed) == (call.id, "maybe")
    assert len(erzycall.posts) == posts
    assert erzycall.live() == {}
    assert world.aicaller.rung == {}


# They fail closed


@pytest.mark.parametrize("table", ["suppressed", "attempts"])
def test_a_guard_that_can_not_be_asked_dials_nothing(
    side: Side, vendor: Vendor, rows: Rows, table: str
) -> None:
    hub = side.hub(ledger=rows.url, guards=Guards(caps=["9/1d"]))
    assert list(hub.calls.history()) == []
    connection = sqlite3.connect(rows.file)
    connection.execute(f"DROP TABLE {table}")
    connection.close()
    error = refused_here(hub, vendor)
    assert type(error) is LedgerError
    assert rows("intents") == []
