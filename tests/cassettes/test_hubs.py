"""The same cassettes answer `Hub` and `AsyncHub`: what an application calls sends what was recorded.

Covered: every operation that the hubs have, by neutral input alone, through callhub's own httpx2
clients. A hub makes its idempotency keys from its ledger, so here a request matches by method, URI
and the body's bytes. What a hub tries again (429, 5xx) isn't here: a cassette has each answer once.
"""

from __future__ import annotations

import asyncio
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from callhub import AsyncHub, Hub
from callhub.errors import (
    AuthenticationFailed,
    CallhubError,
    Conflict,
    InvalidRequest,
    InvalidState,
    NotFound,
    OutcomeUnknown,
    PermissionDenied,
    Suppressed,
)
from callhub.model.contact import Contact
from callhub.provider import registry
from callhub.testing.clock import VirtualClock
from tests.cassettes import aicaller, erzycall, tape
from tests.cassettes.recorder import REPERTOIRES
from tests.cassettes.replay import blocking
from tests.cassettes.scene import plain
from tests.core.kit import Face

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from callhub.provider.order import Order


@cache
def recorded(cassette: str) -> Any:
    """Give what the scene of a cassette gave."""
    return blocking(tape.FOLDER / f"{cassette}.yaml")


found = cache(registry.load)  # looking for plugins takes longer than everything else here


@pytest.fixture(params=[Hub, AsyncHub], ids=["Hub", "AsyncHub"])
def hubs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """Make a hub for the vendor of a cassette."""
    monkeypatch.setattr(registry, "load", found)
    runner, made = asyncio.Runner(), []
    runner.get_loop()  # made now: while a cassette is replayed nothing can make a socket

    def make(cassette: str) -> Any:
        name = cassette.partition("/")[0]
        label = tape.recorded(tape.FOLDER / f"{cassette}.yaml")
        if label["against"] == "live":
            pytest.skip("recorded live, where one call is placed and nothing else is read")
        clock = VirtualClock(REPERTOIRES[name].instant)
        settings = {name: {**label["settings"], "api_key": tape.PLACEHOLDER}}
        hub = request.param(providers=settings, ledger="sqlite://", clock=clock)
        made.append(Face(hub, runner) if request.param is AsyncHub else hub)
        return made[-1]

    yield make
    for hub in made:
        hub.close()
    runner.close()


def played(hubs: Callable[[str], Any], cassette: str, wish: Callable[[Any], Any]) -> Any:
    """Let a hub ask, with a cassette in the place of its vendor."""
    hub = hubs(cassette)
    with tape.replaying(tape.FOLDER / f"{cassette}.yaml", tape.MATCH):
        value = wish(hub)
        return list(value) if hasattr(value, "__next__") else value


def wanted(order: Order, provider: str) -> dict[str, Any]:
    """Give the keywords of a create that mean the same as an order."""
    same = ("to", "from_number", "first_message", "variables", "scheduled_at", "record", "contact")
    given = {name: getattr(order, name) for name in same if getattr(order, name)}
    if order.script:
        given["script"] = f"{provider}:{order.script}"
    if order.contact_id:
        given["contact"] = f"{provider}:{order.contact_id}"
    return given | {"extras": {provider: dict(order.extras)}, "allow_default_script": True}


CREATES = [
    *(("erzycall", name, order) for name, order in erzycall.ORDERS.items()),
    # The documented call of the other vendor is for an instant that isn't ahead any more.
    *(("aicaller", name, order) for name, order in aicaller.ORDERS.items() if name != "documented"),
]


