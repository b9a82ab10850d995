"""A world in which everything can go wrong: vendors, a ledger, time, and processes that come and go."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from callhub.flows import operations as ops
from callhub.flows.context import Context, Link
from callhub.flows.effects import Consult, Effect, Jitter, LedgerOp, NewId, Now, Send, Sleep, Steps, Ticks
from callhub.ledger.store import WRITES
from callhub.policy.scripts import ScriptMap
from callhub.provider import registry
from callhub.provider.sandbox import Hit, Sandbox, SandboxClock
from callhub.testing.simulation import replies, telling
from callhub.testing.simulation.pretended import KINDS, PretendedSandbox
from callhub.testing.simulation.processes import AFTER, KILLS, NAPPING, Process, Trouble, thrown
from callhub.testing.simulation.replies import OWN, Reply
from callhub.testing.simulation.scene import SCRIPT, WINDOW, Scene, Vendor

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    from callhub.provider.base import Provider
    from callhub.provider.http import Response
    from callhub.testing.simulation.books import Books
    from callhub.testing.simulation.choices import Choose

Replies: TypeAlias = "Callable[[Provider[Any], Sandbox], tuple[Reply, ...]]"

LONGEST = 3_000  # effects of one process


class Broken(AssertionError):
    """A rule of callhub's was broken; the message holds every step that led there."""


