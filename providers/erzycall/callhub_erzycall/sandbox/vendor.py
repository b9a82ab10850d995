"""The vendor as one object: key, limit, path, scope, stored answer, then the endpoint."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, ClassVar

from callhub.provider.sandbox import Answer, Hit, Sandbox, SandboxClock
from callhub_erzycall.sandbox.calls import Calls
from callhub_erzycall.sandbox.contacts import Contacts
from callhub_erzycall.sandbox.errors import ApiError, RateLimitedError
from callhub_erzycall.sandbox.library import Assistants, Cases, WhatsApp
from callhub_erzycall.sandbox.limits import RateLimits, require_key, require_scope
from callhub_erzycall.sandbox.memory import Memory
from callhub_erzycall.sandbox.routes import Ask, Routes
from callhub_erzycall.sandbox.webhooks import Webhooks

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from callhub.provider.http import Response


class ErzyCallSandbox(Sandbox):
    """An emulator of ErzyCall's REST API. The package's docstring lists every choice that it makes.

    Args:
        clock: the sandbox's time.
        pickup: seconds until a new call is picked up; the vendor says within about 60.
        rich: whether calls carry ``endedReason``, ``startedAt`` and ``scheduledAt``.
        per_minute: requests per key in any minute.
        per_hour: requests per key in any hour.
        keeps_keys: seconds for which answers to an Idempotency-Key are kept; None is forever.
    """

    provider: ClassVar[str] = "erzycall"
    settings: ClassVar[Mapping[str, str]] = {"api_key": "ek_test_sandbox", "from_number": "+14155559999"}
    script: ClassVar[str] = "case_789"

    def __init__(
        self,
        clock: SandboxClock,
        *,
        pickup: float = 5.0,
        rich: bool = False,
        per_minute: int = 60,
        per_hour: int = 1_000,
        keeps_keys: float | None = None,
    ) -> None:
        super().__init__(clock)
        self._prefix = f"{int(clock.now().timestamp()):x}"
        self._count = count(1)
        self._limits = RateLimits(per_minute, per_hour)
        self._memory = Memory(None if keeps_keys is None else timedelta(seconds=keeps_keys))
        cases, contacts = Cases(), Contacts(self._new_id)
        known = {"contactId": contacts.require, "caseId": cases.require}
        self._calls = Calls(ring=self.ring, known=known, new_id=self._new_id, pickup=pickup, rich=rich)
        resources = (self._calls, cases, contacts, Assistants(), Webhooks(self._new_id), WhatsApp())
        self._routes = Routes(row for resource in resources for row in resource.routes())

    def handle(self, hit: Hit) -> Answer:
        """Answer one request; whatever the answer is, it has the rate-limit headers."""
        answer = super().handle(hit)
        if hit.path.startswith("/_sandbox/"):
            return answer
        told = self._limits.headers(_key(hit), self.clock.now())
        response = replace(answer.response, headers={**told, **answer.response.headers})
        return replace(answer, response=response)

    def serve(self, hit: Hit) -> Response:
        """Answer as the vendor would."""
        try:
            return self._answer(hit, self.clock.now())
        except ApiError as refused:
            return refused.response()

    def settle(self) -> None:
        """Let every pick-up, ring and end happen that is due by now."""
        self._calls.settle(self.clock.now())

    def refusal(self) -> Response:
        """Answer 400 as for a field that is wrong."""
        return ApiError("VALIDATION_ERROR", "Invalid request body", {"to": "Refused on demand"}).response()

    def rate_limited(self) -> Response:
        """Answer 429 with the shortest wait there is."""
        return RateLimitedError(1).response()

    def internal_error(self) -> Response:
        """Answer 500."""
        return ApiError("INTERNAL_ERROR", "Unexpected server error").response()

    def _answer(self, hit: Hit, now: datetime) -> Response:
        key = _key(hit)
        require_key(key)
        self._limits.admit(key, now)
        route, record_id = self._routes.find(hit.method, hit.path)
        require_scope(key, route.scope)
        stored = self._memory.recall(hit, now)
        if stored is not None:
            return stored
        response = route.answer(Ask(hit, record_id, now))
        self._memory.keep(hit, response, now)
        return response

    def _new_id(self, kind: str) -> str:
        return f"{kind}_{self._prefix}{next(self._count):05x}"


def _key(hit: Hit) -> str:
    return hit.headers.get("x-api-key", "")
