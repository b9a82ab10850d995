"""Lists: each call once, to the end, and filters that filter."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from callhub.model.lifecycle import CallStatus
from callhub.provider.capability import Feature
from callhub.provider.order import CallFilter
from callhub.provider.sandbox import PERSONAS
from callhub.testing.contract.harness import LIFE, Harness, expect

if TYPE_CHECKING:
    from callhub.provider.base import Provider
    from callhub.provider.sandbox import Sandbox

CALLS = 7
MOST_PAGES = 100


class ListTests(Harness):
    """Reading and cancelling what was placed."""

    def test_every_call_is_listed_once(self) -> None:
        """All pages together hold each call once, and there is a last page."""
        provider, sandbox, _ = self.vendor()
        self._listed(provider, sandbox, CallFilter(), 2)  # works before anything is placed
        placed = self._placed(provider, sandbox)
        listed = self._listed(provider, sandbox, CallFilter(), 2)
        found = [call.provider_call_id for call in listed if call.provider_call_id in placed]
        expect(sorted(found) == sorted(placed), "list_calls must give each call once over all its pages")

    def test_a_placed_call_is_listed_with_what_a_look_up_goes_by(self) -> None:
        """A listed call shows its number, its script and when it was made: so is a lost one found again."""
        provider, sandbox, _ = self.vendor()
        if not provider.supports(Feature.LIST):
            return
        order = self.order()
        call_id = self.created(provider, sandbox).value.provider_call_id
        listed = self._listed(provider, sandbox, CallFilter(script=order.script), 5)
        mine = [call for call in listed if call.provider_call_id == call_id]
        expect(
            len(mine) == 1, "list_calls, asked for the script of a call that was placed, must give that call"
        )
        expect(mine[0].to == order.to, "a listed call must show its number in Call.to, as it was dialled")
        expect(mine[0].created_at is not None, "a listed call must show in Call.created_at when it was made")
        scripts = (None, f"{provider.name}:{order.script}")
        expect(
            mine[0].script in scripts, f"a listed call's script must be '{provider.name}:<vendor id>' or None"
        )

    def test_a_complete_list_forgets_nothing(self) -> None:
        """Where the list is said to hold every call, it does so whatever has become of them."""
        provider, sandbox, clock = self.vendor()
        if not provider.supports(Feature.COMPLETE_LIST):
            return
        expect(
            provider.supports(Feature.LIST), "a list that holds every call is native only where listing is"
        )
        placed = {
            self.created(
                provider, sandbox, to=f"+141555501{suffix}", idempotency_key=suffix
            ).value.provider_call_id
            for suffix in ("00", *PERSONAS)
        }
        for seconds in (0, LIFE, 86_400):
            clock.advance(seconds)
            listed = {call.provider_call_id for call in self._listed(provider, sandbox, CallFilter(), 5)}
            expect(
                placed <= listed,
                "the list lacks calls that were placed, so that one that isn't there proves nothing: "
                "declare the capability list that holds every call as missing",
            )

    def test_a_reference_is_the_key(self) -> None:
        """Where `reference` finds one, it is the idempotency key that the order was placed under."""
        provider, sandbox, _ = self.vendor()
        keys = ("key-1", "key-2")
        made = [self.created(provider, sandbox, idempotency_key=key).value.provider_call_id for key in keys]
        listed = {call.provider_call_id: call for call in self._listed(provider, sandbox, CallFilter(), 5)}
        for key, call_id in zip(keys, made, strict=True):
            read = self.drive(provider, sandbox, partial(provider.get_call, call_id)).value
            for call in filter(None, (read, listed.get(call_id))):
                told = provider.reference(call)
                expect(
                    told in (None, key),
                    "reference must give the order's idempotency_key as the vendor keeps it, or None: "
                    "a look-up takes a call for the one that is sought by it alone",
                )

    def test_pages_are_declared(self) -> None:
        """A vendor without pages gives everything at once and no cursor."""
        provider, sandbox, _ = self.vendor()
        self._placed(provider, sandbox)
        page = self.drive(provider, sandbox, lambda: provider.list_calls(CallFilter(), None, 2)).value
        expect(
            (page.cursor is not None) == provider.supports(Feature.PAGES),
            "a page's cursor must be given exactly where the capability list in pages is native",
        )

    def test_native_filters_filter(self) -> None:
        """Where filtering by status is native, only such calls come back."""
        provider, sandbox, clock = self.vendor()
        self._placed(provider, sandbox)
        if not provider.supports(Feature.FILTER_STATUS):
            return
        clock.advance(LIFE)
        open_calls = self._listed(provider, sandbox, CallFilter(status=CallStatus.QUEUED), 5)
        expect(not open_calls, "list_calls(status=queued) gave calls that are over")
        over = self._listed(provider, sandbox, CallFilter(status=CallStatus.ENDED), 5)
        expect(len(over) >= CALLS, "list_calls(status=ended) didn't give all the calls that ended")

    def test_a_cancelled_call_stays_cancelled(self) -> None:
        """Where cancelling is native, a call that waits can be cancelled, and doesn't ring."""
        provider, sandbox, clock = self.vendor()
        if not provider.supports(Feature.CANCEL):
            return
        call_id = self.created(provider, sandbox).value.provider_call_id
        seen = self.drive(provider, sandbox, lambda: provider.cancel_call(call_id))
        expect(seen.error is None, f"cancel_call should cancel a call that was just created: {seen.error}")
        clock.advance(LIFE)
        read = self.drive(provider, sandbox, lambda: provider.get_call(call_id)).value
        expect(read.status is CallStatus.CANCELLED, f"a cancelled call is read as {read.status}")
        expect(not sandbox.dials, "a cancelled call rang")

    def _placed(self, provider: Provider[Any], sandbox: Sandbox) -> list[str]:
        fields = [{"to": f"+1415555020{last}", "idempotency_key": f"key-{last}"} for last in range(CALLS)]
        return [self.created(provider, sandbox, **each).value.provider_call_id for each in fields]

    def _listed(self, provider: Provider[Any], sandbox: Sandbox, where: CallFilter, limit: int) -> list[Any]:
        found: list[Any] = []
        cursor = None
        for _ in range(MOST_PAGES):
            seen = self.drive(provider, sandbox, partial(provider.list_calls, where, cursor, limit))
            expect(seen.error is None, f"list_calls should work against the sandbox: {seen.error}")
            found += seen.value.items
            cursor = seen.value.cursor
            if cursor is None:
                return found
        raise AssertionError(
            f"list_calls gave {MOST_PAGES} pages and no last one: stop by the vendor's own sign"
        )
