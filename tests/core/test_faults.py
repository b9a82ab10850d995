"""Whatever goes wrong while a call is placed: the verdict is right, and no phone rings twice."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import threading
from contextlib import suppress
from datetime import timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from callhub import (
    AsyncHub,
    CallhubError,
    CallStatus,
    Hub,
    InvalidRequest,
    LedgerError,
    OutcomeUnknown,
    RateLimited,
    Unreachable,
)
from callhub.flows.operations import Settle
from callhub.ledger.store import Ledger
from callhub.policy.retry import TRIES
from callhub.provider.http import Response, to_json
from callhub.provider.sandbox import Answer, Mishap
from callhub.runtime.transport import Transport
from tests.core import rogues
from tests.core.kit import NUMBER, SCRIPTS, Instant, call_of, closed_port, secrets_in, told, wish

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator
    from datetime import datetime
    from pathlib import Path

    from callhub_erzycall import ErzyCall
    from tests.core.kit import Rows, Side, Vendor, World

HEALED = {Mishap.RATE_LIMIT, Mishap.RATE_LIMIT_BARE}
ACTED = {each for each in Mishap if each.endswith("_after")}
SOON = 0.3  # seconds until a vendor that hangs is given up


SENT_AGAIN = "accepted when the same request was sent again"
LOOKED_UP = "found by a look-up at the vendor"


def keyed(vendor: Vendor, **changes: Any) -> dict[str, Any]:
    return wish(vendor, idempotency_key="order-1", **changes)


def sent(vendor: Vendor) -> set[tuple[bytes, str | None]]:
    """Give the different bodies that were posted, each with its key."""
    return {(hit.body, hit.headers.get("idempotency-key")) for hit in vendor.posts}


# Every mishap


UNCLEAR = sorted(set(Mishap) - HEALED - {Mishap.REFUSE})
HANGS = {Mishap.HANG_BEFORE, Mishap.HANG_AFTER}


@pytest.mark.parametrize("mishap", UNCLEAR)
def test_a_mishap_that_proves_nothing_is_settled_by_the_same_request_again(
    side: Side, erzycall: Vendor, rows: Rows, mishap: Mishap
) -> None:
    hub = side.hub(ledger=rows.url)
    erzycall.fail(mishap)
    call = hub.calls.create(**keyed(erzycall, timeout=SOON if mishap in HANGS else 10))
    assert (call.status, call.replayed, call.needs_person) == (CallStatus.QUEUED, False, False)
    assert call.provider_call_id
    (attempt,) = call.attempts
    assert (attempt.verdict, attempt.reason) == ("accepted", SENT_AGAIN)
    (row,) = rows("attempts")
    assert (row["verdict"], row["dials"], row["lease_until"]) == ("accepted", 2, 0)
    assert (len(erzycall.posts), len(sent(erzycall))) == (2, 1)
    for again in (hub, side.hub(ledger=rows.url)):
        given_back = again.calls.create(**keyed(erzycall))
        assert (given_back.id, given_back.replayed) == (call.id, True)
    assert len(erzycall.relay.seen) == 2
    assert erzycall.live() == {NUMBER: 1}


@pytest.mark.parametrize("mishap", UNCLEAR)
def test_a_mishap_that_goes_on_leaves_the_call_in_doubt(
    side: Side, erzycall: Vendor, rows: Rows, mishap: Mishap
) -> None:
    hub = side.hub(ledger=rows.url)
    erzycall.fail(*[mishap] * 12)
    erzycall.fail(*["error_before"] * 12, method="GET")
    with pytest.raises(OutcomeUnknown, match="don't send it again by hand") as caught:
        hub.calls.create(**keyed(erzycall, timeout=SOON if mishap in HANGS else 10))
    error, call = caught.value, call_of(caught.value)
    assert (error.dialed, error.provider) == ("maybe", "erzycall")
    assert (call.status, call.outcome, call.provider_call_id) == (CallStatus.IN_DOUBT, None, None)
    assert call.needs_person is False  # the look-up failed, too: it may tell later
    assert [attempt.verdict for attempt in call.attempts] == ["maybe"]
    assert secrets_in(told(error)) == []
    (row,) = rows("attempts")
    assert row["verdict"] == "maybe"
    assert row["dials"] == 1 + TRIES if mishap not in HANGS else row["dials"] > 1
    for again in (hub, side.hub(ledger=rows.url)):
        with pytest.raises(OutcomeUnknown, match="not dialled again"):
            again.calls.create(**keyed(erzycall, timeout=SOON))
    assert hub.calls.get(call.id).status is CallStatus.IN_DOUBT
    assert len(sent(erzycall)) == 1
    unheard = rows("attempts")[0]["dials"] - len(erzycall.posts)
    assert 0 <= unheard <= 3  # at the end of each time-out, one may be written down and not get out any more
    assert erzycall.live() == ({NUMBER: 1} if mishap in ACTED else {})


@pytest.mark.parametrize("mishap", sorted(set(UNCLEAR) - HANGS))
def test_a_mishap_that_proves_nothing_is_looked_up_where_a_repeat_could_ring_twice(
    side: Side, aicaller: Vendor, rows: Rows, mishap: Mishap
) -> None:
    hub = side.hub(ledger=rows.url)
    aicaller.fail(mishap)
    if mishap in ACTED:
        call = hub.calls.create(**keyed(aicaller))
        assert (call.status, call.attempts[0].reason) == (CallStatus.RINGING, LOOKED_UP)
        assert hub.calls.create(**keyed(aicaller)).replayed
    else:
        with pytest.raises(OutcomeUnknown, match="don't send it again by hand") as caught:
            hub.calls.create(**keyed(aicaller))
        error, call = caught.value, call_of(caught.value)
        assert (error.dialed, error.provider) == ("maybe", "aicaller")
        assert (call.status, call.provider_call_id, call.needs_person) == (CallStatus.IN_DOUBT, None, True)
        assert secrets_in(told(error)) == []
        with pytest.raises(OutcomeUnknown, match=f"callhub resolve {call.id}") as repeated:
            side.hub(ledger=rows.url).calls.create(**keyed(aicaller))
        assert repeated.value.dialed == "maybe"
    assert [row["verdict"] for row in rows("attempts")] == ["accepted" if mishap in ACTED else "maybe"]
    assert [row["dials"] for row in rows("attempts")] == [1]
    assert len(aicaller.posts) == 1
    assert aicaller.live() == ({NUMBER: 1} if mishap in ACTED else {})


@pytest.mark.parametrize("mishap", sorted(HANGS))
def test_a_hang_leaves_no_time_for_a_look_up_and_the_next_caller_finds_out(
    hub: Any, aicaller: Vendor, mishap: Mishap
) -> None:
    aicaller.fail(mishap)
    with pytest.raises(OutcomeUnknown, match=r"too early for a look-up: try again in 5 s") as caught:
        hub.calls.create(**keyed(aicaller, timeout=SOON))
    call = call_of(caught.value)
    assert (call.status, call.needs_person) == (CallStatus.IN_DOUBT, False)
    assert [request.partition(" ")[0] for request in aicaller.requests] == ["POST"]
    if mishap in ACTED:
        later = hub.calls.create(**keyed(aicaller))
        assert (later.id, later.replayed, later.status) == (call.id, True, CallStatus.RINGING)
    else:
        with pytest.raises(OutcomeUnknown) as again:
            hub.calls.create(**keyed(aicaller))
        assert call_of(again.value).needs_person
    assert aicaller.clock.slept == [pytest.approx(5)]
    assert len(aicaller.posts) == 1
    assert aicaller.live() == ({NUMBER: 1} if mishap in ACTED else {})


def test_a_refusal_is_a_proven_no(side: Side, vendor: Vendor, rows: Rows) -> None:
    hub = side.hub(ledger=rows.url)
    vendor.fail("refuse")
    with pytest.raises(InvalidRequest, match=f"^{vendor.title} answered 400") as caught:
        hub.calls.create(**keyed(vendor))
    error = caught.value
    assert (error.dialed, error.provider) == ("no", vendor.name)
    assert (error.code, error.fields) == {
        "erzycall": ("VALIDATION_ERROR", {"to": "Refused on demand"}),
        "aicaller": (None, {}),
    }[vendor.name]
    assert [row["verdict"] for row in rows("attempts")] == ["refused"]
    assert len(vendor.posts) == 1
    assert vendor.live() == {}


@pytest.mark.parametrize("mishap", sorted(HEALED))
def test_a_rate_limit_is_waited_for(hub: Any, vendor: Vendor, mishap: Mishap) -> None:
    vendor.fail(mishap, mishap)
    call = hub.calls.create(**keyed(vendor))
    assert [attempt.verdict for attempt in call.attempts] == ["refused", "refused", "accepted"]
    assert len(vendor.posts) == 3
    assert vendor.live() == {NUMBER: 1}


def test_after_a_maybe_a_refusal_proves_nothing(hub: Any, vendor: Vendor) -> None:
    """ErzyCall is asked again and refuses; the look-up then finds the call at either vendor."""
    vendor.fail("rate_limit", "error_after", "refuse")
    call = hub.calls.create(**keyed(vendor))
    assert [attempt.verdict for attempt in call.attempts] == ["refused", "accepted"]
    assert call.attempts[1].reason == LOOKED_UP
    assert len(vendor.posts) == (3 if vendor.name == "erzycall" else 2)
    assert vendor.live() == {NUMBER: 1}


LATER = [
    (400, "VALIDATION_ERROR"),
    (401, "UNAUTHORIZED"),
    (403, "CONTACT_OPTED_OUT"),
    (404, "NOT_FOUND"),
    (409, "CONFLICT"),
    (409, "IDEMPOTENCY_MISMATCH"),
    (429, "RATE_LIMITED"),
]


@pytest.mark.parametrize(("status", "code"), LATER)
def test_a_maybe_stays_one_whatever_is_answered_later(
    side: Side, erzycall: Vendor, rows: Rows, status: int, code: str
) -> None:
    """The vendor has the call and says so to nobody: neither the request again nor the list tells."""
    hub = side.hub(ledger=rows.url)
    answers = [Response(500), *[Response(status, {}, to_json({"error": {"code": code}}))] * 20]
    erzycall.fail(*["error_before"] * 12, method="GET")
    erzycall.relay.rigged = lambda hit: Answer(answers.pop(0)) if hit.method == "POST" else None
    with pytest.raises(OutcomeUnknown) as caught:
        hub.calls.create(**keyed(erzycall))
    assert caught.value.dialed == "maybe"
    with pytest.raises(OutcomeUnknown) as again:
        hub.calls.create(**keyed(erzycall))
    assert (again.value.dialed, call_of(again.value).status) == ("maybe", CallStatus.IN_DOUBT)
    assert [row["verdict"] for row in rows("attempts")] == ["maybe"]
    assert [row["generation"] for row in rows("intents")] == [0]
    assert len(sent(erzycall)) == 1


def test_a_maybe_stays_one_though_the_vendor_is_gone_later(side: Side, erzycall: Vendor, rows: Rows) -> None:
    """The account is another one then, too: the stored request must not go there."""
    erzycall.fail("hang_after")
    with pytest.raises(OutcomeUnknown) as caught:
        side.hub(ledger=rows.url, idempotency_window=0).calls.create(**keyed(erzycall, timeout=SOON))
    gone = {"erzycall": erzycall.settings | {"base_url": f"http://127.0.0.1:{closed_port()}"}}
    with pytest.raises(OutcomeUnknown, match="another account or address") as later:
        side.hub(ledger=rows.url, providers=gone).calls.create(**keyed(erzycall))
    assert call_of(later.value).id == call_of(caught.value).id
    assert [row["verdict"] for row in rows("attempts")] == ["maybe"]
    assert len(erzycall.posts) == 1


# What counts as a refusal

ERZYCALL_CODES = [
    (400, "VALIDATION_ERROR", "InvalidRequest"),
    (400, "INVALID_JSON", "InvalidRequest"),
    (400, "INVALID_ID", "InvalidRequest"),
    (401, "UNAUTHORIZED", "AuthenticationFailed"),
    (401, "KEY_REVOKED", "AuthenticationFailed"),
    (401, "KEY_EXPIRED", "AuthenticationFailed"),
    (403, "INSUFFICIENT_SCOPE", "PermissionDenied"),
    (403, "CONTACT_OPTED_OUT", "Suppressed"),
    (404, "NOT_FOUND", "NotFound"),
    (409, "CONFLICT", "Conflict"),
    (422, "INVALID_STATE", "InvalidState"),
    (422, "INVALID_PHONE", "InvalidRequest"),
    (422, "MAX_ENDPOINTS", "InvalidState"),
    (409, "IDEMPOTENCY_MISMATCH", "OutcomeUnknown"),
    (500, "INTERNAL_ERROR", "OutcomeUnknown"),
    (400, "SOMETHING_NEW", "OutcomeUnknown"),
    (500, "VALIDATION_ERROR", "OutcomeUnknown"),  # a documented code, but not with its status
    (401, None, "OutcomeUnknown"),
    (402, None, "OutcomeUnknown"),
    (408, None, "OutcomeUnknown"),
    (429, None, "OutcomeUnknown"),
    (502, None, "OutcomeUnknown"),
    (503, None, "OutcomeUnknown"),
]


@pytest.mark.parametrize(("status", "code", "kind"), ERZYCALL_CODES)
def test_what_erzycalls_codes_prove(
    hub: Any, erzycall: Vendor, status: int, code: str | None, kind: str
) -> None:
    envelope = {"error": {"code": code, "message": "So it is"}}
    erzycall.rig(Response(status, {"x-request-id": "r-1"}, to_json(envelope) if code else b"<html>"))
    with pytest.raises(CallhubError) as caught:
        hub.calls.create(**keyed(erzycall))
    error = caught.value
    assert type(error).__name__ == kind
    assert error.dialed == ("maybe" if kind == "OutcomeUnknown" else "no")
    assert (error.code, error.request_id, error.provider) == (code, "r-1", "erzycall")
    verdicts = [attempt.verdict for attempt in call_of(error).attempts]
    assert verdicts == ["maybe" if kind == "OutcomeUnknown" else "refused"]
    assert len(erzycall.posts) == (1 + TRIES if kind == "OutcomeUnknown" else 1)
    assert len(sent(erzycall)) == 1


AICALLER_STATUSES = [
    (300, "OutcomeUnknown"),
    (302, "OutcomeUnknown"),
    (400, "InvalidRequest"),
    (401, "AuthenticationFailed"),
    (402, "OutcomeUnknown"),
    (403, "PermissionDenied"),
    (404, "NotFound"),
    (405, "OutcomeUnknown"),
    (408, "OutcomeUnknown"),
    (409, "OutcomeUnknown"),
    (410, "OutcomeUnknown"),
    (422, "InvalidRequest"),
    (500, "OutcomeUnknown"),
    (502, "OutcomeUnknown"),
    (503, "OutcomeUnknown"),
    (504, "OutcomeUnknown"),
]


@pytest.mark.parametrize(("status", "kind"), AICALLER_STATUSES)
def test_what_aicallers_statuses_prove(hub: Any, aicaller: Vendor, status: int, kind: str) -> None:
    aicaller.rig(Response(status, {"content-type": "text/plain"}, b"So it is"))
    with pytest.raises(CallhubError, match=f"AICaller answered {status}") as caught:
        hub.calls.create(**keyed(aicaller))
    error = caught.value
    assert type(error).__name__ == kind
    assert error.dialed == ("maybe" if kind == "OutcomeUnknown" else "no")
    assert len(aicaller.posts) == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{}", b'{"data": null}', b'{"data": {"status": "new"}}', b'{"data": {"id": ""}}',
     b'{"data": {"_id": ""}}', b'"ok"', b"\xff\xfe", b'{"data": ', b"1" * 5000],
)  # fmt: skip
def test_a_2xx_that_names_no_call_is_in_doubt(hub: Any, vendor: Vendor, body: bytes) -> None:
    vendor.rig(Response(201, {"content-type": "application/json"}, body))
    with pytest.raises(OutcomeUnknown, match="can't be understood") as caught:
        hub.calls.create(**keyed(vendor))
    assert call_of(caught.value).status is CallStatus.IN_DOUBT
    stays = {"erzycall": "not dialled again", "aicaller": "needs a person"}[vendor.name]
    with pytest.raises(OutcomeUnknown, match=stays):
        hub.calls.create(**keyed(vendor))
    assert len(vendor.posts) == (1 + 2 * TRIES if vendor.name == "erzycall" else 1)
    assert len(sent(vendor)) == 1


def test_a_bare_2xx_is_in_doubt(hub: Any, vendor: Vendor) -> None:
    vendor.rig(Response(204))
    with pytest.raises(OutcomeUnknown):
        hub.calls.create(**keyed(vendor))


@pytest.mark.parametrize("field", ["note", "to", "toPhoneNumber"])
def test_half_a_character_in_the_answer_loses_no_call(hub: Any, vendor: Vendor, field: str) -> None:
    """JSON can say it, as a vendor does that cuts a text within an emoji; UTF-8 can't."""
    vendor.rig(Response(201, {}, b'{"data": {"id": "c1", "_id": "c1", "%s": "\\ud83d"}}' % field.encode()))
    call = hub.calls.create(**keyed(vendor))
    assert call.provider_call_id == "c1"
    assert hub.calls.get(call.id, refresh=False).attempts[0].verdict == "accepted"
    assert hub.calls.create(**keyed(vendor)).id == call.id