@pytest.mark.parametrize(
    ("vendor", "name", "order"), CREATES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_creates(hubs: Callable[[str], Any], vendor: str, name: str, order: Order) -> None:
    cassette = f"{vendor}/create_call"
    call = played(hubs, cassette, lambda hub: hub.calls.create(**wanted(order, vendor)))
    told = recorded(cassette)[name]
    assert call.provider_call_id == told["provider_call_id"]
    assert call.provider_status == told["provider_status"]
    assert [attempt.verdict for attempt in call.attempts] == ["accepted"]


@pytest.mark.parametrize("vendor", ["erzycall", "aicaller"])
def test_a_create_to_another_number_finds_no_answer(hubs: Callable[[str], Any], vendor: str) -> None:
    order = {"erzycall": erzycall.MINIMAL, "aicaller": aicaller.MINIMAL}[vendor]
    wish = wanted(order, vendor) | {"to": "+14155550102"}
    with pytest.raises(OutcomeUnknown):  # whatever goes wrong on the way of a request that dials
        played(hubs, f"{vendor}/create_call", lambda hub: hub.calls.create(**wish))


def flat(pages: list[list[Any]]) -> list[Any]:
    return [each for page in pages for each in page]


AHMAD = {
    "name": "Ahmad",
    "phone": "+60111234567",
    "email": "ahmad@example.com",
    "notes": "Prefers the afternoon",
    "tags": ("vip", "enterprise"),
    "groups": ("group_1",),
    "custom_fields": {"company": "TechCorp"},
}
# By cassette: what an application writes, and which part of the recording it must get.
READS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "erzycall/get_call": (lambda hub: hub.calls.get("erzycall:abc123"), lambda found: found["documented"]),
    "erzycall/list_calls": (lambda hub: hub.calls.list(page_size=4), lambda found: flat(found["pages"])),
    "erzycall/cancel_call": (
        lambda hub: hub.calls.cancel("erzycall:call_67878e2800001"),
        lambda found: found["minimal"],
    ),
    "erzycall/list_scripts": (
        lambda hub: hub.scripts.list(provider="erzycall", page_size=25),
        lambda found: found,
    ),
    "erzycall/get_script": (lambda hub: hub.scripts.get("erzycall:case_789"), lambda found: found),
    "erzycall/list_contacts": (
        lambda hub: hub.contacts.list(
            provider="erzycall", search="Ahmad", group="group_1", tags=["enterprise"]
        ),
        lambda found: found["everything"],
    ),
    "erzycall/search_contacts": (
        lambda hub: hub.contacts.search("john", provider="erzycall"),
        lambda found: found["john"],
    ),
    "erzycall/create_contact": (
        lambda hub: hub.contacts.create(provider="erzycall", **AHMAD),
        lambda found: found["every_field"],
    ),
    "erzycall/get_contact": (lambda hub: hub.contacts.get("erzycall:contact_456"), lambda found: found),
    "erzycall/update_contact": (
        lambda hub: hub.contacts.update(
            "erzycall:contact_456", tags=["vip", "enterprise"], notes="Updated notes"
        ),
        lambda found: found["documented"],
    ),
    "erzycall/delete_contact": (
        lambda hub: hub.contacts.delete("erzycall:contact_67878e2800001"),
        lambda found: found,
    ),
    "erzycall/list_webhooks": (lambda hub: hub.webhooks.list("erzycall"), lambda found: found),
    "erzycall/create_webhook": (
        lambda hub: hub.webhooks.register("erzycall", erzycall.HOOK),
        lambda found: found["default"],
    ),
    "erzycall/update_webhook": (
        lambda hub: hub.webhooks.update(
            "erzycall:wh_001",
            url=f"{erzycall.HOOK}/2",
            events=["call.ended"],
            description="Second",
            active=False,
        ),
        lambda found: found,
    ),
    "erzycall/delete_webhook": (lambda hub: hub.webhooks.delete("erzycall:wh_001"), lambda _: None),
    "erzycall/list_inbound_assistants": (
        lambda hub: hub.provider("erzycall").list_inbound_assistants(),
        lambda found: found,
    ),
    "erzycall/get_inbound_assistant": (
        lambda hub: hub.provider("erzycall").get_inbound_assistant("asst_001"),
        lambda found: found,
    ),
    "erzycall/update_inbound_assistant": (
        lambda hub: hub.provider("erzycall").update_inbound_assistant(
            "asst_001", name="Updated Support Agent"
        ),
        lambda found: found["documented"],
    ),
    "erzycall/list_outbound_assistants": (
        lambda hub: hub.provider("erzycall").list_outbound_assistants(),
        lambda found: found,
    ),
    "erzycall/list_whatsapp_accounts": (
        lambda hub: hub.provider("erzycall").list_whatsapp_accounts(),
        lambda found: found,
    ),
    "aicaller/get_call": (
        lambda hub: hub.calls.get("aicaller:6527b7700000000000000004"),
        lambda found: found["busy"],
    ),
    "aicaller/list_calls": (
        lambda hub: hub.calls.list(script="aicaller:template-2"),
        lambda found: found["script"],
    ),
    "aicaller/get_transcript": (
        lambda hub: hub.provider("aicaller").get_transcript("6527b7700000000000000004"),
        lambda found: found["unanswered"],
    ),
}


