"""Vendors that exist only here: as different as vendors may be, and as nasty as their documents allow.

A pretended vendor carries out a key once *per account and body*, and forgets it as soon as callhub
may no longer rely on it. What its list may leave out, it leaves out.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from callhub import errors
from callhub.model.call import Call
from callhub.model.lifecycle import CallOutcome, CallStatus
from callhub.provider.base import Flow, Provider, VendorError
from callhub.provider.capability import Capability, Feature, native
from callhub.provider.http import Request, Response, Unreadable, path, to_json
from callhub.provider.order import CallFilter, Order, Page, Problem
from callhub.provider.sandbox import Hit, Sandbox, SandboxClock, reply
from callhub.provider.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LISTED_AFTER = 4.0  # seconds that a call takes to appear in a list
_STATUSES: Mapping[str, CallStatus] = {
    "waiting": CallStatus.QUEUED,
    "done": CallStatus.ENDED,
    "revoked": CallStatus.CANCELLED,
    "broken": CallStatus.FAILED,
}
_OUTCOMES = {"done": CallOutcome.CONVERSATION, "revoked": CallOutcome.CANCELLED, "broken": CallOutcome.ERROR}
_CAN = (Feature.CREATE, Feature.GET, Feature.CANCEL, Feature.SCRIPT, Feature.VARIABLES)
_REFUSALS: Mapping[tuple[int, str | None], type[errors.Refused]] = {
    (400, "bad_request"): errors.InvalidRequest,
    (401, None): errors.AuthenticationFailed,
    (402, "no_credit"): errors.PermissionDenied,
    (403, "opted_out"): errors.Suppressed,
    (404, "not_found"): errors.NotFound,
    (422, "bad_number"): errors.InvalidRequest,
    (422, "too_late"): errors.InvalidState,
    (429, None): errors.RateLimited,
}


class PretendedSettings(Settings):
    """What a pretended vendor is configured with."""

    edition: int = Field(1, description="A setting that is part of every request.")


class Pretended(Provider[PretendedSettings]):
    """A vendor that exists only here."""

    requires = ">=0"
    settings_type = PretendedSettings
    statuses: ClassVar[Mapping[str, CallStatus]] = _STATUSES
    refusals = _REFUSALS
    about_person = frozenset({"opted_out", "bad_number"})
    skew: ClassVar[float] = 0.0  # seconds that the vendor's clock is ahead

    @classmethod
    def sandbox(cls, clock: SandboxClock) -> PretendedSandbox:
        """Make the vendor."""
        return PretendedSandbox(cls, clock)

    def authorization(self) -> tuple[tuple[str, str], ...]:
        """Give the account."""
        return (("authorization", self.settings.api_key.get_secret_value()),)

    def read_error(self, response: Response) -> VendorError:
        """Read ``{"code"}``."""
        try:
            return VendorError(code=str(response.json()["code"]))
        except (ValueError, LookupError, TypeError):
            return VendorError()

    def check(self, order: Order) -> tuple[Problem, ...]:
        """Mind nothing."""
        del order
        return ()

    def create_call(self, order: Order) -> Flow[Call]:
        """Place a call, under a key where the vendor has keys."""
        body = {"to": order.to, "script": order.script, "edition": self.settings.edition}
        keyed = self.supports(Feature.IDEMPOTENT_CREATE)
        headers = (("idempotency-key", order.idempotency_key),) if keyed else ()
        made = yield Request("POST", path("calls"), to_json(body), headers, dials=True, repeatable=keyed)
        return self._call(made.json())

    def get_call(self, call_id: str) -> Flow[Call]:
        """Read one call."""
        return self._call((yield Request("GET", path("calls", call_id), repeatable=True)).json())

    def list_calls(self, where: CallFilter, cursor: str | None, limit: int) -> Flow[Page[Call]]:
        """Read every call that the list shows."""
        del where, cursor, limit
        listed = (yield Request("GET", path("calls"), repeatable=True)).json()
        return Page(tuple(self._call(each) for each in listed["calls"]))

    def cancel_call(self, call_id: str) -> Flow[None]:
        """Take back a call that waits."""
        yield Request("POST", path("calls", call_id, "cancel"))

    def _call(self, said: Any) -> Call:
        if not isinstance(said, dict) or "id" not in said:
            raise Unreadable("the answer is no call")
        return Call(
            id=f"{self.name}:{said['id']}",
            provider=self.name,
            provider_call_id=said["id"],
            status=self.statuses[said["state"]],
            outcome=_OUTCOMES.get(said["state"]),
            provider_status=said["state"],
            to=said["to"],
            script=f"{self.name}:{said['script']}",
            created_at=datetime.fromtimestamp(said["at"], UTC),
        )


class PretendedSandbox(Sandbox):
    """What a pretended vendor does.

    Attributes:
        pickup: seconds until it rings.
        memory: seconds for which it knows a key.
        hides: decides whether an incomplete list leaves a call out.
        breaks: True where it fails its calls.
        rings: True where it rings before that.
    """

    provider: ClassVar[str] = "pretended"
    settings: ClassVar[Mapping[str, str]] = {"api_key": "sandbox-key"}
    script: ClassVar[str] = "script"

    def __init__(self, kind: type[Pretended], clock: SandboxClock) -> None:
        super().__init__(clock)
        self._kind = kind
        self.calls: dict[str, dict[str, Any]] = {}
        self.keys: dict[tuple[str, str, bytes], tuple[str, datetime]] = {}
        self.pickup = 0.0
        self.memory = 0.0
        self.hides: Callable[[], bool] = lambda: True
        self.hidden: dict[str, bool] = {}
        self.breaks = False
        self.rings = True

    def serve(self, hit: Hit) -> Response:
        """Answer as the vendor would."""
        match hit.method, hit.path.strip("/").split("/"):
            case "POST", ["calls"]:
                return self._said(self._create(hit))
            case "GET", ["calls"]:
                return self._said({"calls": self._listed(hit.headers["authorization"])})
            case "GET", ["calls", call_id] if call_id in self.calls:
                return self._said(self.calls[call_id])
            case "POST", ["calls", call_id, "cancel"] if call_id in self.calls:
                return self._cancel(self.calls[call_id])
        return reply(404, {"code": "not_found"})

    def settle(self) -> None:
        """Ring what is due."""
        now = self.clock.now()
        for call in self.calls.values():
            due = datetime.fromtimestamp(call["at"], UTC) + timedelta(seconds=self.pickup - self._kind.skew)
            if call["state"] == "waiting" and due <= now:
                call["state"] = "broken" if self.breaks else "done"
                if self.rings:
                    self.ring(call["to"], call["id"], due)

    def refusal(self) -> Response:
        """Answer 400."""
        return reply(400, {"code": "bad_request"})

    def rate_limited(self) -> Response:
        """Answer 429."""
        return reply(429, {"code": "slow_down"}, {"retry-after": "2"})

    def internal_error(self) -> Response:
        """Answer 500."""
        return Response(500, {}, b"oops")

    def _create(self, hit: Hit) -> dict[str, Any]:
        key = hit.headers.get("idempotency-key")
        if key is None:
            return self._made(hit)
        request = (hit.headers["authorization"], key, hit.body)
        before = self.keys.get(request)
        if before is not None and self.clock.now() - before[1] < timedelta(seconds=self.memory):
            return self.calls[before[0]]
        made = self._made(hit)
        self.keys[request] = made["id"], self.clock.now()
        return made

    def _made(self, hit: Hit) -> dict[str, Any]:
        asked = json.loads(hit.body)
        call_id = f"c{len(self.calls) + 1}"
        at = self.clock.now().timestamp() + self._kind.skew
        account = hit.headers["authorization"]
        self.calls[call_id] = {**asked, "id": call_id, "state": "waiting", "at": at, "account": account}
        return self.calls[call_id]

    def _listed(self, account: str) -> list[dict[str, Any]]:
        shown_until = self.clock.now().timestamp() + self._kind.skew - LISTED_AFTER
        complete = self._kind.capabilities[Feature.COMPLETE_LIST] == native()
        shown = [each for each in self.calls.values() if each["account"] == account]
        shown = [each for each in shown if each["at"] <= shown_until]
        return [each for each in shown if complete or not self._hidden(each["id"])]

    def _hidden(self, call_id: str) -> bool:
        """Tell whether an incomplete list leaves a call out: decided once, where it is first asked."""
        if call_id not in self.hidden:
            self.hidden[call_id] = self.hides()
        return self.hidden[call_id]

    def _cancel(self, call: dict[str, Any]) -> Response:
        if call["state"] != "waiting":
            return reply(422, {"code": "too_late"})
        call["state"] = "revoked"
        return reply(204)

    def _said(self, body: dict[str, Any]) -> Response:
        ahead = self.clock.now() + timedelta(seconds=self._kind.skew)
        return reply(200, body, {"date": format_datetime(ahead, usegmt=True)})


def kind(title: str, *can: Feature, skew: float = 0.0) -> type[Pretended]:
    """Make a pretended vendor that can do this beside what every one can."""
    capabilities: dict[Feature, Capability] = dict.fromkeys((*_CAN, *can), native())
    facts = {"name": title.lower(), "title": title, "capabilities": capabilities, "skew": skew}
    return type(title, (Pretended,), facts)


KEYED = kind("Keyed", Feature.IDEMPOTENT_CREATE, Feature.LIST, Feature.COMPLETE_LIST)
SHY = kind("Shy", Feature.IDEMPOTENT_CREATE, Feature.LIST)
PLAIN = kind("Plain", Feature.LIST)
OPEN = kind("Open", Feature.LIST, Feature.COMPLETE_LIST, skew=3600.0)
MUTE = kind("Mute")
KINDS: Mapping[str, type[Pretended]] = {kind.name: kind for kind in (KEYED, SHY, PLAIN, OPEN, MUTE)}
