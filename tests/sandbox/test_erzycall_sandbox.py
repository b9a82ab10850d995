"""ErzyCall's emulator: the vendor's own examples, every error code, each persona's life, written choices."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callhub.provider.sandbox import PERSONAS, Hit, Mishap, Persona, SandboxClock
from callhub_erzycall.sandbox import ErzyCallSandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from callhub.provider.http import Response

EXAMPLES = Path(__file__).parents[1] / "examples"
START = datetime(2025, 1, 15, 10, 30, tzinfo=UTC)
KEY = ErzyCallSandbox.settings["api_key"]
MINIMAL = {"to": "+14155551234", "from": "+14155559999"}
NUMBERS = {who: f"+141555500{digits}" for digits, who in PERSONAS.items()} | {Persona.TALKS: "+14155550099"}
UNLIMITED = {"per_minute": 10**9, "per_hour": 10**9}


def example(name: str) -> Any:
    return json.loads((EXAMPLES / f"erzycall.{name}.json").read_text())


class Client:
    """One key's view of a sandbox whose clock stands still until it is moved."""

    def __init__(self, **options: Any) -> None:
        self.wall = START
        self.sandbox = ErzyCallSandbox(SandboxClock(lambda: self.wall), **options)

    def ask(self, method: str, path: str, body: Any = None, key: str = KEY, **headers: str) -> Response:
        raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        hit = Hit.of(method, f"/api/v1/{path}", {"X-API-Key": key, **named}, raw)
        return self.sandbox.handle(hit).response

    def data(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        response = self.ask(method, path, body, **headers)
        assert response.ok, response.body
        return response.json()["data"]

    def call(self, to: str = MINIMAL["to"], **fields: Any) -> Any:
        return self.data("POST", "calls", {**MINIMAL, "to": to, **fields})

    def see(self, call: Any) -> Any:
        return self.data("GET", f"calls/{call['id']}")

    def advance(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)

    def pages(self, path: str, limit: int) -> Iterator[Any]:
        """Walk through all pages, as the vendor documents it."""
        more, cursor = True, ""
        while more:
            page = self.ask("GET", f"{path}?limit={limit}" + (f"&cursor={cursor}" if cursor else "")).json()
            yield from page["data"]
            more, cursor = page["pagination"]["hasMore"], page["pagination"]["cursor"]
            assert cursor
            assert page["pagination"]["pageSize"] == limit


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def unlimited() -> Client:
    return Client(**UNLIMITED)


def problem(response: Response) -> tuple[int, str]:
    error = response.json()["error"]
    assert set(error) <= {"code", "message", "details"}
    assert error["message"]
    return response.status, error["code"]


def fields(response: Response) -> dict[str, str]:
    assert problem(response) == (400, "VALIDATION_ERROR")
    return {each["field"]: each["message"] for each in response.json()["error"]["details"]}


# The vendor's examples


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("calls/abc123", "calls.get"),
        ("cases/case_789", "cases.get"),
        ("contacts/contact_456", "contacts.get"),
        ("contacts/search?q=john&limit=5", "contacts.search"),
        ("assistants/inbound", "assistants.inbound.list"),
        ("assistants/inbound/asst_001", "assistants.inbound.get"),
        ("webhooks", "webhooks.list"),
        ("whatsapp/accounts", "whatsapp.accounts.list"),
    ],
)
def test_reads_are_the_documented_bodies(client: Client, path: str, name: str) -> None:
    response = client.ask("GET", path)
    assert response.status == 200
    assert response.body == json.dumps(example(f"{name}.response"), separators=(",", ":")).encode()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("calls?limit=10&status=ended", "calls.list"),
        ("cases?limit=10", "cases.list"),
        ("contacts?limit=20&tags=vip", "contacts.list"),
    ],
)
def test_lists_are_the_documented_bodies_but_for_the_cursor(client: Client, path: str, name: str) -> None:
    answered, documented = client.ask("GET", path).json(), example(f"{name}.response")
    assert answered["data"] == documented["data"]
    assert list(answered["pagination"]) == list(documented["pagination"])
    assert answered["pagination"]["pageSize"] == documented["pagination"]["pageSize"]
    assert answered["pagination"]["cursor"].startswith("eyJwb3")
    assert answered["pagination"]["hasMore"] is False


@pytest.mark.parametrize(
    ("method", "path", "name", "status"),
    [
        ("POST", "contacts", "contacts.create", 201),
        ("POST", "webhooks", "webhooks.create", 201),
        ("PATCH", "contacts/contact_456", "contacts.update", 200),
        ("PATCH", "assistants/inbound/asst_001", "assistants.inbound.update", 200),
    ],
)
def test_writes_answer_the_documented_bodies(
    client: Client, method: str, path: str, name: str, status: int
) -> None:
    response = client.ask(method, path, example(f"{name}.request"))
    answered, documented = response.json()["data"], example(f"{name}.response")["data"]
    assert (response.status, list(answered)) == (status, list(documented))
    made = {"id", "secret"} if method == "POST" else set()
    assert {each: answered[each] for each in answered if each not in made} == {
        each: documented[each] for each in documented if each not in made
    }


