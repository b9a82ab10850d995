"""A vendor, an environment or a ledger that means no good: no call is lost, and no raw exception leaves."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

import callhub
from callhub.policy import redact, retry
from callhub.provider.http import Fault, Request, Response
from callhub.provider.sandbox import Answer, Hit
from callhub.runtime.transport import Transport
from callhub.testing import VirtualClock, inprocess, lab

if TYPE_CHECKING:
    from pathlib import Path

NUMBER = "+14155551234"
WANTED: dict[str, Any] = {"to": NUMBER, "script": "greeting", "idempotency_key": "order-1"}


def hub_answered(body: bytes, headers: dict[str, str] | None = None, status: int = 201) -> Any:
    """Make a hub whose vendor answers everything with this."""
    handler = {"vendor": lambda _hit: Answer(Response(status, headers or {}, body))}
    settings = {"api_key": "k", "from_number": NUMBER, "base_url": inprocess.url_of("vendor")}
    return callhub.Hub(
        providers={"erzycall": settings},
        scripts={"greeting": {"erzycall": "case_789"}},
        ledger="sqlite://",
        http_client=httpx2.Client(transport=inprocess.transport(handler)),
        clock=VirtualClock(),
    )


@pytest.mark.parametrize(
    "field",
    [
        b'"n": ' + b"9" * 5000,
        b'"q": "\\ud800"',
        b'"to": "\\ud83d"',
        b'"duration": NaN',
        b'"duration": 1e999',
        b'"createdAt": "0001-01-01T00:00:00+14:00"',
        b'"createdAt": "9999-12-31T23:59:59-14:00"',
    ],
)
def test_an_accepted_call_keeps_its_id_whatever_else_stands_there(field: bytes) -> None:
    with hub_answered(b'{"data": {"id": "x1", "status": "new", ' + field + b"}}") as hub:
        call = hub.calls.create(**WANTED)
        assert call.provider_call_id == "x1"
        assert hub.calls.create(**WANTED).replayed
        assert hub.calls.get(call.id, refresh=False).provider_call_id == "x1"
        assert hub.calls.get(call.id).provider_call_id == "x1"
        assert isinstance(call.raw, dict | None)


@pytest.mark.parametrize(
    ("name", "value"),
    [("ALL_PROXY", "garbage://x"), ("HTTPS_PROXY", "http://x:notaport"), ("SSL_CERT_FILE", "/nope")],
)
def test_a_client_that_can_not_be_made_has_sent_nothing(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from callhub.runtime import transport  # noqa: PLC0415 - its cache is emptied here

    transport._tls.cache_clear()  # noqa: SLF001
    monkeypatch.setenv(name, value)
    with lab("erzycall") as it:
        provider = it.hub._context.links["erzycall"].provider  # noqa: SLF001
    sent = Transport({"erzycall": provider}).send("erzycall", Request("POST", "/x", b"{}", dials=True), 1.0)
    transport._tls.cache_clear()  # noqa: SLF001
    assert sent in (Fault.UNSENT, Fault.DNS, Fault.CONNECT)


@pytest.mark.parametrize(
    "text",
    [
        "415/555/1234",
        "415_555_1234",
        "+1·415·555·1234",
        "+290123",
        "tel 415.555.1234.",
        "(415) 555-1234",
        "ada@example.com",
    ],
)
def test_no_writing_of_a_number_survives(text: str) -> None:
    said = redact.safe(f"Bad value {text} given")
    assert not set("0123456789") & set(said)
    assert "example" not in said


def test_short_numbers_stay() -> None:
    assert redact.safe("Retry after 12s, error 422") == "Retry after 12s, error 422"


def test_an_answer_that_echoes_the_request_is_not_shown() -> None:
    echo = b'{"toPhoneNumber": "+14155551234", "secret": "NjUyOTgw", "nameOfHuman": "Ada Lovelace"}'
    with lab("aicaller") as it:
        provider = it.hub._context.links["aicaller"].provider  # noqa: SLF001
    assert provider.read_error(Response(400, {}, echo)).message == ""
    assert provider.read_error(Response(401, {}, b"Unauthorized")).message == "Unauthorized"


def test_a_wrong_clock_of_ours_holds_nothing_back() -> None:
    """The vendor's clock is an hour ahead of ours; its limit is renewed in a second by its own."""
    clock = VirtualClock()
    ahead = clock.now() + timedelta(hours=1)
    headers = {
        "date": ahead.strftime("%a, %d %b %Y %H:%M:%S GMT"),
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": str(int(ahead.timestamp()) + 1),
    }
    with hub_answered(b'{"data": {"id": "x1", "status": "new"}}', headers, 200) as hub:
        for _ in range(5):
            hub.calls.get("erzycall:x1")


