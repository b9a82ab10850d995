"""Claims and verdicts, on both databases: one owner for each dial, and proof alone changes a maybe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from callhub.flows import operations as ops
from callhub.model.lifecycle import CallOutcome, CallStatus
from callhub.policy.guards import Guards
from callhub.policy.verdict import Verdict
from tests.ledger.kit import (
    ACCOUNT,
    PERSON,
    Base,
    ago,
    at_once,
    attempts,
    call,
    claim,
    claimed,
    denied,
    next_of,
    now,
    observe,
    record,
    retake,
    settle,
    suppress,
    verdicts,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from callhub.ledger.store import Ledger

REFUSED, UNREACHABLE = Verdict.REFUSED, Verdict.UNREACHABLE
MAYBE, ACCEPTED = Verdict.MAYBE, Verdict.ACCEPTED
ONCE = Guards(caps=["1/1d"])


def test_what_is_claimed_can_be_found_by_key_and_by_id(ledger: Ledger) -> None:
    mine = claimed(ledger)
    standing = ledger.perform(ops.FindByKey("k", mine.document))
    assert standing.record == record(ledger, mine)
    assert standing.same
    assert standing.record is not None
    assert standing.record.leased
    assert standing.record.doubtful == (1,)
    assert standing.record.call.status is CallStatus.IN_DOUBT


def test_another_request_under_the_key_is_not_the_same(ledger: Ledger) -> None:
    claimed(ledger)
    assert not ledger.perform(ops.FindByKey("k", "{}")).same
    assert ledger.perform(ops.FindByKey("k2", "{}")).record is None


def test_one_of_many_claims_for_a_key_is_granted(ledger: Ledger, base: Base) -> None:
    answers = at_once(lambda _: ledger.perform(claim()), 12)
    granted = [answer for answer in answers if isinstance(answer, ops.Claimed)]
    assert len(granted) == 1
    assert {denied(answer) for answer in answers if answer not in granted} == {ops.Rule.TAKEN}
    assert base.count("intents") == base.count("attempts") == 1


def test_one_of_many_claims_for_the_next_attempt_is_granted(ledger: Ledger, base: Base) -> None:
    first = claimed(ledger)
    ledger.perform(settle(first, REFUSED))
    answers = at_once(lambda _: ledger.perform(next_of(first)), 12)
    assert sum(isinstance(answer, ops.Claimed) for answer in answers) == 1
    assert base.count("attempts") == 2


def test_many_ledgers_on_one_database_grant_one_claim(open_ledger: Callable[[], Ledger], base: Base) -> None:
    ledgers = [open_ledger() for _ in range(4)]
    answers = at_once(lambda number: ledgers[number].perform(claim()), 4)
    assert sum(isinstance(answer, ops.Claimed) for answer in answers) == 1
    assert base.count("intents") == 1


@pytest.mark.parametrize("standing", [None, MAYBE, ACCEPTED])
def test_no_attempt_follows_one_that_may_have_rung(ledger: Ledger, standing: Verdict | None) -> None:
    first = claimed(ledger)
    if standing is not None:
        ledger.perform(settle(first, standing))
    before = record(ledger, first)
    assert denied(ledger.perform(next_of(first))) is ops.Rule.TAKEN
    assert record(ledger, first) == before


@pytest.mark.parametrize("standing", [REFUSED, UNREACHABLE])
def test_an_attempt_may_follow_a_proven_no(ledger: Ledger, standing: Verdict) -> None:
    first = claimed(ledger)
    ledger.perform(settle(first, standing))
    claimed(ledger, next_of(first))
    assert verdicts(ledger, first) == [standing, None]


def test_who_takes_the_risk_may_follow_a_maybe(ledger: Ledger) -> None:
    first = claimed(ledger)
    ledger.perform(settle(first, MAYBE))
    claimed(ledger, next_of(first, risky=True))


def test_nobody_follows_an_attempt_that_is_being_made_whatever_the_risk(ledger: Ledger, base: Base) -> None:
    first = claimed(ledger)
    assert denied(ledger.perform(next_of(first, risky=True))) is ops.Rule.TAKEN
    base.lapse()
    claimed(ledger, next_of(first, risky=True))


# Verdicts


@pytest.mark.parametrize("late", [REFUSED, UNREACHABLE])
@pytest.mark.parametrize("standing", [MAYBE, ACCEPTED])
def test_a_later_no_changes_nothing(ledger: Ledger, standing: Verdict, late: Verdict) -> None:
    mine = claimed(ledger)
    assert ledger.perform(settle(mine, standing))
    before = record(ledger, mine)
    assert not ledger.perform(settle(mine, late, "401", renews=True))
    assert record(ledger, mine) == before


@pytest.mark.parametrize("verdict", [REFUSED, ACCEPTED, MAYBE])
def test_proof_settles_a_maybe(ledger: Ledger, verdict: Verdict) -> None:
    mine = claimed(ledger)
    ledger.perform(settle(mine, MAYBE))
    assert ledger.perform(settle(mine, verdict, "seen", proof=True))
    assert verdicts(ledger, mine) == [verdict]
    assert attempts(ledger, mine)[0].reason == "seen"


def test_an_acceptance_settles_a_maybe_without_more_proof(ledger: Ledger) -> None:
    mine = claimed(ledger)
    ledger.perform(settle(mine, MAYBE))
    assert ledger.perform(settle(mine, ACCEPTED))
    assert verdicts(ledger, mine) == [ACCEPTED]
    assert ledger.perform(ops.FindByVendor("acme", ("v1", "v2"))) == {"v1": record(ledger, mine)}


def test_an_acceptance_stands_against_everything(ledger: Ledger) -> None:
    mine = claimed(ledger)
    ledger.perform(settle(mine, ACCEPTED))
    for verdict in (REFUSED, MAYBE, ACCEPTED):
        assert not ledger.perform(settle(mine, verdict, proof=True, vendor_id="v2"))
    assert record(ledger, mine).call.provider_call_id == "v1"


def test_a_late_acceptance_outweighs_a_no_that_was_taken_for_proven(ledger: Ledger) -> None:
    """Its owner slept through the lease; meanwhile a person said that it was not placed."""
    mine = claimed(ledger)
    ledger.perform(settle(mine, REFUSED, proof=True))
    assert ledger.perform(settle(mine, ACCEPTED))
    assert verdicts(ledger, mine) == [ACCEPTED]
    assert denied(ledger.perform(next_of(mine))) is ops.Rule.TAKEN


def test_a_late_acceptance_leaves_the_state_to_the_attempt_that_followed(ledger: Ledger) -> None:
    first = claimed(ledger)
    ledger.perform(settle(first, REFUSED, proof=True))
    second = claimed(ledger, next_of(first))
    ledger.perform(settle(second, ACCEPTED, vendor_id="v2"))
    assert ledger.perform(settle(first, ACCEPTED, vendor_id="v1"))
    assert verdicts(ledger, first) == [ACCEPTED, ACCEPTED]
    assert record(ledger, first).call.provider_call_id == "v2"


@pytest.mark.parametrize("late", [REFUSED, UNREACHABLE])
def test_the_first_owners_late_no_settles_nothing_that_somebody_took_over(
    ledger: Ledger, base: Base, late: Verdict
) -> None:
    """It speaks of its own request alone; the one that was sent again may ring."""
    mine = claimed(ledger)
    base.lapse()
    ledger.perform(retake(mine))
    assert not ledger.perform(settle(mine, late, renews=True))
    assert record(ledger, mine).doubtful == (1,)
    assert denied(ledger.perform(next_of(mine))) is ops.Rule.TAKEN
    assert ledger.perform(settle(mine, ACCEPTED))


@pytest.mark.parametrize(
    "odd", ["x" * 3000, "a\x00b", "☎" * 255, "' OR 1=1 --"], ids=["long", "nul", "wide", "sql"]
)
def test_an_acceptance_is_kept_whatever_id_the_vendor_gives(ledger: Ledger, odd: str) -> None:
    mine, other = claimed(ledger), claimed(ledger, claim(call("k2")))
    assert ledger.perform(settle(mine, ACCEPTED, "odd\x00", vendor_id=odd))
    assert record(ledger, mine).call.provider_call_id == odd
    assert ledger.perform(ops.FindByVendor("acme", (odd, "v9"))) == {odd: record(ledger, mine)}
    assert ledger.perform(ops.Bound("acme", (odd, "v9"), other.call.id, 1)) == {odd}
    ledger.perform(observe(record(ledger, mine).call, status=CallStatus.ENDED))
    assert record(ledger, mine).call.status is CallStatus.ENDED


def test_many_verdicts_at_once_leave_one_acceptance(ledger: Ledger) -> None:
    mine = claimed(ledger)
    ends = [ACCEPTED, REFUSED, MAYBE, UNREACHABLE] * 3
    at_once(lambda number: ledger.perform(settle(mine, ends[number])), len(ends))
    assert verdicts(ledger, mine) == [ACCEPTED]


def test_a_refusal_renews_the_vendors_key(ledger: Ledger) -> None:
    mine = claimed(ledger)
    ledger.perform(settle(mine, REFUSED, renews=True))
    assert record(ledger, mine).generation == 1
    assert not ledger.perform(settle(mine, REFUSED, renews=True))
    assert record(ledger, mine).generation == 1


def test_what_else_was_said_is_remembered(ledger: Ledger) -> None:
    mine = claimed(ledger)
    ledger.perform(settle(mine, MAYBE))
    ledger.perform(settle(mine, ACCEPTED, said=("resolved", "Ann said so")))
    story = ledger.perform(ops.Story(mine.call.id))
    assert [(each.kind, each.detail) for each in story] == [("resolved", "Ann said so")]


def test_what_is_not_written_is_not_remembered_either(ledger: Ledger) -> None:
    mine = claimed(ledger)
    ledger.perform(settle(mine, ACCEPTED))
    assert not ledger.perform(settle(mine, MAYBE, said=("settled", "no")))
    assert ledger.perform(ops.Story(mine.call.id)) == ()


# A call that was accepted and then failed


def failed(ledger: Ledger) -> ops.Claim:
    mine = claimed(ledger)
    ledger.perform(settle(mine, ACCEPTED))
    ledger.perform(observe(record(ledger, mine).call, status=CallStatus.FAILED, outcome=CallOutcome.ERROR))
    return mine


def test_a_failed_call_is_released_once(ledger: Ledger) -> None:
    mine = failed(ledger)
    answers = at_once(lambda _: ledger.perform(ops.Release(mine.call.id, 1, "trusted")), 4)
    assert sorted(answers) == [False, False, False, True]
    assert record(ledger, mine).generation == 1
    claimed(ledger, next_of(mine))


def test_a_call_that_has_not_failed_is_not_released(ledger: Ledger) -> None:
    mine = claimed(ledger)
    ledger.perform(settle(mine, ACCEPTED))
    assert not ledger.perform(ops.Release(mine.call.id, 1, "trusted"))
    assert not ledger.perform(ops.Release("nobody", 1, "trusted"))


def test_late_news_of_the_first_vendors_failure_are_no_news_of_the_second_ones_call(ledger: Ledger) -> None:
    """Else the second vendor's call would be taken for failed, released, and dialled a third time."""
    mine = failed(ledger)
    stale = observe(record(ledger, mine).call)
    ledger.perform(ops.Release(mine.call.id, 1, "trusted"))
    second = claimed(ledger, next_of(mine, provider="other"))
    ledger.perform(stale)
    assert record(ledger, mine).call.status is CallStatus.IN_DOUBT
    taken = settle(second, ACCEPTED, vendor_id="w1")
    ledger.perform(replaced(taken, provider="other"))
    ledger.perform(stale)
    stands = record(ledger, mine).call
    assert (stands.status, stands.provider, stands.provider_call_id) == (CallStatus.QUEUED, "other", "w1")
    assert not ledger.perform(ops.Release(mine.call.id, 2, "trusted"))


