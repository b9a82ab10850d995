"""The facades: `Hub` blocks, `AsyncHub` awaits, and both say the same."""

from callhub.hub.awaiting import AsyncHub
from callhub.hub.blocking import Hub

__all__ = ["AsyncHub", "Hub"]