def test_a_date_beyond_all_years_says_nothing() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert retry.retry_after({"retry-after": "1 Jan 99999999999999999999 00:00:00 GMT"}, now) is None


def test_more_without_saying_where_is_told() -> None:
    with (
        hub_answered(b'{"data": [], "pagination": {"hasMore": true}}', status=200) as hub,
        pytest.raises(callhub.Unreachable),
    ):
        list(hub.calls.list("erzycall"))


@pytest.mark.parametrize("garbage", ["not json", '{"id": 5}', '{"id": "x", "status": "of tomorrow"}'])
def test_a_row_that_can_not_be_read_is_a_ledger_error(tmp_path: Path, garbage: str) -> None:
    file = tmp_path / "calls.db"
    with lab("erzycall", ledger=f"sqlite:///{file}") as it:
        call = it.hub.calls.create(**WANTED)
    with sqlite3.connect(file) as database:
        database.execute("update intents set call = ?", (garbage,))
    database.close()
    with lab("erzycall", ledger=f"sqlite:///{file}") as it:
        with pytest.raises(callhub.LedgerError):
            it.hub.calls.get(call.id)
        with pytest.raises(callhub.LedgerError):
            it.hub.calls.create(**WANTED)
        assert it.rung(NUMBER) == 0


@pytest.mark.parametrize("url", ["sqlite+aiosqlite://", "sqlite:///x.db?mode=ro", "mysql://x", "x", ""])
def test_what_is_no_ledger_is_refused(url: str) -> None:
    with pytest.raises(callhub.ConfigurationError, match="the ledger must be given as"):
        lab(ledger=url or " ").__enter__()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"metadata": {None: 1}}, "metadata"),
        ({"variables": {"n": 10**5000}}, "variables"),
        ({"contact": callhub.Contact(id=5)}, "contact"),  # type: ignore[arg-type]
        ({"first_message": "\ud800"}, "first_message"),
    ],
)
def test_what_can_not_be_kept_or_sent_is_named(change: dict[str, Any], field: str) -> None:
    with lab("erzycall") as it:
        with pytest.raises(callhub.InvalidRequest) as caught:
            it.hub.calls.create(**WANTED | change)
        assert field in caught.value.fields
        assert it.sandboxes["erzycall"].hits.total() == 0


def test_a_provider_that_is_no_name_is_unknown() -> None:
    with lab("erzycall") as it, pytest.raises(callhub.UnknownProvider):
        it.hub.calls.create(**WANTED | {"provider": ["erzycall"]})


def test_the_contract_s_names_are_taken_as_they_stand() -> None:
    with lab("erzycall") as it:
        hub = it.hub
        call = hub.calls.create(**WANTED)
        assert hub.calls.wait(call.id, 600).terminal
        assert call.id in [each.id for each in hub.calls.list("erzycall", script="greeting")]
        endpoint = hub.webhooks.register("erzycall", "https://a.example/hook", ["call.ended"])
        assert endpoint.events == ("call.ended",)
        assert [script.provider for script in hub.scripts.list("erzycall")] == ["erzycall"]
        made = hub.contacts.create(
            name="Ada", phone="+14155550188", tags=None, groups=None, provider="erzycall"
        )
        assert hub.contacts.update(str(made.id), name="Bob").name == "Bob"


def test_hits_are_what_a_vendor_sees() -> None:
    assert Hit.of("GET", "/a?b=c", {"X-Y": "z"}, b"").headers == {"x-y": "z"}
