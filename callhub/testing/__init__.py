"""For those who test: the contract of every plugin, sandboxes without sockets, a virtual clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from callhub.testing.clock import VirtualClock as VirtualClock
    from callhub.testing.contract import ProviderContract as ProviderContract

_HOMES = {
    "ProviderContract": "callhub.testing.contract",
    "VirtualClock": "callhub.testing.clock",
}

__all__ = ["ProviderContract", "VirtualClock"]


def __getattr__(name: str) -> Any:
    from importlib import import_module  # noqa: PLC0415 - nobody else needs it

    if name not in _HOMES:
        raise AttributeError(f"module 'callhub.testing' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
