"""AICaller's scenes: every operation, every documented form of it, every status of its refusal table."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from callhub.model.contact import Contact
from callhub.provider.http import Response
from callhub.provider.order import CallFilter, Order, reject
from callhub.provider.sandbox import Mishap, SandboxClock
from callhub_aicaller import AICaller
from callhub_aicaller.sandbox import AICallerSandbox
from tests.cassettes.scene import Repertoire, Scene, Stage, refused
from tests.cassettes.tape import PLACEHOLDER

if TYPE_CHECKING:
    from collections.abc import Callable

    from callhub.provider.base import Flow

INSTANT = datetime(2023, 10, 12, 9, 8, 0, 387_000, tzinfo=UTC)
TEMPLATE = "363573667364666473667332"
CHOICE = "The vendor documents no errors: this answer is callhub's choice."

MINIMAL = Order(
    to="+1234567890",
    script=TEMPLATE,
    contact=Contact(name="John"),
    idempotency_key="not sent: there are none",
)
# The documented body of a create; callhub sends one number or the other, so phoneNumberId goes by extras.
DOCUMENTED = replace(
    MINIMAL,
    variables={"customer_name": "John"},
    contact=Contact(name="John", email="someone@email.com"),
    from_number="+1234567890",
    record=False,
    scheduled_at=INSTANT,
    extras={
        "phoneNumberId": TEMPLATE,
        "status": "queued",
        "telephonyProvider": "twilio",
        "phoneCallWebhooks": [
            {
                "url": "https://hooks.abc.com/",
                "subscribedEvent": "phoneCall.completed",
                "secret": PLACEHOLDER,
            }
        ],
    },
)
DELAYED = replace(MINIMAL, scheduled_at=datetime(2023, 10, 13, 9, tzinfo=UTC))
RECORDED = replace(MINIMAL, record=True)
OWN_NUMBER = replace(MINIMAL, from_number="+1234567890")
ORDERS = {
    "documented": DOCUMENTED,
    "minimal": MINIMAL,
    "delayed": DELAYED,
    "recorded": RECORDED,
    "own_number": OWN_NUMBER,
}
# The last two digits choose who answers at the sandbox.
PEOPLE = {
    "busy": "+14155550101",
    "no_answer": "+14155550102",
    "voicemail": "+14155550103",
    "ivr": "+14155550104",
    "opts_out": "+14155550105",
    "call_later": "+14155550106",
    "fails": "+14155550107",
}


def create_call(on: Stage) -> Flow[Any]:
    """Place a call in each form."""
    found = {}
    for name, order in ORDERS.items():
        found[name] = yield from on.provider.create_call(order)
    return found


def create_calls(on: Stage) -> Flow[Any]:
    """Place several by one request, two of them alike; the answers come in another order."""
    documented = yield from on.provider.create_calls((DOCUMENTED,))
    several = yield from on.provider.create_calls((MINIMAL, DELAYED, MINIMAL, OWN_NUMBER))
    return {"documented": documented, "several": several}


def calls_to_everybody(on: Stage) -> Flow[Any]:
    """Place a call to each kind of person, and note the ids."""
    orders = {"talks": RECORDED, "delayed": DELAYED, "other_template": replace(MINIMAL, script="template-2")}
    orders |= {name: replace(RECORDED, to=number) for name, number in PEOPLE.items()}
    for name, order in orders.items():
        on.facts[name] = (yield from on.provider.create_call(order)).provider_call_id


def get_call(on: Stage) -> Flow[Any]:
    """Read a call through its life, and how the others end."""
    found = {}
    for seconds, status in ((0, "queued"), (2, "ringing"), (5, "in_progress"), (600, "completed")):
        on.advance(seconds)
        found[status] = yield from on.provider.get_call(on.facts["talks"])
    for name in (*PEOPLE, "delayed"):
        found[name] = yield from on.provider.get_call(on.facts[name])
    return found


def everybody_called(on: Stage) -> Flow[Any]:
    """Place those calls, and let most of them end."""
    yield from calls_to_everybody(on)
    on.advance(600)


def list_calls(on: Stage) -> Flow[Any]:
    """Read all calls, then those of one call template."""
    everything = yield from on.provider.list_calls(CallFilter(), None, 100)
    of_one = yield from on.provider.list_calls(CallFilter(script="template-2"), None, 100)
    return {"all": everything.items, "script": of_one.items}


def get_transcript(on: Stage) -> Flow[Any]:
    """Read a transcript before and after the end, and a call with its transcript."""
    assert isinstance(on.provider, AICaller)
    found = {"before": (yield from on.provider.get_transcript(on.facts["talks"]))}
    on.advance(600)
    found["after"] = yield from on.provider.get_transcript(on.facts["talks"])
    found["unanswered"] = yield from on.provider.get_transcript(on.facts["busy"])
    found["on_the_call"] = yield from on.provider.get_call(on.facts["talks"])
    return found


def both_refused(on: Stage) -> Flow[Any]:
    """Read a call and place one: one and the same answer, and what it means for either."""
    reading = yield from refused(on.provider.get_call("nowhere"))
    return {"get_call": reading, "create_call": (yield from refused(on.provider.create_call(MINIMAL)))}


def bad_request(on: Stage) -> Flow[Any]:
    """Place calls without a name."""
    nameless = replace(MINIMAL, contact=None)
    one = yield from refused(on.provider.create_call(nameless))
    return {"create_call": one, "create_calls": (yield from refused(on.provider.create_calls((nameless,))))}


def not_found(on: Stage) -> Flow[Any]:
    """Read a call that isn't there."""
    return (yield from refused(on.provider.get_call("nowhere")))