def test_a_created_call_is_the_documented_body_under_a_new_id(client: Client) -> None:
    documented = example("calls.create.response")["data"]
    asked = {name: documented[name] for name in ("to", "from", "contactId", "caseId")}
    response = client.ask("POST", "calls", asked)
    assert response.status == 201
    assert response.json()["data"] == {**documented, "id": response.json()["data"]["id"]}
    assert list(response.json()["data"]) == list(documented)


@pytest.mark.parametrize("body", ["minimal", "simple", "with_case", "scheduled"])
def test_the_documented_creates_are_accepted_whatever_the_year(body: str) -> None:
    client = Client()
    client.advance(timedelta(days=1_000).total_seconds())
    call = client.data("POST", "calls", example(f"calls.create.{body}.request"))
    assert call["status"] == ("scheduled" if body == "scheduled" else "new")
    client.advance(5)
    assert client.see(call)["status"] == "processing"


def test_the_documented_errors(client: Client) -> None:
    wrong = client.ask("POST", "contacts", {"title": "John Doe", "phone": "12"}).json()["error"]
    assert wrong["details"] == example("errors.validation_error.response")["error"]["details"]
    lacking = client.ask("POST", "calls", MINIMAL, key="ek_live_readonly")
    assert lacking.json() == example("errors.insufficient_scope.response")
    for _ in range(58):
        client.ask("GET", "cases")
    client.advance(48)
    client.ask("GET", "cases")
    assert client.ask("GET", "cases").json() == example("errors.rate_limited.response")


# Keys, scopes, paths


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("", "UNAUTHORIZED"),
        ("ek_prod_abc", "UNAUTHORIZED"),
        ("ek_live_", "UNAUTHORIZED"),
        ("xek_live_abc", "UNAUTHORIZED"),
        ("ek_live_revoked1", "KEY_REVOKED"),
        ("ek_test_expired1", "KEY_EXPIRED"),
    ],
)
def test_bad_keys(client: Client, key: str, code: str) -> None:
    assert problem(client.ask("GET", "cases", key=key)) == (401, code)


def test_no_key_at_all(client: Client) -> None:
    answer = client.sandbox.handle(Hit.of("GET", "/api/v1/cases", {}, b""))
    assert problem(answer.response) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("POST", "calls", "calls:write"),
        ("DELETE", "calls/abc123", "calls:write"),
        ("POST", "contacts", "contacts:write"),
        ("PATCH", "contacts/contact_456", "contacts:write"),
        ("DELETE", "contacts/contact_456", "contacts:write"),
        ("PATCH", "assistants/inbound/asst_001", "assistants:write"),
        ("POST", "webhooks", "webhooks:write"),
        ("PATCH", "webhooks/wh_001", "webhooks:write"),
        ("DELETE", "webhooks/wh_001", "webhooks:write"),
    ],
)
def test_a_reading_key_may_not_write(client: Client, method: str, path: str, scope: str) -> None:
    response = client.ask(method, path, MINIMAL, key="ek_live_readonly")
    assert problem(response) == (403, "INSUFFICIENT_SCOPE")
    assert response.json()["error"]["message"] == f"API key lacks required scope: {scope}"


@pytest.mark.parametrize(
    "path",
    [
        "calls",
        "calls/abc123",
        "cases",
        "contacts",
        "contacts/search?q=jo",
        "assistants/outbound",
        "whatsapp/accounts",
    ],
)
def test_a_reading_key_may_read(client: Client, path: str) -> None:
    assert client.ask("GET", path, key="ek_live_readonly").status == 200


@pytest.mark.parametrize("target", ["/", "/api/v1", "/api/v1/nonsense", "/api/v2/calls", "/api/v1/calls/a/b"])
def test_unknown_paths(client: Client, target: str) -> None:
    answer = client.sandbox.handle(Hit.of("GET", target, {"x-api-key": KEY}, b""))
    assert problem(answer.response) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path"), [("PATCH", "calls/abc123"), ("PUT", "contacts/contact_456"), ("DELETE", "cases/x")]
)
def test_methods_that_are_not_documented(client: Client, method: str, path: str) -> None:
    assert problem(client.ask(method, path)) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    "path",
    [
        "phone-numbers",
        "contact-groups",
        "whatsapp/conversations",
        "assistants/outbound/asst_002",
        "webhooks/wh_001",
        "contacts?tags=vip,enterprise",
    ],
)
def test_what_the_documents_leave_open_is_refused(client: Client, path: str) -> None:
    assert problem(client.ask("GET", path)) == (501, "NOT_EMULATED")