# Rate limits


def limited(vendor: Vendor, **headers: str) -> Response:
    body = {"error": {"code": "RATE_LIMITED", "message": "Rate limit exceeded"}}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(429, named, to_json(body) if vendor.name == "erzycall" else b"Too Many Requests")


def test_retry_after_in_seconds_is_obeyed(hub: Any, vendor: Vendor) -> None:
    vendor.rig(limited(vendor, retry_after="7"), times=1)
    hub.calls.create(**keyed(vendor))
    (pause,) = vendor.clock.slept
    assert 7 <= pause < 8


def test_retry_after_as_a_date_is_obeyed(hub: Any, vendor: Vendor) -> None:
    until = format_datetime(vendor.clock.now() + timedelta(seconds=9), usegmt=True)
    vendor.rig(limited(vendor, retry_after=until), times=1)
    hub.calls.create(**keyed(vendor))
    (pause,) = vendor.clock.slept
    assert 9 <= pause < 10


@pytest.mark.parametrize("told_so", [{}, {"retry_after": "soon"}, {"retry_after": ""}])
def test_without_retry_after_five_seconds_are_waited(
    hub: Any, vendor: Vendor, told_so: dict[str, str]
) -> None:
    vendor.rig(limited(vendor, **told_so), times=1)
    hub.calls.create(**keyed(vendor))
    (pause,) = vendor.clock.slept
    assert 5 <= pause < 6


