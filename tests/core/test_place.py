"""Placing a call: what comes back, what is written down, and that one key rings one phone."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from callhub import (
    AsyncHub,
    CallOutcome,
    CallStatus,
    Conflict,
    Contact,
    Hub,
    InvalidRequest,
    OutcomeUnknown,
)
from callhub.provider.http import Response
from callhub.runtime.clock import Clock
from tests.core.kit import NUMBER, PERSON, SCRIPT_IDS, SCRIPTS, START, call_of, wish

if TYPE_CHECKING:
    from callhub import Call
    from callhub.provider.sandbox import Hit
    from tests.core.kit import Rows, Side, Vendor, World

OTHER = "+14155550177"


# What comes back


def test_an_accepted_call(hub: Any, vendor: Vendor) -> None:
    call = hub.calls.create(
        **wish(vendor, variables={"name": PERSON}, idempotency_key="order-1", metadata={"order": 1009})
    )
    assert UUID(call.id).version == 7
    assert call.provider == vendor.name
    assert call.provider_call_id
    assert (call.status, call.outcome, call.terminal) == (CallStatus.QUEUED, None, False)
    assert call.provider_status == {"erzycall": "new", "aicaller": "queued"}[vendor.name]
    assert (call.to, call.contact, call.script) == (NUMBER, PERSON, "onboarding")
    assert call.from_number == {"erzycall": "+14155559999", "aicaller": None}[vendor.name]
    assert (call.variables, call.metadata) == ({"name": PERSON}, {"order": 1009})
    assert (call.created_at, call.scheduled_at, call.held_by) == (START, None, None)
    assert (call.idempotency_key, call.replayed, call.needs_person) == ("order-1", False, False)
    (attempt,) = call.attempts
    assert (attempt.provider, attempt.verdict, attempt.reason) == (vendor.name, "accepted", None)
    assert attempt.started_at == attempt.finished_at == START
    assert call.raw[{"erzycall": "id", "aicaller": "_id"}[vendor.name]] == call.provider_call_id


def test_the_request_on_the_wire(hub: Any, vendor: Vendor) -> None:
    hub.calls.create(**wish(vendor, variables={"name": PERSON, "year": 2026}))
    (hit,) = vendor.relay.seen
    body = {
        "erzycall": {
            "to": NUMBER,
            "from": "+14155559999",
            "caseId": SCRIPT_IDS["erzycall"],
            "variableValues": {"name": PERSON, "year": "2026"},
        },
        "aicaller": {
            "teamId": "363573667364666473667332",
            "phoneNumberId": "363573667364666473667332",
            "callTemplateId": SCRIPT_IDS["aicaller"],
            "nameOfHuman": PERSON,
            "toPhoneNumber": NUMBER,
            "promptVariableValues": [{"key": "name", "value": PERSON}, {"key": "year", "value": "2026"}],
        },
    }
    assert json.loads(hit.body) == body[vendor.name]
    assert hit.headers["content-type"] == "application/json"
    assert ("idempotency-key" in hit.headers) == (vendor.name == "erzycall")


def test_the_ledger_remembers_the_call_as_it_was_returned(hub: Any, vendor: Vendor) -> None:
    call = hub.calls.create(**wish(vendor, variables={"name": PERSON}, metadata={"order": 1009}))
    known = hub.calls.get(call.id, refresh=False)
    assert known.to_dict() == call.to_dict()
    assert known.raw == call.raw
    assert vendor.requests == [vendor.requests[0]]


def test_what_stands_in_the_file(side: Side, vendor: Vendor, rows: Rows) -> None:
    hub = side.hub(ledger=rows.url)
    call = hub.calls.create(**wish(vendor, idempotency_key="order-1"))
    (intent,), (attempt,), (bound,) = rows("intents"), rows("attempts"), rows("calls")
    assert (intent["id"], intent["key"], intent["status"]) == (call.id, "order-1", "queued")
    assert (intent["to_number"], intent["generation"]) == (NUMBER, 0)
    assert (attempt["intent"], attempt["ordinal"], attempt["provider"]) == (call.id, 1, vendor.name)
    assert (attempt["verdict"], attempt["finished_at"]) == ("accepted", START.timestamp())
    assert bound == {
        "provider": vendor.name,
        "provider_call_id": call.provider_call_id,
        "intent": call.id,
        "ordinal": 1,
    }


def test_a_call_that_is_watched_to_its_end(hub: Any, vendor: Vendor) -> None:
    call = hub.calls.wait(hub.calls.create(**wish(vendor)).id)
    outcome = {"erzycall": CallOutcome.UNKNOWN, "aicaller": CallOutcome.CONVERSATION}[vendor.name]
    assert (call.status, call.outcome, call.terminal) == (CallStatus.ENDED, outcome, True)
    assert call.duration > timedelta(seconds=30)
    assert vendor.rung == {NUMBER: 1}


def test_a_scheduled_call(hub: Any, vendor: Vendor) -> None:
    at = (START + timedelta(hours=3)).astimezone(ZoneInfo("Asia/Kuala_Lumpur"))
    call = hub.calls.create(**wish(vendor, scheduled_at=at))
    assert (call.status, call.scheduled_at, call.held_by) == (CallStatus.SCHEDULED, at, "provider")
    body = json.loads(vendor.posts[0].body)
    assert body[{"erzycall": "scheduledAt", "aicaller": "callDelayedUntil"}[vendor.name]] == (
        "2026-03-02T12:00:00.000Z"
    )
    vendor.live(3 * 3600 - 1)
    assert vendor.rung == {}
    assert hub.calls.get(call.id).status is CallStatus.SCHEDULED
    vendor.live(120)
    assert vendor.rung == {NUMBER: 1}
    assert hub.calls.get(call.id).terminal


def test_without_a_key_each_create_is_a_call_of_its_own(hub: Any, vendor: Vendor) -> None:
    first, second = (hub.calls.create(**wish(vendor)) for _ in range(2))
    assert first.id < second.id
    assert first.idempotency_key != second.idempotency_key
    assert vendor.live() == {NUMBER: 2}


def test_the_only_provider_need_not_be_named(side: Side, vendor: Vendor) -> None:
    hub = side.hub(providers={vendor.name: vendor.settings})
    assert hub.calls.create(**wish(vendor, provider=None)).provider == vendor.name


def test_the_number_may_come_from_the_contact(hub: Any, vendor: Vendor) -> None:
    contact = Contact(name=PERSON, phone=NUMBER)
    call = hub.calls.create(**wish(vendor, to=None, contact=contact))
    assert call.to == NUMBER
    assert NUMBER in vendor.posts[0].body.decode()


def test_the_number_given_wins_over_the_contacts(hub: Any, vendor: Vendor) -> None:
    call = hub.calls.create(**wish(vendor, contact=Contact(name=PERSON, phone=OTHER)))
    assert call.to == NUMBER
    assert OTHER not in vendor.posts[0].body.decode()


# The same key


def test_the_same_key_gives_the_same_call_and_dials_once(hub: Any, vendor: Vendor) -> None:
    first = hub.calls.create(**wish(vendor, idempotency_key="order-1"))
    second = hub.calls.create(**wish(vendor, idempotency_key="order-1"))
    assert not first.replayed
    assert second.replayed
    assert second.to_dict() == first.to_dict() | {"replayed": True}
    assert len(vendor.posts) == 1
    assert vendor.live() == {NUMBER: 1}


def test_the_same_key_whatever_the_configuration_and_the_clock_say_by_now(
    side: Side, world: World, vendor: Vendor, rows: Rows
) -> None:
    keyed = wish(vendor, idempotency_key="order-1", scheduled_at=START + timedelta(hours=1))
    first = side.hub(ledger=rows.url).calls.create(**keyed)
    world.clock.advance(7200)
    for settings in ({}, {vendor.name: vendor.settings}):
        later = side.hub(ledger=rows.url, providers=settings, scripts={}, numbers="valid")
        again = later.calls.create(**keyed)
        assert (again.id, again.replayed) == (first.id, True)
    assert len(vendor.posts) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"to": OTHER},
        {"script": "other"},
        {"variables": {"name": "Badrul"}},
        {"contact": Contact(name="Badrul")},
        {"first_message": "Hello"},
        {"scheduled_at": START + timedelta(days=1)},
        {"from_number": "+60360431879"},
        {"record": False},
        {"extras": {"aicaller": {"telephonyProvider": "telnyx"}}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_request_under_the_same_key_is_a_conflict(
    hub: Any, vendor: Vendor, change: dict[str, Any]
) -> None:
    first = hub.calls.create(**wish(vendor, idempotency_key="order-1"))
    with pytest.raises(Conflict, match="use one key for one intended call") as caught:
        hub.calls.create(**wish(vendor, idempotency_key="order-1") | change)
    assert call_of(caught.value).id == first.id
    assert len(vendor.relay.seen) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"timeout": 5},
        {"metadata": {"try": 2}},
        {"allow_default_script": True},
        {"provider": "elsewhere"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_who_carries_it_and_how_long_to_wait_is_not_the_request(
    hub: Any, vendor: Vendor, change: dict[str, Any]
) -> None:
    first = hub.calls.create(**wish(vendor, idempotency_key="order-1"))
    again = hub.calls.create(**wish(vendor, idempotency_key="order-1") | change)
    assert (again.id, again.replayed, again.metadata) == (first.id, True, {})


def test_the_same_instant_in_another_zone_is_the_same_request(hub: Any, vendor: Vendor) -> None:
    at = START + timedelta(hours=1)
    first = hub.calls.create(**wish(vendor, idempotency_key="order-1", scheduled_at=at))
    elsewhere = at.astimezone(ZoneInfo("America/New_York"))
    again = hub.calls.create(**wish(vendor, idempotency_key="order-1", scheduled_at=elsewhere))
    assert again.id == first.id


def test_in_doubt_is_not_dialled_again(side: Side, vendor: Vendor) -> None:
    """Where there is neither a repeat (its window is over) nor time for a look-up."""
    hub = side.hub(idempotency_window=0, settling=3600)
    vendor.fail("drop_after")
    with pytest.raises(OutcomeUnknown) as first:
        hub.calls.create(**wish(vendor, idempotency_key="order-1"))
    with pytest.raises(OutcomeUnknown, match="not dialled again") as second:
        hub.calls.create(**wish(vendor, idempotency_key="order-1"))
    assert first.value.dialed == second.value.dialed == "maybe"
    assert call_of(first.value).id == call_of(second.value).id
    assert call_of(second.value).status is CallStatus.IN_DOUBT
    assert second.value.provider == vendor.name
    assert len(vendor.relay.seen) == 1
    assert vendor.live() == {NUMBER: 1}


def test_in_doubt_is_settled_by_the_next_caller(hub: Any, vendor: Vendor) -> None:
    call = vendor.in_doubt(hub, idempotency_key="order-1")
    again = hub.calls.create(**wish(vendor, idempotency_key="order-1"))
    assert (again.id, again.replayed) == (call.id, True)
    assert [attempt.verdict for attempt in again.attempts] == ["accepted"]
    assert len({(hit.body, hit.headers.get("idempotency-key")) for hit in vendor.posts}) == 1
    assert vendor.name == "erzycall" or len(vendor.posts) == 1
    assert vendor.live() == {NUMBER: 1}


def test_a_refused_call_is_tried_again_as_the_same_intent(hub: Any, vendor: Vendor) -> None:
    vendor.fail("refuse")
    with pytest.raises(InvalidRequest) as caught:
        hub.calls.create(**wish(vendor, idempotency_key="order-1"))
    failed = call_of(caught.value)
    assert (failed.status, failed.outcome, failed.terminal) == (CallStatus.FAILED, CallOutcome.ERROR, True)
    call = hub.calls.create(**wish(vendor, idempotency_key="order-1"))
    assert (call.id, call.replayed, call.status) == (failed.id, False, CallStatus.QUEUED)
    assert [attempt.verdict for attempt in call.attempts] == ["refused", "accepted"]
    assert hub.calls.get(call.id, refresh=False).attempts == call.attempts
    assert vendor.live() == {NUMBER: 1}


def test_a_refused_call_may_go_out_through_another_vendor(hub: Any, world: World) -> None:
    world.erzycall.fail("refuse")
    with pytest.raises(InvalidRequest):
        hub.calls.create(**wish("erzycall", idempotency_key="order-1"))
    call = hub.calls.create(**wish("aicaller", idempotency_key="order-1"))
    assert [(each.provider, each.verdict) for each in call.attempts] == [
        ("erzycall", "refused"),
        ("aicaller", "accepted"),
    ]
    assert (call.provider, hub.calls.get(call.id).provider) == ("aicaller", "aicaller")
    assert hub.calls.create(**wish("erzycall", idempotency_key="order-1")).replayed
    assert (world.erzycall.live(), world.aicaller.rung) == ({}, {NUMBER: 1})


def test_a_call_in_doubt_goes_out_through_no_other_vendor(hub: Any, world: World) -> None:
    world.erzycall.rig(Response(500))
    for name in ("erzycall", "aicaller"):
        with pytest.raises(OutcomeUnknown, match="look-up found nothing yet") as caught:
            hub.calls.create(**wish(name, idempotency_key="order-1"))
        assert (caught.value.dialed, caught.value.provider) == ("maybe", "erzycall")
    assert world.aicaller.relay.seen == []


def test_a_cancelled_call_is_given_back_and_not_placed_again(hub: Any, erzycall: Vendor) -> None:
    call = hub.calls.create(**wish(erzycall, idempotency_key="order-1"))
    hub.calls.cancel(call.id)
    again = hub.calls.create(**wish(erzycall, idempotency_key="order-1"))
    assert (again.id, again.status, again.replayed) == (call.id, CallStatus.CANCELLED, True)
    assert len(erzycall.posts) == 1
    assert erzycall.live() == {}


def test_the_vendors_key_is_renewed_by_a_refusal_and_by_nothing_else(
    side: Side, erzycall: Vendor, rows: Rows
) -> None:
    for key in ("order-1", "order-2"):
        erzycall.fail("refuse")
        with pytest.raises(InvalidRequest):
            side.hub(ledger=rows.url).calls.create(**wish(erzycall, idempotency_key=key))
        erzycall.clock.advance(60)
        side.hub(ledger=rows.url).calls.create(**wish(erzycall, idempotency_key=key))
    keys = [hit.headers["idempotency-key"] for hit in erzycall.posts]
    assert len(keys) == 4
    assert len(set(keys)) == 4
    with pytest.raises(Conflict):
        side.hub(ledger=rows.url).calls.create(**wish(erzycall, idempotency_key="order-1", record=False))
    assert [row["generation"] for row in rows("intents")] == [1, 1]
    assert not any("order" in key for key in keys)


def test_two_ledgers_give_the_vendor_different_keys(side: Side, erzycall: Vendor) -> None:
    for _ in range(2):
        side.hub().calls.create(**wish(erzycall, idempotency_key="order-1"))
    first, second = (hit.headers["idempotency-key"] for hit in erzycall.posts)
    assert first != second


# Many at once


class Watched(Clock):
    """The real clock, which tells when somebody waits for the winner."""

    def __init__(self) -> None:
        self.somebody_waits = threading.Event()

    def sleep(self, seconds: float) -> None:
        self.somebody_waits.set()
        super().sleep(seconds)

    async def sleep_async(self, seconds: float) -> None:
        self.somebody_waits.set()
        await super().sleep_async(seconds)


def check_all_the_same(calls: list[Call], vendor: Vendor) -> None:
    assert len({call.id for call in calls}) == 1
    assert len({call.provider_call_id for call in calls}) == 1
    assert sum(not call.replayed for call in calls) == 1
    assert len(vendor.posts) == 1
    assert vendor.live() == {NUMBER: 1}


@pytest.mark.parametrize("in_memory", [True, False], ids=["memory", "file"])
def test_twenty_threads_with_one_key_dial_once(
    world: World,
    vendor: Vendor,
    rows: Rows,
    in_memory: bool,  # noqa: FBT001
) -> None:
    clock = Watched()
    vendor.relay.watch = lambda _: clock.somebody_waits.wait(10)
    start = threading.Barrier(20)

    def place(_: int) -> Call:
        start.wait()
        return hub.calls.create(**wish(vendor, idempotency_key="order-1"))

    url = "sqlite://" if in_memory else rows.url
    with (
        Hub(providers=world.settings, scripts=SCRIPTS, ledger=url, clock=clock) as hub,
        ThreadPoolExecutor(20) as pool,
    ):
        check_all_the_same([*pool.map(place, range(20))], vendor)
    assert clock.somebody_waits.is_set()


@pytest.mark.parametrize("in_memory", [True, False], ids=["memory", "file"])
async def test_twenty_tasks_with_one_key_dial_once(
    world: World,
    vendor: Vendor,
    rows: Rows,
    in_memory: bool,  # noqa: FBT001
) -> None:
    clock = Watched()
    vendor.relay.watch = lambda _: clock.somebody_waits.wait(10)
    url = "sqlite://" if in_memory else rows.url
    async with AsyncHub(providers=world.settings, scripts=SCRIPTS, ledger=url, clock=clock) as hub:
        wanted = wish(vendor, idempotency_key="order-1")
        calls = await asyncio.gather(*(hub.calls.create(**wanted) for _ in range(20)))
    check_all_the_same(calls, vendor)
    assert clock.somebody_waits.is_set()


def test_two_hubs_of_two_colours_on_one_ledger_dial_once(world: World, vendor: Vendor, rows: Rows) -> None:
    clock = Watched()
    vendor.relay.watch = lambda _: clock.somebody_waits.wait(10)
    options: dict[str, Any] = {"scripts": SCRIPTS, "ledger": rows.url, "clock": clock}
    wanted = wish(vendor, idempotency_key="order-1")

    async def place() -> Call:
        async with AsyncHub(providers=world.settings, **options) as hub:
            return await hub.calls.create(**wanted)

    with (
        Hub(providers=world.settings, **options) as hub,
        ThreadPoolExecutor(1) as pool,
    ):
        other = pool.submit(asyncio.run, place())
        check_all_the_same([hub.calls.create(**wanted), other.result()], vendor)


# Written down before the request leaves


def test_the_claim_is_committed_when_the_request_arrives(side: Side, vendor: Vendor, rows: Rows) -> None:
    found: list[Any] = []
    vendor.relay.watch = lambda hit: found.append((hit, rows("intents"), rows("attempts"), rows("calls")))
    hub = side.hub(ledger=rows.url)
    call = hub.calls.create(**wish(vendor, idempotency_key="order-1"))
    ((hit, (intent,), (attempt,), bound),) = found
    assert (intent["id"], intent["key"], intent["status"]) == (call.id, "order-1", "in_doubt")
    assert (attempt["verdict"], attempt["finished_at"]) == (None, None)
    assert (attempt["method"], attempt["path"], attempt["body"]) == (hit.method, hit.path, hit.body)
    for name, value in json.loads(attempt["headers"]):
        assert hit.headers[name] == value
    assert ("idempotency-key" in attempt["headers"]) == (vendor.name == "erzycall")
    assert attempt["lease_until"] > attempt["started_at"] - START.timestamp()
    assert bound == []


def test_every_try_is_claimed_before_it_leaves(side: Side, vendor: Vendor, rows: Rows) -> None:
    found: list[list[str | None]] = []
    vendor.relay.watch = lambda _: found.append([row["verdict"] for row in rows("attempts")])
    vendor.fail("rate_limit_bare", "rate_limit_bare")
    side.hub(ledger=rows.url).calls.create(**wish(vendor))
    assert found == [[None], ["refused", None], ["refused", "refused", None]]


def test_the_ledger_holds_no_key(side: Side, world: World, rows: Rows) -> None:
    hub = side.hub(ledger=rows.url)
    accounts = set()
    for vendor in (world.erzycall, world.aicaller):
        call = hub.calls.create(**wish(vendor))
        hub.calls.get(call.id)
    accounts = {row["account"] for row in rows("attempts")}
    assert len(accounts) == 2
    content = b"".join(part.read_bytes() for part in rows.file.parent.glob("calls.db*"))
    assert NUMBER.encode() in content  # so that what follows isn't true of an empty file
    for vendor in (world.erzycall, world.aicaller):
        assert vendor.settings["api_key"].encode() not in content


def test_a_call_in_flight_is_in_doubt_to_everybody_else(
    side: Side, world: World, vendor: Vendor, rows: Rows
) -> None:
    def look(hit: Hit) -> None:
        if hit.method == "POST":
            with Hub(scripts={}, ledger=rows.url, clock=world.clock) as other:
                found.append(next(other.calls.history()))
                with pytest.raises(OutcomeUnknown, match="being placed right now") as caught:
                    other.calls.create(**wish(vendor, idempotency_key="order-1", timeout=1))
                found.append(call_of(caught.value))

    found: list[Call] = []
    vendor.relay.watch = look
    call = side.hub(ledger=rows.url).calls.create(**wish(vendor, idempotency_key="order-1"))
    assert [(each.id, each.status) for each in found] == [(call.id, CallStatus.IN_DOUBT)] * 2
    assert len(vendor.posts) == 1


def test_many_hubs_agree_on_a_file_that_is_not_there_yet(world: World, vendor: Vendor, rows: Rows) -> None:
    start = threading.Barrier(16)

    def place(number: int) -> Call:
        with Hub(providers=world.settings, scripts=SCRIPTS, ledger=rows.url) as hub:
            start.wait()
            return hub.calls.create(**wish(vendor, idempotency_key=f"order-{number % 4}"))

    with ThreadPoolExecutor(16) as pool:
        calls = [*pool.map(place, range(16))]
    assert len({call.id for call in calls}) == 4
    assert len(vendor.posts) == 4


def test_a_ledger_is_readable_while_it_is_written(side: Side, vendor: Vendor, rows: Rows) -> None:
    hub = side.hub(ledger=rows.url)
    call = hub.calls.create(**wish(vendor))
    writer = sqlite3.connect(rows.file, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    try:
        assert hub.calls.get(call.id, refresh=False).id == call.id
    finally:
        writer.close()