def used_up(on: Stage) -> Flow[Any]:
    """Use up a limit of one request a minute."""
    yield from on.provider.list_calls(CallFilter(), None, 100)


def strict(clock: SandboxClock) -> AICallerSandbox:
    """Make a sandbox that lets one request a minute pass."""
    return AICallerSandbox(clock, limit_per_minute=1)


def _answering(status: int, text: str) -> Scene:
    """Make the scene of a status that no rule of the sandbox leads to."""

    class Answering(AICallerSandbox):
        def refusal(self) -> Response:
            return Response(status, {"content-type": "text/plain; charset=utf-8"}, text.encode())

    def failing(on: Stage) -> Flow[Any]:
        on.fail_next(Mishap.REFUSE, "GET", "POST")
        yield from ()

    box: Callable[[SandboxClock], AICallerSandbox] = Answering
    return Scene(f"error.{status}", both_refused, failing, box=box, note=CHOICE)


# Against the vendor itself: nothing is read that other people's data could be in.


def create_live(on: Stage) -> Flow[Any]:
    """Place the one call, to the tester's own number."""
    order = replace(MINIMAL, to=on.facts["number"], script=on.facts["script"])
    reject(on.provider.check(order))
    call = yield from on.provider.create_call(order)
    on.facts["call"] = call.provider_call_id
    return call


def get_live(on: Stage) -> Flow[Any]:
    """Read it."""
    return (yield from on.provider.get_call(on.facts["call"]))


def not_found_live(on: Stage) -> Flow[Any]:
    """Read a call that nobody placed."""
    return (yield from refused(on.provider.get_call("0" * 24)))


SCENES = (
    Scene("create_call", create_call),
    Scene("create_calls", create_calls),
    Scene("get_call", get_call, calls_to_everybody),
    Scene("list_calls", list_calls, everybody_called),
    Scene(
        "get_transcript",
        get_transcript,
        calls_to_everybody,
        settings={"read_transcripts": True},
        note="The vendor doesn't document this operation; the shape of its answer is made up.",
    ),
    Scene("error.400", bad_request, note=CHOICE),
    Scene("error.401", both_refused, settings={"api_key": "wrong"}, note=CHOICE),
    _answering(403, "Forbidden"),
    Scene("error.404", not_found, note=CHOICE),
    _answering(409, "Conflict"),
    _answering(422, "Unprocessable Entity"),
    Scene("error.429", both_refused, used_up, box=strict, note=CHOICE),
    _answering(500, "Internal Server Error"),
)
LIVE = (
    Scene("error.401", not_found_live, settings={"api_key": "wrong"}),
    Scene("error.404", not_found_live),
    Scene("create_call", create_live),
    Scene("get_call", get_live),
)
REPERTOIRE = Repertoire(AICaller, INSTANT, SCENES, LIVE)