@pytest.mark.parametrize(("wait", "timeout"), [("61", 600), ("20", 10), ("86400", 30)])
def test_a_wait_that_is_too_long_is_reported_at_once(
    hub: Any, vendor: Vendor, wait: str, timeout: int
) -> None:
    vendor.rig(limited(vendor, retry_after=wait), times=1)
    with pytest.raises(RateLimited, match="wait, then try again") as caught:
        hub.calls.create(**keyed(vendor, timeout=timeout))
    assert caught.value.retry_after == timedelta(seconds=int(wait))
    assert (caught.value.dialed, caught.value.provider) == ("no", vendor.name)
    assert vendor.clock.slept == []
    assert len(vendor.posts) == 1
    hub.calls.create(**keyed(vendor))
    assert vendor.live() == {NUMBER: 1}


def test_rate_limits_without_end_are_given_up(hub: Any, vendor: Vendor) -> None:
    vendor.rig(limited(vendor, retry_after="1"))
    with pytest.raises(RateLimited) as caught:
        hub.calls.create(**keyed(vendor))
    assert [attempt.verdict for attempt in call_of(caught.value).attempts] == ["refused"] * 4
    assert len(vendor.posts) == 4


@pytest.mark.parametrize("wait", ["1" + "0" * 14, "1" + "0" * 400])
def test_a_retry_after_beyond_all_measure(hub: Any, vendor: Vendor, wait: str) -> None:
    vendor.rig(limited(vendor, retry_after=wait))
    with pytest.raises(RateLimited):
        hub.calls.create(**keyed(vendor))