@dataclass(slots=True)
class World:
    """One play under way.

    Attributes:
        intents: key and number of every intent that was claimed, by callhub's id.
        owner: the intent of each call of a pretended vendor.
        suppressed: when each number was put on the suppression list, in steps.
        replies: how a vendor may answer the first request that dials; later ones are answered by few.
        bad: how many answers may yet be other than they should.
        left: how many troubles may yet strike.
        either: True where a bad answer leaves no room for a trouble, nor a trouble for a bad answer.
        anywhere: True to let a process be killed where it only asks for the time or an id, too: to be
            killed there is to be killed before the next effect that leaves a trace.
        asked_of: what other requests may be answered by, beside the vendor's own answer.
    """

    scene: Scene
    books: Books
    choose: Choose
    explored: Callable[[Hashable], None] = lambda _: None
    replies: Replies = replies.every
    asked_of: tuple[Reply, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    left: int = 0
    anywhere: bool = False
    either: bool = False
    bad: int = 2
    steps: int = 0
    born: int = 0
    known: Hashable = None
    log: list[tuple[Any, ...]] = field(default_factory=list)
    intents: dict[str, tuple[str, str]] = field(default_factory=dict)
    owner: dict[tuple[str, str], str] = field(default_factory=dict)
    suppressed: dict[str, int] = field(default_factory=dict)
    vendors: dict[str, Vendor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        clock = self.books.new()
        for name in self.scene.vendors:
            kind = KINDS.get(name) or registry.load(name)
            sandbox = kind.sandbox(SandboxClock(clock.now))
            self.vendors[name] = Vendor(kind, sandbox)
            if isinstance(sandbox, PretendedSandbox):
                sandbox.pickup = self.scene.pickup
                sandbox.memory = WINDOW + replies.LATE[-1]
                sandbox.breaks = name in self.scene.breaks
                sandbox.rings = name not in self.scene.breaks or name not in self.scene.trusted
                sandbox.hides = lambda: self.choose((True, False))

    # what a process finds

    def context(self, account: str | None = None, edition: int = 1) -> Context:
        """Give what a process is configured with; a new process remembers nothing."""
        links = {name: Link(vendor.provider(account, edition)) for name, vendor in self.vendors.items()}
        scripts = {SCRIPT: {name: vendor.sandbox.script for name, vendor in self.vendors.items()}}
        return Context(
            links,
            ScriptMap.of(scripts),
            route=self.scene.route,
            guards=self.scene.guards,
            idempotency_window=WINDOW,
        )

    def process(
        self,
        name: str,
        flow: Callable[[Context], Steps[Any]],
        account: str | None = None,
        edition: int = 1,
        delay: float = 0.0,
    ) -> Process:
        """Start a process, after so many seconds."""
        context = self.context(account, edition)
        self.born += 1
        begins = self.books.clock.ticks() + delay
        return Process(name, self.born, context, flow(context), wakes_at=begins)

    # what happens

    def run(self, *processes: Process) -> None:
        """Let processes run until all of them are over, in every order in which they can."""
        while not all(each.over for each in processes):
            ready = self._ready(processes)
            if ready:
                self._step(self._next(ready, processes))
        for each in processes:
            self._ended(each, alone=len(processes) == 1)

    def wait(self, seconds: float) -> None:
        """Let time pass, and the vendors do what they are late with."""
        self.known = None
        clock = self.books.clock
        until = clock.ticks() + seconds
        while True:
            late = [(vendor.late[0][0], name) for name, vendor in self.vendors.items() if vendor.late]
            due, name = min(late, default=(until + 1, ""))
            if due > until:
                break
            clock.advance(max(0.0, due - clock.ticks()))
            _, hit, intent = self.vendors[name].late.popleft()
            self.log.append((name, "carries out what it was asked for before"))
            self._carry_out(name, hit, intent)
        clock.advance(until - clock.ticks())

    def pause(self, seconds: float) -> None:
        """Let time pass, and write it down."""
        self.log.append((f"{seconds:g} s", "pass"))
        self.wait(seconds)

    def allow(
        self,
        answers: Replies,
        *troubles: Trouble,
        bad: int = 2,
        asked_of: tuple[Reply, ...] = (),
        anywhere: bool = False,
        either: bool = False,
    ) -> None:
        """Say what may go wrong from now on: answers to dials, answers to the rest, one of the troubles."""
        self.replies, self.asked_of = answers, asked_of
        self.bad = 0 if answers is replies.none else bad
        self.troubles, self.left, self.anywhere, self.either = troubles, bool(troubles), anywhere, either

    def put_back(self, copied: bytes) -> None:
        """Let the ledger be what it was: it knows nothing of what came afterwards."""
        self.books.put_back(copied)
        self.known = None
        self.intents.clear()
        self.log.append(("the ledger", "is put back"))

    def come_to(self, place: str, *processes: Process) -> None:
        """Leave the play where another way led to the same state at the same place.

        Where processes stand is told by what the answers to their effects followed from.

        Raises:
            Seen: it did.
        """
        stand = tuple((each.past, each.wakes_at, each.over, each.killed) for each in processes)
        self.explored((place, self.state(), stand))

    def state(self) -> Hashable:
        """Give everything on which the rest of a play can depend."""
        if self.known is None:
            kept = tuple((tuple(each.late), _kept(each.sandbox)) for each in self.vendors.values())
            ours = (self.books.state(), tuple(self.owner.items()), tuple(self.suppressed))
            self.known = hash((ours, repr(kept)))
        return (self.known, self.replies, self.left, self.bad, round(self.books.clock.ticks(), 3))

    def _ready(self, processes: Sequence[Process]) -> list[Process]:
        """Give those that ask for something now; where all of them wait, let the time pass."""
        alive = [each for each in processes if not each.over]
        wakes_at = min(each.wakes_at for each in alive)
        if wakes_at > self.books.clock.ticks():
            self.wait(wakes_at - self.books.clock.ticks())
        awake = [each for each in alive if each.wakes_at <= self.books.clock.ticks()]
        for each in awake:
            each.go_on()
        return [each for each in awake if not each.over]

    def _next(self, ready: list[Process], processes: Sequence[Process]) -> Process:
        """Give the one that goes on: any, but first whoever only asks for the time or an id."""
        private = [each for each in ready if not each.shares]
        if private:
            return private[0]
        if len(ready) > 1:
            self.come_to("race", *processes)
        return self.choose(ready)

    def _step(self, process: Process) -> None:
        effect = process.effect
        if effect is None:
            return
        self.steps += 1
        if process.done > LONGEST:
            raise Broken(self.told(f"{process.name} never ends"))
        trouble = self._trouble(process)
        if trouble in NAPPING:
            self.log.append((process.name, trouble, telling.named(effect)))
            process.wakes_at = self.books.clock.ticks() + NAPPING[trouble]
            return
        if trouble is not Trouble.NONE and trouble not in AFTER:
            self._strike(process, trouble, effect)
            return
        answer, seconds = self._perform(process, effect, cut=trouble is Trouble.INTERRUPTED_AFTER)
        if trouble is not Trouble.NONE:
            self._strike(process, trouble, effect)
            return
        if not isinstance(effect, Send):
            self.log.append((process.name, telling.named(effect), answer))
        process.answer(answer, self.books.clock.ticks() + seconds)

    def _trouble(self, process: Process) -> Trouble:
        if not self.left:
            return Trouble.NONE
        wanted = self.troubles
        if not (self.anywhere or process.shares):
            wanted = tuple(each for each in wanted if each in NAPPING)
        found = self.choose(process.troubles(wanted), rare=True)
        if found is not Trouble.NONE:
            self.left -= 1
            self.bad *= not self.either
        return found

    def _strike(self, process: Process, trouble: Trouble, effect: Effect[Any]) -> None:
        self.log.append((process.name, trouble, telling.named(effect)))
        if trouble in KILLS:
            process.kill()
        else:
            process.answer(thrown(trouble), 0.0)

    def _perform(self, process: Process, effect: Effect[Any], *, cut: bool) -> tuple[Any, float]:
        """Perform an effect, cut short or not; give its answer, and how many seconds that takes."""
        seen = self.state() if process.shares else self.books.clock.ticks()  # what the answer follows from
        process.past = hash((process.past, type(effect), seen))
        if isinstance(effect, LedgerOp):
            self.known = None if type(effect) in WRITES else self.known
            return self._note(process, effect), 0.0
        if isinstance(effect, Send):
            self.known = None
            return self._send(process, effect, cut=cut)
        if isinstance(effect, Sleep):
            return None, effect.seconds
        return self._told_by_itself(process, effect), 0.0

    def _told_by_itself(self, process: Process, effect: Effect[Any]) -> Any:
        if isinstance(effect, NewId):
            return f"id-{process.number}-{process.done}"
        if isinstance(effect, Consult):
            return effect.check(effect.call)
        clock = self.books.clock
        table: Mapping[type[Effect[Any]], Callable[[], Any]] = {
            Now: clock.now,
            Ticks: clock.ticks,
            Jitter: lambda: 0.5,
        }
        return table[type(effect)]()

    def _note(self, process: Process, operation: Any) -> Any:
        """Ask the ledger, and remember who was allowed what."""
        try:
            answer = self.books.perform(operation)
        except Exception as error:  # noqa: BLE001 - the flow's to deal with
            return error
        if isinstance(answer, ops.Claimed):
            self.intents[operation.call.id] = (operation.call.idempotency_key or "", operation.call.to or "")
            process.intent, process.claimed = operation.call.id, self.steps
        elif isinstance(answer, ops.Retaken):
            process.intent, process.claimed = operation.call_id, self.steps
        elif isinstance(operation, ops.Suppress):
            self.suppressed |= {entry.number or "": self.steps for entry in operation.entries}
        return answer

    def _send(self, process: Process, effect: Send, *, cut: bool) -> tuple[Any, float]:
        vendor, request = self.vendors[effect.provider], effect.request
        provider = process.context.links[effect.provider].provider
        headers = dict((*request.headers, *provider.authorization()))
        hit = Hit.of(request.method, request.path, headers, request.body or b"")
        reply = self._reply(process, provider, vendor, dials=request.dials)
        self.log.append((process.name, repr(request), effect.provider, str(reply)))
        intent = process.intent if request.dials else None
        held = effect.timeout if reply.hangs and not cut else 0.0  # whoever is interrupted hangs up at once
        if reply.acts > replies.AT_ONCE:
            vendor.late.append((self.books.clock.ticks() + held + reply.acts, hit, intent))
        elif reply.acts == replies.AT_ONCE:
            own = self._carry_out(effect.provider, hit, intent)
            return (own if reply.answer is None else reply.answer), held
        return reply.answer, held

    def _reply(self, process: Process, provider: Provider[Any], vendor: Vendor, *, dials: bool) -> Reply:
        options = self.asked_of
        if dials:
            self._may_dial(process)
            options = self.replies(provider, vendor.sandbox)
            self.replies = replies.few
        reply = self.choose((OWN, *options), rare=True) if self.bad else OWN
        if reply is not OWN:
            self.bad -= 1
            self.left *= not self.either
        return reply

    def _may_dial(self, process: Process) -> None:
        if process.intent is None:
            raise Broken(self.told(f"{process.name} dials what nobody has written down"))
        if process.claimed < 0:
            raise Broken(self.told(f"{process.name} dials twice for one claim"))
        number = self.intents[process.intent][1]
        if process.claimed > self.suppressed.get(number, process.claimed):
            raise Broken(self.told(f"{process.name} dials a number that is on the suppression list"))
        process.claimed = -1  # once

    def _carry_out(self, name: str, hit: Hit, intent: str | None) -> Response:
        sandbox = self.vendors[name].sandbox
        if not isinstance(sandbox, PretendedSandbox):
            return sandbox.handle(hit).response
        before = len(sandbox.calls)
        answer = sandbox.handle(hit).response
        for made in [*sandbox.calls][before:]:
            self.owner[name, made] = intent or ""
        return answer

    def _ended(self, process: Process, *, alone: bool) -> None:
        """Look at what a process said in the end; what one says while others dial is old news."""
        error = process.error
        if not process.killed:
            self.log.append((process.name, "ends with", process.result if error is None else error))
        told = getattr(error, "dialed", None)
        if error is not None and told is None and not isinstance(error, KeyboardInterrupt):
            raise Broken(self.told(f"{process.name} fails with {type(error).__name__}")) from error
        intent = process.intent if alone and told == "no" else None
        if intent is not None and self.rings(intent, possible=True):
            raise Broken(self.told(f"{process.name} says that no phone can have rung"))

    # what came of it

    def rings(self, intent: str, *, possible: bool = False) -> int:
        """Count the phones that an intent has rung; with `possible` also those that it can yet ring."""
        number = self.intents[intent][1]
        count = 0
        for name, vendor in self.vendors.items():
            vendor.sandbox.settle()
            if isinstance(vendor.sandbox, PretendedSandbox):
                rung = [self.owner.get((name, dial.call_id)) for dial in vendor.sandbox.dials]
                count += rung.count(intent)
                waiting = [call for call, owner in self.made(name) if owner == intent]
                count += possible and sum(call["state"] == "waiting" for call in waiting)
            else:
                count += vendor.sandbox.rung[number]
            count += possible and sum(each[2] == intent for each in vendor.late)
        return count

    def made(self, name: str) -> list[tuple[dict[str, Any], str]]:
        """Give the calls of a pretended vendor, each with its intent."""
        sandbox = self.vendors[name].sandbox
        calls = sandbox.calls.items() if isinstance(sandbox, PretendedSandbox) else ()
        return [(call, self.owner.get((name, made), "")) for made, call in calls]

    def told(self, what: str) -> str:
        """Give the message of a broken rule, with every step that led there."""
        return f"{what}\n{self.scene}\n{telling.steps(self.log)}"


def _kept(sandbox: Sandbox) -> object:
    if isinstance(sandbox, PretendedSandbox):
        return sandbox.calls, sandbox.keys, sandbox.hidden
    return len(sandbox.dials), dict(sandbox.hits)
