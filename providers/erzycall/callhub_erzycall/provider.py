"""ErzyCall's REST API as flows. Paths, fields and limits: the vendor's pages under /docs/api-reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, field_validator

from callhub.errors import ConfigurationError, NotFound
from callhub.policy.numbers import E164
from callhub.provider.base import Flow, Provider, RateLimit, VendorError
from callhub.provider.http import Request, Response, path, query, to_json
from callhub.provider.order import CallFilter, ContactFilter, Endpoint, Order, Page, Problem, reject
from callhub.provider.settings import BaseUrl, Settings
from callhub.provider.wire import utc_milliseconds, write
from callhub_erzycall import tables, wire

if TYPE_CHECKING:
    from collections.abc import Mapping

    from callhub.model.call import Call
    from callhub.model.contact import Contact
    from callhub.model.script import Script
    from callhub.provider.sandbox import SandboxClock
    from callhub_erzycall.sandbox import ErzyCallSandbox

ROOT = ("api", "v1")


class ErzyCallSettings(Settings):
    """What ErzyCall is configured with."""

    base_url: BaseUrl = Field("https://app.erzycall.com", description="Where the vendor's API is.")
    from_number: str | None = Field(
        None,
        repr=False,
        description="Caller number in E.164 form, assigned to your organization; a call may name another.",
    )

    @field_validator("from_number")
    @classmethod
    def _is_a_number(cls, number: str | None) -> str | None:
        if number is not None and not E164.fullmatch(number):
            raise ValueError("must be in E.164 form, such as +14155551234")
        return number


class ErzyCall(Provider[ErzyCallSettings]):
    """ErzyCall (erzycall.com), over its REST API with an API key."""

    name: ClassVar[str] = wire.NAME
    title = "ErzyCall"
    requires = ">=0.1,<0.2"
    settings_type = ErzyCallSettings
    capabilities = tables.CAPABILITIES
    statuses = tables.STATUSES
    refusals = tables.REFUSALS
    about_person = frozenset({"CONTACT_OPTED_OUT"})
    person_fields = frozenset({"to", "phone"})  # the documented sample blames `phone`
    operations: ClassVar[tuple[str, ...]] = (
        "list_inbound_assistants",
        "get_inbound_assistant",
        "update_inbound_assistant",
        "list_outbound_assistants",
        "list_whatsapp_accounts",
    )
    page_limit = 100

    @classmethod
    def sandbox(cls, clock: SandboxClock) -> ErzyCallSandbox:
        """Make the vendor's emulator."""
        from callhub_erzycall.sandbox import ErzyCallSandbox  # noqa: PLC0415 - only where one is wanted

        return ErzyCallSandbox(clock)

    def authorization(self) -> tuple[tuple[str, str], ...]:
        """Give the key's header [/docs/authentication]."""
        return (("x-api-key", self.settings.api_key.get_secret_value()),)

    def read_error(self, response: Response) -> VendorError:
        """Read the envelope ``{"error": {"code", "message", "details"}}`` [/docs/guides/errors]."""
        try:
            told = response.json()["error"]
            code, message, details = told.get("code"), told.get("message"), told.get("details")
            fields = {str(each["field"]): str(each["message"]) for each in details or ()}
        except (ValueError, LookupError, TypeError, AttributeError):
            return VendorError()
        return VendorError(str(message or ""), code if isinstance(code, str) else None, fields)

    def rate_limit(self, response: Response) -> RateLimit | None:
        """Read ``X-RateLimit-Remaining`` and ``-Reset``, in Unix seconds [/docs/rate-limiting]."""
        try:
            headers = response.headers
            return RateLimit(int(headers["x-ratelimit-remaining"]), float(headers["x-ratelimit-reset"]))
        except (LookupError, ValueError):
            return None

    def check(self, order: Order) -> tuple[Problem, ...]:
        """Name what the documents forbid."""
        problems = []
        if order.from_number is None and self.settings.from_number is None:
            message = "is needed by ErzyCall: set it for the provider or the call"
            problems.append(Problem("from_number", message, ConfigurationError))
        if isinstance(order.first_message, str) and len(order.first_message) > tables.LONGEST_FIRST_MESSAGE:
            problems.append(Problem("first_message", "may have at most 1,000 characters at ErzyCall"))
        clash = [name for name in tables.CALL_NAMES if name in order.extras]
        if clash:
            problems.append(
                Problem("extras", f"hold {', '.join(clash)}, which callhub sets: use its own keywords")
            )
        return tuple(problems)

    def create_call(self, order: Order) -> Flow[Call]:
        """Place a call.

        Whose words are spoken: with a script its first message, prompt and tools; with a first
        message that one, over the script's; with neither a bare generic assistant. A variable is
        taken from the call's variables, else from the contact, else from the script's defaults.
        """
        body = {
            "to": order.to,
            "from": order.from_number or self.settings.from_number,
            "firstMessage": order.first_message,
            "caseId": order.script,
            "contactId": order.contact_id,
            "variableValues": dict(order.variables) or None,
            "scheduledAt": utc_milliseconds(order.scheduled_at),
        }
        given = {name: value for name, value in body.items() if value is not None} | dict(order.extras)
        response = yield _post(path(*ROOT, "calls"), given, order.idempotency_key, dials=True)
        return wire.one_call(response)

    def get_call(self, call_id: str) -> Flow[Call]:
        """Read one call."""
        return wire.one_call((yield _get("calls", call_id)))

    def list_calls(self, where: CallFilter, cursor: str | None, limit: int) -> Flow[Page[Call]]:
        """Read one page; stops by ``hasMore``, since the last page has a cursor too."""
        if where.status in tables.NEVER_SAID:
            return Page(())
        asked: dict[str, object] = {"limit": limit, "cursor": cursor}
        asked |= {"status": tables.WORDS.get(where.status) if where.status else None}
        asked |= {"contactId": where.contact_id, "caseId": where.script}
        asked |= {"from": utc_milliseconds(where.since), "to": utc_milliseconds(where.until)}
        return wire.call_page((yield _get("calls", **asked)))

    def cancel_call(self, call_id: str) -> Flow[None]:
        """Cancel a call that is ``new`` or ``scheduled``."""
        yield Request("DELETE", path(*ROOT, "calls", call_id))

    def list_scripts(self, cursor: str | None, limit: int) -> Flow[Page[Script]]:
        """Read one page of cases."""
        return wire.script_page((yield _get("cases", limit=limit, cursor=cursor)))

    def get_script(self, script_id: str) -> Flow[Script]:
        """Read one case."""
        return wire.one_script((yield _get("cases", script_id)))

    def list_contacts(self, where: ContactFilter, cursor: str | None, limit: int) -> Flow[Page[Contact]]:
        """Read one page of contacts; whether several tags mean all or any of them is not documented."""
        asked = {"limit": limit, "cursor": cursor, "search": where.search, "groupId": where.group}
        tags = ",".join(where.tags) or None
        return wire.contact_page((yield _get("contacts", **asked, tags=tags)))

    def search_contacts(self, text: str, limit: int) -> Flow[tuple[Contact, ...]]:
        """Search names and numbers."""
        too_short = Problem("text", "must have at least 2 characters at ErzyCall")
        too_many = Problem("limit", "must be from 1 to 50 at ErzyCall")
        reject(
            [too_short] * (len(text) < tables.SHORTEST_SEARCH)
            + [too_many] * (not 1 <= limit <= tables.MOST_FOUND),
            self.name,
        )
        found = wire.contact_page((yield _get("contacts", "search", q=text, limit=limit)))
        return found.items

    def create_contact(self, contact: Contact, key: str) -> Flow[Contact]:
        """Add a contact; a number that is there already is a `Conflict`."""
        given = {name: getattr(contact, name) for name in wire.ContactBody.model_fields}
        body = write(wire.ContactBody, {name: value for name, value in given.items() if value}, self.title)
        return wire.one_contact((yield _post(path(*ROOT, "contacts"), body, key)))

    def get_contact(self, contact_id: str) -> Flow[Contact]:
        """Read one contact."""
        return wire.one_contact((yield _get("contacts", contact_id)))

    def update_contact(self, contact_id: str, changes: Mapping[str, Any]) -> Flow[Contact]:
        """Change the given fields; tags, groups and custom fields are replaced whole."""
        body = write(wire.ContactBody, changes, self.title)
        return wire.one_contact((yield _patch(body, "contacts", contact_id)))

    def delete_contact(self, contact_id: str) -> Flow[None]:
        """Delete a contact, for good."""
        yield Request("DELETE", path(*ROOT, "contacts", contact_id))

    def list_webhooks(self) -> Flow[tuple[Endpoint, ...]]:
        """Read the endpoints, without their secrets."""
        return wire.endpoint_page((yield _get("webhooks"))).items

    def create_webhook(
        self, url: str, events: tuple[str, ...] | None, description: str | None, key: str
    ) -> Flow[Endpoint]:
        """Register an endpoint: at most 5, https only; its secret is in this answer alone."""
        given: dict[str, Any] = {"url": url, "events": tables.CALL_EVENTS if events is None else events}
        given |= {"description": description} if description is not None else {}
        body = write(wire.EndpointBody, given, self.title)
        return wire.one_endpoint((yield _post(path(*ROOT, "webhooks"), body, key)))

    def update_webhook(self, webhook_id: str, changes: Mapping[str, Any]) -> Flow[Endpoint]:
        """Change an endpoint, and read it back: what the vendor answers is not documented."""
        yield _patch(write(wire.EndpointBody, changes, self.title), "webhooks", webhook_id)
        found = yield from self.list_webhooks()
        mine = [each for each in found if each.id == f"{self.name}:{webhook_id}"]
        if not mine:
            raise NotFound("ErzyCall changed the endpoint, and doesn't list it any more", provider=self.name)
        return mine[0]

    def delete_webhook(self, webhook_id: str) -> Flow[None]:
        """Remove an endpoint."""
        yield Request("DELETE", path(*ROOT, "webhooks", webhook_id))

    def list_inbound_assistants(self) -> Flow[Any]:
        """Read the assistants that answer calls, as the vendor has them [/docs/api-reference/assistants]."""
        return _data((yield _get("assistants", "inbound")))

    def get_inbound_assistant(self, assistant_id: str) -> Flow[Any]:
        """Read one inbound assistant."""
        return _data((yield _get("assistants", "inbound", assistant_id)))

    def update_inbound_assistant(self, assistant_id: str, **changes: Any) -> Flow[Any]:
        """Change an inbound assistant's `name` (1 to 200 characters) or `system_prompt_id`."""
        body = write(wire.AssistantBody, changes, self.title)
        return _data((yield _patch(body, "assistants", "inbound", assistant_id)))

    def list_outbound_assistants(self) -> Flow[Any]:
        """Read the outbound assistants; no call can name one."""
        return _data((yield _get("assistants", "outbound")))

    def list_whatsapp_accounts(self) -> Flow[Any]:
        """Read the WhatsApp accounts; callhub itself sends no messages [/docs/api-reference/whatsapp]."""
        return _data((yield _get("whatsapp", "accounts")))


def _get(*segments: str, **asked: object) -> Request:
    return Request("GET", path(*ROOT, *segments) + query(asked.items()), repeatable=True)


def _post(where: str, body: Mapping[str, Any], key: str, *, dials: bool = False) -> Request:
    """Make a POST that the vendor carries out once for a key, however often it comes."""
    return Request("POST", where, to_json(body), (("idempotency-key", key),), dials=dials, repeatable=True)


def _patch(body: Mapping[str, Any], *segments: str) -> Request:
    return Request("PATCH", path(*ROOT, *segments), to_json(body))


def _data(response: Response) -> Any:
    try:
        return response.json()["data"]
    except (LookupError, TypeError):
        raise ValueError("the answer has no data") from None
