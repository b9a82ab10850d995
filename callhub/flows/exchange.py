"""Talk to a vendor: drive a plugin's flow, keep the vendor's limits, try again where that is harmless."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from callhub.errors import CallhubError, ConfigurationError, RateLimited
from callhub.flows.context import Room
from callhub.flows.effects import Jitter, Now, Send, Sleep, Steps, Ticks, ask
from callhub.policy import retry, verdict
from callhub.policy.verdict import Verdict
from callhub.provider.http import Fault, Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from callhub.flows.context import Link
    from callhub.provider.base import Flow, Provider

T = TypeVar("T")

TIMEOUT = 30.0  # seconds that one request may take
PATIENCE = 90.0  # seconds that a page of a list may take, waiting for the vendor's limit included


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """What a plugin's flow returned."""

    value: T


def perform(link: Link, flow: Flow[T], timeout: float = TIMEOUT) -> Steps[T]:
    """Carry out an operation that can't ring a phone, and return what it returns.

    `timeout` covers everything together: each request, and the waiting between them.

    Raises:
        CallhubError: the vendor refused, wasn't reachable or made no sense; `dialed` is "no".
    """
    deadline = (yield from ask(Ticks())) + timeout
    step = yield from drive(link, flow, advance(link.provider, partial(next, flow)), deadline)
    if isinstance(step, Request):
        raise ConfigurationError(
            f"{link.provider.title}: this operation may not dial", provider=link.provider.name
        )
    result: T = step.value
    return result


def drive(
    link: Link, flow: Flow[Any], step: Request | Done[Any], deadline: float
) -> Steps[Request | Done[Any]]:
    """Go on with a plugin's flow from one of its steps, until it ends or wants to dial."""
    while isinstance(step, Request) and not step.dials:
        step = yield from _answer(link, flow, step, deadline)
    return step


def advance(
    provider: Provider[Any], move: Callable[[], Request], *, dialled: bool = False
) -> Request | Done[Any]:
    """Move a plugin's flow on to its next request or to its end.

    Raises:
        CallhubError: the plugin couldn't read the answer (JSON and schemas fail with ValueError).
    """
    try:
        return move()
    except StopIteration as stop:
        return Done(stop.value)
    except (ValueError, ArithmeticError):
        pass  # raised outside the handler: the chained exception would quote the answer
    raise verdict.nonsense(provider, dialled=dialled)


def send(link: Link, request: Request, timeout: float) -> Steps[Response | Fault]:
    """Send once, and remember what the answer says about the limit and the vendor's clock."""
    answer: Response | Fault = yield from ask(Send(link.provider.name, request, timeout))
    if not isinstance(answer, Response):
        return answer
    link.date = answer.headers.get("date")
    limit = link.provider.rate_limit(answer)
    if limit is not None:
        server_now = retry.date(link.date) or (yield from ask(Now()))
        wait = min(max(0.0, limit.resets_at - server_now.timestamp()), retry.LONGEST_WINDOW)
        link.limit = Room(limit.remaining, (yield from ask(Ticks())) + wait)
    return answer


def keep_pace(link: Link, deadline: float) -> Steps[None]:
    """Wait as long as the vendor's limit needs.

    Raises:
        RateLimited: that would be past the deadline; nothing was sent.
    """
    if link.limit is None:
        return
    ticks = yield from ask(Ticks())
    seconds = retry.pause(link.limit.remaining, link.limit.renewed_at - ticks)
    if not seconds:
        return
    if ticks + seconds > deadline:
        raise RateLimited(
            f"{link.provider.title}'s limit is used up; it has room again in {seconds:.0f} s",
            provider=link.provider.name,
            retry_after=timedelta(seconds=seconds),
        )
    yield from ask(Sleep(seconds))


def error_of(provider: Provider[Any], answer: Response | Fault, *, dialled: bool) -> Steps[CallhubError]:
    """Make the error for anything but a 2xx."""
    if isinstance(answer, Fault):
        return verdict.fault_error(provider, answer, dialled=dialled)
    return verdict.answer_error(provider, answer, (yield from ask(Now())), dialled=dialled)


def wait_to_retry(error: CallhubError, tried: int, deadline: float) -> Steps[bool]:
    """Wait before another try; False where there is no use or no time for one."""
    told = error.retry_after.total_seconds() if error.retry_after is not None else None
    if told is None and isinstance(error, RateLimited):
        told = retry.UNTOLD
    seconds = retry.backoff(tried, told, (yield from ask(Jitter())))
    if seconds is None or (yield from ask(Ticks())) + seconds > deadline:
        return False
    yield from ask(Sleep(seconds))
    return True


def _answer(link: Link, flow: Flow[Any], request: Request, deadline: float) -> Steps[Request | Done[Any]]:
    try:
        response = yield from _answered(link, request, deadline)
    except CallhubError as error:
        return advance(link.provider, partial(flow.throw, error))
    return advance(link.provider, partial(flow.send, response))


def _answered(link: Link, request: Request, deadline: float) -> Steps[Response]:
    tried = 0
    while True:
        yield from keep_pace(link, deadline)
        remaining = deadline - (yield from ask(Ticks()))
        answer = yield from send(link, request, min(max(remaining, 0.001), TIMEOUT))
        if isinstance(answer, Response) and answer.ok:
            return answer
        tried += 1
        error = yield from error_of(link.provider, answer, dialled=False)
        if not _harmless(request, answer) or not (yield from wait_to_retry(error, tried, deadline)):
            raise error


def _harmless(request: Request, answer: Response | Fault) -> bool:
    """Tell whether sending again can do no harm and may help."""
    if isinstance(answer, Fault):
        return request.repeatable or verdict.FAULTS[answer] is Verdict.UNREACHABLE
    return answer.status == HTTPStatus.TOO_MANY_REQUESTS or (
        request.repeatable and answer.status in retry.TRANSIENT
    )
