"""Several calls in one request: answers are matched by what they echo, for their order is not documented."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callhub import Contact, UnsupportedFeature
from callhub.provider.sandbox import Hit, SandboxClock
from callhub_aicaller.sandbox import AICallerSandbox
from tests.providers.kit import AICALLER, ERZYCALL, TEAM, body_of, drive, order

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def wanted(number: int, name: str = "John", **changes: Any) -> Any:
    asked: dict[str, Any] = {
        "to": f"+14155550{100 + number}",
        "script": f"aicaller:{TEAM}",
        "contact": Contact(name=name),
    }
    return order(AICALLER, **asked | changes)


def answered(orders: tuple[Any, ...]) -> tuple[Any, Any]:
    """Let the sandbox answer the batch, and give the calls and the answer."""
    sandbox = AICallerSandbox(SandboxClock(lambda: NOW))
    flow = AICALLER.create_calls(orders)
    request = next(flow)
    headers = {"aicaller-api-key": "k"}
    response = sandbox.handle(Hit.of(request.method, request.path, headers, request.body or b"")).response
    try:
        flow.send(response)
    except StopIteration as stop:
        return stop.value, response.json()["data"]
    raise AssertionError("one request is enough")


def test_the_sandbox_answers_in_another_order() -> None:
    orders = tuple(wanted(number) for number in range(5))
    calls, told = answered(orders)
    assert [each["toPhoneNumber"] for each in told] == [each.to for each in reversed(orders)]
    assert [call.to for call in calls] == [each.to for each in orders]


@given(
    st.lists(st.tuples(st.integers(0, 2), st.sampled_from("AB"), st.integers(0, 1)), min_size=1, max_size=8)
)
def test_each_order_gets_a_call_of_its_own(chosen: list[tuple[int, str, int]]) -> None:
    orders = tuple(
        wanted(number, name, variables={"n": str(value)}, scheduled_at=NOW + timedelta(hours=value))
        for number, name, value in chosen
    )
    calls, _ = answered(orders)
    assert len({call.provider_call_id for call in calls}) == len(orders)
    for each, call in zip(orders, calls, strict=True):
        assert (call.to, call.contact, call.variables) == (each.to, each.contact.name, dict(each.variables))
        assert call.scheduled_at == each.scheduled_at


def test_an_order_without_an_answer_is_left_open() -> None:
    orders = tuple(wanted(number) for number in range(3))
    echoes = [_echo(each, f"x{number}") for number, each in enumerate(orders)]
    _, calls = drive(AICALLER.create_calls(orders), _data([echoes[2], echoes[0]]))
    assert [call and call.provider_call_id for call in calls] == ["x0", None, "x2"]


def test_an_answer_that_fits_no_order_is_nobodys() -> None:
    orders = (wanted(1),)
    _, calls = drive(AICALLER.create_calls(orders), _data([_echo(wanted(2), "x2")]))
    assert calls == (None,)


@pytest.mark.parametrize(
    "change",
    [
        {"nameOfHuman": "Jane"},
        {"callTemplateId": "t2"},
        {"promptVariableValues": [{"key": "a", "value": "2"}]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_differs_in_one_thing_fits_not(change: dict[str, Any]) -> None:
    orders = (wanted(1, variables={"a": "1"}),)
    _, calls = drive(AICALLER.create_calls(orders), _data([_echo(orders[0], "x1") | change]))
    assert calls == (None,)


def test_a_time_may_be_written_in_another_way() -> None:
    orders = (wanted(1, scheduled_at=datetime(2026, 12, 1, 7, tzinfo=UTC)),)
    echo = _echo(orders[0], "x1")
    assert echo["callDelayedUntil"] == "2026-12-01T07:00:00.000Z"
    echo["callDelayedUntil"] = "2026-12-01T07:00:00+00:00"
    _, calls = drive(AICALLER.create_calls(orders), _data([echo]))
    assert calls[0].provider_call_id == "x1"


def test_a_strange_echo_costs_that_answer_only() -> None:
    orders = (wanted(1), wanted(2))
    strange = _echo(orders[0], "x1") | {"callDelayedUntil": "<string>"}
    _, calls = drive(AICALLER.create_calls(orders), _data([strange, _echo(orders[1], "x2")]))
    assert calls[1].provider_call_id == "x2"


def test_a_batch_dials_once_and_may_not_be_repeated() -> None:
    request = next(AICALLER.create_calls((wanted(1), wanted(2))))
    assert (request.dials, request.repeatable) == (True, False)
    bodies = body_of(AICALLER.create_calls((wanted(1), wanted(2))))["phoneCalls"]
    assert [body["toPhoneNumber"] for body in bodies] == ["+14155550101", "+14155550102"]
    assert bodies[0] == body_of(AICALLER.create_call(wanted(1)))


def test_a_vendor_without_batches_says_so() -> None:
    with pytest.raises(UnsupportedFeature, match="Place the calls one by one"):
        ERZYCALL.create_calls(())


def _echo(made: Any, call_id: str) -> dict[str, Any]:
    body: dict[str, Any] = body_of(AICALLER.create_call(made))
    return body | {"_id": call_id, "status": "queued"}


def _data(items: list[Any]) -> bytes:
    return json.dumps({"data": items}).encode()
