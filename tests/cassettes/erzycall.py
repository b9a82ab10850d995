"""ErzyCall's scenes: every operation, every documented form of it, every documented error."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from callhub.model.contact import Contact
from callhub.model.lifecycle import CallStatus
from callhub.provider.http import Request
from callhub.provider.order import CallFilter, ContactFilter, Order, reject
from callhub.provider.sandbox import Mishap, SandboxClock
from callhub_erzycall import ErzyCall
from callhub_erzycall.sandbox import ErzyCallSandbox
from tests.cassettes.scene import Repertoire, Scene, Stage, refused

if TYPE_CHECKING:
    from callhub.provider.base import Flow

INSTANT = datetime(2025, 1, 15, 10, 30, tzinfo=UTC)
FAILS = "+14155550107"  # the last two digits choose who answers at the sandbox
OPTS_OUT = "+14155550105"

# The four documented bodies of a create [/docs/api-reference/calls, /docs/guides/errors].
MINIMAL = Order(to="+14155551234", from_number="+14155559999", idempotency_key="unique-call-12344")
SIMPLE = replace(
    MINIMAL,
    first_message="Hi, this is a follow-up call regarding your inquiry.",
    contact_id="contact_456",
    idempotency_key="unique-call-12345",
)
WITH_CASE = Order(
    to="+60111234567",
    from_number="+60360431879",
    script="case_789",
    contact_id="contact_456",
    variables={"name": "Ahmad", "company": "TechCorp"},
    idempotency_key="unique-call-12346",
)
SCHEDULED = replace(
    WITH_CASE,
    variables={},
    scheduled_at=datetime(2025, 1, 16, 14, tzinfo=UTC),
    idempotency_key="unique-call-12347",
)
ORDERS = {"minimal": MINIMAL, "simple": SIMPLE, "with_case": WITH_CASE, "scheduled": SCHEDULED}

JOHN = Contact(
    name="John Doe",
    phone="+14155551234",
    email="john@example.com",
    tags=("vip",),
    custom_fields={"company": "Acme Inc"},
)
AHMAD = Contact(
    name="Ahmad",
    phone="+60111234567",
    email="ahmad@example.com",
    notes="Prefers the afternoon",
    tags=("vip", "enterprise"),
    groups=("group_1",),
    custom_fields={"company": "TechCorp"},
)
HOOK = "https://your-app.com/webhook"
HOOK_EVENTS = ("call.ended", "call.failed", "contact.created")


def bare_id(thing: Any) -> str:
    """Give a vendor's own id of a neutral object."""
    vendor_id: str = thing.id.partition(":")[2]
    return vendor_id


# Calls


def create_call(on: Stage) -> Flow[Any]:
    """Place a call in each documented form, one with the number of the settings, and one again."""
    own_number = replace(MINIMAL, from_number=None, idempotency_key="unique-call-12348")
    found = {}
    for name, order in {**ORDERS, "own_number": own_number, "repeated": SIMPLE}.items():
        found[name] = yield from on.provider.create_call(order)
    return found


def calls_of_every_kind(on: Stage) -> Flow[Any]:
    """Place a call for each way in which one can stand, and note the ids."""
    for name, order in {**ORDERS, "fails": replace(MINIMAL, to=FAILS, idempotency_key="fails")}.items():
        call = yield from on.provider.create_call(order)
        on.facts[name] = bare_id(call)


def get_call(on: Stage) -> Flow[Any]:
    """Read the documented call, a call through its life, and one of each other status."""
    read, ids = on.provider.get_call, on.facts
    found = {"documented": (yield from read("abc123")), "new": (yield from read(ids["minimal"]))}
    found["scheduled"] = yield from read(ids["scheduled"])
    on.advance(6)
    found["processing"] = yield from read(ids["minimal"])
    found["error"] = yield from read(ids["fails"])
    on.advance(60)
    found["ended"] = yield from read(ids["minimal"])
    found["cancelled"] = yield from read(ids["cancelled"])
    return found