def test_an_earlier_attempt_is_not_released_for_the_latest_ones_failure(ledger: Ledger) -> None:
    mine = failed(ledger)
    ledger.perform(ops.Release(mine.call.id, 1, "trusted"))
    second = claimed(ledger, next_of(mine))
    ledger.perform(settle(second, ACCEPTED, vendor_id="v2"))
    ledger.perform(observe(record(ledger, mine).call, status=CallStatus.FAILED))
    assert not ledger.perform(ops.Release(mine.call.id, 1, "trusted"))
    assert ledger.perform(ops.Release(mine.call.id, 2, "trusted"))


def replaced(end: ops.Settle, **changes: Any) -> ops.Settle:
    import dataclasses  # noqa: PLC0415 - beside `replace` of structs it would be confused

    return dataclasses.replace(end, call=replace(end.call, **changes))


# News


def test_news_only_move_a_call_forward(ledger: Ledger) -> None:
    mine = claimed(ledger)
    ledger.perform(settle(mine, ACCEPTED))
    stands = record(ledger, mine).call
    at_once(
        lambda number: ledger.perform(
            observe(stands, status=[CallStatus.RINGING, CallStatus.IN_PROGRESS, CallStatus.ENDED][number % 3])
        ),
        9,
    )
    assert record(ledger, mine).call.status is CallStatus.ENDED


