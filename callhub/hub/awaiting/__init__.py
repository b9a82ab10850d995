"""The awaiting facade: `Hub` with await, async for and async with; the blocking one tells the rest."""

from callhub.hub.awaiting.calls import AsyncCalls
from callhub.hub.awaiting.hub import AsyncHub
from callhub.hub.awaiting.keeping import AsyncLedgerTools
from callhub.hub.awaiting.people import AsyncContacts, AsyncSuppressions
from callhub.hub.awaiting.vendors import AsyncScripts, AsyncVendorOperations, AsyncWebhooks

__all__ = [
    "AsyncCalls",
    "AsyncContacts",
    "AsyncHub",
    "AsyncLedgerTools",
    "AsyncScripts",
    "AsyncSuppressions",
    "AsyncVendorOperations",
    "AsyncWebhooks",
]
