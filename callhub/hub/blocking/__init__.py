"""The blocking facade."""

from callhub.hub.blocking.calls import Calls
from callhub.hub.blocking.hub import Hub
from callhub.hub.blocking.keeping import LedgerTools
from callhub.hub.blocking.people import Contacts, Suppressions
from callhub.hub.blocking.vendors import Scripts, VendorOperations, Webhooks

__all__ = [
    "Calls",
    "Contacts",
    "Hub",
    "LedgerTools",
    "Scripts",
    "Suppressions",
    "VendorOperations",
    "Webhooks",
]
