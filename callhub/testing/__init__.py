"""For those who test: the contract of every plugin, and a hub on sandboxes with a virtual clock."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from callhub.testing.clock import VirtualClock as VirtualClock
    from callhub.testing.contract import ProviderContract as ProviderContract
    from callhub.testing.laboratory import Lab as Lab
    from callhub.testing.laboratory import async_lab as async_lab
    from callhub.testing.laboratory import lab as lab

_HOMES = {
    "Lab": "callhub.testing.laboratory",
    "ProviderContract": "callhub.testing.contract",
    "VirtualClock": "callhub.testing.clock",
    "async_lab": "callhub.testing.laboratory",
    "lab": "callhub.testing.laboratory",
}

__all__ = ["Lab", "ProviderContract", "VirtualClock", "async_lab", "lab"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'callhub.testing' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
