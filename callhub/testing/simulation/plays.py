"""The plays: who does what to whom, and what comes afterwards."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from callhub.errors import OutcomeUnknown
from callhub.flows import cancel, place, recover, resolve, suppression
from callhub.flows.effects import ask
from callhub.flows.observe import get
from callhub.flows.operations import FindByKey, Settle
from callhub.model.call import CallRequest
from callhub.provider.http import Fault, Response
from callhub.testing.simulation import replies, rules
from callhub.testing.simulation.pretended import PretendedSandbox
from callhub.testing.simulation.processes import OVERSLEPT, Process, Trouble
from callhub.testing.simulation.replies import AT_ONCE, NEVER, Reply
from callhub.testing.simulation.scene import SCRIPT, WINDOW, contact
from callhub.testing.simulation.world import Broken, World

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from callhub.flows.context import Context
    from callhub.flows.effects import Steps
    from callhub.flows.operations import Record
    from callhub.model.call import Call

    Play = Callable[[World], None]

KEY, OTHER_KEY = "order-1", "order-2"
NUMBER, OTHER_NUMBER = "+14155550100", "+14155550110"
DAY = 86_400.0
REPEATED = 6.0  # seconds that a repetition may take
PAUSES = (1.0, 100.0, 900.0)  # within a lease; after it; after the vendor's window
UNHELPFUL = Reply(NEVER, Response(500))
DEAF = Reply(AT_ONCE, Fault.RESET)
IN_A_RACE = (Trouble.KILLED_BEFORE,)  # to be killed after an effect is to be killed before the next one
EVERY = tuple(trouble for trouble in Trouble if trouble is not Trouble.NONE)


def one_caller(world: World) -> None:
    """One call, any answer, any trouble at any effect; then somebody comes, and again anything happens."""
    world.allow(replies.every, *EVERY, anywhere=True)
    world.run(caller(world))
    world.allow(replies.kinds, *IN_A_RACE, bad=1, asked_of=(UNHELPFUL,), either=True)
    world.come_to("first")
    world.pause(world.choose(PAUSES))
    somebody(world)
    in_the_end(world)


def two_callers(world: World) -> None:
    """Two callers under one key, in every order, one of them killed anywhere."""
    world.allow(replies.few, *IN_A_RACE, Trouble.SLEEPS, either=True)
    world.run(caller(world, "first"), caller(world, "second"))
    in_the_end(world)


def caller_and_rescuer(world: World) -> None:
    """A call that is in doubt; a repetition, a recovery and a person meet over it."""
    world.allow(replies.kinds)
    world.run(caller(world))
    world.allow(replies.few, *IN_A_RACE, bad=1, either=True)
    world.come_to("doubt")
    world.pause(world.choose(PAUSES))
    others = (recoverer(world), person(world))
    world.run(caller(world, "second"), world.choose(tuple(each for each in others if each is not None)))
    in_the_end(world)


def sleeper(world: World) -> None:
    """Whoever may dial sleeps through their lease; others come while they sleep, and after."""
    world.allow(replies.few, Trouble.DOZES, Trouble.SLEEPS, bad=1)
    first = world.choose((caller(world), None))
    if first is None:
        world.run(caller(world, "a caller"))
        world.allow(replies.few, Trouble.DOZES, Trouble.SLEEPS, bad=1)
        world.come_to("asleep")
        first = recoverer(world)
    delay = world.choose(PAUSES)
    world.run(first, caller(world, "a repetition", delay=delay), recoverer(world, delay=2 * WINDOW))
    in_the_end(world)


def overslept(world: World) -> None:
    """A caller oversleeps, then decides as a person, and asks again; a recovery may be sending meanwhile."""
    world.allow(replies.few, Trouble.OVERSLEEPS)
    impatient = world.process("a caller", partial(_asks_decides_and_asks_again, world))
    world.run(impatient, recoverer(world, delay=OVERSLEPT))
    in_the_end(world)


def two_keys(world: World) -> None:
    """Two calls to one person, in every order; where guards stand, one of them is too many."""
    world.allow(replies.few, *IN_A_RACE, either=True)
    world.run(caller(world, "first"), caller(world, "second", OTHER_KEY))
    world.allow(replies.none)
    world.come_to("two keys")
    world.pause(world.choose(PAUSES[1:]))
    world.run(recoverer(world))
    guards_hold(world)
    in_the_end(world)


def asked_to_stop(world: World) -> None:
    """Somebody asks not to be called while a call to them is being placed, in doubt or recovered."""
    placed = world.choose((False, True))
    if placed:
        world.allow(replies.kinds, *IN_A_RACE, either=True)
        world.run(caller(world))
    world.allow(replies.few, *IN_A_RACE, bad=1, either=True)
    world.come_to("placed")
    world.pause(world.choose(PAUSES[1:]) if placed else PAUSES[0])
    other = world.choose((caller(world), recoverer(world)))
    stopper = world.process("the person", lambda context: suppression.add(context, [(NUMBER, "asked")]))
    world.run(stopper, other)
    before = {intent: world.rings(intent) for intent in world.intents}
    in_the_end(world)
    if stopper.result is not None:
        _stopped_or_told(world, stopper.result, before)


def taken_back(world: World) -> None:
    """A call is cancelled while it waits, with any answer, while somebody repeats it."""
    world.allow(replies.kinds, *IN_A_RACE, either=True)
    world.run(caller(world))
    world.allow(replies.few, *IN_A_RACE, bad=1, asked_of=(UNHELPFUL, DEAF), either=True)
    world.come_to("placed")
    canceller = _about(world, "a canceller", cancel.cancel)
    if canceller is not None:
        world.run(canceller, caller(world, "second"))
    in_the_end(world)


def failed_by_its_vendor(world: World) -> None:
    """A call that its vendor takes and fails before any ring; two repeat it, and both may go on."""
    world.allow(replies.few, *IN_A_RACE, either=True)
    world.run(caller(world))
    world.allow(replies.none)
    world.come_to("placed")
    world.pause(100.0)
    reader = _about(world, "a reader", get)
    if reader is not None:
        world.run(reader)
    world.allow(replies.few, *IN_A_RACE, bad=1, either=True)
    world.run(caller(world, "first"), caller(world, "second"))
    in_the_end(world)


def put_back(world: World) -> None:
    """The ledger is restored from a copy that knows nothing of the call: the vendor still knows the key."""
    before = world.books.copy()
    world.allow(replies.few)
    world.run(caller(world))
    world.put_back(before)
    world.run(caller(world, "second"))
    everything = sum(len(world.made(name)) for name in world.vendors)
    if everything > 1:
        raise Broken(world.told(f"the vendor has {everything} calls for one key"))


def hasty_person(world: World) -> None:
    """A person says "not placed" while the vendor is still at work: the key is the same the next time."""
    late = tuple(Reply(late, Fault.RESET) for late in replies.LATE)
    world.allow(lambda *_: late, *IN_A_RACE)
    world.run(caller(world))
    world.allow(replies.none)
    record = _record(world, KEY)
    if record is not None and record.doubtful and not record.leased:
        world.run(world.process("a person", lambda it: resolve.resolve(it, record.call.id, None, "Ada")))
    world.pause(world.choose(PAUSES))
    world.run(caller(world, "a repetition"))
    world.pause(DAY)
    in_the_end(world)


def person_too_soon(world: World) -> None:
    """A person looks at the dashboard and decides while somebody is still placing the call."""
    world.allow(replies.few, *IN_A_RACE, Trouble.DOZES)
    dashboard = world.process("a person", partial(_not_placed, world), delay=world.choose((0.0, 1.0)))
    world.run(caller(world), dashboard)
    in_the_end(world)


# who takes part


def caller(world: World, name: str = "a caller", key: str = KEY, **found: Any) -> Process:
    """Somebody who places the call; only the first one has the scene's time for it."""
    wish = _wish(world, key)
    return world.process(name, lambda context: place.place(context, wish), **found)


