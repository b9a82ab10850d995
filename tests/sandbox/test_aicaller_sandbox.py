"""AICaller's emulator: the vendor's own examples, each persona's life, faults, and the written choices."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callhub.provider.sandbox import PERSONAS, Answer, Cut, Hit, Mishap, Persona, SandboxClock
from callhub_aicaller.sandbox import AICallerSandbox

if TYPE_CHECKING:
    from callhub.provider.http import Response

EXAMPLES = Path(__file__).parents[1] / "examples"
START = datetime(2026, 3, 2, 9, 0, 0, 387_654, tzinfo=UTC)
KEY = {"AICaller-API-Key": "sandbox-key"}
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
CREATE = {
    "teamId": AICallerSandbox.settings["team_id"],
    "callTemplateId": AICallerSandbox.script,
    "nameOfHuman": "Ada",
    "toPhoneNumber": "+15550100099",
    "promptVariableValues": [],
}
NUMBERS = {who: f"+155501000{digits}" for digits, who in PERSONAS.items()} | {Persona.TALKS: "+15550100099"}
AFTER = {mishap for mishap in Mishap if mishap.endswith("_after")}


class Wall:
    """A clock on the wall that stands still until it is moved."""

    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> datetime:
        return self.at


def example(name: str) -> Any:
    return json.loads((EXAMPLES / f"aicaller.phoneCalls.{name}.json").read_text())


def make(**options: Any) -> AICallerSandbox:
    return AICallerSandbox(SandboxClock(Wall()), **options)


def send(sandbox: AICallerSandbox, method: str, target: str, body: Any = None, headers: Any = None) -> Answer:
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    return sandbox.handle(Hit.of(method, target, KEY if headers is None else headers, data))


def ask(
    sandbox: AICallerSandbox, method: str, target: str, body: Any = None, headers: Any = None
) -> Response:
    answer = send(sandbox, method, target, body, headers)
    assert answer.cut is None
    return answer.response


def place(sandbox: AICallerSandbox, **changes: Any) -> str:
    response = ask(sandbox, "POST", "/v1/phoneCalls", CREATE | changes)
    assert response.status == 200, response.body
    return str(response.json()["data"]["_id"])


def read(sandbox: AICallerSandbox, call_id: str) -> dict[str, Any]:
    response = ask(sandbox, "GET", f"/v1/phoneCalls/{call_id}")
    assert response.status == 200
    data: dict[str, Any] = response.json()["data"]
    return data


def listed(sandbox: AICallerSandbox, query: str = "") -> list[dict[str, Any]]:
    data: list[dict[str, Any]] = ask(sandbox, "GET", f"/v1/phoneCalls{query}").json()["data"]
    return data


def seconds(earlier: str, later: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


def assert_fits(ours: Any, documented: Any, where: str = "") -> None:
    """Check that whatever stands in ours is documented, with the same type and the same form of dates."""
    assert type(ours) is type(documented), where
    if isinstance(ours, dict):
        assert ours.keys() <= documented.keys(), where
        for key, value in ours.items():
            assert_fits(value, documented[key], f"{where}.{key}")
    elif isinstance(ours, list):
        for value in ours:
            assert_fits(value, documented[0], f"{where}[]")
    elif isinstance(documented, str) and documented.endswith("Z"):
        assert re.sub(r"\d", "0", ours) == re.sub(r"\d", "0", documented), where


# The vendor's own examples


def test_the_documented_create_gives_the_documented_answer() -> None:
    response = ask(make(), "POST", "/v1/phoneCalls", example("create.request"))
    assert (response.status, response.headers["content-type"]) == (200, "application/json")
    ours, documented = response.json()["data"], example("create.response")["data"]
    made = {"_id": ours["_id"], "createdAt": ours["createdAt"], "updatedAt": ours["updatedAt"]}
    assert ours == documented | made
    assert re.fullmatch("[0-9a-f]{24}", ours["_id"])
    assert ours["createdAt"] == ours["updatedAt"] == "2026-03-02T09:00:00.387Z"


def test_the_documented_batch_gives_the_documented_answer() -> None:
    response = ask(make(), "POST", "/v1/phoneCalls/batch", example("createBatch.request"))
    assert response.status == 200
    [ours], [documented] = response.json()["data"], example("createBatch.response")["data"]
    assert ours == documented | {key: ours[key] for key in ("_id", "createdAt", "updatedAt")}


@pytest.mark.parametrize("name", ["get.response", "list.response"])
def test_reads_have_the_documented_shape_and_every_field_of_a_call_by_api(name: str) -> None:
    sandbox, body = make(), example("create.request") | {"record": True}
    for who in (Persona.TALKS, Persona.CALL_LATER):
        ask(sandbox, "POST", "/v1/phoneCalls", body | {"toPhoneNumber": NUMBERS[who]})
    sandbox.clock.advance(600)
    later, talk = listed(sandbox)
    documented = example(name)["data"] if name == "get.response" else example(name)["data"][0]
    for call in (later, talk, read(sandbox, talk["_id"])):
        assert_fits(call, documented)
    assert documented.keys() - (later.keys() | talk.keys()) == {"fileId", "fileName", "fixedMeetingTime"}
    assert talk["resultValues"] == documented["resultValues"]
    assert later["statusExtraInfo"].keys() == documented["statusExtraInfo"].keys()


def test_the_documented_delay_in_the_past_dials_at_once() -> None:
    sandbox = make()
    ask(sandbox, "POST", "/v1/phoneCalls", example("create.request"))
    sandbox.clock.advance(2)
    [call] = listed(sandbox)
    assert (call["status"], sandbox.rung) == ("ringing", Counter({"+1234567890": 1}))


# Lives

LIVES = [
    (Persona.TALKS, ["queued", "ringing", "inProgress", "completed"], "ENDED_NORMALLY"),
    (Persona.BUSY, ["queued", "ringing", "busy"], None),
    (Persona.NO_ANSWER, ["queued", "ringing", "noAnswer"], None),
    (Persona.VOICEMAIL, ["queued", "ringing", "inProgress", "completed"], "VOICEMAIL_DETECTED"),
    (Persona.IVR, ["queued", "ringing", "inProgress", "completed"], "IVR_DETECTED"),
    (Persona.OPTS_OUT, ["queued", "ringing", "inProgress", "completed"], "DO_NOT_CALL"),
    (Persona.CALL_LATER, ["queued", "ringing", "inProgress", "completed"], "CALL_LATER"),
    (Persona.FAILS, ["queued", "failed"], None),
]
PATH = {who: path for who, path, _ in LIVES}


def test_every_persona_has_its_life() -> None:
    assert PATH.keys() == set(Persona)


@pytest.mark.parametrize(("who", "path", "code"), LIVES)
def test_a_whole_life(who: Persona, path: list[str], code: str | None) -> None:
    sandbox = make()
    call_id = place(sandbox, toPhoneNumber=NUMBERS[who], record=True)
    seen = [read(sandbox, call_id)["status"]]
    for _ in range(200):
        sandbox.clock.advance(1)
        status = read(sandbox, call_id)["status"]
        seen += [status] if status != seen[-1] else []
    assert seen == path
    call, rings = read(sandbox, call_id), 0 if who is Persona.FAILS else 1
    assert sandbox.rung[NUMBERS[who]] == rings
    assert all(dial.call_id == call_id and dial.persona is who for dial in sandbox.dials)
    assert call["callTriggeredAt"] == "2026-03-02T09:00:02.387Z"
    assert call["updatedAt"] == call["callEndedAt"]
    assert call["callOrigin"] == "api"
    assert call.get("statusExtraInfo", {}).get("statusCode") == code
    answered = {"callStartedAt", "callDuration", "recordingUrl", "resultValues", "customTagsHitOnCall"}
    assert answered & call.keys() == (answered if code else set())
    if code:
        assert call["callDuration"] == seconds(call["callStartedAt"], call["callEndedAt"]) > 0
    assert (who is Persona.CALL_LATER) == ("dateTime" in call.get("statusExtraInfo", {}))


def test_fields_appear_as_the_call_reaches_them() -> None:
    sandbox = make()
    call_id = place(sandbox, record=True)
    queued = read(sandbox, call_id).keys()
    assert queued == CREATE.keys() | {"record", "status", "_id", "createdAt", "updatedAt", "callOrigin"}
    sandbox.clock.advance(2)
    assert read(sandbox, call_id).keys() - queued == {"callTriggeredAt"}
    sandbox.clock.advance(5)
    assert read(sandbox, call_id).keys() - queued == {"callTriggeredAt", "callStartedAt"}


def test_call_later_names_an_instant_and_rings_no_second_time() -> None:
    sandbox = make()
    call_id = place(sandbox, toPhoneNumber=NUMBERS[Persona.CALL_LATER])
    sandbox.clock.advance(timedelta(days=3))
    assert read(sandbox, call_id)["statusExtraInfo"]["dateTime"] == "2026-03-03T09:00:22Z"
    assert sum(sandbox.rung.values()) == 1


def test_a_recording_only_where_it_was_asked_for() -> None:
    sandbox = make()
    without, with_it = place(sandbox), place(sandbox, record=True)
    assert read(sandbox, without)["record"] is False
    sandbox.clock.advance(600)
    assert "recordingUrl" not in read(sandbox, without)
    assert with_it in read(sandbox, with_it)["recordingUrl"]


def test_a_delayed_call_waits_in_queued_and_rings_at_its_instant() -> None:
    sandbox = make()
    call_id = place(sandbox, callDelayedUntil="2026-03-02T10:00:00.000Z")
    sandbox.clock.advance(3_599)
    assert (read(sandbox, call_id)["status"], sandbox.dials) == ("queued", [])
    sandbox.clock.advance(600)
    assert read(sandbox, call_id)["status"] == "completed"
    assert [dial.at for dial in sandbox.dials] == [datetime(2026, 3, 2, 10, tzinfo=UTC)]


def test_rings_are_counted_in_the_order_of_their_instants() -> None:
    sandbox = make(pickup=30)
    place(sandbox, toPhoneNumber="+2")
    place(sandbox, toPhoneNumber="+1", callDelayedUntil="2026-03-02T09:00:10Z")
    sandbox.clock.advance(600)
    ask(sandbox, "GET", "/v1/phoneCalls")
    assert [(dial.number, (dial.at - START).total_seconds()) for dial in sandbox.dials] == [
        ("+1", pytest.approx(9.6, abs=0.1)),
        ("+2", 30),
    ]


def test_time_runs_by_the_clock_given_and_its_speed() -> None:
    wall = Wall()
    sandbox = AICallerSandbox(SandboxClock(wall, speed=60))
    call_id = place(sandbox)
    wall.at += timedelta(seconds=2)
    assert read(sandbox, call_id)["status"] == "completed"


def test_the_same_request_twice_makes_two_calls_and_two_rings() -> None:
    sandbox = make()
    assert place(sandbox) != place(sandbox)
    sandbox.clock.advance(10)
    assert len(listed(sandbox)) == 2
    assert sandbox.rung == Counter({CREATE["toPhoneNumber"]: 2})


def test_a_sandbox_started_later_gives_out_other_ids() -> None:
    wall = Wall()
    first = place(AICallerSandbox(SandboxClock(wall)))
    wall.at += timedelta(seconds=1)
    assert place(AICallerSandbox(SandboxClock(wall))) != first


# The written choices


@pytest.mark.parametrize("key", [None, "", "  ", "wrong", "wrong-key"])
def test_a_bad_key_is_401_in_text_and_makes_nothing(key: str | None) -> None:
    sandbox, headers = make(), {} if key is None else {"aicaller-api-key": key}
    response = ask(sandbox, "POST", "/v1/phoneCalls", CREATE, headers)
    assert (response.status, response.body) == (401, b"Unauthorized")
    assert listed(sandbox) == []


@pytest.mark.parametrize("name", list(CREATE))
def test_each_required_field_is_required(name: str) -> None:
    sandbox = make()
    body = {key: value for key, value in CREATE.items() if key != name}
    response = ask(sandbox, "POST", "/v1/phoneCalls", body)
    assert (response.status, response.body) == (400, f"phoneCall: {name} is required".encode())
    assert response.headers["content-type"].startswith("text/plain")
    assert listed(sandbox) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("teamId", 3),
        ("teamId", {}),
        ("callTemplateId", ""),
        ("nameOfHuman", None),
        ("toPhoneNumber", " "),
        ("promptVariableValues", {"name": "Ada"}),
        ("promptVariableValues", [{"key": "n", "value": 1}]),
        ("promptVariableValues", [{"value": "Ada"}]),
        ("phoneNumberId", 1),
        ("fromPhoneNumber", None),
        ("toEmailAddress", ["a@example.com"]),
        ("status", "sleeping"),
        ("telephonyProvider", "smoke signals"),
        ("record", "yes"),
        ("callDelayedUntil", "2026-03-02T10:00:00+08:00"),
        ("callDelayedUntil", "2026-03-02T10:00:00"),
        ("callDelayedUntil", "2026-02-30T10:00:00Z"),
        ("phoneCallWebhooks", [{"url": "https://a.example/"}]),
        ("phoneCallWebhooks", [{"url": "https://a.example/", "subscribedEvent": "e", "secret": 1}]),
    ],
)
def test_a_wrong_value_is_400_and_named_but_not_repeated(name: str, value: Any) -> None:
    sandbox = make()
    response = ask(sandbox, "POST", "/v1/phoneCalls", CREATE | {name: value})
    assert response.status == 400
    assert response.body.startswith(f"phoneCall: {name} must be ".encode())
    assert b"smoke" not in response.body
    assert listed(sandbox) == []


def test_every_problem_is_said_at_once() -> None:
    text = ask(make(), "POST", "/v1/phoneCalls", {"record": 1}).body.decode()
    assert text.count("is required") == 5
    assert "record must be" in text


@pytest.mark.parametrize(
    "changes",
    [
        {"teamId": {"$oid": "363573667364666473667332"}},
        {"toPhoneNumber": "extension seven"},
        {"promptVariableValues": [{"key": "callhub_key", "value": ""}]},
        {"callDelayedUntil": "2026-03-02T10:00:00.123456+00:00"},
        {"phoneCallWebhooks": [{"url": "https://a.example/", "subscribedEvent": "other"}]},
        {"telephonyProvider": "telnyx", "toEmailAddress": "", "record": True},
    ],
)
def test_what_no_rule_forbids_is_taken_and_echoed(changes: dict[str, Any]) -> None:
    response = ask(make(), "POST", "/v1/phoneCalls", CREATE | changes)
    assert (response.status, response.json()["data"]) == (200, response.json()["data"] | CREATE | changes)


def test_an_undocumented_field_is_ignored() -> None:
    sandbox = make()
    assert "scriptContent" not in read(sandbox, place(sandbox, scriptContent="Say hello"))


NOT_JSON = [b"", b"{", b"\xff", json.dumps(CREATE | {"teamId": {"a": float("nan")}}).encode()]
LONE_SURROGATE = json.dumps(CREATE | {"nameOfHuman": "\ud800"}).encode()


@pytest.mark.parametrize("body", [*NOT_JSON, LONE_SURROGATE, b"[]", b"null", b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_400(body: bytes) -> None:
    response = ask(make(), "POST", "/v1/phoneCalls", body)
    assert (response.status, response.body) == (400, b"phoneCall: must be a JSON object")
    assert ask(make(), "POST", "/v1/phoneCalls/batch", body).status == 400


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", "/v1/phoneCalls/1/cancel"),
        ("DELETE", "/v1/phoneCalls/1"),
        ("PATCH", "/v1/phoneCalls/1"),
        ("GET", "/v1/phoneCalls/"),
        ("GET", "/v1/callTemplates"),
        ("GET", "/v2/phoneCalls"),
        ("GET", "/v1/phoneCalls?limit=10"),
        ("GET", "/v1/phoneCalls?=10"),
        ("GET", "/v1/phoneCalls/1?expand=all"),
        ("POST", "/v1/phoneCalls?dry=1"),
        ("GET", "/v1/transcripts?phoneCallId=1&page=2"),
    ],
)
def test_what_is_unknown_is_501_with_a_sentence(method: str, target: str) -> None:
    sandbox = make()
    response = ask(sandbox, method, target, CREATE)
    assert (response.status, response.headers["x-callhub-sandbox"]) == (501, "unknown")
    assert response.body.startswith(b"UNKNOWN: ")
    assert listed(sandbox) == []


@pytest.mark.parametrize("status", ["completed", "cancelled", "canceled"])
def test_sending_a_status_other_than_queued_is_unknown(status: str) -> None:
    sandbox = make()
    assert ask(sandbox, "POST", "/v1/phoneCalls", CREATE | {"status": status}).status == 501
    assert listed(sandbox) == []


def test_an_unknown_id_is_404_in_text() -> None:
    response = ask(make(), "GET", f"/v1/phoneCalls/{'0' * 24}")
    assert (response.status, response.body) == (404, b"Not Found")


def test_the_list_is_newest_first_filtered_by_template_and_not_paged() -> None:
    sandbox = make()
    ids = [place(sandbox, callTemplateId=f"t{number % 2}") for number in range(150)]
    whole = ask(sandbox, "GET", "/v1/phoneCalls").json()
    assert whole.keys() == {"data"}
    assert [call["_id"] for call in whole["data"]] == ids[::-1]
    assert [call["_id"] for call in listed(sandbox, "?callTemplateId=t1")] == ids[1::2][::-1]
    assert listed(sandbox, "?callTemplateId=other") == []


def test_no_limit_unless_set_and_then_a_bare_429_within_any_minute() -> None:
    sandbox = make(limit_per_minute=2)
    statuses = []
    for pause in (0, 40, 19, 1, 0, 40):
        sandbox.clock.advance(pause)
        response = ask(sandbox, "POST", "/v1/phoneCalls", CREATE)
        statuses.append(response.status)
    assert statuses == [200, 200, 429, 200, 429, 200]
    refused = make(limit_per_minute=0).handle(Hit.of("GET", "/v1/phoneCalls", KEY, b"")).response
    assert (refused.body, list(refused.headers)) == (b"Too Many Requests", ["content-type"])


# Batch


def test_a_batch_answers_in_reversed_order_and_rings_each_once() -> None:
    sandbox, numbers = make(), ["+1", "+2", "+3"]
    batch = {"phoneCalls": [CREATE | {"toPhoneNumber": number} for number in numbers]}
    data = ask(sandbox, "POST", "/v1/phoneCalls/batch", batch).json()["data"]
    assert [call["toPhoneNumber"] for call in data] == numbers[::-1]
    assert len({call["_id"] for call in data}) == 3
    sandbox.clock.advance(10)
    assert [read(sandbox, call["_id"])["toPhoneNumber"] for call in data] == numbers[::-1]
    assert sandbox.rung == Counter(numbers)


@pytest.mark.parametrize(
    ("bad", "status", "said"),
    [
        ({}, 400, b"phoneCalls[1]: teamId is required"),
        (7, 400, b"phoneCalls[1]: must be a JSON object"),
        (CREATE | {"status": "busy"}, 501, b"UNKNOWN"),
    ],
)
def test_one_bad_element_and_nothing_of_the_batch_is_done(bad: Any, status: int, said: bytes) -> None:
    sandbox = make()
    response = ask(sandbox, "POST", "/v1/phoneCalls/batch", {"phoneCalls": [CREATE, bad]})
    assert (response.status, response.body.startswith(said)) == (status, True)
    sandbox.clock.advance(600)
    assert listed(sandbox) == []
    assert sandbox.dials == []


@pytest.mark.parametrize("body", [{}, {"phoneCalls": []}, {"phoneCalls": CREATE}, [CREATE]])
def test_a_batch_without_calls_is_400(body: Any) -> None:
    assert ask(make(), "POST", "/v1/phoneCalls/batch", body).status == 400


# Faults and control


@pytest.mark.parametrize("mishap", list(Mishap))
@pytest.mark.parametrize("path", ["/v1/phoneCalls", "/v1/phoneCalls/batch"])
def test_a_fault_after_makes_the_call_and_a_fault_before_does_not(mishap: Mishap, path: str) -> None:
    sandbox = make()
    sandbox.fail_next(mishap)
    send(sandbox, "POST", path, CREATE if path == "/v1/phoneCalls" else {"phoneCalls": [CREATE]})
    sandbox.clock.advance(10)
    made = 1 if mishap in AFTER else 0
    assert (len(listed(sandbox)), sum(sandbox.rung.values())) == (made, made)
    place(sandbox)
    assert len(listed(sandbox)) == made + 1


@pytest.mark.parametrize(
    ("mishap", "status", "body", "cut"),
    [
        (Mishap.REFUSE, 400, b"Bad Request", None),
        (Mishap.RATE_LIMIT, 429, b"Too Many Requests", None),
        (Mishap.RATE_LIMIT_BARE, 429, b"Too Many Requests", None),
        (Mishap.ERROR_BEFORE, 500, b"Internal Server Error", None),
        (Mishap.ERROR_AFTER, 500, b"Internal Server Error", None),
        (Mishap.DROP_BEFORE, 500, b"", Cut.DROP),
        (Mishap.HANG_BEFORE, 500, b"", Cut.HANG),
        (Mishap.REDIRECT, 307, b"", None),
        (Mishap.GARBAGE_AFTER, 200, b"<html>thank you</html>", None),
    ],
)
def test_a_fault_speaks_in_plain_text(mishap: Mishap, status: int, body: bytes, cut: Cut | None) -> None:
    sandbox = make()
    sandbox.fail_next(mishap)
    answer = send(sandbox, "POST", "/v1/phoneCalls", CREATE)
    assert (answer.response.status, answer.response.body, answer.cut) == (status, body, cut)
    assert "retry-after" not in answer.response.headers


def test_a_fault_waits_for_its_method() -> None:
    sandbox = make()
    sandbox.fail_next(Mishap.ERROR_BEFORE, method="GET")
    place(sandbox)
    assert ask(sandbox, "GET", "/v1/phoneCalls").status == 500
    assert len(listed(sandbox)) == 1


def test_the_control_paths_need_no_key_and_work() -> None:
    sandbox = make()
    call_id = place(sandbox)
    assert ask(sandbox, "GET", "/_sandbox/dials", headers={}).json() == {"dials": []}
    assert ask(sandbox, "POST", "/_sandbox/advance?seconds=3", headers={}).status == 200
    [dial] = ask(sandbox, "GET", "/_sandbox/dials", headers={}).json()["dials"]
    assert (dial["call_id"], dial["number"], dial["persona"]) == (call_id, CREATE["toPhoneNumber"], "talks")
    assert ask(sandbox, "POST", "/_sandbox/fail?faults=refuse", headers={}).status == 200
    assert ask(sandbox, "POST", "/v1/phoneCalls", CREATE).status == 400
    unknown = ask(sandbox, "POST", "/_sandbox/fail?faults=gremlins", headers={})
    assert (unknown.status, "gremlins; known: refuse, rate_limit" in unknown.body.decode()) == (400, True)
    with pytest.raises(ValueError, match="no fault: gremlins; known: refuse, rate_limit"):
        sandbox.fail_next("gremlins")
    for wrong in ("abc", "-1", "nan", ""):
        assert ask(sandbox, "POST", f"/_sandbox/advance?seconds={wrong}", headers={}).status == 400
    assert ask(sandbox, "GET", "/_sandbox/other", headers={}).status == 404


# Transcripts, and a client as public code has it


@pytest.mark.parametrize("who", list(Persona))
def test_a_transcript_has_data_only_after_the_end_and_is_marked(who: Persona) -> None:
    sandbox = make()
    call_id = place(sandbox, toPhoneNumber=NUMBERS[who])
    for _ in range(40):
        status = read(sandbox, call_id)["status"]
        response = ask(sandbox, "GET", f"/v1/transcripts?phoneCallId={call_id}")
        assert (response.status, response.headers["x-callhub-sandbox"]) == (200, "undocumented")
        assert ("data" in response.json()) == (status == PATH[who][-1])
        sandbox.clock.advance(3)
    assert bool(response.json()["data"]) == ("inProgress" in PATH[who])


@pytest.mark.parametrize(("query", "status"), [("", 400), ("?phoneCallId=nobody", 404)])
def test_a_transcript_of_nothing(query: str, status: int) -> None:
    response = ask(make(), "GET", f"/v1/transcripts{query}")
    assert (response.status, response.headers["x-callhub-sandbox"]) == (status, "undocumented")


class Script:
    """Create, poll every five seconds, then fetch the transcript; the poll knows two ends only."""

    base = "https://api.aicaller.io/v1"

    def __init__(self, sandbox: AICallerSandbox, key: str = "sandbox-key") -> None:
        self.sandbox, self.headers, self.naps = sandbox, {"aicaller-api-key": key}, 0

    def fetch(self, method: str, url: str, body: Any = None) -> Any:
        target = url.removeprefix("https://api.aicaller.io")
        response = ask(self.sandbox, method, target, body, self.headers)
        if not response.ok:
            raise RuntimeError(response.status, response.body.decode())
        return response.json()

    def nap(self) -> None:
        self.naps += 1
        if self.naps > 50:
            raise TimeoutError
        self.sandbox.clock.advance(5)

    def call(self, number: str) -> Any:
        body = CREATE | {"toPhoneNumber": number, "scriptContent": "Say hello"}
        call_id = self.fetch("POST", f"{self.base}/phoneCalls", body)["data"]["_id"]
        status_url = f"{self.base}/phoneCalls/{call_id}"
        while self.fetch("GET", status_url)["data"]["status"] not in ("completed", "failed"):
            self.nap()
        while "data" not in (answer := self.fetch("GET", f"{self.base}/transcripts?phoneCallId={call_id}")):
            self.nap()
        return answer["data"]


def test_a_public_script_gets_its_transcript() -> None:
    script = Script(make())
    assert script.call("+15550100099")[0] == {"role": "assistant", "content": "Hello Ada."}
    assert script.naps == 14
    assert script.sandbox.rung == Counter({"+15550100099": 1})
    assert script.call(NUMBERS[Persona.FAILS]) == []


def test_a_public_script_never_hears_the_end_of_a_busy_call() -> None:
    with pytest.raises(TimeoutError):
        Script(make()).call(NUMBERS[Persona.BUSY])


def test_a_public_script_sees_its_errors_in_text() -> None:
    with pytest.raises(RuntimeError, match=r"401.*Unauthorized"):
        Script(make(), "wrong").call("+1")
    with pytest.raises(RuntimeError, match=r"400.*toPhoneNumber must be"):
        Script(make()).call("")


# Whatever comes

NEXT = {
    None: {"queued"},
    "queued": {"ringing", "failed"},
    "ringing": {"inProgress", "busy", "noAnswer"},
    "inProgress": {"completed"},
}


def reachable(status: str | None) -> set[str | None]:
    steps: set[str | None] = {status}
    for following in NEXT.get(status, ()):
        steps |= reachable(following)
    return steps


@given(
    st.lists(
        st.one_of(
            st.tuples(st.sampled_from(sorted(NUMBERS.values())), st.none() | st.integers(-60, 300)),
            st.floats(0, 90),
            st.sampled_from(list(Mishap)),
        ),
        max_size=25,
    )
)
def test_a_status_only_moves_forward_and_a_call_rings_at_most_once(actions: list[Any]) -> None:
    sandbox = make()
    seen: dict[str, str | None] = {}
    for action in actions:
        if isinstance(action, tuple):
            number, delay = action
            at = sandbox.clock.now() + timedelta(seconds=delay or 0)
            delayed = {} if delay is None else {"callDelayedUntil": at.isoformat()}
            send(sandbox, "POST", "/v1/phoneCalls", CREATE | {"toPhoneNumber": number} | delayed)
        elif isinstance(action, Mishap):
            sandbox.fail_next(action)
        else:
            sandbox.clock.advance(action)
        for call in listed(sandbox):
            assert call["status"] in reachable(seen.get(call["_id"]))
            seen[call["_id"]] = call["status"]
    rings = Counter(dial.call_id for dial in sandbox.dials)
    rung = {call_id for call_id, status in seen.items() if status not in ("queued", "failed")}
    assert rings == Counter(dict.fromkeys(rung, 1))
    assert [dial.at for dial in sandbox.dials] == sorted(dial.at for dial in sandbox.dials)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["key", "value", "url"]), inner)
    ),
    max_leaves=5,
)
FIELDS = sorted(example("create.request"))


@given(st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=3))
def test_no_body_breaks_the_sandbox_and_a_call_is_made_just_when_it_says_200(changes: dict[str, Any]) -> None:
    sandbox = make()
    for path, body in (("", CREATE | changes), ("/batch", {"phoneCalls": [CREATE | changes]})):
        before = len(listed(sandbox))
        response = ask(sandbox, "POST", f"/v1/phoneCalls{path}", body)
        assert response.status in (200, 400, 501)
        assert len(listed(sandbox)) - before == (response.status == 200)
