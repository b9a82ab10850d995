"""The simulation can fail: each rule of callhub's, broken on purpose, is found by one of its plays."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from callhub import errors
from callhub.errors import Suppressed
from callhub.flows import attempt, place, reconcile, route
from callhub.flows import operations as ops
from callhub.flows.effects import Now, Steps, Ticks, ask
from callhub.flows.operations import Claimed, Denial, FindSuppressed, Record, Rule, Settle
from callhub.ledger import checks, doubts, placing, store
from callhub.model.lifecycle import CallStatus
from callhub.policy import verdict
from callhub.policy.verdict import Verdict
from callhub.provider.capability import Feature
from callhub.provider.http import Fault, Response
from callhub.testing import simulation
from callhub.testing.simulation import Broken, Scene
from callhub.testing.simulation.plays import caller, in_the_end, recoverer
from callhub.testing.simulation.pretended import Pretended
from callhub.testing.simulation.processes import Trouble
from callhub.testing.simulation.replies import AT_ONCE, NEVER, Reply

if TYPE_CHECKING:
    from types import ModuleType

    from callhub.testing.simulation.world import World

Patch = pytest.MonkeyPatch


def found(play: str, number: int, said: str, limit: int | None = 2_000, seed: int = 0) -> None:
    """Insist that a play finds what is broken, in one of its scenes, and says so."""
    scene = simulation.SCENES[play][number]
    with pytest.raises(Broken, match=said) as caught:
        simulation.run([play], {play: [scene]}, limit=limit, seed=seed)
    assert "   1. " in str(caught.value)


def scene_of(play: str, *vendors: str) -> int:
    """Find the first scene of a play with these vendors."""
    return [scene.vendors for scene in simulation.SCENES[play]].index(vendors)


def original(module: ModuleType, name: str) -> Any:
    """Give what a module does before it is broken."""
    return getattr(module, name)


TWICE = "has rung 2 times"
UNTRUE = (
    "neither settled nor left to a person|says that it can't have|says that no phone can have rung|was lost|"
    + TWICE
)


def test_failover_on_maybe_is_found(monkeypatch: Patch) -> None:
    def goes_on(intent: attempt.Intent, *_: object) -> Steps[None]:
        intent.risky = True
        return
        yield

    monkeypatch.setattr(route, "_unless_over", goes_on)
    found("one_caller", scene_of("one_caller", "plain", "keyed"), UNTRUE)


def test_read_then_insert_is_found(monkeypatch: Patch) -> None:
    insert = original(placing, "_insert")

    def unguarded(*given: Any) -> None:
        try:
            insert(*given)
        except checks.Denied:
            return

    monkeypatch.setattr(placing, "_insert", unguarded)
    found("two_callers", scene_of("two_callers", "plain"), UNTRUE)


def test_a_server_error_read_as_a_refusal_is_found(monkeypatch: Patch) -> None:
    kind = original(verdict, "_kind")

    def judged(provider: Any, status: int, code: str | None, **how: Any) -> Any:
        return errors.Conflict if status >= 500 else kind(provider, status, code, **how)

    monkeypatch.setattr(verdict, "_kind", judged)
    found("one_caller", scene_of("one_caller", "plain"), UNTRUE)


def test_forgetting_claimed_rows_is_found(monkeypatch: Patch) -> None:
    def free(record: Record) -> bool:
        return all(one.verdict not in (Verdict.MAYBE, Verdict.ACCEPTED) for one in record.call.attempts)

    def doubtful(record: Record) -> tuple[int, ...]:
        tried = enumerate(record.call.attempts, start=1)
        return tuple(at for at, one in tried if one.verdict == Verdict.MAYBE)

    monkeypatch.setattr(Record, "free", property(free))
    monkeypatch.setattr(Record, "doubtful", property(doubtful))
    monkeypatch.setattr(placing, "_continue", lambda *_: None)
    found("one_caller", scene_of("one_caller", "plain"), UNTRUE)


def test_a_key_from_the_attempt_is_found(monkeypatch: Patch) -> None:
    keyed = attempt.Intent.keyed

    def of_the_attempt(intent: attempt.Intent, order: Any) -> Any:
        return keyed(dataclasses.replace(intent, generation=intent.ordinal), order)

    monkeypatch.setattr(attempt.Intent, "keyed", of_the_attempt)
    found("hasty_person", scene_of("hasty_person", "keyed"), TWICE)


def test_a_key_from_the_process_is_found(monkeypatch: Patch) -> None:
    keyed = attempt.Intent.keyed

    def of_the_process(intent: attempt.Intent, order: Any) -> Any:
        return keyed(dataclasses.replace(intent, namespace=intent.call.id), order)

    monkeypatch.setattr(attempt.Intent, "keyed", of_the_process)
    found("put_back", scene_of("put_back", "keyed"), "2 calls for one key")


def test_a_key_renewed_after_a_maybe_is_found(monkeypatch: Patch) -> None:
    settle = placing.settle

    def renewing(session: Any, identity: Any, end: Settle) -> bool:
        return settle(session, identity, dataclasses.replace(end, renews=True))

    monkeypatch.setitem(store.WRITES, Settle, renewing)
    found("hasty_person", scene_of("hasty_person", "keyed"), TWICE)


def test_a_suppression_list_asked_outside_the_transaction_is_found(monkeypatch: Patch) -> None:
    def asked_before(_: object, call: Any) -> Steps[None]:
        if (yield from ask(FindSuppressed(call.to))) is not None:
            raise Suppressed("the number is on the suppression list")

    monkeypatch.setattr(checks, "suppression", lambda *_: None)
    monkeypatch.setattr(attempt, "consent", asked_before)
    found("asked_to_stop", scene_of("asked_to_stop", "plain"), "on the suppression list")


def test_a_cap_asked_outside_the_transaction_is_found(monkeypatch: Patch) -> None:
    monkeypatch.setattr(checks, "pace", lambda *_: None)
    capped = next(at for at, each in enumerate(simulation.SCENES["two_keys"]) if each.guards.caps)
    found("two_keys", capped, "where one is the cap")


def test_a_suppression_list_not_asked_before_sending_again_is_found(monkeypatch: Patch) -> None:
    class Blind:
        pace = staticmethod(checks.pace)

        @staticmethod
        def suppression(*_: object) -> None: ...

        Denied = checks.Denied

    monkeypatch.setattr(doubts, "checks", Blind)
    found("asked_to_stop", scene_of("asked_to_stop", "keyed"), "on the suppression list", 1_500)


@pytest.mark.parametrize("status", ["401", "409"])
def test_a_later_refusal_that_overwrites_a_maybe_is_found(monkeypatch: Patch, status: str) -> None:
    stays = original(reconcile, "_stays")

    def overwritten(case: Any, reason: str, **how: bool) -> Steps[None]:
        if status not in reason:
            yield from stays(case, reason, **how)
            return
        now = yield from ask(Now())
        place = (case.doubt.ordinal, Verdict.REFUSED, reason, now, case.doubt.dials)
        yield from ask(Settle(case.call, *place, proof=True))

    def asked_again(world: World) -> None:
        world.allow(lambda *_: (Reply(AT_ONCE, Fault.RESET),), Trouble.KILLED_BEFORE)
        world.run(caller(world))
        world.pause(100.0)
        world.allow(lambda *_: (Reply(NEVER, Response(int(status))),), bad=1)
        world.run(recoverer(world))
        in_the_end(world)

    monkeypatch.setattr(reconcile, "_stays", overwritten)
    monkeypatch.setitem(simulation.PLAYS, "asked_again", asked_again)
    monkeypatch.setitem(simulation.SCENES, "asked_again", (Scene(("shy",)),))
    found("asked_again", 0, UNTRUE, None)


def test_a_request_built_anew_to_be_sent_again_is_found(monkeypatch: Patch) -> None:
    answered = original(reconcile, "_answered")

    def built_anew(case: Any, flow: Any, _: object, left: float) -> Any:
        return answered(case, flow, next(case.link.provider.create_call(case.order)), left)

    monkeypatch.setattr(reconcile, "_answered", built_anew)
    found("one_caller", scene_of("one_caller", "keyed"), TWICE, 2_000)


def test_a_request_sent_again_to_another_account_is_found(monkeypatch: Patch) -> None:
    for module in (attempt, reconcile):
        monkeypatch.setattr(module, "account_of", lambda _: "whichever")
    found("one_caller", scene_of("one_caller", "keyed"), UNTRUE, 2_000)


def test_a_lease_that_nobody_looks_at_before_dialling_is_found(monkeypatch: Patch) -> None:
    def always(*_: object) -> Steps[float]:
        yield from ask(Ticks())
        return 1.0

    monkeypatch.setattr(attempt, "time_to_dial", always)
    found("sleeper", scene_of("sleeper", "open"), TWICE, 2_000)


def test_a_lease_that_others_ignore_is_found(monkeypatch: Patch) -> None:
    record, find = store.READS[ops.FindById], store.READS[ops.FindDoubt]

    def unleased(*given: Any) -> Any:
        found = record(*given)
        return found and dataclasses.replace(found, leased=False)

    def doubted(*given: Any) -> Any:
        found = find(*given)
        return found and dataclasses.replace(found, leased=False)

    monkeypatch.setitem(store.READS, ops.FindById, unleased)
    monkeypatch.setitem(store.READS, ops.FindDoubt, doubted)
    found("person_too_soon", 0, UNTRUE)


@pytest.mark.parametrize("word", [Verdict.MAYBE, Verdict.REFUSED])
def test_a_word_on_an_earlier_dial_that_counts_for_the_latest_is_found(
    monkeypatch: Patch, word: Verdict
) -> None:
    """A sleeper's *maybe* gives another's lease away; a person decides on what isn't so any more."""
    settle, find = placing.settle, store.READS[ops.FindDoubt]

    def whichever(session: Any, identity: Any, end: Settle) -> bool:
        doubt = find(session, identity, ops.FindDoubt(end.call.id, end.ordinal, ""))
        if doubt is not None and end.verdict is word:
            end = dataclasses.replace(end, dial=doubt.dials)
        return settle(session, identity, end)

    monkeypatch.setitem(store.WRITES, Settle, whichever)
    found("overslept", 0, TWICE, None)