@pytest.mark.parametrize("wrong", ["", "a%20b", "a%2Fb", "%00", "%F0%9F%93%9E", "x" * 65])
def test_malformed_ids(client: Client, wrong: str) -> None:
    assert problem(client.ask("GET", f"calls/{wrong}")) == (400, "INVALID_ID")


@pytest.mark.parametrize("path", ["calls/nope", "cases/nope", "contacts/nope", "assistants/inbound/nope"])
def test_unknown_ids(client: Client, path: str) -> None:
    assert problem(client.ask("GET", path)) == (404, "NOT_FOUND")


# Bodies


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"\xff",
        b'{"to": NaN}',
        b'{"to": 1e999}',
        b'{"to": "\\ud800"}',
        b"[" * 100_000,
        b'{"n": ' + b"9" * 5_000 + b"}",
    ],
)
def test_bodies_that_are_not_json(client: Client, raw: bytes) -> None:
    assert problem(client.ask("POST", "calls", raw)) == (400, "INVALID_JSON")


@pytest.mark.parametrize("raw", [b"[]", b'"to"', b"null", b"3"])
def test_bodies_that_are_not_objects(client: Client, raw: bytes) -> None:
    assert problem(client.ask("POST", "calls", raw)) == (400, "VALIDATION_ERROR")


def test_every_wrong_field_is_named_at_once(client: Client) -> None:
    wrong = {"from": "415", "firstMessage": "x" * 1_001, "variableValues": [], "caseId": 7, "tone": "kind"}
    named = fields(client.ask("POST", "calls", wrong))
    assert named["to"] == "Required"
    assert set(named) == {*wrong, "to"}


@pytest.mark.parametrize(
    ("path", "name", "good", "bad"),
    [
        (
            "calls",
            "to",
            ["+12", "+123456789012345"],
            ["+1", "+1234567890123456", "+0123", "14155551234", "", 1],
        ),
        ("calls", "firstMessage", ["", "x" * 1_000], ["x" * 1_001, 5, None]),
        ("calls", "variableValues", [{}, {"a": 1}], ["", [], None]),
        ("calls", "scheduledAt", ["2025-01-15T10:30:01Z", "2025-01-15T18:31+08:00"], [None, "tomorrow", 5]),
        ("contacts", "title", ["x", "x" * 200], ["", "x" * 201, None]),
        ("contacts", "email", ["a@b"], ["a", "@b", "a@", "a@b@c", "a b@c", None]),
        ("contacts", "notes", ["", "x" * 5_000], ["x" * 5_001]),
        ("contacts", "tags", [[], ["x" * 50] * 20], [["x"] * 21, ["x" * 51], "vip", [None]]),
        ("contacts", "groupIds", [[], ["g"] * 20], [["g"] * 21, [5]]),
        ("contacts", "customFields", [{}, {"a": [1]}], [[], "x"]),
        ("webhooks", "url", ["https://a.example/x"], ["http://a.example", "https://", "https://[", "a", 5]),
        ("webhooks", "events", [["call.ended"] * 10], [[], ["call.ended"] * 11, ["call.rang"], "call.ended"]),
        ("webhooks", "description", ["x" * 500], ["x" * 501]),
    ],
)
def test_limits_of_fields(path: str, name: str, good: list[Any], bad: list[Any]) -> None:
    least: dict[str, dict[str, Any]] = {
        "calls": MINIMAL,
        "contacts": {"title": "Ada", "phone": "+15550100099"},
        "webhooks": {"url": "https://a.example", "events": ["call.ended"]},
    }
    for value in good:
        assert Client().ask("POST", path, {**least[path], name: value}).status == 201, value
    for value in bad:
        assert set(fields(Client().ask("POST", path, {**least[path], name: value}))) == {name}, value


@pytest.mark.parametrize(
    "wrong",
    [
        "2025-01-15T10:30:00Z",  # not after now
        "2024-01-15T10:30:00Z",
        "2026-01-15T10:30:00",
        "2026-01-15",
        "2026-02-30T10:30:00Z",
        "2026-01-15T25:00:00Z",
        "2026-01-15 10:30:00Z",
        "9999-12-31T23:59:59-10:00",
        "２０２６-01-15T10:30:00Z",  # noqa: RUF001 - digits, but not ASCII
    ],
)
def test_instants_that_cannot_be_scheduled(client: Client, wrong: str) -> None:
    assert set(fields(client.ask("POST", "calls", {**MINIMAL, "scheduledAt": wrong}))) == {"scheduledAt"}


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=x",
        "limit=",
        "limit=1.0",
        "limit=%EF%BC%91",
        "cursor=x",
        "cursor=WzFd",
        "cursor=eyJwb3MiOiAxfQ==",
        "cursor=eyJwb3MiOnRydWV9",
        "status=done",
        "from=2025-01-15",
        "to=2025-01-15T10:30:00",
        "phone=%2B14155551234",
    ],
)
def test_wrong_queries_name_the_parameter(client: Client, query: str) -> None:
    response = client.ask("GET", f"calls?{query}")
    assert set(fields(response)) == {query.partition("=")[0]}
    assert response.json()["error"]["message"] == "Invalid query parameters"


