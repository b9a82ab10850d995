"""Attempts in doubt, on both databases: who may take one over, and what is left to a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from callhub.flows import operations as ops
from callhub.policy.guards import Guards
from callhub.policy.verdict import Verdict
from callhub.provider.order import Order
from tests.ledger.kit import (
    ACCOUNT,
    PERSON,
    REQUEST,
    Base,
    ago,
    at_once,
    attempts,
    call,
    claim,
    claimed,
    denied,
    next_of,
    record,
    retake,
    settle,
    suppress,
    verdicts,
)

if TYPE_CHECKING:
    from callhub.ledger.store import Ledger


def doubtful(ledger: Ledger, of: ops.Claim | None = None) -> ops.Claim:
    mine = claimed(ledger, of)
    ledger.perform(settle(mine, Verdict.MAYBE, "no answer"))
    return mine


def test_an_attempt_in_doubt_is_given_as_it_was_stored(ledger: Ledger) -> None:
    mine = doubtful(ledger)
    taken = ledger.perform(retake(mine))
    assert isinstance(taken, ops.Retaken)
    assert taken.dial == 2
    assert (taken.request.method, taken.request.path, taken.request.dials) == ("POST", "/calls", True)
    assert (taken.request.body, taken.request.headers) == (REQUEST.body, REQUEST.headers)


def test_one_of_many_takes_an_attempt_over(ledger: Ledger, base: Base) -> None:
    mine = doubtful(ledger)
    answers = at_once(lambda _: ledger.perform(retake(mine)), 12)
    assert sum(isinstance(answer, ops.Retaken) for answer in answers) == 1
    waits = [answer.wait for answer in answers if isinstance(answer, ops.Denial)]
    assert {denied(each) for each in answers if isinstance(each, ops.Denial)} == {ops.Rule.LEASED}
    assert all(wait is not None and 0 < wait <= 60 for wait in waits)
    assert [row["dials"] for row in base.rows("SELECT dials FROM attempts")] == [2]


def late(**changes: Any) -> ops.Claim:
    return claim(started_at=ago(hours=1), **changes)


@pytest.mark.parametrize(
    ("of", "changes", "rule"),
    [
        (None, {"account": "another"}, ops.Rule.ACCOUNT),
        (None, {"window": 0.0}, ops.Rule.LATE),
        (late(), {}, ops.Rule.LATE),
        (None, {"guards": Guards(caps=["1/1d"])}, ops.Rule.CAP),
        (None, {"guards": Guards(gap="1h")}, ops.Rule.GAP),
    ],
    ids=["account", "window", "late", "cap", "gap"],
)
def test_what_stands_in_the_way_of_sending_again(
    ledger: Ledger, of: ops.Claim | None, changes: dict[str, Any], rule: ops.Rule
) -> None:
    mine = doubtful(ledger, of)
    before = record(ledger, mine)
    assert denied(ledger.perform(retake(mine, **changes))) is rule
    assert record(ledger, mine) == before


def test_who_is_suppressed_is_not_dialled_again(ledger: Ledger) -> None:
    mine = doubtful(ledger)
    ledger.perform(suppress(PERSON))
    assert denied(ledger.perform(retake(mine))) is ops.Rule.SUPPRESSED


def test_a_settled_attempt_is_not_sent_again(ledger: Ledger) -> None:
    mine = claimed(ledger)
    ledger.perform(settle(mine, Verdict.ACCEPTED))
    assert denied(ledger.perform(retake(mine))) is ops.Rule.SETTLED
    assert denied(ledger.perform(retake(next_of(mine)))) is ops.Rule.SETTLED


def test_an_attempt_that_is_being_made_is_not_sent_again(ledger: Ledger, base: Base) -> None:
    mine = claimed(ledger)
    assert denied(ledger.perform(retake(mine))) is ops.Rule.LEASED
    base.lapse()
    assert isinstance(ledger.perform(retake(mine)), ops.Retaken)
    assert record(ledger, mine).leased


@pytest.mark.parametrize("other", [None, Verdict.MAYBE, Verdict.ACCEPTED])
def test_nothing_is_sent_again_beside_another_attempt_that_may_have_rung(
    ledger: Ledger, other: Verdict | None
) -> None:
    """Its caller took the risk of a second ring; sending the first one again would be a third."""
    mine = doubtful(ledger)
    second = claimed(ledger, next_of(mine, risky=True))
    if other is not None:
        ledger.perform(settle(second, other))
    assert denied(ledger.perform(retake(mine))) is ops.Rule.TAKEN


def test_a_clock_that_was_put_back_opens_no_window(ledger: Ledger, base: Base) -> None:
    """Nobody can tell how old the attempt is, so nobody knows whether the vendor still has its key."""
    mine = doubtful(ledger, claim(started_at=ago(hours=-3)))
    base.change("UPDATE attempts SET claimed_at = claimed_at + 10000")
    assert denied(ledger.perform(retake(mine))) is ops.Rule.LATE


def test_a_doubt_tells_what_a_look_up_needs(ledger: Ledger, base: Base) -> None:
    mine = doubtful(ledger)
    rival = doubtful(ledger, claim(call("k2"), order=Order(to=PERSON, idempotency_key="r")))
    doubtful(ledger, claim(call("elsewhere", provider="other")))
    doubtful(ledger, claim(call("somebody", to="+442079460000")))
    long_ago = doubtful(ledger, claim(call("long ago")))
    base.change(
        f"UPDATE attempts SET claimed_at = claimed_at - 10000 WHERE intent = '{long_ago.call.id}'"  # noqa: S608
    )
    found = ledger.perform(ops.FindDoubt(mine.call.id, 1, ACCOUNT))
    assert found is not None
    assert found.order == mine.order
    assert found.account_matches
    assert not found.leased
    assert found.rivals == (rival.order,)
    assert found.started_at <= found.until
    assert 0 <= found.age < 30
    other = ledger.perform(ops.FindDoubt(mine.call.id, 1, "another"))
    assert other is not None
    assert not other.account_matches
    assert ledger.perform(ops.FindDoubt(mine.call.id, 2, ACCOUNT)) is None


def test_calls_bound_to_another_intent_are_told_apart(ledger: Ledger) -> None:
    mine, other = claimed(ledger), claimed(ledger, claim(call("k2")))
    ledger.perform(settle(mine, Verdict.ACCEPTED, vendor_id="mine"))
    ledger.perform(settle(other, Verdict.ACCEPTED, vendor_id="theirs"))
    asked = ops.Bound("acme", ("mine", "theirs", "unknown"), mine.call.id, 1)
    assert ledger.perform(asked) == {"theirs"}
    assert ledger.perform(ops.Bound("other", ("theirs",), mine.call.id, 1)) == frozenset()


def test_one_call_of_a_vendors_settles_one_doubt(ledger: Ledger) -> None:
    """Two look-ups, or two people, may mean the same call: the other one may never have been placed."""
    doubts = [doubtful(ledger, claim(call(f"k{number}"))) for number in range(6)]
    answers = at_once(lambda n: ledger.perform(settle(doubts[n], Verdict.ACCEPTED, "seen", proof=True)), 6)
    assert sorted(answers) == [False] * 5 + [True]
    for mine, settled in zip(doubts, answers, strict=True):
        assert verdicts(ledger, mine) == ["accepted" if settled else "maybe"]
        assert record(ledger, mine).call.provider_call_id == ("v1" if settled else None)


def test_a_call_is_left_to_a_person_once(ledger: Ledger) -> None:
    mine = doubtful(ledger)
    left = ops.LeaveToPerson(mine.call.id, ago(), "nothing was found")
    for _ in range(2):
        ledger.perform(left)
    assert record(ledger, mine).call.needs_person
    assert [each.kind for each in ledger.perform(ops.Story(mine.call.id))] == ["needs a person"]


def test_a_settled_call_is_left_to_nobody(ledger: Ledger) -> None:
    mine = claimed(ledger)
    ledger.perform(settle(mine, Verdict.ACCEPTED))
    ledger.perform(ops.LeaveToPerson(mine.call.id, ago(), "nothing was found"))
    assert not record(ledger, mine).call.needs_person


def test_a_person_settles_what_is_left_to_them(ledger: Ledger) -> None:
    mine = doubtful(ledger)
    ledger.perform(ops.LeaveToPerson(mine.call.id, ago(), "nothing was found"))
    said = ("resolved", "Ann said that it was not placed")
    assert ledger.perform(settle(mine, Verdict.REFUSED, said[1], proof=True, said=said))
    assert verdicts(ledger, mine) == ["refused"]
    assert attempts(ledger, mine)[0].reason == said[1]
    assert record(ledger, mine).free


def test_calls_in_doubt_are_listed_page_by_page_oldest_first(ledger: Ledger) -> None:
    doubts = [doubtful(ledger, claim(call(f"k{number}"))) for number in range(7)]
    claimed(ledger, claim(call("under way")))
    ledger.perform(settle(claimed(ledger, claim(call("over"))), Verdict.ACCEPTED))
    seen: list[str] = []
    while page := ledger.perform(ops.Unsettled(seen[-1] if seen else "", 3)):
        assert len(page) <= 3
        seen += page
    assert seen == sorted(each.call.id for each in doubts)


def test_what_a_crash_left_is_listed_once_its_lease_is_over(ledger: Ledger, base: Base) -> None:
    mine = claimed(ledger)
    assert ledger.perform(ops.Unsettled("", 10)) == ()
    base.lapse()
    assert ledger.perform(ops.Unsettled("", 10)) == (mine.call.id,)
