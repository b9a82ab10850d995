"""Seeing how calls stand: by id, in lists, in the history, and until they are over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callhub import (
    CallhubError,
    CallOutcome,
    CallStatus,
    Contact,
    InvalidRequest,
    OutcomeUnknown,
    Unreachable,
    WaitTimeout,
)
from callhub.provider.http import Response, to_json
from callhub.provider.sandbox import PERSONAS
from tests.core.kit import NUMBER, START, call_of, secrets_in, told, wish

if TYPE_CHECKING:
    from callhub import Call
    from tests.core.kit import Rows, Side, Vendor, World

OTHER = "+14155550177"


# One call


def test_by_our_id_and_by_the_vendors(hub: Any, vendor: Vendor) -> None:
    call = hub.calls.create(**wish(vendor, metadata={"order": 1}))
    vendor.clock.advance(15)
    first = hub.calls.get(call.id)
    second = hub.calls.get(f"{vendor.name}:{call.provider_call_id}")
    assert first.to_dict() == second.to_dict()
    assert (first.id, first.metadata, first.script) == (call.id, {"order": 1}, "onboarding")
    assert first.status is CallStatus.IN_PROGRESS
    assert first.provider_status == {"erzycall": "processing", "aicaller": "inProgress"}[vendor.name]


def test_what_a_vendor_says_is_remembered(side: Side, vendor: Vendor, rows: Rows) -> None:
    hub = side.hub(ledger=rows.url)
    call = hub.calls.create(**wish(vendor))
    vendor.clock.advance(3600)
    assert hub.calls.get(call.id, refresh=False).status is CallStatus.QUEUED
    seen = hub.calls.get(call.id)
    assert seen.status is CallStatus.ENDED
    assert rows("intents")[0]["status"] == "ended"
    known = side.hub(ledger=rows.url).calls.get(call.id, refresh=False)
    assert known.to_dict() == seen.to_dict()
    assert known.raw == seen.raw


def test_without_refresh_no_vendor_is_asked(hub: Any, vendor: Vendor) -> None:
    call = hub.calls.create(**wish(vendor))
    for call_id in (call.id, f"{vendor.name}:{call.provider_call_id}"):
        assert hub.calls.get(call_id, refresh=False).id == call.id
    assert len(vendor.relay.seen) == 1


def test_a_call_that_this_ledger_did_not_place(side: Side, vendor: Vendor) -> None:
    placed = side.hub().calls.create(**wish(vendor))
    theirs = f"{vendor.name}:{placed.provider_call_id}"
    found = side.hub().calls.get(theirs)
    assert (found.id, found.provider, found.provider_call_id) == (
        theirs,
        vendor.name,
        placed.provider_call_id,
    )
    assert (found.to, found.status, found.attempts) == (NUMBER, CallStatus.QUEUED, ())
    assert found.script == "onboarding"  # the one neutral name for it
    assert side.hub(scripts={}).calls.get(theirs).script == f"{vendor.name}:{_script_of(vendor)}"
    assert list(side.hub().calls.history()) == []


def _script_of(vendor: Vendor) -> str:
    return {"erzycall": "case_789", "aicaller": "363573667364666473667332"}[vendor.name]


def test_a_call_in_doubt_has_nobody_to_ask(hub: Any, vendor: Vendor) -> None:
    call = vendor.in_doubt(hub)
    asked = len(vendor.relay.seen)
    assert hub.calls.get(call.id).status is CallStatus.IN_DOUBT
    assert len(vendor.relay.seen) == asked


def test_what_the_ledger_knows_needs_no_provider(side: Side, vendor: Vendor, rows: Rows) -> None:
    call = side.hub(ledger=rows.url).calls.create(**wish(vendor))
    later = side.hub(ledger=rows.url, providers={})
    assert next(later.calls.history()).id == call.id
    assert later.calls.get(call.id, refresh=False).id == call.id


def test_news_that_come_late_are_not_applied(hub: Any, erzycall: Vendor) -> None:
    call = hub.calls.create(**wish(erzycall))
    erzycall.clock.advance(3600)
    assert hub.calls.get(call.id).status is CallStatus.ENDED
    late = {"data": {"id": call.provider_call_id, "status": "new"}}
    erzycall.rig(Response(200, {}, to_json(late)), method="GET")
    again = hub.calls.get(call.id)
    assert (again.status, again.outcome) == (CallStatus.ENDED, CallOutcome.UNKNOWN)
    assert hub.calls.get(call.id, refresh=False).status is CallStatus.ENDED


def test_a_reading_without_news_writes_nothing(side: Side, vendor: Vendor, rows: Rows) -> None:
    hub = side.hub(ledger=rows.url)
    call = hub.calls.create(**wish(vendor))
    hub.calls.get(call.id)
    log = rows.file.with_name("calls.db-wal")
    before = log.stat().st_size
    for _ in range(3):
        hub.calls.get(call.id)
    assert log.stat().st_size == before


@pytest.mark.parametrize(
    ("digits", "who"), [*((digits, who) for digits, who in PERSONAS.items()), ("23", None)]
)
def test_how_each_person_answers(hub: Any, aicaller: Vendor, digits: str, who: str | None) -> None:
    call = hub.calls.wait(hub.calls.create(**wish(aicaller, to=f"+141555501{digits}")).id)
    expected = {
        None: ("ended", "conversation", "person"),
        "busy": ("ended", "busy", None),
        "no_answer": ("ended", "no_answer", None),
        "voicemail": ("ended", "voicemail", "machine"),
        "ivr": ("ended", "ivr", "machine"),
        "opts_out": ("ended", "opted_out", "person"),
        "call_later": ("ended", "callback_requested", "person"),
        "fails": ("failed", "not_connected", None),
    }[who]
    assert (call.status, call.outcome, call.answered_by) == expected
    assert (call.callback_at is not None) == (who == "call_later")
    assert call.ended_at is not None
    assert (call.results == {"city": "Bangalore"}) == (who is None)


def test_a_recording_that_was_asked_for(hub: Any, aicaller: Vendor) -> None:
    call = hub.calls.wait(hub.calls.create(**wish(aicaller, record=True)).id)
    assert call.recording_url == f"https://recordings.invalid/{call.provider_call_id}.mp3"
    assert call.duration == timedelta(seconds=60)
    assert call.ended_at - call.started_at == call.duration


def test_a_transcript_where_that_is_set(side: Side, aicaller: Vendor) -> None:
    hub = side.hub(providers={"aicaller": aicaller.settings | {"read_transcripts": True}})
    call = hub.calls.create(**wish(aicaller))
    assert hub.calls.get(call.id).transcript is None
    assert len(aicaller.relay.seen) == 2  # none was asked for while the call is under way
    call = hub.calls.wait(call.id)
    assert [said["role"] for said in call.transcript] == ["assistant", "user"]
    assert hub.calls.get(call.id, refresh=False).transcript == call.transcript
    assert hub.provider("aicaller").get_transcript(call.provider_call_id) == call.transcript
    assert "Yes, speaking" not in repr(call)


@pytest.mark.parametrize(
    "answer",
    [
        Response(404, {}, b"Not Found"),
        Response(200, {}, b"{}"),
        Response(200, {}, b"<html>"),
    ],
    ids=["404", "none", "html"],
)
def test_a_call_counts_with_or_without_its_transcript(side: Side, aicaller: Vendor, answer: Response) -> None:
    hub = side.hub(providers={"aicaller": aicaller.settings | {"read_transcripts": True}})
    call = hub.calls.create(**wish(aicaller))
    aicaller.clock.advance(3600)
    aicaller.rig(answer, method="GET", part="transcripts")
    assert (hub.calls.get(call.id).terminal, hub.calls.get(call.id).transcript) == (True, None)


# Until it is over


def test_waiting_tells_each_step(hub: Any, vendor: Vendor) -> None:
    call = hub.calls.create(**wish(vendor))
    seen: list[Call] = []
    over = hub.calls.wait(call.id, on_update=seen.append)
    assert seen[-1].to_dict() == over.to_dict()
    steps = [*dict.fromkeys(each.status for each in seen)]
    assert (
        steps
        == {
            "erzycall": ["queued", "in_progress", "ended"],
            "aicaller": ["queued", "ringing", "in_progress", "ended"],
        }[vendor.name]
    )
    assert {each.id for each in seen} == {call.id}
    assert vendor.clock.slept[0] < 1.3
    assert max(vendor.clock.slept) <= 15 * 1.2


def test_a_listener_may_be_a_coroutine_where_the_hub_is(side: Side, vendor: Vendor) -> None:
    seen: list[str] = []

    async def later(call: Call) -> None:
        seen.append(call.status)

    listener: Any = later if side.name == "async" else (lambda call: seen.append(call.status))
    hub = side.hub()
    hub.calls.wait(hub.calls.create(**wish(vendor)).id, on_update=listener)
    assert seen[-1] == "ended"


def test_waiting_for_what_is_over_asks_once(hub: Any, vendor: Vendor) -> None:
    call = hub.calls.create(**wish(vendor))
    vendor.clock.advance(3600)
    assert hub.calls.wait(call.id, timeout=0.5).terminal
    assert len(vendor.relay.seen) == 2
    assert vendor.clock.slept == []


def test_waiting_has_an_end(hub: Any, vendor: Vendor) -> None:
    call = hub.calls.create(**wish(vendor, scheduled_at=START + timedelta(days=1)))
    with pytest.raises(WaitTimeout, match="still scheduled after 30 s") as caught:
        hub.calls.wait(call.id, timeout=30)
    assert isinstance(caught.value, TimeoutError)
    assert (call_of(caught.value).id, caught.value.provider) == (call.id, vendor.name)
    assert sum(vendor.clock.slept) == pytest.approx(30)
    assert secrets_in(told(caught.value)) == []


def test_whoever_waits_in_vain_is_not_told_that_nothing_rang(hub: Any, vendor: Vendor) -> None:
    call = hub.calls.create(**wish(vendor))
    with pytest.raises(WaitTimeout) as caught:
        hub.calls.wait(call.id, timeout=12)
    assert vendor.rung == {NUMBER: 1}
    assert caught.value.dialed == "maybe"


def test_waiting_ends_in_time_also_where_the_vendor_is_slow(hub: Any, vendor: Vendor) -> None:
    call = hub.calls.create(**wish(vendor))
    limited = {"error": {"code": "RATE_LIMITED", "message": "slow"}}
    vendor.rig(Response(429, {"retry-after": "25"}, to_json(limited)), method="GET", times=1)
    before = vendor.clock.ticks()
    with pytest.raises(CallhubError):
        hub.calls.wait(call.id, timeout=2)
    assert vendor.clock.ticks() - before <= 2


def test_waiting_for_a_call_in_doubt_is_refused(hub: Any, vendor: Vendor) -> None:
    call = vendor.in_doubt(hub)
    asked, slept = len(vendor.relay.seen), len(vendor.clock.slept)
    with pytest.raises(OutcomeUnknown, match="gave no id to ask for") as caught:
        hub.calls.wait(call.id)
    assert (call_of(caught.value).id, caught.value.dialed) == (call.id, "maybe")
    assert (len(vendor.relay.seen), len(vendor.clock.slept)) == (asked, slept)


def test_waiting_for_a_vendors_own_call(hub: Any, erzycall: Vendor) -> None:
    assert hub.calls.wait("erzycall:abc123").outcome is CallOutcome.UNKNOWN
    assert len(erzycall.relay.seen) == 1


# Lists


def ids(calls: Any) -> list[str]:
    return [call.id for call in calls]


def test_a_list_holds_the_calls_of_all_vendors_under_our_ids(hub: Any, world: World) -> None:
    ours = [hub.calls.create(**wish(name, metadata={"n": n})) for n in range(3) for name in world.settings]
    listed = list(hub.calls.list())
    assert {call.id for call in ours} | {"erzycall:abc123"} == set(ids(listed))
    assert len(listed) == 7
    by_id = {call.id: call for call in listed}
    for call in ours:
        assert by_id[call.id].metadata == call.metadata
        assert by_id[call.id].attempts == call.attempts


def test_a_list_shows_how_calls_stand_now(hub: Any, vendor: Vendor) -> None:
    call = hub.calls.create(**wish(vendor))
    vendor.clock.advance(3600)
    (listed,) = (each for each in hub.calls.list(provider=vendor.name) if each.id == call.id)
    assert listed.status is CallStatus.ENDED
    assert hub.calls.get(call.id, refresh=False).status is CallStatus.QUEUED  # a list writes nothing


def test_a_list_of_one_vendor_asks_no_other(hub: Any, world: World) -> None:
    list(hub.calls.list(provider="erzycall"))
    assert world.aicaller.relay.seen == []
    assert world.erzycall.requests == ["GET /api/v1/calls"]


def test_a_list_is_read_as_it_is_needed(hub: Any, erzycall: Vendor) -> None:
    for _ in range(5):
        hub.calls.create(**wish(erzycall))
    erzycall.relay.seen.clear()
    calls = hub.calls.list(provider="erzycall", page_size=2)
    assert erzycall.relay.seen == []
    next(calls)
    next(calls)
    assert len(erzycall.relay.seen) == 1
    next(calls)
    assert len(erzycall.relay.seen) == 2
    assert len(list(calls)) == 3
    assert len(erzycall.relay.seen) == 3
    assert [hit.query["limit"] for hit in erzycall.relay.seen] == ["2", "2", "2"]


def test_a_page_is_never_larger_than_the_vendor_allows(hub: Any, erzycall: Vendor) -> None:
    list(hub.calls.list(provider="erzycall", page_size=1000))
    assert [hit.query for hit in erzycall.relay.seen] == [{"limit": "100"}]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(size=st.integers(1, 150))
def test_each_call_is_listed_once_whatever_the_size_of_a_page(hub: Any, world: World, size: int) -> None:
    while len(world.erzycall.posts) < 6:
        for name in world.settings:
            hub.calls.create(**wish(name))
    listed = ids(hub.calls.list(page_size=size))
    assert len(listed) == len(set(listed)) == 13


def test_a_call_that_is_placed_meanwhile_moves_nothing(hub: Any, erzycall: Vendor) -> None:
    for _ in range(4):
        hub.calls.create(**wish(erzycall))
    calls = hub.calls.list(provider="erzycall", page_size=2)
    first = [next(calls), next(calls)]
    hub.calls.create(**wish(erzycall))
    listed = ids([*first, *calls])
    assert len(listed) == len(set(listed)) == 5


STATUSES = ["queued", "in_progress", "ended", "cancelled", "failed", "scheduled"]


def life_of_calls(hub: Any, vendor: Vendor) -> dict[str, str]:
    """Place one call for each status that this vendor can have, and give their ids by status."""
    made = {
        "ended": hub.calls.create(**wish(vendor)).id,
        "failed": hub.calls.create(**wish(vendor, to="+14155550107")).id,
        "scheduled": hub.calls.create(**wish(vendor, scheduled_at=START + timedelta(days=30))).id,
    }
    vendor.clock.advance(3600)
    made["in_progress"] = hub.calls.create(**wish(vendor)).id
    vendor.clock.advance(20)
    made["queued"] = hub.calls.create(**wish(vendor)).id
    if vendor.name == "erzycall":
        made["cancelled"] = hub.calls.cancel(hub.calls.create(**wish(vendor)).id).id
    return made


@pytest.mark.parametrize("status", [*STATUSES, "ringing", "in_doubt", "unknown"])
def test_by_status(hub: Any, vendor: Vendor, status: str) -> None:
    made = life_of_calls(hub, vendor)
    vendor.relay.seen.clear()
    found = [call for call in hub.calls.list(provider=vendor.name, status=status) if ":" not in call.id]
    assert ids(found) == ([made[status]] if status in made else [])
    assert all(call.status == status for call in found)
    native = vendor.name == "erzycall" and status not in ("ringing", "in_doubt", "unknown")
    assert any("status" in hit.query for hit in vendor.relay.seen) == native
    assert ids(hub.calls.list(provider=vendor.name, status=CallStatus(status)))[: len(found)] == ids(found)


def test_by_time(hub: Any, vendor: Vendor) -> None:
    made = []
    for _ in range(3):
        vendor.clock.advance(600)
        made.append(hub.calls.create(**wish(vendor)))
    since, until = START + timedelta(seconds=900), START + timedelta(seconds=1500)
    vendor.relay.seen.clear()
    assert ids(hub.calls.list(provider=vendor.name, since=since, until=until)) == [made[1].id]
    assert ids(hub.calls.list(provider=vendor.name, since=until)) == [made[2].id]
    assert set(ids(hub.calls.list(provider=vendor.name, until=until))) >= {made[0].id, made[1].id}
    asked = vendor.relay.seen[0].query
    window = {"from": "2026-03-02T09:15:00.000Z", "to": "2026-03-02T09:25:00.000Z"}
    assert asked == ({"limit": "100"} | window if vendor.name == "erzycall" else {})


def test_by_script(side: Side, vendor: Vendor) -> None:
    other = {"erzycall": "abc", "aicaller": "999"}[vendor.name]
    hub = side.hub(scripts={"onboarding": {vendor.name: _script_of(vendor)}, "other": {vendor.name: other}})
    call = hub.calls.create(**wish(vendor))
    vendor.relay.seen.clear()
    by_name = hub.calls.list(provider=vendor.name, script="onboarding")
    by_id = hub.calls.list(provider=vendor.name, script=f"{vendor.name}:{_script_of(vendor)}")
    for found in (list(by_name), list(by_id)):
        assert call.id in ids(found)
        assert {each.script for each in found} == {"onboarding"}
    assert list(hub.calls.list(provider=vendor.name, script="other")) == []
    asked = {"erzycall": "caseId", "aicaller": "callTemplateId"}[vendor.name]
    assert [hit.query[asked] for hit in vendor.relay.seen] == [_script_of(vendor)] * 2 + [other]


def test_a_script_that_one_vendor_lacks_is_asked_of_the_others_only(side: Side, world: World) -> None:
    hub = side.hub(scripts={"onboarding": {"erzycall": "case_789"}})
    assert ids(hub.calls.list(script="onboarding")) == ["erzycall:abc123"]
    assert world.aicaller.relay.seen == []


def test_by_contact(hub: Any, world: World) -> None:
    linked = hub.calls.create(**wish(world.erzycall, contact="erzycall:contact_456"))
    hub.calls.create(**wish(world.erzycall))
    found = ids(hub.calls.list(contact_id="erzycall:contact_456"))
    assert set(found) == {linked.id, "erzycall:abc123"}
    assert world.aicaller.relay.seen == []
    assert world.erzycall.relay.seen[-1].query["contactId"] == "contact_456"


def test_a_vendor_that_fails_in_the_middle_of_a_list(hub: Any, world: World) -> None:
    world.aicaller.rig(Response(500), method="GET")
    listed: list[Call] = []
    with pytest.raises(Unreachable) as caught:
        listed.extend(hub.calls.list())
    assert caught.value.provider == "aicaller"
    assert ids(listed) == ["erzycall:abc123"]


# What the ledger remembers


def test_the_history_is_newest_first_and_asks_nobody(hub: Any, world: World) -> None:
    made = [hub.calls.create(**wish(name)).id for _ in range(3) for name in world.settings]
    doubtful = world.erzycall.in_doubt(hub).id
    before = len(world.erzycall.relay.seen), len(world.aicaller.relay.seen)
    assert ids(hub.calls.history()) == [doubtful, *reversed(made)]
    assert (len(world.erzycall.relay.seen), len(world.aicaller.relay.seen)) == before


def test_the_history_holds_what_was_refused(hub: Any, vendor: Vendor) -> None:
    vendor.fail("refuse")
    with pytest.raises(InvalidRequest) as caught:
        hub.calls.create(**wish(vendor))
    (failed,) = hub.calls.history(status="failed")
    assert failed.id == call_of(caught.value).id
    assert failed.attempts[0].reason == str(caught.value)
    assert hub.calls.wait(failed.id).status is CallStatus.FAILED


def test_the_history_by_status_number_and_time(hub: Any, vendor: Vendor) -> None:
    first = hub.calls.create(**wish(vendor)).id
    vendor.clock.advance(600)
    second = vendor.in_doubt(hub, to=OTHER).id
    vendor.clock.advance(600)
    third = hub.calls.create(**wish(vendor, contact=Contact(name="B"))).id
    history = hub.calls.history
    assert ids(history(status="in_doubt")) == [second]
    assert ids(history(status="queued")) == [third, first]
    assert ids(history(to=OTHER)) == [second]
    assert ids(history(to=f"{OTHER[:2]} (415) {OTHER[5:8]}-{OTHER[8:]}")) == [second]
    with pytest.raises(InvalidRequest, match=r"to must be in E\.164 form"):
        ids(history(to="somebody"))
    assert ids(history(to="+14155550199")) == []
    minute = timedelta(minutes=1)
    assert ids(history(since=START + minute)) == [third, second]
    assert ids(history(until=START + 10 * minute)) == [first]
    assert ids(history(since=START + 10 * minute, until=START + 20 * minute)) == [second]
    assert ids(history(since=START, status="queued", to=NUMBER, until=START + minute)) == [first]


def test_a_long_history_is_read_in_pages(side: Side, vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callhub.flows.observe.HISTORY_PAGE", 3)
    hub = side.hub()
    made: list[str] = []
    for _ in range(7):
        assert ids(hub.calls.history()) == made[::-1]
        made.append(hub.calls.create(**wish(vendor)).id)
    half_read = hub.calls.history()
    first = next(half_read).id
    hub.calls.create(**wish(vendor))
    assert [first, *ids(half_read)] == made[::-1]


def test_waiting_for_what_the_ledger_knows_to_be_over_asks_nobody(hub: Any, vendor: Vendor) -> None:
    call = hub.calls.create(**wish(vendor))
    over = hub.calls.wait(call.id)
    seen = len(vendor.relay.seen)
    again = hub.calls.wait(call.id)
    assert (again.to_dict(), again.raw) == (over.to_dict(), over.raw)
    assert len(vendor.relay.seen) == seen


@pytest.mark.parametrize("at", [datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)])
def test_a_time_out_of_range_is_refused(hub: Any, at: datetime) -> None:
    for name in ("since", "until"):
        with pytest.raises(InvalidRequest) as caught:
            hub.calls.list(**{name: at})
        assert "out of range" in caught.value.fields[name]