# Calls


def test_fields_that_were_not_given_are_absent(client: Client) -> None:
    assert set(client.call()) == {"id", "status", "to", "from", "createdAt"}


def test_a_foreign_caller_id(client: Client) -> None:
    response = client.ask("POST", "calls", {**MINIMAL, "from": "+14155550000"})
    assert problem(response) == (422, "INVALID_PHONE")


@pytest.mark.parametrize("name", ["contactId", "caseId"])
def test_references_must_exist(client: Client, name: str) -> None:
    assert problem(client.ask("POST", "calls", {**MINIMAL, name: "nope"})) == (404, "NOT_FOUND")


LIVES = {
    Persona.TALKS: (50, 45, "assistant-ended-call"),
    Persona.BUSY: (2, 0, "customer-busy"),
    Persona.NO_ANSWER: (30, 0, "customer-did-not-answer"),
    Persona.VOICEMAIL: (35, 20, "voicemail"),
    Persona.IVR: (20, 15, "customer-ended-call"),
    Persona.OPTS_OUT: (17, 12, "customer-ended-call"),
    Persona.CALL_LATER: (15, 10, "customer-ended-call"),
}


@pytest.mark.parametrize("who", LIVES)
def test_a_call_is_new_then_processing_then_ended(who: Persona) -> None:
    client = Client(pickup=8, rich=True)
    lasts, spoken, reason = LIVES[who]
    call = client.call(NUMBERS[who])
    client.advance(7.999)
    assert (client.see(call)["status"], client.sandbox.dials) == ("new", [])
    client.advance(0.001)
    seen = client.see(call)
    assert (seen["status"], seen["endedReason"]) == ("processing", None)
    assert [(dial.call_id, dial.number, dial.persona) for dial in client.sandbox.dials] == [
        (call["id"], NUMBERS[who], who)
    ]
    client.advance(lasts - 0.001)
    assert client.see(call)["status"] == "processing"
    client.advance(0.001)
    seen = client.see(call)
    assert (seen["status"], seen["duration"], seen["endedReason"]) == ("ended", spoken, reason)
    assert client.sandbox.rung[NUMBERS[who]] == 1


def test_every_persona_but_the_failing_one_has_a_life() -> None:
    assert set(LIVES) == set(Persona) - {Persona.FAILS}


def test_a_failing_call_never_rings(client: Client) -> None:
    call = client.call(NUMBERS[Persona.FAILS])
    client.advance(1_000)
    seen = client.see(call)
    assert (seen["status"], "duration" in seen, client.sandbox.dials) == ("error", False, [])


def test_only_rich_calls_show_the_undocumented_fields() -> None:
    scheduled = {**MINIMAL, "scheduledAt": "2025-01-15T18:31:00.5+08:00"}
    extra = {
        "endedReason": None,
        "startedAt": None,
        "scheduledAt": "2025-01-15T10:31:00.500Z",
    }
    plain = Client().data("POST", "calls", scheduled)
    rich = Client(rich=True)
    call = rich.data("POST", "calls", scheduled)
    assert call == {**plain, **extra}
    rich.advance(61)
    assert rich.see(call)["startedAt"] == "2025-01-15T10:31:00.500Z"


def test_rings_are_dated_by_the_due_instant_and_ordered_by_it(client: Client) -> None:
    client.call("+14155550098", scheduledAt="2025-01-15T11:00:00Z")
    client.call("+14155550099")
    client.advance(86_400)
    client.sandbox.settle()
    assert [(dial.number, dial.at) for dial in client.sandbox.dials] == [
        ("+14155550099", START + timedelta(seconds=5)),
        ("+14155550098", START + timedelta(minutes=30)),
    ]


def test_a_scheduled_call_waits_for_its_instant(client: Client) -> None:
    call = client.call(scheduledAt="2025-01-15T10:31:00Z")
    client.advance(59)
    assert client.see(call)["status"] == "scheduled"
    client.advance(1)
    assert client.see(call)["status"] == "processing"


