"""The one call that every figure is of."""

from __future__ import annotations

from typing import Any

KEY = "ek_test_benchmark"
BODY: dict[str, Any] = {
    "to": "+14155551234",
    "from": "+14155559999",
    "caseId": "case_789",
    "variableValues": {"name": "Ahmad"},
}
HEADERS = {"X-API-Key": KEY, "Idempotency-Key": "benchmark"}
ASKED: dict[str, Any] = {"to": BODY["to"], "script": "erzycall:case_789", "variables": {"name": "Ahmad"}}
PATH = "/api/v1/calls"


def settings(url: str) -> dict[str, dict[str, str]]:
    """Give the settings of a hub on that server."""
    return {"erzycall": {"api_key": KEY, "base_url": url, "from_number": "+14155559999"}}
