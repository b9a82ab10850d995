"""Drive a plugin by hand, with the network out of reach."""

from __future__ import annotations

import json
import socket
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn
from unittest import mock

from pydantic import ValidationError

from callhub import config
from callhub.errors import CallhubError
from callhub.hub import Hub
from callhub.model.contact import Contact
from callhub.policy import verdict
from callhub.provider import registry
from callhub.provider.http import Request, Response
from callhub.provider.order import Order
from callhub.provider.sandbox import Answer, Hit, SandboxClock
from callhub.testing import inprocess
from callhub.testing.clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from callhub.provider.base import Flow, Provider
    from callhub.provider.sandbox import Sandbox

MARK = "+14155550100"
LIFE = 600.0


@dataclass(slots=True)
class Driven:
    """What a flow did: what it asked for, and how it ended."""

    requests: list[Request] = field(default_factory=list)
    value: Any = None
    error: CallhubError | None = None
    answer: Response | None = None

    @property
    def dialling(self) -> list[Request]:
        """The requests that may ring a phone."""
        return [request for request in self.requests if request.dials]


def expect(holds: object, sentence: str) -> None:
    """Fail with a sentence that tells the author what to change."""
    __tracebackhide__ = True
    if not holds:
        fail(sentence)


def fail(sentence: str) -> NoReturn:
    """Fail with a sentence that tells the author what to change."""
    __tracebackhide__ = True
    raise AssertionError(sentence)


@contextmanager
def no_io() -> Iterator[None]:
    """Let every socket and every sleep fail, with the reason."""

    def refuse(*_: object, **__: object) -> Any:
        fail("a plugin does no I/O and doesn't wait: yield a Request and let callhub send it")

    with mock.patch.object(socket, "socket", refuse), mock.patch.object(time, "sleep", refuse):
        yield


