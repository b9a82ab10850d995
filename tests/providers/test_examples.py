"""The vendors' documented bodies: written from neutral words, and read to the documented values."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from callhub import CallOutcome, CallStatus, Contact
from callhub.provider.http import Response, to_json
from callhub.provider.order import CallFilter, ContactFilter
from tests.providers.kit import (
    AICALLER,
    ERZYCALL,
    EXAMPLES,
    TEAM,
    body_of,
    drive,
    example,
    example_bytes,
    order,
)

CALLER = "+14155559999"
PERSON = Contact(id="erzycall:contact_456")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


# ErzyCall, written


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        (
            "with_case",
            {
                "to": "+60111234567",
                "from_number": "+60360431879",
                "script": "erzycall:case_789",
                "contact": PERSON,
                "variables": {"name": "Ahmad", "company": "TechCorp"},
            },
        ),
        (
            "simple",
            {
                "to": "+14155551234",
                "first_message": "Hi, this is a follow-up call regarding your inquiry.",
                "contact": PERSON,
            },
        ),
        (
            "scheduled",
            {
                "to": "+60111234567",
                "from_number": "+60360431879",
                "script": "erzycall:case_789",
                "contact": PERSON,
                "scheduled_at": utc(2025, 1, 16, 14),
            },
        ),
        ("minimal", {"to": "+14155551234", "allow_default_script": True}),
    ],
)
def test_erzycalls_calls(name: str, asked: dict[str, Any]) -> None:
    made = order(ERZYCALL, key="unique-call-12345", **asked)
    (request,), _ = drive(ERZYCALL.create_call(made), example_bytes("erzycall.calls.create.response"))
    assert (request.method, request.path) == ("POST", "/api/v1/calls")
    assert (request.dials, request.repeatable) == (True, True)
    assert request.headers == (("idempotency-key", "unique-call-12345"),)
    assert json.loads(request.body or b"") == example(f"erzycall.calls.create.{name}.request")


def test_erzycalls_contacts() -> None:
    contact = Contact(
        name="John Doe",
        phone="+14155551234",
        email="john@example.com",
        tags=("vip",),
        custom_fields={"company": "Acme Inc"},
    )
    flow = ERZYCALL.create_contact(contact, "create-contact-john")
    (request,), made = drive(flow, example_bytes("erzycall.contacts.create.response"))
    assert json.loads(request.body or b"") == example("erzycall.contacts.create.request")
    assert (request.method, request.path, request.dials) == ("POST", "/api/v1/contacts", False)
    assert request.headers == (("idempotency-key", "create-contact-john"),)
    assert (made.id, made.name, made.tags) == ("erzycall:contact_456", "John Doe", ("vip",))
    assert (made.custom_fields, made.created_at) == ({"company": "Acme Inc"}, utc(2025, 1, 15, 10, 30))


def test_a_change_of_erzycalls_contact() -> None:
    flow = ERZYCALL.update_contact("contact_456", {"tags": ("vip", "enterprise"), "notes": "Updated notes"})
    (request,), changed = drive(flow, example_bytes("erzycall.contacts.update.response"))
    assert json.loads(request.body or b"") == example("erzycall.contacts.update.request")
    assert (request.method, request.path) == ("PATCH", "/api/v1/contacts/contact_456")
    assert (changed.tags, changed.notes) == (("vip", "enterprise"), "Updated notes")


def test_erzycalls_webhook_endpoints() -> None:
    events = ("call.ended", "call.failed", "contact.created")
    url = "https://your-app.com/webhook"
    flow = ERZYCALL.create_webhook(url, events, "Production webhook", "create-webhook-prod")
    (request,), made = drive(flow, example_bytes("erzycall.webhooks.create.response"))
    assert json.loads(request.body or b"") == example("erzycall.webhooks.create.request")
    assert (request.method, request.path) == ("POST", "/api/v1/webhooks")
    assert request.headers == (("idempotency-key", "create-webhook-prod"),)
    assert (made.id, made.url, made.events) == ("erzycall:wh_001", url, events)
    assert (made.secret, made.active, made.description) == ("whsec_abc123...", True, "Production webhook")
    assert made.created_at == utc(2025, 1, 15, 10, 30)
    (request,), (listed,) = drive(ERZYCALL.list_webhooks(), example_bytes("erzycall.webhooks.list.response"))
    assert (request.method, request.path) == ("GET", "/api/v1/webhooks")
    assert (listed.id, listed.secret, listed.active) == ("erzycall:wh_001", None, True)
    assert listed.events == ("call.ended", "contact.created")


def test_erzycalls_assistants() -> None:
    flow = ERZYCALL.update_inbound_assistant("asst_001", name="Updated Support Agent")
    answer = "erzycall.assistants.inbound.update.response"
    (request,), changed = drive(flow, example_bytes(answer))
    assert json.loads(request.body or b"") == example("erzycall.assistants.inbound.update.request")
    assert (request.method, request.path) == ("PATCH", "/api/v1/assistants/inbound/asst_001")
    assert changed == example(answer)["data"]
    for flow, where, name in (
        (ERZYCALL.list_inbound_assistants(), "/api/v1/assistants/inbound", "list"),
        (ERZYCALL.get_inbound_assistant("asst_001"), "/api/v1/assistants/inbound/asst_001", "get"),
    ):
        answer = f"erzycall.assistants.inbound.{name}.response"
        (request,), found = drive(flow, example_bytes(answer))
        assert (request.method, request.path) == ("GET", where)
        assert found == example(answer)["data"]


def test_erzycalls_accounts_for_messages() -> None:
    answer = "erzycall.whatsapp.accounts.list.response"
    (request,), (account,) = drive(ERZYCALL.list_whatsapp_accounts(), example_bytes(answer))
    assert (request.method, request.path) == ("GET", "/api/v1/whatsapp/accounts")
    assert (request.dials, request.repeatable) == (False, True)
    assert (account["id"], account["status"]) == ("wa_acct_abc123", "active")
    assert (account["displayPhoneNumber"], account["verifiedName"]) == ("+60360431879", "My Business")
    assert [account] == example(answer)["data"]


# ErzyCall, read


def test_erzycalls_answer_to_a_create() -> None:
    made = order(ERZYCALL, to="+14155551234", first_message="x")
    _, call = drive(ERZYCALL.create_call(made), example_bytes("erzycall.calls.create.response"))
    assert (call.id, call.provider, call.provider_call_id) == (
        "erzycall:call_abc123",
        "erzycall",
        "call_abc123",
    )
    assert (call.status, call.outcome, call.provider_status) == (CallStatus.QUEUED, None, "new")
    assert (call.to, call.from_number) == ("+14155551234", CALLER)
    assert (call.contact, call.script) == ("erzycall:contact_456", "erzycall:case_789")
    assert (call.created_at, call.duration) == (utc(2025, 1, 15, 10, 30), None)
    assert call.raw == example("erzycall.calls.create.response")["data"]


def test_a_call_of_erzycalls() -> None:
    (request,), call = drive(ERZYCALL.get_call("abc123"), example_bytes("erzycall.calls.get.response"))
    assert (request.method, request.path) == ("GET", "/api/v1/calls/abc123")
    assert (request.dials, request.repeatable, request.body) == (False, True, None)
    assert (call.status, call.outcome) == (CallStatus.ENDED, CallOutcome.UNKNOWN)
    assert (call.duration, call.ended_reason) == (timedelta(seconds=45), None)


def test_the_call_of_a_delivery_of_erzycalls() -> None:
    told = example("erzycall.webhook.call_ended.payload")
    _, call = drive(ERZYCALL.get_call("abc123"), to_json({"data": told["data"]}))
    assert (call.id, call.status, call.outcome) == ("erzycall:abc123", CallStatus.ENDED, CallOutcome.UNKNOWN)
    assert (call.to, call.from_number, call.duration) == ("+14155551234", CALLER, timedelta(seconds=45))
    assert call.raw == told["data"]


def test_erzycalls_lists() -> None:
    where = CallFilter(
        CallStatus.ENDED,
        utc(2025, 1, 1),
        utc(2025, 2, 1, 12, 30),
        contact_id="contact_456",
        script="case_789",
    )
    flow = ERZYCALL.list_calls(where, "c=1", 10)
    (request,), page = drive(flow, example_bytes("erzycall.calls.list.response"))
    assert request.path == (
        "/api/v1/calls?limit=10&cursor=c%3D1&status=ended&contactId=contact_456&caseId=case_789"
        "&from=2025-01-01T00%3A00%3A00.000Z&to=2025-02-01T12%3A30%3A00.000Z"
    )
    assert [call.id for call in page.items] == ["erzycall:abc123"]
    assert page.items[0].raw == example("erzycall.calls.list.response")["data"][0]
    assert page.cursor == "eyJwb3..."


def test_the_last_page_has_a_cursor_too() -> None:
    (request,), page = drive(ERZYCALL.list_scripts(None, 10), example_bytes("erzycall.cases.list.response"))
    assert request.path == "/api/v1/cases?limit=10"
    (case,) = page.items
    assert example("erzycall.cases.list.response")["pagination"]["cursor"]
    assert page.cursor is None
    (request,), same = drive(ERZYCALL.get_script("case_789"), example_bytes("erzycall.cases.get.response"))
    assert request.path == "/api/v1/cases/case_789"
    for each in (case, same):
        assert (each.id, each.title) == ("erzycall:case_789", "Customer onboarding - Acme Inc")
        assert (each.status, each.created_at) == ("open", utc(2025, 1, 12, 9))


def test_erzycalls_book() -> None:
    where = ContactFilter("John", "g1", ("vip", "enterprise"))
    flow = ERZYCALL.list_contacts(where, None, 20)
    (request,), page = drive(flow, example_bytes("erzycall.contacts.list.response"))
    assert request.path == ("/api/v1/contacts?limit=20&search=John&groupId=g1&tags=vip%2Centerprise")
    _, one = drive(ERZYCALL.get_contact("contact_456"), example_bytes("erzycall.contacts.get.response"))
    search = ERZYCALL.search_contacts("John Doe", 5)
    (request,), found = drive(search, example_bytes("erzycall.contacts.search.response"))
    assert request.path == "/api/v1/contacts/search?q=John%20Doe&limit=5"
    for each in (one, *page.items):
        assert (each.id, each.name, each.phone) == ("erzycall:contact_456", "John Doe", "+14155551234")
        assert (each.email, each.tags) == ("john@example.com", ("vip", "enterprise"))
        assert each.created_at == utc(2025, 1, 10, 8)
    assert [(each.id, each.tags) for each in found] == [("erzycall:contact_456", ())]


@pytest.mark.parametrize(
    ("flow", "path"),
    [
        (ERZYCALL.cancel_call("a/b"), "/api/v1/calls/a%2Fb"),
        (ERZYCALL.delete_contact("a b"), "/api/v1/contacts/a%20b"),
        (ERZYCALL.delete_webhook("a?b"), "/api/v1/webhooks/a%3Fb"),
    ],
)
def test_what_answers_nothing(flow: Any, path: str) -> None:
    (request,), nothing = drive(flow, Response(204))
    assert (request.method, request.path, nothing) == ("DELETE", path, None)
    assert (request.dials, request.repeatable) == (False, False)


@pytest.mark.parametrize(
    ("name", "code", "fields"),
    [
        ("validation_error", "VALIDATION_ERROR", {"phone": "Must be E.164 format (e.g., +14155551234)"}),
        ("insufficient_scope", "INSUFFICIENT_SCOPE", {}),
        ("rate_limited", "RATE_LIMITED", {}),
    ],
)
def test_erzycalls_errors(name: str, code: str, fields: dict[str, str]) -> None:
    told = ERZYCALL.read_error(Response(400, {}, example_bytes(f"erzycall.errors.{name}.response")))
    assert (told.code, told.fields) == (code, fields)
    assert told.message == example(f"erzycall.errors.{name}.response")["error"]["message"]


# AICaller


def aicallers_order(**changes: Any) -> Any:
    documented = example("aicaller.phoneCalls.create.request")
    vendors_own = ("phoneNumberId", "status", "telephonyProvider", "phoneCallWebhooks")
    asked: dict[str, Any] = {
        "to": "+1234567890",
        "from_number": "+1234567890",
        "script": f"aicaller:{TEAM}",
        "contact": Contact(name="John", email="someone@email.com"),
        "variables": {"customer_name": "John"},
        "record": False,
        "scheduled_at": datetime(2023, 10, 12, 9, 8, 0, 387_000, tzinfo=UTC),
        "extras": {"aicaller": {name: documented[name] for name in vendors_own}},
    }
    return order(AICALLER, **asked | changes)


def test_aicallers_calls() -> None:
    answer = example_bytes("aicaller.phoneCalls.create.response")
    (request,), call = drive(AICALLER.create_call(aicallers_order()), answer)
    assert json.loads(request.body or b"") == example("aicaller.phoneCalls.create.request")
    assert (request.method, request.path) == ("POST", "/v1/phoneCalls")
    assert (request.dials, request.repeatable, request.headers) == (True, False, ())
    assert (call.id, call.provider_call_id) == ("aicaller:12345678901234567890", "12345678901234567890")
    assert (call.status, call.provider_status, call.outcome) == (CallStatus.QUEUED, "queued", None)
    assert (call.to, call.from_number, call.contact) == ("+1234567890", "+1234567890", "John")
    assert (call.script, call.variables) == (f"aicaller:{TEAM}", {"customer_name": "John"})
    assert call.scheduled_at == datetime(2023, 10, 12, 9, 8, 0, 387_000, tzinfo=UTC)
    assert call.created_at is None  # "<string>" in the document
    assert call.raw == json.loads(answer)["data"]


def test_aicallers_batch() -> None:
    answer = example_bytes("aicaller.phoneCalls.createBatch.response")
    (request,), (call,) = drive(AICALLER.create_calls((aicallers_order(),)), answer)
    assert json.loads(request.body or b"") == example("aicaller.phoneCalls.createBatch.request")
    assert (request.method, request.path) == ("POST", "/v1/phoneCalls/batch")
    assert (request.dials, request.repeatable) == (True, False)
    assert call.provider_call_id == "12345678901234567890"


def test_without_a_number_of_its_own_a_call_goes_out_from_the_setting() -> None:
    body = body_of(AICALLER.create_call(aicallers_order(from_number=None, extras={})))
    assert body["phoneNumberId"] == TEAM
    assert "fromPhoneNumber" not in body
    body = body_of(AICALLER.create_call(aicallers_order(extras={})))
    assert body["fromPhoneNumber"] == "+1234567890"
    assert "phoneNumberId" not in body


def test_a_call_without_variables_sends_an_empty_list() -> None:
    body = body_of(AICALLER.create_call(aicallers_order(variables={})))
    assert body["promptVariableValues"] == []
    assert isinstance(body["teamId"], str)


@pytest.mark.parametrize("name", ["get", "list"])
def test_reading_aicallers_calls(name: str) -> None:
    answer = example_bytes(f"aicaller.phoneCalls.{name}.response")
    if name == "get":
        (request,), call = drive(AICALLER.get_call("12345678901234567890"), answer)
        assert request.path == "/v1/phoneCalls/12345678901234567890"
    else:
        (request,), page = drive(AICALLER.list_calls(CallFilter(script=TEAM), None, 100), answer)
        assert request.path == f"/v1/phoneCalls?callTemplateId={TEAM}"
        (call,) = page.items
        assert page.cursor is None
    assert (request.method, request.repeatable) == ("GET", True)
    assert (call.status, call.outcome) == (CallStatus.QUEUED, None)  # the sample is shape, not truth
    assert call.started_at == datetime(2023, 10, 12, 9, 8, 5, 387_000, tzinfo=UTC)
    assert call.ended_at == datetime(2023, 10, 12, 9, 9, 2, 387_000, tzinfo=UTC)
    assert call.created_at == datetime(2023, 10, 12, 9, 8, 0, 387_000, tzinfo=UTC)
    assert (call.duration, call.results) == (timedelta(seconds=60), {"city": "Bangalore"})
    assert call.recording_url == "https://example.com/recording.mp3"
    assert call.raw == (json.loads(answer)["data"] if name == "get" else json.loads(answer)["data"][0])


@pytest.mark.parametrize(
    ("word", "code", "status", "outcome"),
    [
        ("queued", None, "queued", None),
        ("ringing", None, "ringing", None),
        ("inProgress", None, "in_progress", None),
        ("completed", None, "ended", "unknown"),
        ("completed", "ENDED_NORMALLY", "ended", "conversation"),
        ("completed", "IVR_DETECTED", "ended", "ivr"),
        ("completed", "VOICEMAIL_DETECTED", "ended", "voicemail"),
        ("completed", "DO_NOT_CALL", "ended", "opted_out"),
        ("completed", "CALL_LATER", "ended", "callback_requested"),
        ("completed", "SOMETHING_NEW", "ended", "unknown"),
        ("busy", None, "ended", "busy"),
        ("noAnswer", None, "ended", "no_answer"),
        ("failed", None, "failed", "not_connected"),
        ("cancelled", None, "cancelled", "cancelled"),
        ("canceled", None, "cancelled", "cancelled"),
        ("somethingNew", "ENDED_NORMALLY", "unknown", None),
        ("", None, "unknown", None),
    ],
)
def test_aicallers_words(word: str, code: str | None, status: str, outcome: str | None) -> None:
    later = "2024-03-11T10:00:00Z"
    extra = {"statusCode": code, "dateTime": later} if code else None
    body = json.dumps({"data": {"_id": "x1", "status": word, "statusExtraInfo": extra}}).encode()
    _, call = drive(AICALLER.get_call("x1"), body)
    assert (call.status, call.outcome, call.provider_status) == (status, outcome, word)
    assert call.ended_reason == (code if call.terminal else None)
    assert (call.callback_at is not None) == (outcome == "callback_requested")


@pytest.mark.parametrize(
    ("word", "reason", "status", "outcome"),
    [
        ("new", None, "queued", None),
        ("scheduled", None, "scheduled", None),
        ("processing", None, "in_progress", None),
        ("ended", None, "ended", "unknown"),
        ("ended", "customer-ended-call", "ended", "conversation"),
        ("ended", "assistant-ended-call", "ended", "conversation"),
        ("ended", "customer-did-not-answer", "ended", "no_answer"),
        ("ended", "customer-busy", "ended", "busy"),
        ("ended", "voicemail", "ended", "voicemail"),
        ("ended", "contact-opted-out", "ended", "opted_out"),
        ("ended", "twilio-failed-to-connect-call", "ended", "not_connected"),
        ("ended", "pipeline-error-openai", "ended", "error"),
        ("ended", "something-new", "ended", "unknown"),
        ("cancelled", None, "cancelled", "cancelled"),
        ("error", None, "failed", "error"),
        ("canceled", None, "unknown", None),  # not this vendor's spelling
        ("somethingNew", "voicemail", "unknown", None),
    ],
)
def test_erzycalls_words(word: str, reason: str | None, status: str, outcome: str | None) -> None:
    body = json.dumps({"data": {"id": "x1", "status": word, "endedReason": reason}}).encode()
    _, call = drive(ERZYCALL.get_call("x1"), body)
    assert (call.status, call.outcome, call.provider_status) == (status, outcome, word)
    assert call.ended_reason == reason


def test_no_documented_body_is_forgotten() -> None:
    """A body that is added to the folder needs a test above, and its name here."""
    held = {
        "aicaller.phoneCalls": ("create.request", "create.response", "createBatch.request",
                                "createBatch.response", "get.response", "list.response"),
        "erzycall.assistants.inbound": ("get.response", "list.response", "update.request", "update.response"),
        "erzycall.calls": ("create.minimal.request", "create.response", "create.scheduled.request",
                           "create.simple.request", "create.with_case.request", "get.response",
                           "list.response"),
        "erzycall.cases": ("get.response", "list.response"),
        "erzycall.contacts": ("create.request", "create.response", "get.response", "list.response",
                              "search.response", "update.request", "update.response"),
        "erzycall.errors": ("insufficient_scope.response", "rate_limited.response",
                            "validation_error.response"),
        "erzycall.webhook": ("call_ended.payload",),
        "erzycall.webhooks": ("create.request", "create.response", "list.response"),
        "erzycall.whatsapp": ("accounts.list.response",),
    }  # fmt: skip
    names = {f"{group}.{part}" for group, parts in held.items() for part in parts}
    assert {path.name.removesuffix(".json") for path in EXAMPLES.iterdir()} == names
