"""A plain client of AICaller, written the way public code does it: create, poll, then the transcript."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import requests

from callhub.provider.sandbox import SandboxClock
from callhub.runtime.serve import serve
from callhub_aicaller.sandbox import AICallerSandbox

HEADERS = {"aicaller-api-key": "sandbox-key"}
CALL: Any = {
    "teamId": "363573667364666473667332",
    "callTemplateId": "363573667364666473667332",
    "nameOfHuman": "John",
    "toPhoneNumber": "+1234567890",
    "promptVariableValues": [{"key": "customer_name", "value": "John"}],
    "scriptContent": "undocumented, and sent all the same",
}


def test_a_plain_requests_client_reads_a_transcript() -> None:
    sandbox = AICallerSandbox(SandboxClock(lambda: datetime.now(UTC), speed=100))
    with serve(sandbox) as server, requests.Session() as session:
        session.headers.update(HEADERS)
        created = session.post(f"{server.url}/v1/phoneCalls", json=CALL, timeout=10)
        assert created.status_code == 200
        call_id = created.json()["data"]["_id"]
        until = time.monotonic() + 20
        while (call := _read(session, server.url, call_id))["status"] not in ("completed", "failed"):
            assert time.monotonic() < until
            time.sleep(0.05)
        told = session.get(f"{server.url}/v1/transcripts", params={"phoneCallId": call_id}, timeout=10)
    assert call["status"] == "completed"
    assert told.json()["data"]
    assert told.headers["x-callhub-sandbox"] == "undocumented"
    assert sandbox.rung["+1234567890"] == 1


def _read(session: requests.Session, url: str, call_id: str) -> dict[str, str]:
    call: dict[str, str] = session.get(f"{url}/v1/phoneCalls/{call_id}", timeout=10).json()["data"]
    return call