def test_a_cancellation_renews_the_vendors_key_once(ledger: Ledger) -> None:
    mine = claimed(ledger)
    ledger.perform(settle(mine, ACCEPTED))
    stands = record(ledger, mine).call
    for _ in range(2):
        ledger.perform(observe(stands, status=CallStatus.CANCELLED))
    assert record(ledger, mine).generation == 1


def test_news_of_an_unknown_call_are_left(ledger: Ledger, base: Base) -> None:
    ledger.perform(observe(call()))
    assert base.count("intents") == 0


# Leases


def test_a_lease_lasts_by_the_databases_clock(ledger: Ledger) -> None:
    """A caller's clock that is a day off changes nothing."""
    slow, fast = claim(call("slow"), started_at=ago(days=1)), claim(call("fast"), started_at=ago(days=-1))
    for each in (slow, fast):
        claimed(ledger, each)
        assert record(ledger, each).leased
        found = ledger.perform(ops.FindDoubt(each.call.id, 1, ACCOUNT))
        assert found is not None
        assert 0 <= found.age < 30


def test_a_lease_ends_with_the_verdict_or_by_itself(ledger: Ledger) -> None:
    short, ended = claim(call("short"), lease=0.0), claim(call("ended"))
    for each in (short, ended):
        claimed(ledger, each)
    ledger.perform(settle(ended, MAYBE))
    assert not record(ledger, short).leased
    assert not record(ledger, ended).leased


