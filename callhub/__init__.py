"""One interface to place AI phone calls through any vendor, that never rings a person twice.

Public names are loaded when they are first used: ``import callhub`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from callhub.errors import (
        AuthenticationFailed as AuthenticationFailed,
    )
    from callhub.errors import (
        CallhubError as CallhubError,
    )
    from callhub.errors import (
        ConfigurationError as ConfigurationError,
    )
    from callhub.errors import (
        Conflict as Conflict,
    )
    from callhub.errors import (
        InvalidRequest as InvalidRequest,
    )
    from callhub.errors import (
        InvalidState as InvalidState,
    )
    from callhub.errors import (
        LedgerError as LedgerError,
    )
    from callhub.errors import (
        NoProviderAvailable as NoProviderAvailable,
    )
    from callhub.errors import (
        NotFound as NotFound,
    )
    from callhub.errors import (
        OutcomeUnknown as OutcomeUnknown,
    )
    from callhub.errors import (
        PermissionDenied as PermissionDenied,
    )
    from callhub.errors import (
        RateLimited as RateLimited,
    )
    from callhub.errors import (
        Refused as Refused,
    )
    from callhub.errors import (
        SignatureError as SignatureError,
    )
    from callhub.errors import (
        Suppressed as Suppressed,
    )
    from callhub.errors import (
        UnknownProvider as UnknownProvider,
    )
    from callhub.errors import (
        Unreachable as Unreachable,
    )
    from callhub.errors import (
        UnsupportedFeature as UnsupportedFeature,
    )
    from callhub.errors import (
        WaitTimeout as WaitTimeout,
    )
    from callhub.hub import (
        AsyncHub as AsyncHub,
    )
    from callhub.hub import (
        Hub as Hub,
    )
    from callhub.model.call import (
        Attempt as Attempt,
    )
    from callhub.model.call import (
        Call as Call,
    )
    from callhub.model.call import (
        CallRequest as CallRequest,
    )
    from callhub.model.contact import Contact as Contact
    from callhub.model.copying import (
        Copied as Copied,
    )
    from callhub.model.copying import (
        CopyOutcome as CopyOutcome,
    )
    from callhub.model.copying import (
        CopyReport as CopyReport,
    )
    from callhub.model.explanation import Explanation as Explanation
    from callhub.model.lifecycle import (
        CallOutcome as CallOutcome,
    )
    from callhub.model.lifecycle import (
        CallStatus as CallStatus,
    )
    from callhub.model.route import Failover as Failover
    from callhub.model.script import Script as Script
    from callhub.policy.guards import Guards as Guards

_HOMES = {
    "errors": (
        "AuthenticationFailed",
        "CallhubError",
        "ConfigurationError",
        "Conflict",
        "InvalidRequest",
        "InvalidState",
        "LedgerError",
        "NoProviderAvailable",
        "NotFound",
        "OutcomeUnknown",
        "PermissionDenied",
        "RateLimited",
        "Refused",
        "SignatureError",
        "Suppressed",
        "UnknownProvider",
        "Unreachable",
        "UnsupportedFeature",
        "WaitTimeout",
    ),
    "hub": (
        "AsyncHub",
        "Hub",
    ),
    "model.call": (
        "Attempt",
        "Call",
        "CallRequest",
    ),
    "model.contact": ("Contact",),
    "model.copying": (
        "Copied",
        "CopyOutcome",
        "CopyReport",
    ),
    "model.lifecycle": (
        "CallOutcome",
        "CallStatus",
    ),
    "model.explanation": ("Explanation",),
    "model.route": ("Failover",),
    "model.script": ("Script",),
    "policy.guards": ("Guards",),
}
_HOME_OF = {name: f"callhub.{home}" for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)  # noqa: PLE0605 - one list of names is enough


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'callhub' has no attribute {name!r}")
    found = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(_HOME_OF))
