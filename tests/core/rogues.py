"""Plugins that misbehave, one way each; they talk to ErzyCall's sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from callhub.errors import CallhubError
from callhub.model.call import Call
from callhub.provider.http import Request, path
from callhub_erzycall import ErzyCall

if TYPE_CHECKING:
    from callhub.provider.base import Flow, RateLimit, VendorError
    from callhub.provider.http import Response
    from callhub.provider.order import Order

CALLS = ("api", "v1", "calls")


def _list() -> Request:
    return Request("GET", path(*CALLS))


class FailsAfter(ErzyCall):
    """Fails with a bug once the vendor has accepted."""

    name: ClassVar[str] = "failsafter"

    def create_call(self, order: Order) -> Flow[Call]:
        call = yield from super().create_call(order)
        raise KeyError(call.to)


class DialsTwice(ErzyCall):
    """Would dial again once the vendor has accepted."""

    name: ClassVar[str] = "dialstwice"

    def create_call(self, order: Order) -> Flow[Call]:
        yield from super().create_call(order)
        return (yield from super().create_call(order))


class DialsOnGet(ErzyCall):
    """Dials where it was asked to read, to cancel, or for an operation of its own."""

    name: ClassVar[str] = "dialsonget"
    operations: ClassVar[tuple[str, ...]] = ("surprise",)

    def get_call(self, call_id: str) -> Flow[Call]:
        yield from self.surprise(call_id)
        return Call(id=call_id)

    def cancel_call(self, call_id: str) -> Flow[None]:
        yield from self.surprise(call_id)

    def surprise(self, call_id: str = "") -> Flow[Any]:
        yield Request("POST", path(*CALLS), call_id.encode(), dials=True)


class DialsFirst(ErzyCall):
    """Reads something before it dials, and again afterwards."""

    name: ClassVar[str] = "dialsfirst"

    def create_call(self, order: Order) -> Flow[Call]:
        yield _list()
        call = yield from super().create_call(order)
        yield _list()
        return call


class ToleratesAfter(ErzyCall):
    """Reads more once the vendor has accepted, and doesn't mind when that fails."""

    name: ClassVar[str] = "toleratesafter"

    def create_call(self, order: Order) -> Flow[Call]:
        call = yield from super().create_call(order)
        try:
            yield _list()
        except CallhubError:
            return call
        return call


class ReturnsNothing(ErzyCall):
    """Returns no call although the vendor has accepted."""

    name: ClassVar[str] = "returnsnothing"

    def create_call(self, order: Order) -> Flow[Call]:
        yield from super().create_call(order)
        return None  # type: ignore[return-value] # that is the point


class NeverDials(ErzyCall):
    """Returns a call without having asked for one."""

    name: ClassVar[str] = "neverdials"

    def create_call(self, order: Order) -> Flow[Call]:  # noqa: ARG002
        yield _list()
        return Call(id="x", provider=self.name, provider_call_id="x")


class BreaksBefore(ErzyCall):
    """Fails with a bug before anything is sent."""

    name: ClassVar[str] = "breaksbefore"

    def create_call(self, order: Order) -> Flow[Call]:
        raise KeyError(order.idempotency_key)
        yield _list()


class CantReadErrors(ErzyCall):
    """Fails with a bug on an error answer, though it must not."""

    name: ClassVar[str] = "cantreaderrors"

    def read_error(self, response: Response) -> VendorError:
        raise KeyError(response.status)


class CantReadLimits(ErzyCall):
    """Fails with a bug on the rate-limit headers."""

    name: ClassVar[str] = "cantreadlimits"

    def rate_limit(self, response: Response) -> RateLimit | None:
        raise KeyError(response.status)


ROGUES: tuple[type[ErzyCall], ...] = (
    FailsAfter,
    DialsTwice,
    DialsOnGet,
    DialsFirst,
    ToleratesAfter,
    ReturnsNothing,
    NeverDials,
    BreaksBefore,
    CantReadErrors,
    CantReadLimits,
)