def recoverer(world: World, **found: Any) -> Process:
    """Somebody who settles what was left in doubt."""
    return world.process("a recovery", recover.recover, **found)


def person(world: World, key: str = KEY) -> Process | None:
    """Somebody who looks into the vendor's dashboard and says what stands there, once that is certain."""
    record = _record(world, key)
    if record is None or not record.doubtful:
        return None
    provider = record.call.attempts[record.doubtful[-1] - 1].provider
    vendor = world.vendors[provider]
    if not isinstance(vendor.sandbox, PretendedSandbox) or len(record.doubtful) > 1:
        return None
    placed = [call["id"] for call, owner in world.made(provider) if owner == record.call.id]
    if not placed and vendor.late:
        return None
    said = placed[0] if placed else None
    return world.process("a person", lambda it: resolve.resolve(it, record.call.id, said, "Ada"))


def somebody(world: World) -> None:
    """Let one of those run who may come to a call that was left."""
    table: dict[str, Callable[[], Process | None]] = {
        "a repetition": lambda: caller(world, "a repetition"),
        "a recovery": lambda: recoverer(world),
        "a repetition by another account": lambda: caller(world, "a repetition", account="another"),
        "a recovery by another account": lambda: recoverer(world, account="another"),
        "a recovery with other settings": lambda: recoverer(world, edition=2),
        "a person": lambda: person(world),
        "a canceller": lambda: _about(world, "a canceller", cancel.cancel),
    }
    name = world.choose(tuple(table))
    process = table[name]()
    world.log.append((name, "comes"))
    if process is not None:
        world.run(process)