class Harness:
    """What an author gives, and what the tests need of it."""

    provider_type: ClassVar[type[Provider[Any]]]
    settings: ClassVar[Mapping[str, Any] | None] = None
    order_fields: ClassVar[Mapping[str, Any]] = {}

    def make_sandbox(self, clock: SandboxClock) -> Sandbox:
        """Make the vendor's emulator; override to raise its limits."""
        return self.provider_type.sandbox(clock)

    def error_body(self, code: str | None) -> bytes:
        """Write an error answer as the vendor does; needed where `refusals` names codes."""
        return json.dumps({"error": {"code": code, "message": "no"}}).encode()

    def vendor(self) -> tuple[Provider[Any], Sandbox, VirtualClock]:
        """Make a fresh provider, its sandbox and the clock that both go by."""
        clock = VirtualClock()
        sandbox = self.make_sandbox(SandboxClock(clock.now))
        given = {**sandbox.settings, **(self.settings or {}), "base_url": inprocess.url_of("vendor")}
        try:
            settings = self.provider_type.settings_type.model_validate(given)
        except ValidationError as error:
            fail(f"the sandbox's settings must be enough for a provider: {config.problems(error)}")
        return self.provider_type(settings), sandbox, clock

    def order(self, **fields: Any) -> Order:
        """Make an order that the vendor takes, with these fields changed."""
        sandbox = self.make_sandbox(SandboxClock(VirtualClock().now))
        plain = {"to": MARK, "idempotency_key": "key-1", "contact": Contact(name="Ada")}
        return Order(**{**plain, "script": sandbox.script, **self.order_fields, **fields})

    def drive(self, provider: Provider[Any], sandbox: Sandbox, start: Callable[[], Flow[Any]]) -> Driven:
        """Run a flow to its end against the sandbox, with sockets blocked."""
        seen = Driven()
        with no_io():
            try:
                self._steps(provider, sandbox, start(), seen)
            except CallhubError as error:
                seen.error = error
        return seen

    def _steps(self, provider: Provider[Any], sandbox: Sandbox, flow: Flow[Any], seen: Driven) -> None:
        move: Callable[[], Request] = lambda: next(flow)  # noqa: E731
        while True:
            try:
                request = move()
            except StopIteration as stop:
                seen.value = stop.value
                return
            seen.requests.append(request)
            answer = seen.answer = answered(provider, sandbox, request).response
            if answer.ok:
                move = _sending(flow, answer)
            else:
                now = sandbox.clock.now()
                move = _throwing(flow, verdict.answer_error(provider, answer, now, dialled=request.dials))

    def created(self, provider: Provider[Any], sandbox: Sandbox, **fields: Any) -> Driven:
        """Place a call by hand, and insist that the sandbox took it."""
        order = self.order(**fields)
        wrong = {problem.field: problem.message for problem in provider.check(order)}
        expect(not wrong, f"check refuses what this test orders: {wrong}; give order_fields what it needs")
        seen = self.drive(provider, sandbox, lambda: provider.create_call(order))
        expect(
            seen.error is None and seen.value is not None,
            f"create_call should return the call that the sandbox took; it ended with {seen.error!r}. "
            "What an order can't do without goes into order_fields of this test",
        )
        return seen

    def dialling_request(self, **fields: Any) -> Request:
        """Give the request that would ring a phone for such an order, unsent."""
        provider, sandbox, _ = self.vendor()
        flow = provider.create_call(self.order(**fields))
        request = next(flow)
        while not request.dials:
            request = flow.send(answered(provider, sandbox, request).response)
        return request

    def read_back(self, provider: Provider[Any], sandbox: Sandbox) -> tuple[Any, dict[str, Any], Response]:
        """Place a call and read it: the call, the vendor's body of it, and the answer."""
        call_id = self.created(provider, sandbox).value.provider_call_id
        seen = self.drive(provider, sandbox, lambda: provider.get_call(call_id))
        expect(seen.error is None and seen.answer is not None, f"get_call should read the call: {seen.error}")
        answer = seen.answer or Response(0)
        return seen.value, json.loads(answer.body), answer

    def reread(self, provider: Provider[Any], answer: Response, body: object) -> Any:
        """Let the plugin read another body in the place of an answer to get_call."""
        flow = provider.get_call("any")
        next(flow)
        try:
            flow.send(Response(answer.status, answer.headers, json.dumps(body).encode()))
        except StopIteration as stop:
            return stop.value
        fail("get_call should return after one answer here")

    @contextmanager
    def hub(self, handler: Callable[[Hit], Answer]) -> Iterator[Hub]:
        """Make a hub whose one vendor answers by `handler`."""
        import httpx2  # noqa: PLC0415 - only these tests need a client

        provider, sandbox, clock = self.vendor()
        settings = {**sandbox.settings, **(self.settings or {}), "base_url": inprocess.url_of("vendor")}
        client = httpx2.Client(transport=inprocess.transport({"vendor": handler}))
        given: dict[str, Any] = {
            "providers": {provider.name: settings},
            "http_client": client,
            "clock": clock,
        }
        with mock.patch.object(registry, "load", return_value=self.provider_type):
            hub = Hub(ledger="sqlite://", **given)
        with client, hub:
            yield hub


def answered(provider: Provider[Any], sandbox: Sandbox, request: Request) -> Answer:
    """Send a request to a sandbox as callhub would."""
    headers = dict([*request.headers, *provider.authorization(), ("content-type", "application/json")])
    return sandbox.handle(Hit.of(request.method, request.path, headers, request.body or b""))


def places(value: object, wanted: object, trail: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Find every place in a JSON value where `wanted` stands."""
    if value == wanted and isinstance(value, type(wanted)):
        yield trail
    for key, inner in _inside(value):
        yield from places(inner, wanted, (*trail, key))


def leaves(value: object, trail: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Find every place in a JSON value that has a name."""
    for key, inner in _inside(value):
        if isinstance(key, str):
            yield (*trail, key)
        yield from leaves(inner, (*trail, key))


def changed(value: Any, trail: tuple[Any, ...], new: object, *, drop: bool = False) -> Any:
    """Give a copy of a JSON value with one place replaced or dropped."""
    copy = json.loads(json.dumps(value))
    inner = copy
    for step in trail[:-1]:
        inner = inner[step]
    if drop:
        del inner[trail[-1]]
    else:
        inner[trail[-1]] = new
    return copy


def _inside(value: object) -> list[tuple[Any, object]]:
    if isinstance(value, dict):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list) else []


def _sending(flow: Flow[Any], answer: Response) -> Callable[[], Request]:
    return lambda: flow.send(answer)


def _throwing(flow: Flow[Any], error: CallhubError) -> Callable[[], Request]:
    return lambda: flow.throw(error)