def test_a_window_that_nobody_keeps_is_found(monkeypatch: Patch) -> None:
    denied = original(doubts, "_denied")

    def never_late(*given: Any) -> Denial | None:
        found = denied(*given)
        return None if found and found.rule is Rule.LATE else found

    monkeypatch.setattr(doubts, "_denied", never_late)
    found("one_caller", scene_of("one_caller", "keyed"), TWICE, 2_000)


def test_a_look_up_that_takes_the_call_of_another_intent_is_found(monkeypatch: Patch) -> None:
    monkeypatch.setitem(store.READS, ops.Bound, lambda *_: frozenset())
    found("two_keys", scene_of("two_keys", "plain"), f"stands for two|never placed|{UNTRUE}", 1_500)


def test_an_incomplete_list_taken_for_a_complete_one_is_found(monkeypatch: Patch) -> None:
    supports = Pretended.supports

    def boasting(provider: Pretended, feature: Feature) -> bool:
        return feature is Feature.COMPLETE_LIST or supports(provider, feature)

    monkeypatch.setattr(Pretended, "supports", boasting)
    found("one_caller", scene_of("one_caller", "plain"), UNTRUE)


def test_a_dial_that_is_tried_again_below_is_found(monkeypatch: Patch) -> None:
    send = original(attempt, "send")

    def stubborn(*given: Any) -> Any:
        answer = yield from send(*given)
        return (yield from send(*given)) if answer is Fault.RESET else answer

    monkeypatch.setattr(attempt, "send", stubborn)
    found("one_caller", scene_of("one_caller", "plain"), "dials twice|" + TWICE)


