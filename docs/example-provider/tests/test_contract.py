"""Acme passes the contract."""

import json

from callhub.testing import ProviderContract

from callhub_acme import Acme


class TestAcme(ProviderContract):
    """Every test that callhub has for a provider."""

    provider_type = Acme

    def error_body(self, code: str | None) -> bytes:
        """Write an error as Acme does."""
        return json.dumps({"reason": code, "text": "no"}).encode()