def one_of_them_cancelled(on: Stage) -> Flow[Any]:
    """Place those calls, and another that is taken back."""
    yield from calls_of_every_kind(on)
    call = yield from on.provider.create_call(replace(MINIMAL, idempotency_key="cancelled"))
    on.facts["cancelled"] = bare_id(call)
    yield from on.provider.cancel_call(on.facts["cancelled"])


def list_calls(on: Stage) -> Flow[Any]:
    """Read all pages, then filter by everything that there is a filter for."""
    page = yield from on.provider.list_calls(CallFilter(), None, 4)
    pages = [page.items]
    while page.cursor is not None:
        page = yield from on.provider.list_calls(CallFilter(), page.cursor, 4)
        pages.append(page.items)
    wishes = {str(status): CallFilter(status=status) for status in CallStatus if status in LISTED}
    wishes |= {"contact": CallFilter(contact_id="contact_456"), "script": CallFilter(script="case_789")}
    wishes |= {"since": CallFilter(since=BEFORE_ALL_BUT_ONE), "until": CallFilter(until=BEFORE_ALL_BUT_ONE)}
    found: dict[str, Any] = {"pages": pages}
    for name, where in {**wishes, "everything": EVERYTHING}.items():
        found[name] = (yield from on.provider.list_calls(where, None, 100)).items
    return found


LISTED = (
    CallStatus.QUEUED, CallStatus.SCHEDULED, CallStatus.IN_PROGRESS,
    CallStatus.ENDED, CallStatus.CANCELLED, CallStatus.FAILED,
)  # fmt: skip
BEFORE_ALL_BUT_ONE = datetime(2025, 1, 15, 10, 30, 5, tzinfo=UTC)
EVERYTHING = CallFilter(
    status=CallStatus.ENDED,
    since=datetime(2025, 1, 15, 10, tzinfo=UTC),
    until=datetime(2025, 1, 15, 11, tzinfo=UTC),
    contact_id="contact_456",
    script="case_789",
)


def an_hour_of_calls(on: Stage) -> Flow[Any]:
    """Place one call of each kind, so late that the documented one lies before all of them."""
    on.advance(60)
    yield from one_of_them_cancelled(on)
    on.advance(6)


def cancel_call(on: Stage) -> Flow[Any]:
    """Take back a call that is new and one that is scheduled, and read them."""
    found = {}
    for name in ("minimal", "scheduled"):
        yield from on.provider.cancel_call(on.facts[name])
        found[name] = yield from on.provider.get_call(on.facts[name])
    return found


# Scripts, contacts


def list_scripts(on: Stage) -> Flow[Any]:
    """Read the cases."""
    return (yield from on.provider.list_scripts(None, 25)).items


def get_script(on: Stage) -> Flow[Any]:
    """Read a case."""
    return (yield from on.provider.get_script("case_789"))


def a_contact(on: Stage) -> Flow[Any]:
    """Add a contact beside the documented one."""
    on.facts["contact"] = bare_id((yield from on.provider.create_contact(AHMAD, "create-contact-ahmad")))


def list_contacts(on: Stage) -> Flow[Any]:
    """Read the book page by page, then filtered."""
    first = yield from on.provider.list_contacts(ContactFilter(), None, 1)
    second = yield from on.provider.list_contacts(ContactFilter(), first.cursor, 1)
    found: dict[str, Any] = {"pages": [first.items, second.items]}
    wishes = {
        "search": ContactFilter(search="Doe"),
        "number": ContactFilter(search="+60111234567"),
        "group": ContactFilter(group="group_1"),
        "tag": ContactFilter(tags=("vip",)),
        "everything": ContactFilter(search="Ahmad", group="group_1", tags=("enterprise",)),
    }
    for name, where in wishes.items():
        found[name] = (yield from on.provider.list_contacts(where, None, 100)).items
    return found


def search_contacts(on: Stage) -> Flow[Any]:
    """Search by a part of the name and by a number."""
    found = {}
    for text in ("john", "+60111234567", "nobody"):
        found[text] = yield from on.provider.search_contacts(text, 10)
    return found


def create_contact(on: Stage) -> Flow[Any]:
    """Add the documented contact, one with every field, and one again."""
    john = yield from on.provider.create_contact(JOHN, "create-contact-john")
    ahmad = yield from on.provider.create_contact(AHMAD, "create-contact-ahmad")
    again = yield from on.provider.create_contact(AHMAD, "create-contact-ahmad")
    return {"documented": john, "every_field": ahmad, "repeated": again}