# what comes afterwards


def in_the_end(world: World) -> None:
    """Let everything be recovered that can be, look at what came of it, and ask for all of it again."""
    world.allow(replies.none)
    world.come_to("end")
    for _ in range(2):
        world.pause(2 * WINDOW)
        world.run(recoverer(world))
    world.wait(DAY)
    rules.at_most_one_ring(world)
    rules.nothing_lost(world)
    for key in sorted({key for key, _ in world.intents.values()}):
        world.run(caller(world, "the last caller", key))
    world.wait(DAY)
    rules.at_most_one_ring(world)
    rules.nothing_lost(world)


def guards_hold(world: World) -> None:
    """Insist that a cap of one call a day leaves one ring."""
    rings = sum(world.rings(intent) for intent in world.intents)
    if world.scene.guards.longest and rings > 1:
        raise Broken(world.told(f"{rings} calls to one person, where one is the cap"))


def _stopped_or_told(world: World, said: suppression.Suppression, before: Mapping[str, int]) -> None:
    """Insist that every call which rings after the person's word was returned as one that may."""
    told = {call.id for call in said.not_cancelled}
    for intent in world.intents:
        if world.rings(intent) > before.get(intent, 0) and intent not in told:
            raise Broken(world.told("a call rang after the person's word, and nobody was told that it may"))


def _wish(world: World, key: str = KEY) -> CallRequest:
    timeout = min(world.scene.timeout, REPEATED if world.intents else DAY)
    return CallRequest(to=NUMBER, script=SCRIPT, contact=contact(), idempotency_key=key, timeout=timeout)


def _record(world: World, key: str) -> Record | None:
    return world.books.perform(FindByKey(key, None)).record


def _not_placed(world: World, context: Context) -> Steps[Call | None]:
    """Say that nothing was placed, unless by the moment of saying so it was: a person tells the truth."""
    record = (yield from ask(FindByKey(KEY, None))).record
    if record is None:
        return None
    steps = resolve.resolve(context, record.call.id, None, "Ada")
    answer: Any = None
    while True:
        try:
            effect = steps.send(answer)
        except StopIteration as stop:
            call: Call = stop.value
            return call
        if isinstance(effect, Settle) and world.rings(record.call.id, possible=True):
            return None
        answer = yield effect


def _asks_decides_and_asks_again(world: World, context: Context) -> Steps[Call | None]:
    """Place the call; where that is in doubt, say that nothing was placed where that is so, and ask again."""
    try:
        return (yield from place.place(context, _wish(world)))
    except OutcomeUnknown:
        said = yield from _not_placed(world, context)
    return said and (yield from place.place(context, _wish(world)))


def _about(
    world: World, name: str, flow: Callable[[Context, str], Steps[Any]], key: str = KEY
) -> Process | None:
    """Somebody who does something with the call that stands under the key."""
    record = _record(world, key)
    return None if record is None else world.process(name, lambda it: flow(it, record.call.id))
