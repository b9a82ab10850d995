"""Contacts: list, search, create, read, change, delete."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

from callhub.provider.sandbox import reply
from callhub_erzycall.sandbox import checks
from callhub_erzycall.sandbox.errors import ApiError
from callhub_erzycall.sandbox.routes import Ask, Route, not_emulated
from callhub_erzycall.sandbox.shelf import PAGE, Shelf

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from callhub.provider.http import Response

Contact: TypeAlias = dict[str, Any]

_EXAMPLE: Contact = {
    "id": "contact_456",
    "title": "John Doe",
    "phone": "+14155551234",
    "email": "john@example.com",
    "tags": ["vip", "enterprise"],
    "createdAt": "2025-01-10T08:00:00Z",
}
_ORDER = ("id", "title", "phone", "email", "tags", "notes", "groupIds", "customFields", "createdAt")
_BRIEF = ("id", "title", "phone", "email")
_FIELDS: checks.Rules = {
    "title": checks.text(1, 200),
    "phone": checks.phone,
    "email": checks.email,
    "notes": checks.text(high=5_000),
    "tags": checks.several(0, 20, checks.text(high=50)),
    "groupIds": checks.several(0, 20, checks.text()),
    "customFields": checks.mapping,
}
_REQUIRED = frozenset({"title", "phone"})
_FILTERS: checks.Rules = {
    **PAGE,
    "search": checks.text(),
    "groupId": checks.text(),
    "tags": checks.text(),
}
_SEARCH: checks.Rules = {"q": checks.text(2), "limit": checks.whole(1, 50)}


class Contacts:
    """The contacts resource."""

    def __init__(self, new_id: Callable[[str], str]) -> None:
        self._new_id = new_id
        self._shelf: Shelf[Contact] = Shelf("Contact")
        self._shelf.put(_EXAMPLE["id"], _EXAMPLE)

    def routes(self) -> tuple[Route, ...]:
        """List the endpoints."""
        return (
            Route("GET", "contacts", "contacts:read", self._list),
            Route("GET", "contacts/search", "contacts:read", self._search),
            Route("POST", "contacts", "contacts:write", self._create),
            Route("GET", "contacts/{id}", "contacts:read", self._get),
            Route("PATCH", "contacts/{id}", "contacts:write", self._update),
            Route("DELETE", "contacts/{id}", "contacts:write", self._delete),
        )

    def require(self, contact_id: str) -> None:
        """Raise the 404 unless there is such a contact."""
        self._shelf.get(contact_id)

    def _list(self, ask: Ask) -> Response:
        asked = checks.query(ask.hit.query, _FILTERS)
        if "," in asked.get("tags", ""):
            raise not_emulated("several tags at once", "whether they mean AND or OR")
        return self._shelf.page(asked, lambda contact: _wanted(contact, asked), _view)

    def _search(self, ask: Ask) -> Response:
        asked = checks.query(ask.hit.query, _SEARCH, frozenset({"q"}))
        found = (contact for _, contact in self._shelf.newest() if _matches(contact, asked["q"]))
        rows = islice(found, int(asked.get("limit", "10")))
        return reply(200, {"data": [_view(contact, _BRIEF) for contact in rows]})

    def _create(self, ask: Ask) -> Response:
        given = checks.body(ask.hit.body, _FIELDS, _REQUIRED)
        self._require_free(given["phone"])
        contact = {"id": self._new_id("contact"), **given, "createdAt": checks.show(ask.now)}
        self._shelf.put(contact["id"], contact)
        return reply(201, {"data": _view(contact)})

    def _get(self, ask: Ask) -> Response:
        return reply(200, {"data": _view(self._shelf.get(ask.id))})

    def _update(self, ask: Ask) -> Response:
        contact = self._shelf.get(ask.id)
        given = checks.body(ask.hit.body, _FIELDS)
        if given.get("phone", contact["phone"]) != contact["phone"]:
            self._require_free(given["phone"])
        self._shelf.put(ask.id, {**contact, **given})
        return reply(200, {"data": _view(self._shelf.get(ask.id))})

    def _delete(self, ask: Ask) -> Response:
        self._shelf.drop(ask.id)
        return reply(204)

    def _require_free(self, phone: str) -> None:
        others = (contact for _, contact in self._shelf.newest() if contact["id"] != _EXAMPLE["id"])
        if any(contact["phone"] == phone for contact in others):
            raise ApiError("CONFLICT", "A contact with this phone number already exists")


def _view(contact: Contact, fields: tuple[str, ...] = _ORDER) -> Contact:
    return {name: contact[name] for name in fields if name in contact}


def _matches(contact: Contact, text: str) -> bool:
    return text.casefold() in contact["title"].casefold() or text in contact["phone"]


def _wanted(contact: Contact, asked: Mapping[str, str]) -> bool:
    return (
        _matches(contact, asked.get("search", ""))
        and ("groupId" not in asked or asked["groupId"] in contact.get("groupIds", ()))
        and ("tags" not in asked or asked["tags"] in contact.get("tags", ()))
    )