@pytest.mark.parametrize("cassette", READS)
def test_reads(hubs: Callable[[str], Any], cassette: str) -> None:
    wish, part = READS[cassette]
    assert plain(played(hubs, cassette, wish)) == part(recorded(cassette))


def place(order: Order, vendor: str = "erzycall", **changes: Any) -> Callable[[Any], Any]:
    return lambda hub: hub.calls.create(**(wanted(order, vendor) | changes))


def read(call_id: str) -> Callable[[Any], Any]:
    return lambda hub: hub.calls.get(call_id)


ERRORS: dict[str, tuple[Callable[[Any], Any], type[CallhubError]]] = {
    "erzycall/error.UNAUTHORIZED": (read("erzycall:abc123"), AuthenticationFailed),
    "erzycall/error.KEY_REVOKED": (place(erzycall.MINIMAL), AuthenticationFailed),
    "erzycall/error.KEY_EXPIRED": (place(erzycall.MINIMAL), AuthenticationFailed),
    "erzycall/error.INSUFFICIENT_SCOPE": (place(erzycall.MINIMAL), PermissionDenied),
    "erzycall/error.CONTACT_OPTED_OUT": (place(erzycall.MINIMAL, to=erzycall.OPTS_OUT), Suppressed),
    "erzycall/error.NOT_FOUND": (read("erzycall:nowhere"), NotFound),
    "erzycall/error.CONFLICT": (lambda hub: hub.contacts.create(provider="erzycall", **AHMAD), Conflict),
    "erzycall/error.IDEMPOTENCY_MISMATCH": (place(erzycall.SIMPLE, to="+60111234567"), OutcomeUnknown),
    "erzycall/error.INVALID_PHONE": (place(erzycall.MINIMAL, from_number="+14155551234"), InvalidRequest),
    "erzycall/error.MAX_ENDPOINTS": (
        lambda hub: hub.webhooks.register("erzycall", erzycall.HOOK, events=erzycall.HOOK_EVENTS),
        InvalidState,
    ),
    "aicaller/error.401": (place(aicaller.MINIMAL, "aicaller"), AuthenticationFailed),
    "aicaller/error.403": (place(aicaller.MINIMAL, "aicaller"), PermissionDenied),
    "aicaller/error.404": (read("aicaller:nowhere"), NotFound),
    "aicaller/error.409": (place(aicaller.MINIMAL, "aicaller"), OutcomeUnknown),
    "aicaller/error.422": (place(aicaller.MINIMAL, "aicaller"), InvalidRequest),
    "aicaller/error.500": (place(aicaller.MINIMAL, "aicaller"), OutcomeUnknown),
}


@pytest.mark.parametrize("cassette", ERRORS)
def test_errors(hubs: Callable[[str], Any], cassette: str) -> None:
    wish, kind = ERRORS[cassette]
    with pytest.raises(kind) as caught:
        played(hubs, cassette, wish)
    assert type(caught.value) is kind
    assert caught.value.dialed == ("maybe" if kind is OutcomeUnknown else "no")


def test_a_person_of_no_book_travels_with_the_call(hubs: Callable[[str], Any]) -> None:
    person = Contact(name="John", phone="+1234567890")
    wish = {"contact": person, "script": f"aicaller:{aicaller.TEMPLATE}"}
    assert played(hubs, "aicaller/create_call", lambda hub: hub.calls.create(**wish)).contact == "John"