def get_contact(on: Stage) -> Flow[Any]:
    """Read the documented contact."""
    return (yield from on.provider.get_contact("contact_456"))


def update_contact(on: Stage) -> Flow[Any]:
    """Change the documented fields of the documented contact, then every field of another."""
    changes = {"tags": ("vip", "enterprise"), "notes": "Updated notes"}
    documented = yield from on.provider.update_contact("contact_456", changes)
    every: dict[str, Any] = {"name": "Ahmad bin Ali", "phone": "+14155550100", "email": "ali@example.com"}
    every |= {"notes": "", "tags": (), "groups": ("group_2",), "custom_fields": {"city": "Ipoh"}}
    return {
        "documented": documented,
        "every_field": (yield from on.provider.update_contact(on.facts["contact"], every)),
    }


def delete_contact(on: Stage) -> Flow[Any]:
    """Delete a contact."""
    return (yield from on.provider.delete_contact(on.facts["contact"]))


# Webhooks, assistants


def list_webhooks(on: Stage) -> Flow[Any]:
    """Read the endpoints."""
    return (yield from on.provider.list_webhooks())


def create_webhook(on: Stage) -> Flow[Any]:
    """Register the documented endpoint, and one for whatever callhub can use."""
    made = on.provider.create_webhook
    documented = yield from made(HOOK, HOOK_EVENTS, "Production webhook", "create-webhook-prod")
    return {"documented": documented, "default": (yield from made(HOOK, None, None, "create-webhook-2"))}


def update_webhook(on: Stage) -> Flow[Any]:
    """Change every field of an endpoint."""
    changes = {"url": f"{HOOK}/2", "events": ("call.ended",), "description": "Second", "active": False}
    return (yield from on.provider.update_webhook("wh_001", changes))


def delete_webhook(on: Stage) -> Flow[Any]:
    """Remove an endpoint, and see that it is gone."""
    yield from on.provider.delete_webhook("wh_001")
    return (yield from on.provider.list_webhooks())


def list_inbound_assistants(on: Stage) -> Flow[Any]:
    """Read the assistants that answer calls."""
    return (yield from _own(on).list_inbound_assistants())


def get_inbound_assistant(on: Stage) -> Flow[Any]:
    """Read one of them."""
    return (yield from _own(on).get_inbound_assistant("asst_001"))


def update_inbound_assistant(on: Stage) -> Flow[Any]:
    """Change the documented field, then both."""
    change = _own(on).update_inbound_assistant
    documented = yield from change("asst_001", name="Updated Support Agent")
    both = yield from change("asst_001", name="Night Agent", system_prompt_id="prompt_def")
    return {"documented": documented, "every_field": both}


def list_outbound_assistants(on: Stage) -> Flow[Any]:
    """Read the assistants that call."""
    return (yield from _own(on).list_outbound_assistants())


def list_whatsapp_accounts(on: Stage) -> Flow[Any]:
    """Read the accounts that send messages."""
    return (yield from _own(on).list_whatsapp_accounts())


def _own(on: Stage) -> ErzyCall:
    assert isinstance(on.provider, ErzyCall)
    return on.provider


# Errors


def both_refused(on: Stage) -> Flow[Any]:
    """Read a call and place one: one and the same answer, and what it means for either."""
    reading = yield from refused(on.provider.get_call("abc123"))
    return {"get_call": reading, "create_call": (yield from refused(on.provider.create_call(MINIMAL)))}


def create_refused(on: Stage) -> Flow[Any]:
    """Place a call that is refused."""
    return (yield from refused(on.provider.create_call(MINIMAL)))


def validation_error(on: Stage) -> Flow[Any]:
    """Send what breaks the documented rules, in a body and in a query."""
    wrong = replace(MINIMAL, to="12345", from_number="", idempotency_key="wrong")
    in_body = yield from refused(on.provider.create_call(wrong))
    return {"body": in_body, "query": (yield from refused(on.provider.list_calls(CallFilter(), None, 1000)))}


