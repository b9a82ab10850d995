"""AICaller passes the contract."""

from callhub.testing import ProviderContract
from callhub_aicaller import AICaller
from tests.cassettes.tape import FOLDER


class TestAICaller(ProviderContract):
    provider_type = AICaller
    cassettes = FOLDER / "aicaller"

    def error_body(self, code: str | None) -> bytes:
        return (code or "Bad Request").encode()
