"""Webhook endpoints: at most five, https only, the secret shown once."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeAlias

from callhub.provider.sandbox import reply
from callhub_erzycall.sandbox import checks
from callhub_erzycall.sandbox.errors import ApiError
from callhub_erzycall.sandbox.routes import Ask, Route
from callhub_erzycall.sandbox.shelf import Shelf

if TYPE_CHECKING:
    from collections.abc import Callable

    from callhub.provider.http import Response

Endpoint: TypeAlias = dict[str, Any]

_MOST = 5
_EVENTS = (
    "call.started",
    "call.ended",
    "call.failed",
    "call.scheduled",
    "call.cancelled",
    "contact.created",
    "contact.updated",
    "contact.deleted",
)
_EXAMPLE: Endpoint = {
    "id": "wh_001",
    "url": "https://your-app.com/webhook",
    "events": ["call.ended", "contact.created"],
    "secret": "whsec_example",
    "isActive": True,
    "description": "Production webhook",
    "createdAt": "2025-01-10T08:00:00Z",
}
_SHOWN = ("id", "url", "events", "isActive", "description", "createdAt")
_SHOWN_ONCE = ("id", "url", "events", "secret", "isActive", "description", "createdAt")
_FIELDS: checks.Rules = {
    "url": checks.https,
    "events": checks.several(1, 10, checks.one_of(*_EVENTS)),
    "description": checks.text(high=500),
}
_CHANGES: checks.Rules = {**_FIELDS, "isActive": checks.flag}
_REQUIRED = frozenset({"url", "events"})


class Webhooks:
    """The webhooks resource."""

    def __init__(self, new_id: Callable[[str], str]) -> None:
        self._new_id = new_id
        self._shelf: Shelf[Endpoint] = Shelf("Webhook endpoint")
        self._shelf.put(_EXAMPLE["id"], _EXAMPLE)

    def routes(self) -> tuple[Route, ...]:
        """List the endpoints."""
        return (
            Route("GET", "webhooks", "webhooks:read", self._list),
            Route("POST", "webhooks", "webhooks:write", self._create),
            Route("PATCH", "webhooks/{id}", "webhooks:write", self._update),
            Route("DELETE", "webhooks/{id}", "webhooks:write", self._delete),
        )

    def _list(self, ask: Ask) -> Response:
        checks.query(ask.hit.query, {})
        return reply(200, {"data": [_view(endpoint) for _, endpoint in self._shelf.newest()]})

    def _create(self, ask: Ask) -> Response:
        given = checks.body(ask.hit.body, _FIELDS, _REQUIRED)
        if len(self._shelf) >= _MOST:
            raise ApiError("MAX_ENDPOINTS", f"Maximum {_MOST} webhook endpoints per organization")
        made = self._new_id("wh")
        kept = {"secret": "whsec_" + sha256(made.encode()).hexdigest()[:32], "isActive": True}
        endpoint = {"id": made, **given, **kept, "createdAt": checks.show(ask.now)}
        self._shelf.put(made, endpoint)
        return reply(201, {"data": _view(endpoint, _SHOWN_ONCE)})

    def _update(self, ask: Ask) -> Response:
        endpoint = self._shelf.get(ask.id)
        self._shelf.put(ask.id, {**endpoint, **checks.body(ask.hit.body, _CHANGES)})
        return reply(200, {"data": _view(self._shelf.get(ask.id))})

    def _delete(self, ask: Ask) -> Response:
        self._shelf.drop(ask.id)
        return reply(204)


def _view(endpoint: Endpoint, fields: tuple[str, ...] = _SHOWN) -> Endpoint:
    return {name: endpoint[name] for name in fields if name in endpoint}
