"""What is read of a ledger, on both databases: by vendor, by time, and at one instant."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from callhub.flows import operations as ops
from callhub.model.lifecycle import CallStatus
from callhub.policy.verdict import Verdict
from tests.ledger.kit import PERSON, ago, call, claim, claimed, now, record, settle

if TYPE_CHECKING:
    from callhub.ledger.store import Ledger

OTHER = "+442079460000"


def history(ledger: Ledger, **changes: Any) -> list[str | None]:
    given = {"status": None, "since": None, "until": None, "to": None, "before": None, "limit": 100} | changes
    return [each.idempotency_key for each in ledger.perform(ops.History(**given))]


@pytest.fixture
def placed(ledger: Ledger) -> list[ops.Claim]:
    """Place three calls: an hour ago, half an hour ago, and now."""
    made = []
    for number, (minutes, to) in enumerate([(60, PERSON), (30, OTHER), (0, PERSON)]):
        mine = claimed(ledger, claim(call(f"k{number}", to, created_at=ago(minutes=minutes))))
        if number:
            ledger.perform(settle(mine, Verdict.ACCEPTED, vendor_id=f"v{number}"))
        made.append(mine)
    return made


@pytest.mark.usefixtures("placed")
def test_history_goes_from_the_newest_to_the_oldest(ledger: Ledger) -> None:
    assert history(ledger) == ["k2", "k1", "k0"]
    assert history(ledger, limit=2) == ["k2", "k1"]


def test_history_goes_on_after_a_page(ledger: Ledger, placed: list[ops.Claim]) -> None:
    assert history(ledger, before=placed[1].call.id) == ["k0"]


@pytest.mark.usefixtures("placed")
@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"status": CallStatus.QUEUED}, ["k2", "k1"]),
        ({"status": CallStatus.IN_DOUBT}, ["k0"]),
        ({"status": CallStatus.ENDED}, []),
        ({"to": OTHER}, ["k1"]),
        ({"to": "+1"}, []),
        ({"since": timedelta(minutes=45)}, ["k2", "k1"]),
        ({"until": timedelta(minutes=45)}, ["k0"]),
        ({"since": timedelta(minutes=45), "until": timedelta(minutes=15)}, ["k1"]),
        ({"status": CallStatus.QUEUED, "to": PERSON}, ["k2"]),
    ],
)
def test_history_is_filtered(ledger: Ledger, wanted: dict[str, Any], found: list[str]) -> None:
    given = {name: now() - value if isinstance(value, timedelta) else value for name, value in wanted.items()}
    assert history(ledger, **given) == found


def test_calls_are_found_by_their_vendors_ids(ledger: Ledger, placed: list[ops.Claim]) -> None:
    found = ledger.perform(ops.FindByVendor("acme", ("v1", "v2", "v9")))
    assert found == {f"v{number}": record(ledger, placed[number]) for number in (1, 2)}
    assert ledger.perform(ops.FindByVendor("other", ("v1",))) == {}
    assert ledger.perform(ops.FindByVendor("acme", ())) == {}


def test_open_calls_to_a_person_are_those_that_are_not_over(ledger: Ledger, placed: list[ops.Claim]) -> None:
    ledger.perform(settle(placed[0], Verdict.REFUSED))
    assert [each.idempotency_key for each in ledger.perform(ops.OpenCalls(PERSON))] == ["k2"]
    assert [each.idempotency_key for each in ledger.perform(ops.OpenCalls("+44 20 7946 0000"))] == ["k1"]


def test_nothing_is_found_where_nothing_is(ledger: Ledger) -> None:
    assert ledger.perform(ops.FindById("nobody")) is None
    assert ledger.perform(ops.Story("nobody")) == ()
    assert history(ledger) == []
    assert ledger.perform(ops.OpenCalls(PERSON)) == ()


def test_texts_of_every_kind_are_kept(ledger: Ledger) -> None:
    odd = "%(name)s %s :x 'quoted' \\ \u202e ☎ 𝄞\x7f"
    mine = claimed(ledger, claim(call(odd, metadata={"odd": odd, "nul": "\x00"}), document=odd))
    ledger.perform(settle(mine, Verdict.MAYBE, odd))
    standing = ledger.perform(ops.FindByKey(odd, odd))
    assert standing.same
    assert standing.record is not None
    assert standing.record.call.metadata == {"odd": odd, "nul": "\x00"}
    assert standing.record.call.attempts[0].reason == odd


def test_a_reading_is_of_one_instant(ledger: Ledger) -> None:
    """A settled attempt beside an older state would give a call in doubt back as a placed one."""
    over, torn = threading.Event(), []

    def look() -> None:
        while not over.is_set():
            for number in range(60):
                found = ledger.perform(ops.FindByKey(f"k{number}", None)).record
                settled = found and found.call.attempts and found.call.attempts[0].verdict is not None
                if found and bool(settled) is (found.call.status is CallStatus.IN_DOUBT):
                    torn.append(found)

    readers = [threading.Thread(target=look) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for number in range(60):
            ledger.perform(
                settle(claimed(ledger, claim(call(f"k{number}"))), Verdict.ACCEPTED, vendor_id=f"v{number}")
            )
    finally:
        over.set()
        for reader in readers:
            reader.join(30)
    assert torn == []
