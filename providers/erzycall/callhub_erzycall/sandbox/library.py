"""Cases, assistants and accounts: made by people in the dashboard, read here, hardly changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from callhub.provider.sandbox import reply
from callhub_erzycall.sandbox import checks
from callhub_erzycall.sandbox.routes import Ask, Route
from callhub_erzycall.sandbox.shelf import PAGE, Shelf

if TYPE_CHECKING:
    from collections.abc import Mapping

    from callhub.provider.http import Response

_CASE = {
    "id": "case_789",
    "title": "Customer onboarding - Acme Inc",
    "status": "open",
    "createdAt": "2025-01-12T09:00:00Z",
}
_INBOUND = {
    "id": "asst_001",
    "name": "Customer Support Agent",
    "systemPromptId": "prompt_abc",
    "createdAt": "2025-01-05T12:00:00Z",
}
_OUTBOUND = {"id": "asst_002", "name": "Outbound Agent", "createdAt": "2025-01-05T12:00:00Z"}
_WHATSAPP = {
    "id": "wa_acct_abc123",
    "status": "active",
    "statusMessage": None,
    "wabaId": "123456789012345",
    "phoneNumberId": "987654321098765",
    "displayPhoneNumber": "+60360431879",
    "verifiedName": "My Business",
    "qualityRating": "GREEN",
    "messagesSent": 142,
    "messagesReceived": 89,
    "lastMessageAt": "2025-01-15T14:30:00.000Z",
    "createdAt": "2025-01-01T09:00:00.000Z",
}
_FIELDS: checks.Rules = {"name": checks.text(1, 200), "systemPromptId": checks.text()}


class Cases:
    """The cases resource."""

    def __init__(self) -> None:
        self._shelf: Shelf[Mapping[str, str]] = Shelf("Case")
        self._shelf.put(_CASE["id"], _CASE)

    def routes(self) -> tuple[Route, ...]:
        """List the endpoints."""
        return (
            Route("GET", "cases", "cases:read", self._list),
            Route("GET", "cases/{id}", "cases:read", self._get),
        )

    def require(self, case_id: str) -> None:
        """Raise the 404 unless there is such a case."""
        self._shelf.get(case_id)

    def _list(self, ask: Ask) -> Response:
        return self._shelf.page(checks.query(ask.hit.query, PAGE), lambda _: True, dict)

    def _get(self, ask: Ask) -> Response:
        return reply(200, {"data": self._shelf.get(ask.id)})


class Assistants:
    """The assistants that answer, and the list of those that call."""

    def __init__(self) -> None:
        self._inbound: Shelf[Mapping[str, str]] = Shelf("Assistant")
        self._inbound.put(_INBOUND["id"], _INBOUND)

    def routes(self) -> tuple[Route, ...]:
        """List the endpoints."""
        return (
            Route("GET", "assistants/inbound", "assistants:read", self._list),
            Route("GET", "assistants/inbound/{id}", "assistants:read", self._get),
            Route("PATCH", "assistants/inbound/{id}", "assistants:write", self._update),
            Route("GET", "assistants/outbound", "assistants:read", self._outbound),
        )

    def _list(self, ask: Ask) -> Response:
        checks.query(ask.hit.query, {})
        return reply(200, {"data": [assistant for _, assistant in self._inbound.newest()]})

    def _get(self, ask: Ask) -> Response:
        return reply(200, {"data": self._inbound.get(ask.id)})

    def _update(self, ask: Ask) -> Response:
        assistant = self._inbound.get(ask.id)
        self._inbound.put(ask.id, {**assistant, **checks.body(ask.hit.body, _FIELDS)})
        return self._get(ask)

    def _outbound(self, ask: Ask) -> Response:
        checks.query(ask.hit.query, {})
        return reply(200, {"data": [_OUTBOUND]})


class WhatsApp:
    """The accounts that send messages; of its other endpoints the documents tell too little."""

    def routes(self) -> tuple[Route, ...]:
        """List the endpoint."""
        return (Route("GET", "whatsapp/accounts", "whatsapp:read", self._accounts),)

    def _accounts(self, ask: Ask) -> Response:
        checks.query(ask.hit.query, {})
        return reply(200, {"data": [_WHATSAPP]})