# One deadline over everything


def test_a_call_whose_time_is_up_before_it_is_dialled_is_not_dialled(
    side: Side, world: World, erzycall: Vendor
) -> None:
    """Reading the contact takes longer than the whole call may take."""
    hub = side.hub()
    erzycall.rig(limited(erzycall, retry_after="20"), method="GET", times=1)
    wanted = keyed(erzycall, to=None, contact="erzycall:contact_456", timeout=5)
    with pytest.raises(CallhubError) as caught:
        hub.calls.create(**wanted)
    assert caught.value.dialed == "no"
    assert erzycall.posts == []
    assert sum(world.clock.slept) <= 5


def test_a_call_whose_time_is_up_once_the_contact_is_read_is_not_dialled(
    side: Side, world: World, erzycall: Vendor
) -> None:
    erzycall.relay.watch = lambda hit: world.clock.advance(10) if hit.method == "GET" else None
    wanted = keyed(erzycall, to=None, contact="erzycall:contact_456", timeout=5)
    hub = side.hub()
    with pytest.raises(Unreachable, match="timeout was used up") as caught:
        hub.calls.create(**wanted)
    assert (caught.value.dialed, caught.value.provider) == ("no", "erzycall")
    assert erzycall.posts == []
    assert hub.calls.create(**wanted | {"timeout": 30}).attempts[0].verdict == "accepted"


def test_the_deadline_holds_over_all_tries(side: Side, world: World) -> None:
    gone = {"erzycall": {**world.erzycall.settings, "base_url": f"http://127.0.0.1:{closed_port()}"}}
    with pytest.raises(Unreachable):
        side.hub(providers=gone).calls.create(**wish("erzycall", timeout=1))
    assert sum(world.clock.slept) <= 1


# Nobody there


def test_a_closed_port_is_tried_again_and_then_unreachable(side: Side, vendor: Vendor, rows: Rows) -> None:
    gone = {vendor.name: {**vendor.settings, "base_url": f"http://127.0.0.1:{closed_port()}"}}
    with pytest.raises(Unreachable, match=f"CALLHUB_{vendor.name.upper()}_BASE_URL") as caught:
        side.hub(providers=gone, ledger=rows.url).calls.create(**keyed(vendor))
    call = call_of(caught.value)
    assert (caught.value.dialed, caught.value.provider) == ("no", vendor.name)
    assert [attempt.verdict for attempt in call.attempts] == ["unreachable"] * 4
    assert len(vendor.clock.slept) == 3
    placed = side.hub(ledger=rows.url).calls.create(**keyed(vendor))
    assert (placed.id, placed.replayed, len(placed.attempts)) == (call.id, False, 5)
    assert vendor.live() == {NUMBER: 1}