def test_a_verdict_written_down_before_the_request_is_sent_is_found(monkeypatch: Patch) -> None:
    dial, settle = original(attempt, "_dial"), original(attempt, "_settle")

    def rash(trial: Any, *given: Any) -> Any:
        past = trial.intent.past
        yield from settle(trial, Verdict.UNREACHABLE, "not sent yet")
        trial.intent.past = past
        return (yield from dial(trial, *given))

    monkeypatch.setattr(attempt, "_dial", rash)
    found("one_caller", scene_of("one_caller", "plain"), UNTRUE)


def test_a_request_sent_before_it_is_written_down_is_found(monkeypatch: Patch) -> None:
    def unwritten(*_: object) -> Steps[Claimed]:
        return Claimed()
        yield

    monkeypatch.setattr(attempt, "_claim", unwritten)
    found("one_caller", scene_of("one_caller", "plain"), "nobody has written down", 5)


def test_a_failed_call_that_is_given_to_the_next_vendor_without_trust_is_found(monkeypatch: Patch) -> None:
    def trusting(record: Record) -> bool:
        return record.call.status is CallStatus.FAILED and not record.free

    monkeypatch.setattr(place, "_trusted_failure", trusting)
    untrusted = next(
        at for at, each in enumerate(simulation.SCENES["failed_by_its_vendor"]) if not each.trusted
    )
    found("failed_by_its_vendor", untrusted, TWICE)
