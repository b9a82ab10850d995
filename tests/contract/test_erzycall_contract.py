"""ErzyCall passes the contract."""

import json

from callhub.provider.sandbox import SandboxClock
from callhub.testing import ProviderContract
from callhub_erzycall import ErzyCall
from callhub_erzycall.sandbox import ErzyCallSandbox
from tests.cassettes.tape import FOLDER


class TestErzyCall(ProviderContract):
    provider_type = ErzyCall
    cassettes = FOLDER / "erzycall"

    def make_sandbox(self, clock: SandboxClock) -> ErzyCallSandbox:
        return ErzyCallSandbox(clock, per_minute=10_000, per_hour=10_000)

    def error_body(self, code: str | None) -> bytes:
        return json.dumps({"error": {"code": code, "message": "no", "details": []}}).encode()