def invalid_json(_on: Stage) -> Flow[Any]:
    """Send half a body; no operation does that."""

    def broken() -> Flow[Any]:
        yield Request("POST", "/api/v1/calls", b'{"to":', (("idempotency-key", "broken"),), dials=True)

    return (yield from refused(broken()))


def invalid_id(on: Stage) -> Flow[Any]:
    """Name what can be no id."""
    return (yield from refused(on.provider.get_call("no good")))


def not_found(on: Stage) -> Flow[Any]:
    """Ask for what isn't there, and place calls with what isn't there."""
    nowhere = {
        "get_call": on.provider.get_call("nowhere"),
        "cancel_call": on.provider.cancel_call("nowhere"),
        "get_script": on.provider.get_script("nowhere"),
        "get_contact": on.provider.get_contact("nowhere"),
        "unknown_case": on.provider.create_call(replace(WITH_CASE, script="nowhere")),
        "unknown_contact": on.provider.create_call(replace(WITH_CASE, contact_id="nowhere")),
    }
    found = {}
    for name, flow in nowhere.items():
        found[name] = yield from refused(flow)
    return found


def conflict(on: Stage) -> Flow[Any]:
    """Add a number that the book has."""
    return (yield from refused(on.provider.create_contact(AHMAD, "create-contact-ahmad-2")))


def idempotency_mismatch(on: Stage) -> Flow[Any]:
    """Reuse a key for another call: a call stands under it, so that a phone may ring."""
    return (yield from refused(on.provider.create_call(replace(SIMPLE, to="+60111234567"))))


def the_simple_call(on: Stage) -> Flow[Any]:
    """Place the documented call."""
    yield from on.provider.create_call(SIMPLE)


def invalid_state(on: Stage) -> Flow[Any]:
    """Cancel a call that is over."""
    return (yield from refused(on.provider.cancel_call("abc123")))


def invalid_phone(on: Stage) -> Flow[Any]:
    """Call from a number that isn't the organization's."""
    return (yield from refused(on.provider.create_call(replace(MINIMAL, from_number="+14155551234"))))


def max_endpoints(on: Stage) -> Flow[Any]:
    """Register a sixth endpoint."""
    return (yield from refused(on.provider.create_webhook(HOOK, HOOK_EVENTS, None, "create-webhook-6")))


def five_endpoints(on: Stage) -> Flow[Any]:
    """Register four beside the documented one."""
    for number in range(2, 6):
        yield from on.provider.create_webhook(f"{HOOK}/{number}", HOOK_EVENTS, None, f"hook-{number}")


def used_up(on: Stage) -> Flow[Any]:
    """Use up a limit of one request a minute."""
    yield from on.provider.get_call("abc123")


def broken_vendor(on: Stage) -> Flow[Any]:
    """Let the next reading and the next creating go wrong inside the vendor."""
    on.fail_next(Mishap.ERROR_BEFORE, "GET", "POST")
    yield from ()


def opted_out(on: Stage) -> Flow[Any]:
    """Call somebody who asks not to be called again."""
    yield from on.provider.create_call(replace(MINIMAL, to=OPTS_OUT, idempotency_key="opts-out"))
    on.advance(600)


def contact_opted_out(on: Stage) -> Flow[Any]:
    """Call that person once more."""
    order = replace(MINIMAL, to=OPTS_OUT, idempotency_key="opted-out")
    return (yield from refused(on.provider.create_call(order)))


def strict(clock: SandboxClock) -> ErzyCallSandbox:
    """Make a sandbox that lets one request a minute pass."""
    return ErzyCallSandbox(clock, per_minute=1)


def _with_key(name: str, key: str) -> Scene:
    return Scene(name, both_refused, settings={"api_key": key})


# Against the vendor itself: nothing is read that other people's data could be in.


def create_live(on: Stage) -> Flow[Any]:
    """Place the one call, to the tester's own number."""
    order = Order(
        to=on.facts["number"],
        first_message="Hello, this is a test call of callhub, placed by yourself. Goodbye.",
        idempotency_key=on.facts["key"],
    )
    reject(on.provider.check(order))
    call = yield from on.provider.create_call(order)
    on.facts["call"] = bare_id(call)
    return call


