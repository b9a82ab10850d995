"""Perform a flow: one runner blocks, the other awaits. Nothing else touches the outside."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any, TypeVar

from callhub.errors import ConfigurationError
from callhub.flows.effects import (
    Consult,
    Effect,
    Jitter,
    LedgerOp,
    NewId,
    Now,
    Send,
    Sleep,
    Steps,
    Tell,
    Ticks,
)
from callhub.runtime.clock import jitter, new_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from callhub.ledger.store import Ledger
    from callhub.runtime.clock import Clock
    from callhub.runtime.transport import AsyncTransport, Transport

T = TypeVar("T")


class Runner:
    """Performs flows in the calling thread; safe to share between threads."""

    def __init__(self, ledger: Ledger, transport: Transport, clock: Clock) -> None:
        self.closed = False
        self._ledger = ledger
        self._table: dict[type[Effect[Any]], Callable[[Any], Any]] = {
            Send: lambda it: transport.send(it.provider, it.request, it.timeout),
            Sleep: lambda it: clock.sleep(it.seconds),
            Tell: lambda it: it.listener(it.call),
            Consult: lambda it: it.check(it.call),
            **_instant(clock),
        }

    def run(self, steps: Steps[T]) -> T:
        """Perform every effect of a flow, and return what the flow returns.

        Whatever the flow makes of an interruption, whoever interrupts sees it.

        Raises:
            ConfigurationError: the hub is closed.
        """
        _refuse_if(self.closed)
        interruption = _Interruption()
        answer: Any = None
        failure: BaseException | None = None
        while True:
            try:
                effect = steps.send(answer) if failure is None else steps.throw(failure)
            except StopIteration as stop:
                interruption.insist()
                result: T = stop.value
                return result
            except Exception as error:
                interruption.insist(error)
                raise
            failure = None
            try:
                answer = self._table.get(type(effect), self._ledger.perform)(effect)
            except BaseException as error:  # noqa: BLE001 - the flow decides, Ctrl-C included
                interruption.notice(error)
                failure = error


class AsyncRunner:
    """Performs flows on the running event loop; safe to share between tasks."""

    def __init__(self, ledger: Ledger, transport: AsyncTransport, clock: Clock) -> None:
        self.closed = False
        self._ledger = ledger
        self._instant = _instant(clock)
        self._table: dict[type[Effect[Any]], Callable[[Any], Awaitable[Any]]] = {
            Send: lambda it: transport.send(it.provider, it.request, it.timeout),
            Sleep: lambda it: clock.sleep_async(it.seconds),
            Tell: _tell,
            Consult: _consult,
        }

    async def run(self, steps: Steps[T]) -> T:
        """Perform every effect of a flow, and return what the flow returns.

        What the ledger has begun is finished before a cancellation is let through: the flow must
        know what was written. Whatever the flow makes of it, whoever cancels sees the cancellation.

        Raises:
            ConfigurationError: the hub is closed.
        """
        _refuse_if(self.closed)
        interruption = _Interruption()
        answer: Any = None
        failure: BaseException | None = None
        while True:
            try:
                effect = steps.send(answer) if failure is None else steps.throw(failure)
            except StopIteration as stop:
                interruption.insist()
                result: T = stop.value
                return result
            except Exception as error:
                interruption.insist(error)
                raise
            failure = None
            try:
                answer = await self._perform(effect, interruption)
            except BaseException as error:  # noqa: BLE001 - the flow decides, cancellation included
                interruption.notice(error)
                failure = error

    async def _perform(self, effect: Effect[Any], interruption: _Interruption) -> Any:
        if isinstance(effect, LedgerOp):
            return await self._finish(effect, interruption)
        interruption.deliver()
        if type(effect) in self._instant:
            return self._instant[type(effect)](effect)
        return await self._table[type(effect)](effect)

    async def _finish(self, operation: LedgerOp[T], interruption: _Interruption) -> T:
        loop = asyncio.get_running_loop()
        answer = loop.run_in_executor(None, self._ledger.perform, operation)  # no task: nobody cancels it
        while not answer.done():
            try:
                await asyncio.wait([answer])
            except asyncio.CancelledError as error:
                interruption.owe(error)
        return answer.result()


class _Interruption:
    """That a flow was interrupted or cancelled, and whether it has heard of that."""

    def __init__(self) -> None:
        self._error: BaseException | None = None
        self._owed = False

    def owe(self, error: asyncio.CancelledError) -> None:
        """Keep a cancellation from the flow until it asks for something else than the ledger."""
        self._error, self._owed = error, True

    def deliver(self) -> None:
        """Raise what the flow hasn't heard of."""
        if self._owed and self._error is not None:
            raise self._error

    def notice(self, error: BaseException) -> None:
        """Remember that the flow hears of it now."""
        if not isinstance(error, Exception):
            self._error, self._owed = error, False

    def insist(self, instead_of: Exception | None = None) -> None:
        """Raise it, whatever the flow has made of it."""
        if self._error is not None:
            raise self._error from instead_of


def _refuse_if(closed: bool) -> None:  # noqa: FBT001 - private, and named where it's used
    if closed:
        raise ConfigurationError("the hub is closed: make another one")


def _instant(clock: Clock) -> dict[type[Effect[Any]], Callable[[Any], Any]]:
    return {
        Now: lambda _: clock.now(),
        Ticks: lambda _: clock.ticks(),
        Jitter: lambda _: jitter(),
        NewId: lambda _: new_id(),
    }


async def _tell(effect: Tell) -> object:
    return await _awaited(effect.listener(effect.call))


async def _consult(effect: Consult) -> object:
    return await _awaited(effect.check(effect.call))


async def _awaited(answer: object) -> object:
    return (await answer) if inspect.isawaitable(answer) else answer