@pytest.mark.parametrize("when", [{}, {"scheduledAt": "2025-01-15T10:30:04Z"}])
def test_a_cancelled_call_never_rings(client: Client, when: dict[str, str]) -> None:
    call = client.call(**when)
    response = client.ask("DELETE", f"calls/{call['id']}")
    assert (response.status, response.body) == (204, b"")
    client.advance(1_000)
    assert (client.see(call)["status"], client.sandbox.dials) == ("cancelled", [])
    assert problem(client.ask("DELETE", f"calls/{call['id']}")) == (422, "INVALID_STATE")


@pytest.mark.parametrize(
    ("number", "seconds", "status"),
    [("+14155550099", 5, "processing"), ("+14155550099", 55, "ended"), ("+14155550007", 5, "error")],
)
def test_only_open_calls_can_be_cancelled(client: Client, number: str, seconds: int, status: str) -> None:
    call = client.call(number)
    client.advance(seconds)
    assert problem(client.ask("DELETE", f"calls/{call['id']}")) == (422, "INVALID_STATE")
    assert client.see(call)["status"] == status


def test_unknown_calls_cannot_be_cancelled(client: Client) -> None:
    assert problem(client.ask("DELETE", "calls/nope")) == (404, "NOT_FOUND")
    assert problem(client.ask("DELETE", "calls/abc123")) == (422, "INVALID_STATE")


def test_who_opted_out_is_not_called_again() -> None:
    client, number = Client(rich=True), NUMBERS[Persona.OPTS_OUT]
    open_one = client.call(number, scheduledAt="2025-01-15T11:00:00Z")
    client.call(number)
    client.advance(5)
    client.call(number, scheduledAt="2025-01-15T11:00:00Z")  # still talking
    client.advance(17)
    response = client.ask("POST", "calls", {**MINIMAL, "to": number})
    assert problem(response) == (403, "CONTACT_OPTED_OUT")
    client.advance(3_600)
    seen = client.see(open_one)
    assert (seen["status"], seen["endedReason"], seen["startedAt"]) == ("ended", "contact-opted-out", None)
    assert client.sandbox.rung == {number: 1}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["three", "two", "one", "abc123"]),
        ("status=new", ["two", "one"]),
        ("status=scheduled", ["three"]),
        ("status=error", []),
        ("contactId=contact_456", ["two", "abc123"]),
        ("caseId=case_789", ["three", "abc123"]),
        ("caseId=case_789&contactId=contact_456", ["abc123"]),
        ("contactId=nope", []),
        ("from=2025-01-15T10:30:10Z", ["three"]),
        ("to=2025-01-15T10:30:10Z", ["one", "abc123"]),
        ("from=2025-01-15T18:30:01%2B08:00&to=2025-01-15T10:30:11Z", ["two"]),
        ("limit=2", ["three", "two"]),
    ],
)
def test_filters_of_the_list(query: str, found: list[str]) -> None:
    client, names = Client(pickup=3_600), {"abc123": "abc123"}
    client.advance(1)
    names[client.call()["id"]] = "one"
    client.advance(9)
    names[client.call(contactId="contact_456")["id"]] = "two"
    client.advance(10)
    names[client.call(caseId="case_789", scheduledAt="2026-01-15T10:30:00Z")["id"]] = "three"
    assert [names[call["id"]] for call in client.data("GET", f"calls?{query}")] == found


# Pages


@given(
    limit=st.integers(1, 7),
    before=st.integers(0, 20),
    meanwhile=st.lists(st.integers(0, 3), max_size=20),
)
def test_pages_show_each_once_while_others_come_and_go(limit: int, before: int, meanwhile: list[int]) -> None:
    client = Client(**UNLIMITED)
    made = [
        client.data("POST", "contacts", {"title": "A", "phone": f"+1555010{n:03}"})["id"]
        for n in range(before)
    ]
    seen: list[str] = []
    phones = iter(range(1_000, 2_000))
    for contact in client.pages("contacts", limit):
        seen.append(contact["id"])
        for _ in range(meanwhile.pop() if meanwhile else 0):
            client.data("POST", "contacts", {"title": "B", "phone": f"+155501{next(phones)}"})
        if len(seen) % 3 == 0:
            client.ask("DELETE", f"contacts/{seen[-1]}")
    assert seen == [*reversed(made), "contact_456"]


def test_the_default_page_has_25(unlimited: Client) -> None:
    for _ in range(30):
        unlimited.call()
    page = unlimited.ask("GET", "calls").json()
    assert (len(page["data"]), page["pagination"]["pageSize"], page["pagination"]["hasMore"]) == (
        25,
        25,
        True,
    )


def test_a_list_that_is_empty_still_has_a_cursor(client: Client) -> None:
    page = client.ask("GET", "calls?status=error").json()
    assert page["data"] == []
    assert page["pagination"]["hasMore"] is False
    assert client.data("GET", f"calls?cursor={page['pagination']['cursor']}") != []