def get_live(on: Stage) -> Flow[Any]:
    """Read it."""
    return (yield from on.provider.get_call(on.facts["call"]))


def cancel_live(on: Stage) -> Flow[Any]:
    """Take it back; the vendor picks a call up within about 60 seconds."""
    return (yield from on.provider.cancel_call(on.facts["call"]))


def invalid_state_live(on: Stage) -> Flow[Any]:
    """Take it back once more."""
    return (yield from refused(on.provider.cancel_call(on.facts["call"])))


def unauthorized_live(on: Stage) -> Flow[Any]:
    """Read with a key that nobody has."""
    return (yield from refused(on.provider.get_call("abc123")))


def not_found_live(on: Stage) -> Flow[Any]:
    """Read a call that nobody placed."""
    return (yield from refused(on.provider.get_call("callhub-nowhere")))


def validation_error_live(on: Stage) -> Flow[Any]:
    """Ask for a page that is too long."""
    return (yield from refused(on.provider.list_calls(CallFilter(), None, 1000)))


SCENES = (
    Scene("create_call", create_call),
    Scene("get_call", get_call, one_of_them_cancelled),
    Scene("list_calls", list_calls, an_hour_of_calls),
    Scene("cancel_call", cancel_call, calls_of_every_kind),
    Scene("list_scripts", list_scripts),
    Scene("get_script", get_script),
    Scene("list_contacts", list_contacts, a_contact),
    Scene("search_contacts", search_contacts, a_contact),
    Scene("create_contact", create_contact),
    Scene("get_contact", get_contact),
    Scene("update_contact", update_contact, a_contact),
    Scene("delete_contact", delete_contact, a_contact),
    Scene("list_webhooks", list_webhooks),
    Scene("create_webhook", create_webhook),
    Scene("update_webhook", update_webhook),
    Scene("delete_webhook", delete_webhook),
    Scene("list_inbound_assistants", list_inbound_assistants),
    Scene("get_inbound_assistant", get_inbound_assistant),
    Scene("update_inbound_assistant", update_inbound_assistant),
    Scene("list_outbound_assistants", list_outbound_assistants),
    Scene("list_whatsapp_accounts", list_whatsapp_accounts),
    _with_key("error.UNAUTHORIZED", "nobody"),
    _with_key("error.KEY_REVOKED", "ek_test_revoked"),
    _with_key("error.KEY_EXPIRED", "ek_test_expired"),
    Scene("error.INSUFFICIENT_SCOPE", create_refused, settings={"api_key": "ek_test_readonly"}),
    Scene("error.VALIDATION_ERROR", validation_error),
    Scene("error.INVALID_JSON", invalid_json, note="No operation of callhub's sends such a body."),
    Scene("error.INVALID_ID", invalid_id),
    Scene("error.NOT_FOUND", not_found),
    Scene("error.CONFLICT", conflict, a_contact),
    Scene("error.IDEMPOTENCY_MISMATCH", idempotency_mismatch, the_simple_call),
    Scene("error.INVALID_STATE", invalid_state),
    Scene("error.INVALID_PHONE", invalid_phone),
    Scene("error.MAX_ENDPOINTS", max_endpoints, five_endpoints),
    Scene("error.RATE_LIMITED", both_refused, used_up, box=strict),
    Scene("error.INTERNAL_ERROR", both_refused, broken_vendor),
    Scene(
        "error.CONTACT_OPTED_OUT",
        contact_opted_out,
        opted_out,
        note="In no table of the vendor's; its field notes report it.",
    ),
)
LIVE = (
    Scene("error.UNAUTHORIZED", unauthorized_live, settings={"api_key": "nobody"}),
    Scene("error.VALIDATION_ERROR", validation_error_live),
    Scene("error.NOT_FOUND", not_found_live),
    Scene("create_call", create_live),
    Scene("get_call", get_live),
    Scene("cancel_call", cancel_live),
    Scene("error.INVALID_STATE", invalid_state_live),
)
REPERTOIRE = Repertoire(ErzyCall, INSTANT, SCENES, LIVE)