# Guards


def test_a_cap_counts_in_the_claims_own_transaction(open_ledger: Callable[[], Ledger], base: Base) -> None:
    """Many claims for one number in one instant: exactly one passes, whatever form the number has."""
    forms = ["+14155550123", "+1 415 555 0123"]
    ledgers = [open_ledger() for _ in range(3)]

    def dial(number: int) -> object:
        wanted = claim(call(f"k{number}", forms[number % 2][:16]), guards=ONCE)
        return ledgers[number % 3].perform(wanted)

    answers = at_once(dial, 24)
    assert sum(isinstance(answer, ops.Claimed) for answer in answers) == 1
    assert base.count("intents") == base.count("attempts") == 1
    waits = [answer.wait for answer in answers if isinstance(answer, ops.Denial)]
    assert len(waits) == 23
    assert all(wait is not None and 86_000 < wait < 86_500 for wait in waits)


def test_a_gap_counts_in_the_claims_own_transaction(ledger: Ledger) -> None:
    guards = Guards(gap="4h")
    answers = at_once(lambda number: ledger.perform(claim(call(f"k{number}"), guards=guards)), 12)
    assert sum(isinstance(answer, ops.Claimed) for answer in answers) == 1
    assert {denied(each) for each in answers if isinstance(each, ops.Denial)} == {ops.Rule.GAP}