# Idempotency


def test_a_repeated_post_gets_the_first_answer_again(client: Client) -> None:
    first = client.ask("POST", "calls", MINIMAL, idempotency_key="one")
    client.advance(100)
    again = client.ask("POST", "calls", MINIMAL, idempotency_key="one")
    assert (again.status, again.body) == (first.status, first.body)
    assert client.sandbox.rung == {MINIMAL["to"]: 1}


def test_a_key_belongs_to_its_body_byte_by_byte(client: Client) -> None:
    client.ask("POST", "calls", b'{"to":"+12","from":"+14155559999"}', idempotency_key="one")
    for other in (b'{"to":"+13","from":"+14155559999"}', b'{"to": "+12","from":"+14155559999"}', b"{"):
        response = client.ask("POST", "calls", other, idempotency_key="one")
        assert problem(response) == (409, "IDEMPOTENCY_MISMATCH")
    assert len(client.data("GET", "calls")) == 2


def test_a_key_belongs_to_its_path_and_not_to_the_api_key(client: Client) -> None:
    first = client.ask("POST", "calls", MINIMAL, idempotency_key="one")
    contact = {"title": "Ada", "phone": "+15550100099"}
    assert client.ask("POST", "contacts", contact, idempotency_key="one").status == 201
    assert client.ask("POST", "calls", MINIMAL, idempotency_key="one", key="ek_live_b").body == first.body


def test_only_success_is_remembered(client: Client) -> None:
    bad = {**MINIMAL, "from": "+14155550000"}
    assert client.ask("POST", "calls", bad, idempotency_key="one").status == 422
    assert client.ask("POST", "calls", MINIMAL, idempotency_key="one").status == 201


def test_keys_may_be_forgotten() -> None:
    client = Client(keeps_keys=600)
    first = client.data("POST", "calls", MINIMAL, idempotency_key="one")
    client.advance(599)
    assert client.data("POST", "calls", MINIMAL, idempotency_key="one") == first
    client.advance(1)
    assert client.data("POST", "calls", MINIMAL, idempotency_key="one") != first


def test_other_methods_and_empty_keys_are_not_remembered(client: Client) -> None:
    assert client.call()["id"] != client.call()["id"]
    first = client.data("POST", "calls", MINIMAL, idempotency_key="")
    assert client.data("POST", "calls", MINIMAL, idempotency_key="") != first
    named = [client.ask("PATCH", "contacts/contact_456", {"title": t}, idempotency_key="k") for t in "ab"]
    assert [response.json()["data"]["title"] for response in named] == ["a", "b"]


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from([None, *Mishap]), st.integers(0, 100)), max_size=30
    )
)
def test_a_key_never_makes_two_calls(steps: list[tuple[str, Mishap | None, int]]) -> None:
    client = Client(**UNLIMITED)
    for key, mishap, seconds in steps:
        if mishap:
            client.sandbox.fail_next(mishap)
        number = f"+1415555999{'abc'.index(key)}"
        client.ask("POST", "calls", {**MINIMAL, "to": number}, idempotency_key=key)
        client.advance(seconds)
    client.advance(5)
    client.sandbox.settle()
    early = {mishap for mishap in Mishap if not mishap.endswith("_after")}
    assert client.sandbox.rung == {
        f"+1415555999{'abc'.index(key)}": 1 for key, mishap, _ in steps if mishap not in early
    }


# Rate limits


def left(response: Response) -> tuple[int, int, float]:
    limit, remaining, reset = (
        response.headers[f"x-ratelimit-{each}"] for each in ("limit", "remaining", "reset")
    )
    return int(limit), int(remaining), int(reset) - START.timestamp()


def test_the_minute_slides(client: Client) -> None:
    assert left(client.ask("GET", "cases")) == (60, 59, 60)
    client.advance(30)
    for _ in range(59):
        assert client.ask("GET", "cases").status == 200
    refused = client.ask("GET", "cases")
    assert problem(refused) == (429, "RATE_LIMITED")
    assert (refused.headers["retry-after"], left(refused)) == ("30", (60, 0, 60))
    client.advance(30)
    assert client.ask("GET", "cases").status == 200
    assert problem(client.ask("GET", "cases")) == (429, "RATE_LIMITED")
    assert client.ask("GET", "cases", key="ek_live_other").status == 200


def test_the_hour_is_counted_apart(client: Client) -> None:
    for _ in range(1_000):
        assert client.ask("GET", "cases").status == 200
        client.advance(2)
    refused = client.ask("GET", "cases")
    assert problem(refused) == (429, "RATE_LIMITED")
    assert (refused.headers["retry-after"], left(refused)[:2]) == ("1600", (1_000, 0))
    client.advance(1_600)
    assert client.ask("GET", "cases").status == 200


