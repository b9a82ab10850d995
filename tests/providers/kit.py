"""What the tests of the providers share: the vendors' own examples, and flows driven by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from callhub import CallRequest
from callhub.policy import routing
from callhub.policy.scripts import ScriptMap
from callhub.provider.http import Request, Response
from callhub_aicaller import AICaller
from callhub_aicaller.provider import AICallerSettings
from callhub_erzycall import ErzyCall
from callhub_erzycall.provider import ErzyCallSettings

if TYPE_CHECKING:
    from callhub import Contact
    from callhub.provider.base import Flow
    from callhub.provider.order import Order

EXAMPLES = Path(__file__).parents[1] / "examples"
KEY = "ek_test_s3cr3t-of-the-tests"
TEAM = "363573667364666473667332"

ERZYCALL = ErzyCall(ErzyCallSettings.model_validate({"api_key": KEY, "from_number": "+14155559999"}))
AICALLER = AICaller(
    AICallerSettings.model_validate({"api_key": KEY, "team_id": TEAM, "phone_number_id": TEAM})
)
PROVIDERS: dict[str, ErzyCall | AICaller] = {"erzycall": ERZYCALL, "aicaller": AICALLER}


def example(name: str) -> Any:
    """Give a documented body."""
    return json.loads(example_bytes(name))


def example_bytes(name: str) -> bytes:
    return (EXAMPLES / f"{name}.json").read_bytes()


def order(
    provider: ErzyCall | AICaller, contact: Contact | None = None, key: str = "k", **asked: Any
) -> Order:
    """Give a vendor's order for neutral words, in which nothing is wrong."""
    request = CallRequest(contact=contact, **asked)
    made, problems = routing.order(provider, request, contact, ScriptMap.of({}))
    assert problems == []
    return replace(made, idempotency_key=key)


def drive(flow: Flow[Any], *answers: Response | bytes) -> tuple[list[Request], Any]:
    """Answer each request of a flow, and give the requests and what the flow returned."""
    requests: list[Request] = []
    waiting = list(answers)
    try:
        requests.append(next(flow))
        while True:
            answer = waiting.pop(0)
            given = answer if isinstance(answer, Response) else Response(200, {}, answer)
            requests.append(flow.send(given))
    except StopIteration as stop:
        assert waiting == []
        return requests, stop.value


def body_of(flow: Flow[Any]) -> Any:
    """Give the body of a flow's first request, decoded."""
    request = next(flow)
    flow.close()
    assert request.body is not None
    return json.loads(request.body)
