"""AICaller's REST API as flows. Fields: the vendor's pages under /api-reference/phone-calls."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from msgspec.structs import replace
from pydantic import Field

from callhub.errors import CallhubError, ConfigurationError
from callhub.provider.base import Flow, Provider, VendorError
from callhub.provider.capability import Feature
from callhub.provider.http import Request, Response, path, query, to_json
from callhub.provider.order import CallFilter, Order, Page, Problem
from callhub.provider.settings import BaseUrl, Settings
from callhub.provider.wire import utc_milliseconds
from callhub_aicaller import tables, wire

if TYPE_CHECKING:
    from callhub.model.call import Call
    from callhub.provider.sandbox import SandboxClock
    from callhub_aicaller.sandbox import AICallerSandbox

CALLS = ("v1", "phoneCalls")


class AICallerSettings(Settings):
    """What AICaller is configured with."""

    base_url: BaseUrl = Field("https://api.aicaller.io", description="Where the vendor's API is.")
    team_id: str = Field(min_length=1, description="Id of the team that the calls belong to.")
    phone_number_id: str | None = Field(
        None,
        min_length=1,
        description="Id of the number that calls; a from_number of the call goes out instead.",
    )
    read_transcripts: bool = Field(
        default=False,
        description="Read the transcript of an ended call too; not documented.",
    )
    reference_variable: str | None = Field(
        None,
        min_length=1,
        description="A prompt variable to carry callhub's key, by which a look-up knows a call for certain. "
        "Off by default: what templates do with a variable that they don't know is not documented.",
    )


NAMELESS = "must have the name, which AICaller needs: contact=Contact(name=…)"


class AICaller(Provider[AICallerSettings]):
    """AICaller (aicaller.io), over its REST API with an API key."""

    name: ClassVar[str] = wire.NAME
    title = "AICaller"
    requires = ">=0.1,<0.2"
    settings_type = AICallerSettings
    capabilities = tables.CAPABILITIES
    statuses = tables.STATUSES
    refusals = tables.REFUSALS
    operations = ("get_transcript",)

    @classmethod
    def sandbox(cls, clock: SandboxClock) -> AICallerSandbox:
        """Make the vendor's emulator."""
        from callhub_aicaller.sandbox import AICallerSandbox  # noqa: PLC0415 - only where one is wanted

        return AICallerSandbox(clock)

    def authorization(self) -> tuple[tuple[str, str], ...]:
        """Give the key's header [/api-reference/phone-calls/post-v1phonecalls]."""
        return (("aicaller-api-key", self.settings.api_key.get_secret_value()),)

    def read_error(self, response: Response) -> VendorError:
        """Give the text of an error; no envelope is documented, public code shows plain text.

        What is no plain text is left out: it may echo the request, secrets and names included.
        """
        text = response.body[:1000].decode(errors="replace")
        return VendorError("" if set(text) & set('{<"=') else text)

    def check(self, order: Order) -> tuple[Problem, ...]:
        """Name what the documents forbid, and what they need."""
        problems = []
        if order.script is None:
            problems.append(Problem("script", "is needed by AICaller: name a call template"))
        if order.contact is None or not order.contact.name:
            problems.append(Problem("contact", NAMELESS))
        if order.from_number is None and self.settings.phone_number_id is None:
            message = "is needed by AICaller, or its setting phone_number_id"
            problems.append(Problem("from_number", message, ConfigurationError))
        clash = sorted(set(order.extras) & tables.OWN_NAMES)
        if clash:
            problems.append(
                Problem("extras", f"hold {', '.join(clash)}, which callhub sets: use its own keywords")
            )
        return tuple(problems)

    def reference(self, call: Call) -> str | None:
        """Read callhub's key from the variable that is configured for it."""
        name = self.settings.reference_variable
        found = call.variables.get(name) if name is not None else None
        return found if isinstance(found, str) else None

    def create_call(self, order: Order) -> Flow[Call]:
        """Place a call. It is not idempotent: the request must go out once."""
        response = yield Request("POST", path(*CALLS), to_json(self._body(order)), dials=True)
        return wire.one_call(response)

    def create_calls(self, orders: tuple[Order, ...]) -> Flow[tuple[Call | None, ...]]:
        """Place several calls by one request; answers are matched by content, not by their place."""
        bodies = [self._body(order) for order in orders]
        response = yield Request("POST", path(*CALLS, "batch"), to_json({"phoneCalls": bodies}), dials=True)
        answered = [(call, call.raw) for call in wire.all_calls(response)]
        return tuple([_take_match(body, answered) for body in bodies])

    def get_call(self, call_id: str) -> Flow[Call]:
        """Read one call, and its transcript where `read_transcripts` asks for it."""
        call = wire.one_call((yield Request("GET", path(*CALLS, call_id), repeatable=True)))
        if not (self.settings.read_transcripts and call.terminal):
            return call
        try:
            return replace(call, transcript=(yield from self._transcript(call_id)))
        except (CallhubError, ValueError):  # undocumented: the call counts, with or without it
            return call

    def list_calls(self, where: CallFilter, cursor: str | None, limit: int) -> Flow[Page[Call]]:  # noqa: ARG002
        """Read all calls: the documented list has neither pages nor other filters."""
        asked = query([("callTemplateId", where.script)])
        return Page(wire.all_calls((yield Request("GET", path(*CALLS) + asked, repeatable=True))))

    def get_transcript(self, call_id: str) -> Flow[Any]:
        """Read a transcript as public code does; None while there is none.

        Raises:
            UnsupportedFeature: the setting `read_transcripts` is off.
        """
        if not self.settings.read_transcripts:
            raise self.unsupported(Feature.TRANSCRIPT)
        return (yield from self._transcript(call_id))

    def _transcript(self, call_id: str) -> Flow[Any]:
        response = yield Request(
            "GET", path("v1", "transcripts") + query([("phoneCallId", call_id)]), repeatable=True
        )
        told = response.json()
        return told.get("data") if isinstance(told, dict) else None

    def _body(self, order: Order) -> dict[str, Any]:
        contact = order.contact
        own_number = order.from_number is None
        variables, reference = dict(order.variables), self.settings.reference_variable
        if reference is not None:
            variables[reference] = order.idempotency_key
        body = {
            "teamId": self.settings.team_id,
            "phoneNumberId": self.settings.phone_number_id if own_number else None,
            "callTemplateId": order.script,
            "nameOfHuman": contact.name if contact else None,
            "fromPhoneNumber": order.from_number,
            "toPhoneNumber": order.to,
            "toEmailAddress": contact.email if contact else None,
            "promptVariableValues": [{"key": key, "value": value} for key, value in variables.items()],
            "record": order.record,
            "callDelayedUntil": utc_milliseconds(order.scheduled_at),
        }
        return {name: value for name, value in body.items() if value is not None} | dict(order.extras)


MATCHED = ("toPhoneNumber", "nameOfHuman", "callTemplateId", "promptVariableValues")
MATCHED_IF_ECHOED = ("toEmailAddress", "fromPhoneNumber")


def _take_match(body: dict[str, Any], answered: list[tuple[Call, dict[str, Any]]]) -> Call | None:
    """Take the first answer that echoes this body; equal bodies share equal answers one to one."""
    for at, (_, echo) in enumerate(answered):
        if _echoes(body, echo):
            return answered.pop(at)[0]
    return None


def _echoes(body: dict[str, Any], echo: dict[str, Any]) -> bool:
    exact = all(echo.get(name) == body.get(name) for name in MATCHED)
    given = all(echo.get(name, body.get(name)) == body.get(name) for name in MATCHED_IF_ECHOED)
    return (
        exact and given and _instant(echo.get("callDelayedUntil")) == _instant(body.get("callDelayedUntil"))
    )


def _instant(text: object) -> object:
    try:
        return datetime.fromisoformat(text) if isinstance(text, str) else text
    except ValueError:
        return text
