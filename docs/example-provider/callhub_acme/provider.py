"""Acme's API as flows."""

from __future__ import annotations

from math import ceil
from typing import ClassVar

from callhub.model.call import Call
from callhub.provider.base import Flow, Provider, VendorError
from callhub.provider.http import Request, Response, path, to_json
from callhub.provider.order import CallFilter, Order, Page, Problem
from callhub.provider.sandbox import SandboxClock

from callhub_acme import tables, wire
from callhub_acme.sandbox import AcmeSandbox
from callhub_acme.settings import AcmeSettings

CALLS = ("v2", "calls")


class Acme(Provider[AcmeSettings]):
    """Acme, over its REST API."""

    name: ClassVar[str] = wire.NAME
    title = "Acme"
    requires = ">=0.1,<0.2"
    settings_type = AcmeSettings
    capabilities = tables.CAPABILITIES
    statuses = tables.STATUSES
    refusals = tables.REFUSALS
    about_person = frozenset({"do_not_call"})

    @classmethod
    def sandbox(cls, clock: SandboxClock) -> AcmeSandbox:
        """Make the vendor's emulator."""
        return AcmeSandbox(clock)

    def authorization(self) -> tuple[tuple[str, str], ...]:
        """Give the key's header."""
        return (("authorization", f"Bearer {self.settings.api_key.get_secret_value()}"),)

    def read_error(self, response: Response) -> VendorError:
        """Read ``{"reason", "text"}``."""
        try:
            told = response.json()
            return VendorError(str(told.get("text", "")), str(told["reason"]))
        except (ValueError, LookupError, TypeError, AttributeError):
            return VendorError()

    def reference(self, call: Call) -> str | None:
        """Give the reference, which is callhub's key: by it a look-up knows a call for certain."""
        found = call.raw.get("reference") if isinstance(call.raw, dict) else None
        return found if isinstance(found, str) else None

    def check(self, order: Order) -> tuple[Problem, ...]:
        """Name what the documents forbid, and what they need."""
        problems = []
        if order.script is None:
            problems.append(Problem("script", "is needed by Acme: name a scenario"))
        clash = sorted(set(order.extras) & tables.CALL_NAMES)
        if clash:
            problems.append(Problem("extras", f"hold {', '.join(clash)}, which callhub sets"))
        return tuple(problems)

    def create_call(self, order: Order) -> Flow[Call]:
        """Place a call; the reference makes a repetition harmless."""
        body = {
            "reference": order.idempotency_key,
            "number": order.to,
            "scenario": order.script,
            "facts": dict(order.variables),
            "dial_at": ceil(order.scheduled_at.timestamp()) if order.scheduled_at else None,
            "caller": order.from_number,
            "voice": self.settings.voice,
        }
        given = {name: value for name, value in body.items() if value is not None} | dict(order.extras)
        response = yield Request("POST", path(*CALLS), to_json(given), dials=True, repeatable=True)
        return wire.one_call(response)

    def get_call(self, call_id: str) -> Flow[Call]:
        """Read one call."""
        return wire.one_call((yield Request("GET", path(*CALLS, call_id), repeatable=True)))

    def list_calls(self, where: CallFilter, cursor: str | None, limit: int) -> Flow[Page[Call]]:
        """Read all calls: Acme has neither pages nor filters."""
        return Page(wire.all_calls((yield Request("GET", path(*CALLS), repeatable=True))))

    def cancel_call(self, call_id: str) -> Flow[None]:
        """Cancel a call that waits."""
        yield Request("POST", path(*CALLS, call_id, "cancel"))