def test_headers_tell_of_the_tighter_window() -> None:
    client = Client(per_minute=10, per_hour=12)
    assert left(client.ask("GET", "cases"))[:2] == (10, 9)
    client.advance(61)
    for _ in range(5):
        response = client.ask("GET", "cases")
    assert left(response) == (10, 5, 121)
    client.advance(61)
    assert left(client.ask("GET", "cases")) == (12, 5, 3_600)


@given(st.lists(st.floats(0, 40), max_size=60))
def test_who_waits_as_told_is_let_through(gaps: list[float]) -> None:
    client = Client(per_minute=3, per_hour=12)
    for gap in gaps:
        client.advance(gap)
        response = client.ask("GET", "cases")
        if response.status == 429:
            client.advance(int(response.headers["retry-after"]))
            assert client.ask("GET", "cases").status == 200


@pytest.mark.parametrize("mishap", [None, *Mishap])
def test_the_limit_is_told_with_every_answer(client: Client, mishap: Mishap | None) -> None:
    if mishap:
        client.sandbox.fail_next(mishap)
    spent = 0 if mishap and not mishap.endswith("_after") else 1
    assert left(client.ask("POST", "calls", MINIMAL))[:2] == (60, 60 - spent)
    assert left(client.ask("GET", "cases", key="nonsense"))[:2] == (60, 60)
    assert left(client.ask("GET", "nonsense", key="ek_live_b"))[:2] == (60, 59)


def test_faults_speak_the_vendors_language(client: Client) -> None:
    client.sandbox.fail_next("refuse", "rate_limit", "rate_limit_bare", "error_before", "error_after")
    answers = [client.ask("POST", "calls", MINIMAL) for _ in range(5)]
    assert [problem(answer) for answer in answers] == [
        (400, "VALIDATION_ERROR"),
        (429, "RATE_LIMITED"),
        (429, "RATE_LIMITED"),
        (500, "INTERNAL_ERROR"),
        (500, "INTERNAL_ERROR"),
    ]
    assert [answer.headers.get("retry-after") for answer in answers[1:3]] == ["1", None]
    assert len(client.data("GET", "calls")) == 2


# Contacts


def test_a_phone_stands_once(client: Client) -> None:
    ada = {"title": "Ada", "phone": "+15550100099"}
    made = client.data("POST", "contacts", ada)
    assert problem(client.ask("POST", "contacts", ada)) == (409, "CONFLICT")
    other = client.data("POST", "contacts", {**ada, "phone": "+15550100098"})
    change = {"phone": ada["phone"]}
    assert problem(client.ask("PATCH", f"contacts/{other['id']}", change)) == (409, "CONFLICT")
    assert client.data("PATCH", f"contacts/{made['id']}", change) == made
    assert client.ask("DELETE", f"contacts/{made['id']}").status == 204
    assert client.ask("POST", "contacts", ada).status == 201


def test_the_documented_create_is_exempt_from_that_once(client: Client) -> None:
    asked = example("contacts.create.request")
    assert client.ask("POST", "contacts", asked).status == 201
    assert problem(client.ask("POST", "contacts", asked)) == (409, "CONFLICT")


def test_a_change_leaves_the_rest_and_replaces_lists_whole(client: Client) -> None:
    made = client.data(
        "POST",
        "contacts",
        {
            "title": "Ada",
            "phone": "+15550100099",
            "tags": ["a", "b"],
            "groupIds": ["g"],
            "customFields": {"x": 1, "y": 2},
        },
    )
    change = {"tags": ["c"], "customFields": {"y": 3}, "notes": "n"}
    assert client.data("PATCH", f"contacts/{made['id']}", change) == {**made, **change}
    assert client.data("GET", f"contacts/{made['id']}") == {**made, **change}
    assert client.data("PATCH", f"contacts/{made['id']}", {}) == {**made, **change}
    assert "title" in fields(client.ask("PATCH", f"contacts/{made['id']}", {"title": ""}))


