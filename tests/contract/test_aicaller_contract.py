"""AICaller passes the contract."""

from callhub.testing import ProviderContract
from callhub_aicaller import AICaller


class TestAICaller(ProviderContract):
    provider_type = AICaller

    def error_body(self, code: str | None) -> bytes:
        return (code or "Bad Request").encode()