def test_a_cap_lets_through_as_many_as_it_says(ledger: Ledger) -> None:
    guards = Guards(caps=["5/1d"])
    answers = at_once(lambda number: ledger.perform(claim(call(f"k{number}"), guards=guards)), 16)
    assert sum(isinstance(answer, ops.Claimed) for answer in answers) == 5


@pytest.mark.parametrize(
    ("verdict", "passes"),
    [(None, False), (MAYBE, False), (ACCEPTED, False), (REFUSED, True), (UNREACHABLE, True)],
)
def test_what_may_have_rung_counts(ledger: Ledger, verdict: Verdict | None, *, passes: bool) -> None:
    mine = claimed(ledger)
    if verdict is not None:
        ledger.perform(settle(mine, verdict))
    answer = ledger.perform(claim(call("k2"), guards=ONCE))
    assert isinstance(answer, ops.Claimed) is passes


def test_what_was_long_ago_does_not_count(ledger: Ledger) -> None:
    claimed(ledger, claim(started_at=ago(days=2)))
    claimed(ledger, claim(call("k2"), guards=ONCE))
    assert denied(ledger.perform(claim(call("k3"), guards=ONCE))) is ops.Rule.CAP


def test_every_repetition_counts(ledger: Ledger, base: Base) -> None:
    mine = claimed(ledger)
    base.lapse()
    ledger.perform(retake(mine))
    assert denied(ledger.perform(claim(call("k2"), guards=Guards(caps=["2/1d"])))) is ops.Rule.CAP


def test_a_denied_claim_writes_nothing(ledger: Ledger, base: Base) -> None:
    ledger.perform(suppress(PERSON))
    assert denied(ledger.perform(claim())) is ops.Rule.SUPPRESSED
    assert base.count("intents") == base.count("attempts") == 0
    first = claimed(ledger, claim(call("k2", "+442079460000")))
    ledger.perform(settle(first, REFUSED))
    ledger.perform(suppress("+442079460000"))
    before = record(ledger, first)
    assert denied(ledger.perform(next_of(first))) is ops.Rule.SUPPRESSED
    assert record(ledger, first) == before


def test_a_number_is_suppressed_in_every_form(ledger: Ledger) -> None:
    ledger.perform(suppress("+44 020 7946 0000"))
    assert denied(ledger.perform(claim(call(to="+442079460000")))) is ops.Rule.SUPPRESSED


def test_a_claim_passes_before_a_suppression_or_not_at_all(open_ledger: Callable[[], Ledger]) -> None:
    """Whoever suppresses sees each claim that passed, so that its call can be cancelled."""
    claiming, suppressing = open_ledger(), open_ledger()

    def either(number: int) -> object:
        if number % 2:
            suppressing.perform(suppress(PERSON))
            return {each.id for each in suppressing.perform(ops.OpenCalls(PERSON))}
        mine = claim(call(f"k{number}"))
        return mine.call.id if isinstance(claiming.perform(mine), ops.Claimed) else None

    answers = at_once(either, 16)
    passed = {answer for answer in answers if isinstance(answer, str)}
    for seen in answers:
        assert not isinstance(seen, set) or passed <= seen
    assert denied(claiming.perform(claim(call("late")))) is ops.Rule.SUPPRESSED


def test_many_numbers_are_suppressed_in_any_order_at_once(
    open_ledger: Callable[[], Ledger], base: Base
) -> None:
    ledgers = [open_ledger() for _ in range(4)]
    numbers = [f"+1415555{tail:04}" for tail in range(40)]
    lists = [numbers, numbers[::-1]] * 4

    def either(number: int) -> object:
        return ledgers[number % 4].perform(suppress(*lists[number]))

    at_once(either, 8)
    assert base.count("suppressed") == 40


