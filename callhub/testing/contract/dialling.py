"""A phone rings once: which request may ring it, and that nothing repeats it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from callhub.errors import OutcomeUnknown
from callhub.provider.capability import Feature
from callhub.provider.http import Response
from callhub.provider.order import CallFilter
from callhub.testing.contract.harness import LIFE, MARK, Harness, answered, expect, fail, no_io
from callhub.testing.contract.operations import optional

if TYPE_CHECKING:
    from collections.abc import Callable

    from callhub.model.call import Call
    from callhub.provider.base import Flow


class DiallingTests(Harness):
    """The promise, as far as a plugin can break it."""

    def test_create_dials_with_exactly_one_request(self) -> None:
        """One request of create_call has dials=True, and one phone rings."""
        provider, sandbox, clock = self.vendor()
        seen = self.created(provider, sandbox)
        expect(
            len(seen.dialling) == 1,
            f"create_call must yield exactly one Request with dials=True; it yielded {len(seen.dialling)}",
        )
        clock.advance(LIFE)
        sandbox.settle()
        expect(
            sandbox.rung[MARK] == 1,
            f"one create rang {sandbox.rung[MARK]} times: the sandbox's settle calls ring once for each call",
        )

    def test_create_never_repeats_the_dialling_request(self) -> None:
        """An error in the place of the answer ends the flow; retrying is callhub's business alone."""
        flow = self._flow_at_dial()
        with no_io():
            try:
                again = flow.throw(OutcomeUnknown("no answer"))
            except (OutcomeUnknown, StopIteration):
                return
        expect(not again.dials, "create_call dials again after an error: it could ring twice")

    def test_create_never_repeats_after_an_unreadable_answer(self) -> None:
        """A 2xx that can't be read raises ValueError; it isn't a reason to send again."""
        for body in (b"", b"<html>", b"[]", b"{}", b"null", b'"text"'):
            flow = self._flow_at_dial()
            try:
                further = flow.send(Response(200, {}, body))
            except ValueError:
                continue
            except StopIteration:
                fail(f"create_call made a call of the answer {body!r}: raise ValueError")
            expect(not further.dials, f"create_call dials again after the answer {body!r}")

    def _flow_at_dial(self) -> Flow[Call]:
        provider, sandbox, _ = self.vendor()
        flow = provider.create_call(self.order())
        request = next(flow)
        while not request.dials:
            request = flow.send(answered(provider, sandbox, request).response)
        return flow

    def test_batch_dials_with_exactly_one_request(self) -> None:
        """One request of create_calls has dials=True, and each result belongs to its order."""
        provider, sandbox, clock = self.vendor()
        if not provider.supports(Feature.CREATE_BATCH):
            return
        numbers = [f"+1415555022{last}" for last in range(3)]
        orders = tuple(self.order(to=number, idempotency_key=number) for number in numbers)
        seen = self.drive(provider, sandbox, lambda: provider.create_calls(orders))
        expect(seen.error is None, f"create_calls should succeed against the sandbox: {seen.error}")
        expect(len(seen.dialling) == 1, "create_calls must yield exactly one Request with dials=True")
        got = [call.to if call else None for call in seen.value]
        expect(got == numbers, "create_calls must match answers to orders by content, not by their place")
        clock.advance(LIFE)
        sandbox.settle()
        twice = [number for number, times in sandbox.rung.items() if times > 1]
        expect(not twice, "create_calls rang a number more than once")

    def test_nothing_else_dials(self) -> None:
        """No other operation has a request with dials=True."""
        provider, sandbox, _ = self.vendor()
        call_id = self.created(provider, sandbox).value.provider_call_id
        starts: dict[str, Callable[[], Flow[Any]]] = {
            "get_call": lambda: provider.get_call(call_id),
            "list_calls": lambda: provider.list_calls(CallFilter(), None, 5),
        }
        for feature, others in optional(provider, call_id).items():
            if provider.supports(feature) and feature is not Feature.CREATE_BATCH:
                starts |= others
        for name, start in starts.items():
            seen = self.drive(provider, sandbox, start)
            expect(not seen.dialling, f"{name} yields a Request with dials=True; only create_call(s) may")

    def test_the_same_order_gives_the_same_request(self) -> None:
        """Bytes depend on the order alone: neither on the clock, nor on chance, nor on the attempt."""
        first, second = self.dialling_request(), self.dialling_request()
        expect(
            first == second,
            "create_call must give the same bytes for the same order",
        )

    def test_idempotency_is_what_the_table_says(self) -> None:
        """`repeatable` is claimed only where the vendor has a key, and the key is then sent."""
        provider, sandbox, clock = self.vendor()
        native = provider.supports(Feature.IDEMPOTENT_CREATE)
        request = self.dialling_request()
        expect(
            request.repeatable == native,
            "the dialling Request's repeatable must say what the capability idempotent create says",
        )
        if not native:
            return
        other = self.dialling_request(idempotency_key="key-2")
        expect(other != request, "the order's idempotency_key must be part of the dialling request")
        for _ in range(2):
            answered(provider, sandbox, request)
        clock.advance(LIFE)
        sandbox.settle()
        expect(
            sandbox.rung[MARK] == 1,
            "the same request twice rang twice: is the key sent?",
        )
