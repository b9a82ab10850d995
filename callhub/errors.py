"""The error tree: one question first, could a phone have rung?

::

    CallhubError                 .dialed is "no" or "maybe", said of the whole intent
    ├─ ConfigurationError        settings are missing, contradict each other or are unsafe
    ├─ UnknownProvider           no such provider is installed or configured
    ├─ UnsupportedFeature        the vendor can't carry what was asked for
    ├─ WaitTimeout               also a TimeoutError: the call isn't over yet
    ├─ Refused                   somebody said no, and nothing was dialled
    │  ├─ InvalidRequest         .fields names every problem
    │  ├─ AuthenticationFailed
    │  ├─ PermissionDenied
    │  ├─ NotFound
    │  ├─ Conflict
    │  ├─ InvalidState
    │  ├─ RateLimited            .retry_after, where the vendor said it
    │  └─ Suppressed             the person is not to be called
    ├─ Unreachable               no usable answer, and nothing can have rung
    ├─ NoProviderAvailable       every provider of the route is out; .attempts says why
    ├─ OutcomeUnknown            the vendor may have acted: reconcile, never repeat blindly
    ├─ LedgerError               the ledger can't be read or written
    └─ SignatureError            a delivery isn't the vendor's

An error never holds a payload, a key or a phone number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from callhub.model.call import Attempt, Call

Dialed = Literal["no", "maybe"]


class CallhubError(Exception):
    """Base of everything that callhub raises on purpose.

    Attributes:
        dialed: ``"no"`` when no phone can have rung for this intent, else ``"maybe"``.
        provider: name of the vendor concerned, if one was.
        code: the vendor's own error code, as it was sent.
        request_id: the vendor's id of the request, where it gives one.
        retry_after: how long the vendor asked to wait.
        call: the call concerned, where there is one.
    """

    dialed: Dialed = "no"

    def __init__(
        self,
        message: str,
        *,
        dialed: Dialed | None = None,
        provider: str | None = None,
        code: str | None = None,
        request_id: str | None = None,
        retry_after: timedelta | None = None,
        call: Call | None = None,
    ) -> None:
        super().__init__(message)
        self.dialed = dialed or type(self).dialed
        self.provider = provider
        self.code = code
        self.request_id = request_id
        self.retry_after = retry_after
        self.call = call


class ConfigurationError(CallhubError):
    """Settings are missing, contradict each other or are unsafe."""


class UnknownProvider(CallhubError):
    """No provider of that name is installed or configured; the message names those that are."""


class UnsupportedFeature(CallhubError):
    """The vendor can't accurately carry what was asked for; the message says what to do instead."""


class WaitTimeout(CallhubError, TimeoutError):
    """The call wasn't over in time; ``call`` is its latest state."""


class Refused(CallhubError):
    """The request was refused, by callhub or by the vendor, and nothing was dialled."""


class InvalidRequest(Refused):
    """Something in the request can't be right.

    Attributes:
        fields: what is wrong, by field; every problem at once.
    """

    def __init__(self, message: str, *, fields: Mapping[str, str] | None = None, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.fields: dict[str, str] = dict(fields or {})


class AuthenticationFailed(Refused):
    """The vendor doesn't accept the key: wrong, revoked or expired."""


class PermissionDenied(Refused):
    """The key is good but may not do this."""


class NotFound(Refused):
    """No such call, contact, script or webhook."""


class Conflict(Refused):
    """It exists already, or the idempotency key stands for another request."""


class InvalidState(Refused):
    """Not possible in the present state, such as cancelling a call that is over."""


class RateLimited(Refused):
    """Too many requests; ``retry_after`` says how long to wait, where the vendor said it."""


class Suppressed(Refused):
    """The person asked not to be called."""


class Unreachable(CallhubError):
    """No usable answer, and nothing can have rung.

    For a request that dials: provably nothing was sent. For any other: it only read,
    or it was never sent.
    """


class NoProviderAvailable(CallhubError):
    """Every provider of the route refused, was unreachable or was left out.

    Attributes:
        attempts: what was tried, with the verdict and the reason of each.
        left_out: why a provider wasn't tried, by its name.
    """

    def __init__(
        self,
        message: str,
        *,
        attempts: Sequence[Attempt] = (),
        left_out: Mapping[str, str] | None = None,
        **facts: Any,
    ) -> None:
        super().__init__(message, **facts)
        self.attempts: tuple[Attempt, ...] = tuple(attempts)
        self.left_out: dict[str, str] = dict(left_out or {})


class OutcomeUnknown(CallhubError):
    """The vendor may have acted: a time-out, a reset, a 5xx or an answer that makes no sense.

    ``call`` is the in-doubt call. Repeating the request could ring a person twice.
    """

    dialed: Dialed = "maybe"


class LedgerError(CallhubError):
    """The ledger can't be read or written; before the claim nothing is dialled."""


class SignatureError(CallhubError):
    """The only thing that webhook verification raises."""