def test_an_opt_out_suppresses_the_person(ledger: Ledger) -> None:
    mine = claimed(ledger)
    ledger.perform(settle(mine, REFUSED, opted_out=True))
    found = ledger.perform(ops.FindSuppressed(PERSON))
    assert found is not None
    assert found.source == "acme"
    assert denied(ledger.perform(next_of(mine))) is ops.Rule.SUPPRESSED


def test_an_opt_out_that_is_seen_later_suppresses_too(ledger: Ledger) -> None:
    mine = claimed(ledger)
    ledger.perform(settle(mine, ACCEPTED))
    stands = record(ledger, mine).call
    ledger.perform(observe(stands, status=CallStatus.ENDED, outcome=CallOutcome.OPTED_OUT))
    assert denied(ledger.perform(claim(call("k2")))) is ops.Rule.SUPPRESSED


# Health


def ailing(ledger: Ledger, key: str, *, failed: bool, at: datetime | None = None) -> None:
    at = at or now()
    mine = claimed(ledger, claim(call(key), started_at=at))
    told = ops.Ailing(ACCOUNT, failed, 0.0)
    verdict = UNREACHABLE if failed else ACCEPTED
    ledger.perform(settle(mine, verdict, ailing=told, finished_at=at, vendor_id=key))


def test_a_vendor_that_keeps_failing_cools_down(ledger: Ledger) -> None:
    for key in "abc":
        assert isinstance(ledger.perform(claim(call(f"0{key}"), cooling=True)), ops.Claimed)
        ailing(ledger, key, failed=True)
    answer = ledger.perform(claim(call("d"), cooling=True))
    assert denied(answer) is ops.Rule.COOLING
    claimed(ledger, claim(call("e")))
    claimed(ledger, claim(call("f"), account="another", cooling=True))


def test_one_caller_alone_probes_a_vendor_that_has_cooled_down(
    open_ledger: Callable[[], Ledger], base: Base
) -> None:
    ledgers = [open_ledger() for _ in range(4)]
    for key in "abc":
        ailing(ledgers[0], key, failed=True, at=ago(hours=1))
    answers = at_once(lambda number: ledgers[number % 4].perform(claim(call(f"p{number}"), cooling=True)), 12)
    granted = [answer for answer in answers if isinstance(answer, ops.Claimed)]
    assert granted == [ops.Claimed(ailing=True)]
    assert {denied(each) for each in answers if isinstance(each, ops.Denial)} == {ops.Rule.COOLING}
    assert base.count("intents") == 4


def test_a_probe_is_given_back_by_its_own_caller_alone(ledger: Ledger, base: Base) -> None:
    def shut() -> bool:
        (row,) = base.rows("SELECT closed_until FROM health")
        return bool(row["closed_until"] > now().timestamp())

    for key in "abc":
        ailing(ledger, key, failed=True, at=ago(hours=1))
    probe = claimed(ledger, claim(call("p"), cooling=True))
    until = probe.started_at.timestamp() + probe.lease
    other = claimed(ledger, claim(call("q")))
    ledger.perform(settle(other, UNREACHABLE, ailing=ops.Ailing(ACCOUNT, None, until + 1)))
    assert shut()
    ledger.perform(settle(probe, UNREACHABLE, ailing=ops.Ailing(ACCOUNT, None, until)))
    assert not shut()
    assert ledger.perform(claim(call("r"), cooling=True)) == ops.Claimed(ailing=True)


def test_failures_at_once_are_all_counted(ledger: Ledger, base: Base) -> None:
    at_once(lambda number: ailing(ledger, f"k{number}", failed=True), 8)
    assert [row["failures"] for row in base.rows("SELECT failures FROM health")] == [8]


def test_a_success_heals(ledger: Ledger) -> None:
    for key in "abc":
        ailing(ledger, key, failed=True)
    ailing(ledger, "d", failed=False)
    assert ledger.perform(claim(call("e"), cooling=True)) == ops.Claimed(ailing=False)


def test_a_success_of_a_vendor_that_never_failed_writes_nothing_of_its_health(
    ledger: Ledger, base: Base
) -> None:
    ailing(ledger, "d", failed=False)
    assert base.count("health") == 0
