"""What every provider plugin must do, as tests that its author inherits.

::

    class TestAcme(ProviderContract):
        provider_type = Acme

That is enough for a plugin with a sandbox. `settings` overrides the sandbox's, `make_sandbox` raises
its limits, `order_fields` adds what the vendor can't do without, `error_body` writes an error as the
vendor does, `cassettes` names the folder of its recordings.
"""

from callhub.testing.contract.capabilities import CapabilityTests
from callhub.testing.contract.cassettes import CassetteTests
from callhub.testing.contract.dialling import DiallingTests
from callhub.testing.contract.lists import ListTests
from callhub.testing.contract.reading import ReadingTests
from callhub.testing.contract.refusals import RefusalTests
from callhub.testing.contract.secrets import SecretTests

__all__ = ["ProviderContract"]


class ProviderContract(
    DiallingTests, RefusalTests, ReadingTests, CapabilityTests, ListTests, SecretTests, CassetteTests
):
    """Every test that a plugin must pass; subclass it as ``Test…`` and name the `provider_type`."""
