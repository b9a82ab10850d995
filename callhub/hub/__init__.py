"""The facades: `Hub` blocks, `AsyncHub` awaits, and both say the same."""

from callhub.hub.awaiting import AsyncHub
from callhub.hub.blocking import Hub
from callhub.hub.setup import mark_restored, restore_ledger

__all__ = ["AsyncHub", "Hub", "mark_restored", "restore_ledger"]