# The ledger


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a busy database be an error at once."""
    monkeypatch.setattr("callhub.ledger.engine.BUSY_SECONDS", 0.05)


class Lock:
    """Another writer, who takes the ledger for as long as it is wanted."""

    def __init__(self, file: Path) -> None:
        self._connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)

    def take(self, *_: object) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def give_back(self) -> None:
        self._connection.close()


@pytest.fixture
def lock(rows: Rows, world: World) -> Iterator[Lock]:
    with Hub(providers=world.settings, ledger=rows.url) as maker:
        assert list(maker.calls.history()) == []
    lock = Lock(rows.file)
    yield lock
    lock.give_back()


@pytest.mark.usefixtures("impatient")
def test_a_ledger_that_fails_before_the_claim(side: Side, vendor: Vendor, rows: Rows, lock: Lock) -> None:
    hub = side.hub(ledger=rows.url)
    lock.take()
    with pytest.raises(LedgerError, match=r"calls\.db") as caught:
        hub.calls.create(**keyed(vendor))
    assert caught.value.dialed == "no"
    assert vendor.relay.seen == []
    assert secrets_in(told(caught.value)) == []
    lock.give_back()
    hub.calls.create(**keyed(vendor))
    assert vendor.live() == {NUMBER: 1}


@pytest.mark.usefixtures("impatient")
def test_a_ledger_that_fails_after_the_vendor_has_accepted(
    side: Side, vendor: Vendor, rows: Rows, lock: Lock
) -> None:
    hub = side.hub(ledger=rows.url)
    vendor.relay.watch = lock.take
    with pytest.raises(LedgerError) as caught:
        hub.calls.create(**keyed(vendor))
    assert caught.value.dialed == "maybe"
    assert call_of(caught.value).provider_call_id
    assert secrets_in(told(caught.value)) == []
    lock.give_back()
    with pytest.raises(OutcomeUnknown):
        hub.calls.create(**keyed(vendor, timeout=1))
    assert len(vendor.posts) == 1
    assert vendor.live() == {NUMBER: 1}


@pytest.mark.parametrize("answer", ["error_after", "accepted", "refuse"])
def test_a_ledger_that_fails_at_any_one_moment(
    side: Side, vendor: Vendor, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    """Whatever the ledger was asked just then: what may have rung is called so, and rings once in the end."""
    perform = Ledger.perform
    left = 0

    def failing(ledger: Ledger, operation: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0:
            raise LedgerError("it broke")
        return perform(ledger, operation)

    monkeypatch.setattr(Ledger, "perform", failing)
    hub = side.hub()
    told_so: dict[int, tuple[str, str]] = {}
    for moment in range(1, 30):
        left, number = moment, f"+14155552{moment:03}"
        vendor.relay.seen.clear()
        if answer != "accepted":
            vendor.fail(answer)
        try:
            hub.calls.create(**wish(vendor, to=number, idempotency_key=number))
        except LedgerError as error:
            rang = bool(vendor.posts) and answer != "refuse"
            told_so[moment] = (error.dialed, "maybe" if rang else "no")
        except InvalidRequest:
            break
        else:
            if left > 0:
                break
        left = 0
        vendor.clock.advance(120)
        with suppress(InvalidRequest, OutcomeUnknown):
            hub.calls.create(**wish(vendor, to=number, idempotency_key=number))
    else:
        pytest.fail("there was no end of it")
    assert {said for said, _ in told_so.values()} == ({"no"} if answer == "refuse" else {"no", "maybe"})
    assert {moment: pair for moment, pair in told_so.items() if pair[0] != pair[1]} == {}
    assert set(vendor.live().values()) <= {1}


@pytest.mark.usefixtures("impatient")
def test_a_ledger_that_fails_after_the_vendor_has_refused(
    side: Side, vendor: Vendor, rows: Rows, lock: Lock
) -> None:
    hub = side.hub(ledger=rows.url)
    vendor.fail("refuse")
    vendor.relay.watch = lock.take
    with pytest.raises(LedgerError) as caught:
        hub.calls.create(**keyed(vendor))
    assert caught.value.dialed == "no"
    assert vendor.live() == {}


@pytest.mark.usefixtures("impatient")
def test_a_ledger_that_fails_after_the_vendor_has_cancelled(
    side: Side, erzycall: Vendor, rows: Rows, lock: Lock
) -> None:
    hub = side.hub(ledger=rows.url)
    call = hub.calls.create(**keyed(erzycall))
    erzycall.relay.watch = lambda hit: lock.take() if hit.method == "GET" else None
    with pytest.raises(LedgerError):
        hub.calls.cancel(call.id)
    lock.give_back()
    erzycall.relay.watch = lambda _: None
    assert hub.calls.cancel(call.id).status is CallStatus.CANCELLED


@pytest.mark.parametrize("place", ["a folder", "no database", "below a file"])
def test_a_ledger_that_can_not_be_opened(side: Side, vendor: Vendor, rows: Rows, place: str) -> None:
    file = rows.file
    if place == "a folder":
        file.mkdir()
    else:
        file.write_bytes(b"no database, but long enough to be looked at" * 100)
    hub = side.hub(ledger=f"sqlite:///{file / 'below.db' if place == 'below a file' else file}")
    with pytest.raises(LedgerError, match=r"calls\.db") as caught:
        hub.calls.create(**keyed(vendor))
    assert caught.value.dialed == "no"
    assert vendor.relay.seen == []


def test_a_ledger_of_a_newer_callhub_is_left_alone(side: Side, vendor: Vendor, rows: Rows) -> None:
    side.hub(ledger=rows.url).calls.create(**keyed(vendor))
    with sqlite3.connect(rows.file) as connection:
        connection.execute("UPDATE facts SET value = '999' WHERE name = 'version'")
    connection.close()
    with pytest.raises(LedgerError, match="newer callhub"):
        side.hub(ledger=rows.url).calls.create(**keyed(vendor))
    assert len(vendor.posts) == 1


# Interrupted


def hub_of(world: World, url: str) -> AsyncHub:
    return AsyncHub(providers=world.settings, scripts=SCRIPTS, ledger=url, clock=world.clock)


async def cancelled(placing: Coroutine[Any, Any, Any], arrived: asyncio.Event) -> None:
    task = asyncio.create_task(placing)
    await arrived.wait()
    task.cancel()
    await task


async def timed_out(placing: Coroutine[Any, Any, Any], arrived: asyncio.Event) -> None:
    async with asyncio.timeout(30) as limit:
        ending = asyncio.create_task(arrived.wait())
        ending.add_done_callback(lambda _: limit.reschedule(0))
        await placing


async def out_of_scope(placing: Coroutine[Any, Any, Any], arrived: asyncio.Event) -> None:
    with anyio.fail_after(30) as scope:
        ending = asyncio.create_task(arrived.wait())
        ending.add_done_callback(lambda _: setattr(scope, "deadline", 0))
        await placing


@pytest.mark.parametrize(
    ("mishap", "interrupted"),
    [
        ("hang_before", cancelled),
        ("hang_after", cancelled),
        ("hang_after", timed_out),
        ("hang_after", out_of_scope),
    ],
)
async def test_a_task_that_is_cancelled_in_flight_settles_maybe(
    world: World, vendor: Vendor, rows: Rows, mishap: str, interrupted: Any
) -> None:
    arrived = asyncio.Event()
    loop = asyncio.get_running_loop()
    vendor.relay.watch = lambda _: loop.call_soon_threadsafe(arrived.set)
    vendor.fail(mishap)
    async with hub_of(world, rows.url) as hub:
        with pytest.raises((asyncio.CancelledError, TimeoutError)):
            await interrupted(hub.calls.create(**keyed(vendor)), arrived)
        assert [row["verdict"] for row in rows("attempts")] == ["maybe"]
        if vendor.name == "erzycall" or mishap == "hang_after":
            later = await hub.calls.create(**keyed(vendor))
            assert (later.replayed, later.attempts[0].verdict) == (True, "accepted")
        else:
            with pytest.raises(OutcomeUnknown):
                await hub.calls.create(**keyed(vendor))
    assert (len(vendor.posts), len(sent(vendor))) == (2 if vendor.name == "erzycall" else 1, 1)
    assert vendor.live() == ({} if (vendor.name, mishap) == ("aicaller", "hang_before") else {NUMBER: 1})


async def test_a_task_that_is_cancelled_while_the_request_is_sent_again_leaves_a_maybe(
    world: World, erzycall: Vendor, rows: Rows
) -> None:
    arrived = asyncio.Event()
    loop = asyncio.get_running_loop()
    erzycall.fail("error_after", "hang_after")
    erzycall.relay.watch = lambda _: loop.call_soon_threadsafe(
        arrived.set if len(erzycall.posts) > 1 else lambda: None
    )
    async with hub_of(world, rows.url) as hub:
        with pytest.raises(asyncio.CancelledError):
            await cancelled(hub.calls.create(**keyed(erzycall)), arrived)
        (row,) = rows("attempts")
        assert (row["verdict"], row["dials"], row["lease_until"]) == ("maybe", 2, 0)
        assert "interrupted while the request was under way again" in row["reason"]
        assert (await hub.calls.create(**keyed(erzycall))).replayed
    assert (len(erzycall.posts), len(sent(erzycall))) == (3, 1)
    assert erzycall.live() == {NUMBER: 1}


async def test_a_task_that_is_cancelled_twice_still_settles(
    world: World, vendor: Vendor, rows: Rows, lock: Lock
) -> None:
    arrived = asyncio.Event()
    loop = asyncio.get_running_loop()
    vendor.fail("hang_after")

    def arrive(_: object) -> None:
        lock.take()
        loop.call_soon_threadsafe(arrived.set)

    vendor.relay.watch = arrive
    async with hub_of(world, rows.url) as hub:
        task = asyncio.create_task(hub.calls.create(**keyed(vendor)))
        await arrived.wait()
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=0.1)
        assert not done  # it waits for the ledger
        task.cancel()
        lock.give_back()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert [row["verdict"] for row in rows("attempts")] == ["maybe"]


async def test_a_task_that_is_cancelled_while_it_claims_sends_nothing(
    world: World, vendor: Vendor, rows: Rows, lock: Lock
) -> None:
    async with hub_of(world, rows.url) as hub:
        lock.take()
        task = asyncio.create_task(hub.calls.create(**keyed(vendor)))
        done, _ = await asyncio.wait([task], timeout=0.2)
        assert not done  # it waits for the ledger
        task.cancel()
        lock.give_back()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert [row["verdict"] for row in rows("attempts")] == ["unreachable"]
        assert vendor.relay.seen == []
        again = await hub.calls.create(**keyed(vendor))
    assert [each.verdict for each in again.attempts] == ["unreachable", "accepted"]
    assert len(vendor.posts) == 1


async def test_a_cancellation_is_seen_whatever_fails_meanwhile(
    world: World, vendor: Vendor, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(operation: Any) -> Any:
        if isinstance(operation, Settle):
            raise LedgerError("the disk is full")
        return perform(operation)

    arrived = asyncio.Event()
    loop = asyncio.get_running_loop()
    vendor.relay.watch = lambda _: loop.call_soon_threadsafe(arrived.set)
    vendor.fail("hang_after")
    async with hub_of(world, rows.url) as hub:
        perform = hub._ledger.perform  # noqa: SLF001
        monkeypatch.setattr(hub._ledger, "perform", fail)  # noqa: SLF001
        with pytest.raises(asyncio.CancelledError) as caught:
            await cancelled(hub.calls.create(**keyed(vendor)), arrived)
    assert isinstance(caught.value.__cause__, LedgerError)
    assert len(vendor.posts) == 1


def test_an_interruption_is_seen_whatever_fails_meanwhile(
    world: World, vendor: Vendor, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(ledger: Ledger, operation: Any) -> Any:
        if isinstance(operation, Settle):
            raise LedgerError("the disk is full")
        return perform(ledger, operation)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    perform = Ledger.perform
    monkeypatch.setattr(Ledger, "perform", fail)
    monkeypatch.setattr(Transport, "send", interrupt)
    with (
        Hub(providers=world.settings, scripts=SCRIPTS, ledger=rows.url, clock=world.clock) as hub,
        pytest.raises(KeyboardInterrupt) as caught,
    ):
        hub.calls.create(**keyed(vendor))
    assert isinstance(caught.value.__cause__, LedgerError)
    assert vendor.posts == []


def test_a_loop_that_ends_while_the_ledger_is_busy_sends_nothing(
    world: World, vendor: Vendor, rows: Rows, lock: Lock
) -> None:
    """`asyncio.run` cancels every task that is left: what the ledger has begun is known all the same."""

    async def leave() -> asyncio.Task[Any]:
        hub = await hub_of(world, rows.url).__aenter__()
        lock.take()
        task = asyncio.create_task(hub.calls.create(**keyed(vendor)))
        await asyncio.sleep(0.2)
        threading.Timer(0.2, lock.give_back).start()
        return task

    assert asyncio.run(leave()).cancelled()
    assert [row["verdict"] for row in rows("attempts")] == ["unreachable"]
    assert vendor.relay.seen == []


class Telling(Instant):
    """A clock that tells when it is asked for the time again, as it is before a call is settled."""

    def __init__(self) -> None:
        super().__init__()
        self.arrived = False
        self.settling = asyncio.Event()

    def now(self) -> datetime:
        if self.arrived:
            self.settling.set()
        return super().now()


async def test_a_task_that_is_cancelled_while_it_settles_loses_no_call(
    world: World, vendor: Vendor, rows: Rows, lock: Lock
) -> None:
    def arrive(_: object) -> None:
        lock.take()
        clock.arrived = True

    world.clock = clock = Telling()
    vendor.relay.watch = arrive
    async with hub_of(world, rows.url) as hub:
        task = asyncio.create_task(hub.calls.create(**keyed(vendor)))
        await clock.settling.wait()
        assert not task.done()  # the vendor has accepted, and the ledger is busy
        task.cancel()
        lock.give_back()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert [row["verdict"] for row in rows("attempts")] == ["accepted"]
        vendor.relay.watch = lambda _: None
        again = await hub.calls.create(**keyed(vendor))
    assert (again.replayed, again.status) == (True, CallStatus.QUEUED)
    assert len(vendor.posts) == 1


@pytest.mark.parametrize("mishap", ["hang_before", "hang_after"])
def test_ctrl_c_in_flight_settles_maybe(world: World, vendor: Vendor, rows: Rows, mishap: str) -> None:
    main = threading.main_thread().ident
    assert main is not None
    vendor.relay.watch = lambda _: signal.pthread_kill(main, signal.SIGINT)
    vendor.fail(mishap)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with (
            Hub(providers=world.settings, scripts=SCRIPTS, ledger=rows.url, clock=world.clock) as hub,
            pytest.raises(KeyboardInterrupt),
        ):
            hub.calls.create(**keyed(vendor))
    finally:
        signal.signal(signal.SIGINT, before)
    assert [row["verdict"] for row in rows("attempts")] == ["maybe"]
    vendor.relay.watch = lambda _: None
    lost = (vendor.name, mishap) == ("aicaller", "hang_before")
    with Hub(providers=world.settings, scripts=SCRIPTS, ledger=rows.url, clock=world.clock) as later:
        if lost:
            with pytest.raises(OutcomeUnknown) as caught:
                later.calls.create(**keyed(vendor))
            assert call_of(caught.value).needs_person
        else:
            assert later.calls.create(**keyed(vendor)).replayed
    assert (len(vendor.posts), len(sent(vendor))) == (2 if vendor.name == "erzycall" else 1, 1)
    assert vendor.live() == ({} if lost else {NUMBER: 1})


# Plugins with bugs


@pytest.fixture
def rogue_providers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, world: World) -> dict[str, Any]:
    """Install the rogues by the same door as any plugin."""
    kinds = {kind.name: kind for kind in rogues.ROGUES}
    points = "\n".join(f"{name} = tests.core.rogues:{kind.__name__}" for name, kind in kinds.items())
    package = tmp_path / "site" / "rogues-1.0.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: rogues\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text(f"[callhub.providers]\n{points}\n")
    monkeypatch.syspath_prepend(package.parent)
    return dict.fromkeys(kinds, world.erzycall.settings)


def rogue(kind: type[ErzyCall], **changes: Any) -> dict[str, Any]:
    return {
        "to": NUMBER,
        "first_message": "Hello",
        "provider": kind.name,
        "idempotency_key": "order-1",
    } | changes


@pytest.mark.parametrize("kind", [rogues.FailsAfter, rogues.DialsTwice, rogues.ReturnsNothing])
def test_a_bug_after_the_2xx_leaves_it_to_a_look_up(
    side: Side, erzycall: Vendor, rogue_providers: dict[str, Any], kind: type[ErzyCall]
) -> None:
    call = side.hub(providers=rogue_providers).calls.create(**rogue(kind))
    assert [(each.verdict, each.reason) for each in call.attempts] == [("accepted", LOOKED_UP)]
    assert (len(erzycall.posts), len(sent(erzycall))) == (1 + TRIES, 1)
    assert erzycall.live() == {NUMBER: 1}


@pytest.mark.parametrize("kind", [rogues.FailsAfter, rogues.DialsTwice, rogues.ReturnsNothing])
def test_a_bug_after_the_2xx_that_no_look_up_settles_leaves_the_call_in_doubt(
    side: Side, erzycall: Vendor, rogue_providers: dict[str, Any], kind: type[ErzyCall]
) -> None:
    hub = side.hub(providers=rogue_providers)
    erzycall.fail(*["error_before"] * 12, method="GET")
    with pytest.raises(OutcomeUnknown) as caught:
        hub.calls.create(**rogue(kind))
    assert (caught.value.dialed, caught.value.provider) == ("maybe", kind.name)
    assert [attempt.verdict for attempt in call_of(caught.value).attempts] == ["maybe"]
    assert secrets_in(told(caught.value)) == []
    with pytest.raises(OutcomeUnknown):
        hub.calls.create(**rogue(kind))
    assert len(sent(erzycall)) == 1
    assert erzycall.live() == {NUMBER: 1}


def test_a_plugin_may_read_before_and_after_it_dials(
    side: Side, erzycall: Vendor, rogue_providers: dict[str, Any]
) -> None:
    call = side.hub(providers=rogue_providers).calls.create(**rogue(rogues.DialsFirst))
    assert [attempt.verdict for attempt in call.attempts] == ["accepted"]
    assert [request.partition(" ")[0] for request in erzycall.requests] == ["GET", "POST", "GET"]


def test_what_fails_before_the_dial_dials_nothing(
    side: Side, erzycall: Vendor, rogue_providers: dict[str, Any]
) -> None:
    hub = side.hub(providers=rogue_providers)
    erzycall.fail(*["error_before"] * TRIES, method="GET")
    with pytest.raises(Unreachable) as caught:
        hub.calls.create(**rogue(rogues.DialsFirst))
    assert caught.value.dialed == "no"
    assert erzycall.posts == []
    assert list(hub.calls.history()) == []
    erzycall.fail("error_before", method="GET")
    call = hub.calls.create(**rogue(rogues.DialsFirst))
    assert [attempt.verdict for attempt in call.attempts] == ["accepted"]
    assert erzycall.live() == {NUMBER: 1}


def test_a_plugin_may_tolerate_what_fails_after_the_dial(
    side: Side, erzycall: Vendor, rogue_providers: dict[str, Any]
) -> None:
    erzycall.fail(*["error_before"] * 4, method="GET")
    call = side.hub(providers=rogue_providers).calls.create(**rogue(rogues.ToleratesAfter))
    assert [attempt.verdict for attempt in call.attempts] == ["accepted"]


@pytest.mark.parametrize("operation", ["get", "cancel", "surprise"])
def test_only_a_create_may_dial(
    side: Side, erzycall: Vendor, rogue_providers: dict[str, Any], operation: str
) -> None:
    hub = side.hub(providers=rogue_providers)
    act = hub.provider("dialsonget").surprise if operation == "surprise" else getattr(hub.calls, operation)
    with pytest.raises(CallhubError, match="may not dial"):
        act("dialsonget:abc123")
    assert erzycall.relay.seen == []


@pytest.mark.parametrize("kind", [rogues.NeverDials, rogues.BreaksBefore])
def test_a_plugin_that_does_not_dial_places_nothing(
    side: Side,
    erzycall: Vendor,
    rogue_providers: dict[str, Any],
    kind: type[ErzyCall],
    rows: Rows,
) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011 - a plugin's bug before the dial may be anything
        side.hub(providers=rogue_providers, ledger=rows.url).calls.create(**rogue(kind))
    assert erzycall.posts == []
    assert rows("attempts") == []


@pytest.mark.parametrize("kind", [rogues.CantReadErrors, rogues.CantReadLimits])
def test_a_bug_on_the_answer_is_an_unknown_outcome(
    side: Side, erzycall: Vendor, rogue_providers: dict[str, Any], kind: type[ErzyCall], rows: Rows,
) -> None:  # fmt: skip
    hub = side.hub(providers=rogue_providers, ledger=rows.url)
    erzycall.fail(*["error_after"] * 12)
    erzycall.fail(*["error_before"] * 12, method="GET")
    for _ in range(2):
        with pytest.raises(OutcomeUnknown) as caught:
            hub.calls.create(**rogue(kind))
        assert (caught.value.dialed, caught.value.provider) == ("maybe", kind.name)
        assert call_of(caught.value).status is CallStatus.IN_DOUBT
        assert secrets_in(told(caught.value)) == []
    assert [row["verdict"] for row in rows("attempts")] == ["maybe"]
    assert len(sent(erzycall)) == 1
    assert erzycall.live() == {NUMBER: 1}


def test_a_bug_on_an_error_answer_is_settled_by_the_same_request_again(
    side: Side, erzycall: Vendor, rogue_providers: dict[str, Any]
) -> None:
    erzycall.fail("error_after")
    call = side.hub(providers=rogue_providers).calls.create(**rogue(rogues.CantReadErrors))
    assert [(each.verdict, each.reason) for each in call.attempts] == [("accepted", SENT_AGAIN)]
    assert (len(erzycall.posts), len(sent(erzycall))) == (2, 1)
    assert erzycall.live() == {NUMBER: 1}