def test_a_deleted_contact_is_gone(client: Client) -> None:
    response = client.ask("DELETE", "contacts/contact_456")
    assert (response.status, response.body) == (204, b"")
    for method in ("GET", "PATCH", "DELETE"):
        assert problem(client.ask(method, "contacts/contact_456", {})) == (404, "NOT_FOUND")
    assert client.data("GET", "contacts") == []
    assert Client().data("GET", "contacts/contact_456")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("contacts?search=DOE", ["John Doe"]),
        ("contacts?search=555", ["Ada", "John Doe"]),
        ("contacts?search=nobody", []),
        ("contacts?groupId=g1", ["Ada"]),
        ("contacts?groupId=g2", []),
        ("contacts?tags=vip", ["John Doe"]),
        ("contacts?tags=vi", []),
        ("contacts?tags=vip&groupId=g1", []),
        ("contacts/search?q=da", ["Ada"]),
        ("contacts/search?q=%2B1555", ["Ada"]),
        ("contacts/search?q=55&limit=1", ["Ada"]),
    ],
)
def test_finding_contacts(client: Client, query: str, found: list[str]) -> None:
    client.data("POST", "contacts", {"title": "Ada", "phone": "+15550100099", "groupIds": ["g1"]})
    assert [contact["title"] for contact in client.data("GET", query)] == found


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("", "q"),
        ("q=j", "q"),
        ("q=jo&limit=51", "limit"),
        ("q=jo&limit=0", "limit"),
        ("q=jo&cursor=x", "cursor"),
    ],
)
def test_a_search_has_its_own_limits(client: Client, query: str, wrong: str) -> None:
    assert set(fields(client.ask("GET", f"contacts/search?{query}"))) == {wrong}


def test_a_search_finds_ten_unless_told_otherwise(unlimited: Client) -> None:
    for n in range(12):
        unlimited.data("POST", "contacts", {"title": "Ada", "phone": f"+155501000{n:02}"})
    found = unlimited.data("GET", "contacts/search?q=ada")
    assert len(found) == 10
    assert set(found[0]) == {"id", "title", "phone"}


# Assistants and webhooks


def test_assistants(client: Client) -> None:
    assert list(client.data("GET", "assistants/outbound")[0]) == ["id", "name", "createdAt"]
    change = {"systemPromptId": "prompt_new"}
    changed = {**example("assistants.inbound.get.response")["data"], **change}
    assert client.data("PATCH", "assistants/inbound/asst_001", change) == changed
    assert client.data("GET", "assistants/inbound") == [changed]
    wrong = {"name": "", "systemPromptId": 5, "voice": "x"}
    assert set(fields(client.ask("PATCH", "assistants/inbound/asst_001", wrong))) == set(wrong)
    assert problem(client.ask("PATCH", "assistants/inbound/nope", {})) == (404, "NOT_FOUND")


def test_a_webhooks_secret_is_shown_once(client: Client) -> None:
    asked = example("webhooks.create.request")
    made = client.data("POST", "webhooks", asked, idempotency_key="create-webhook-prod")
    assert made["secret"].startswith("whsec_")
    assert client.data("POST", "webhooks", asked, idempotency_key="create-webhook-prod") == made
    assert client.data("POST", "webhooks", asked)["secret"] != made["secret"]
    shown = {name: value for name, value in made.items() if name != "secret"}
    assert client.data("GET", "webhooks")[1] == shown
    change = {"isActive": False, "events": ["call.failed"], "url": "https://b.example", "description": "d"}
    assert client.data("PATCH", f"webhooks/{made['id']}", change) == {**shown, **change}
    assert "isActive" in fields(client.ask("PATCH", f"webhooks/{made['id']}", {"isActive": "no"}))


def test_there_are_five_webhooks_at_most(client: Client) -> None:
    asked = example("webhooks.create.request")
    for _ in range(4):
        client.data("POST", "webhooks", asked)
    assert problem(client.ask("POST", "webhooks", asked)) == (422, "MAX_ENDPOINTS")
    assert client.ask("DELETE", "webhooks/wh_001").status == 204
    assert client.ask("POST", "webhooks", asked).status == 201
    for method in ("PATCH", "DELETE"):
        assert problem(client.ask(method, "webhooks/wh_001", {})) == (404, "NOT_FOUND")


# The sandbox itself


def test_a_sandbox_started_later_gives_other_ids() -> None:
    early, late = Client(), Client()
    late.sandbox = ErzyCallSandbox(SandboxClock(lambda: START + timedelta(seconds=1)))
    ids = [client.call()["id"] for client in (early, Client(), late)]
    assert ids[0] == ids[1] != ids[2]
    assert early.call()["id"] not in ids


def test_control_paths_have_no_limit_and_need_no_key(client: Client) -> None:
    client.call()
    advance = Hit.of("POST", "/_sandbox/advance?seconds=5", {}, b"")
    answer = client.sandbox.handle(advance).response
    assert (answer.status, "x-ratelimit-limit" in answer.headers) == (200, False)
    dials = client.sandbox.handle(Hit.of("GET", "/_sandbox/dials", {}, b"")).response.json()["dials"]
    assert [dial["number"] for dial in dials] == [MINIMAL["to"]]


def test_the_limit_resets_on_a_whole_second(client: Client) -> None:
    client.advance(0.25)
    assert left(client.ask("GET", "cases"))[2] == ceil(60.25)
