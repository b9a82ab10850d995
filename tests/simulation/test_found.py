"""What the simulation has found, each as the one play that shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from callhub.errors import LedgerError
from callhub.flows import wait
from callhub.flows.effects import Send
from callhub.flows.operations import Claim, FindById, FindByKey, Release
from callhub.provider.http import Fault, Response
from callhub.testing.simulation import Scene, plays, replies, rules
from callhub.testing.simulation.books import Books
from callhub.testing.simulation.choices import Explorer
from callhub.testing.simulation.plays import KEY, caller, in_the_end, recoverer
from callhub.testing.simulation.processes import Process, Trouble
from callhub.testing.simulation.replies import AT_ONCE, Reply
from callhub.testing.simulation.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from callhub.flows.effects import LedgerOp
    from callhub.flows.operations import Record

T = TypeVar("T")
FACTS = ("Claim (attempt 1)", Trouble.SLEEPS, "<Request POST /calls dials>")


@pytest.fixture(scope="module")
def books() -> Iterator[Books]:
    books = Books()
    yield books
    books.close()


@pytest.fixture
def play(books: Books) -> Callable[..., World]:
    """Give worlds in which the vendor answers like this, and then as it should."""

    def make(answer: Reply, *, timeout: float = 30.0) -> World:
        return World(Scene(("open",), timeout=timeout), books, last, replies=lambda *_: (answer,), bad=1)

    return make


def last(options: Sequence[T], *, rare: bool = False) -> T:
    """Take the bad answer where there may be one, and else the first of all."""
    return options[-1] if rare else options[0]


def first(options: Sequence[T], *, rare: bool = False) -> T:
    del rare
    return options[0]


def record_of(world: World) -> Record:
    record = world.books.perform(FindByKey(KEY, None)).record
    assert record is not None
    return record


def test_a_call_that_came_later_than_a_look_up_looks_is_no_proof_of_absence(
    play: Callable[..., World],
) -> None:
    world = play(Reply(400.0, Fault.RESET))
    world.run(caller(world))
    world.pause(1_100.0)
    world.run(recoverer(world))
    assert record_of(world).call.needs_person
    in_the_end(world)


def test_nothing_is_absent_while_the_vendor_may_be_at_work_on_what_was_given_up_late(
    play: Callable[..., World],
) -> None:
    world = play(Reply(590.0, Fault.READ_TIMEOUT, hangs=True), timeout=1_200.0)
    world.run(caller(world))
    world.run(recoverer(world))
    assert record_of(world).doubtful
    in_the_end(world)


def test_who_is_interrupted_hangs_up_at_once(books: Books) -> None:
    late = Reply(590.0, Fault.READ_TIMEOUT, hangs=True)
    for choose in Explorer().ways():
        world = World(Scene(("open",), timeout=1_200.0), books, choose)
        world.allow(lambda *_: (late,), Trouble.INTERRUPTED_AFTER)
        world.run(caller(world))
        in_the_end(world)


def test_a_ledger_that_fails_after_a_lost_answer_is_no_reason_to_say_no(
    play: Callable[..., World], books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = play(Reply(AT_ONCE, Response(500)))
    perform = books.perform

    def failing(operation: LedgerOp[Any]) -> Any:
        if isinstance(operation, FindById):
            raise LedgerError("the disk is full")
        return perform(operation)

    with monkeypatch.context() as patch:
        patch.setattr(books, "perform", failing)
        process = caller(world)
        world.run(process)
    assert isinstance(process.error, LedgerError)
    assert process.error.dialed == "maybe"


def test_after_a_failure_the_next_vendor_has_its_turn(books: Books) -> None:
    scene = Scene(("keyed", "plain"), trusted=("keyed",), breaks=("keyed",), timeout=5.0)
    world = World(scene, books, first)
    plays.failed_by_its_vendor(world)
    assert [attempt.provider for attempt in record_of(world).call.attempts] == ["keyed", "plain"]
    assert world.rings(record_of(world).call.id) == 1


def test_a_call_that_every_vendor_fails_is_given_up_at_last(books: Books) -> None:
    both = ("keyed", "plain")
    world = World(Scene(both, trusted=both, breaks=both), books, first)
    world.run(caller(world))
    call = record_of(world).call
    world.run(world.process("a waiter", lambda it: wait.wait(it, call.id, 60.0, None)))
    assert len(record_of(world).call.attempts) == world.scene.route.attempts
    rules.nothing_lost(world)


def both_let_go(options: Sequence[T], *, rare: bool = False) -> T:
    """Let both see the failure, the second look while the first dials, and claim once that is over."""
    del rare
    found = {one.name: one for one in options if isinstance(one, Process)}
    if set(found) != {"first", "second"}:
        return options[0]
    first, second = (found[name].effect for name in ("first", "second"))
    dials = isinstance(first, Send) and first.request.dials
    late = isinstance(first, Release) and not isinstance(second, Release)
    chosen: Any = found["second" if late or (dials and not isinstance(second, Claim)) else "first"]
    return chosen  # type: ignore[no-any-return]


def test_two_who_wait_for_a_failed_call_go_on_with_it_once(books: Books) -> None:
    world = World(
        Scene(("keyed", "plain"), trusted=("keyed",), breaks=("keyed",), timeout=5.0), books, both_let_go
    )
    plays.failed_by_its_vendor(world)
    assert len(record_of(world).call.attempts) == 2


def test_who_has_slept_through_the_lease_never_dials(books: Books) -> None:
    for choose in Explorer().ways():
        world = World(Scene(("open",)), books, choose)
        world.allow(replies.none, Trouble.SLEEPS)
        world.run(caller(world))
        said = [each[1] for each in world.log]
        claimed, slept, dialled = (said.index(each) if each in said else -1 for each in FACTS)
        assert not claimed < slept < dialled
