"""What an answer proves, or the lack of one: could a phone have rung?

This is the one place that judges. From the moment a request that dials goes out, only two things
prove that nothing rang: a transport error that left no byte at the vendor, and a refusal that the
plugin's table lists. Everything else is *maybe*.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from callhub import errors
from callhub.policy.redact import safe
from callhub.policy.retry import retry_after
from callhub.provider.http import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from callhub.provider.base import Provider, VendorError
    from callhub.provider.http import Response


class Verdict(StrEnum):
    """How an attempt ended."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    MAYBE = "maybe"


PROVEN_NO = frozenset({Verdict.REFUSED, Verdict.UNREACHABLE})

FAULTS: Mapping[Fault, Verdict] = {
    Fault.CLOSED: Verdict.UNREACHABLE,
    Fault.UNSENT: Verdict.UNREACHABLE,
    Fault.CONNECT: Verdict.UNREACHABLE,
    Fault.DNS: Verdict.UNREACHABLE,
    Fault.CONNECT_TIMEOUT: Verdict.UNREACHABLE,
    Fault.POOL_TIMEOUT: Verdict.UNREACHABLE,
    Fault.TLS: Verdict.UNREACHABLE,
    Fault.PROXY: Verdict.UNREACHABLE,
    Fault.WRITE: Verdict.MAYBE,
    Fault.READ_TIMEOUT: Verdict.MAYBE,
    Fault.RESET: Verdict.MAYBE,
    Fault.PROTOCOL: Verdict.MAYBE,
    Fault.TOO_LARGE: Verdict.MAYBE,
    Fault.OTHER: Verdict.MAYBE,
}

# What a status means where nothing could ring and the plugin's table doesn't say.
STATUSES: Mapping[int, type[errors.Refused]] = {
    400: errors.InvalidRequest,
    401: errors.AuthenticationFailed,
    403: errors.PermissionDenied,
    404: errors.NotFound,
    409: errors.Conflict,
    422: errors.InvalidState,
    429: errors.RateLimited,
}

# What to do where no answer came, and where one did.
NETWORK = "check the network and {url_name}"
LATER = "try again later; if it stays so, check {url_name}"
ADVICE: Mapping[type[errors.CallhubError], str] = {
    errors.AuthenticationFailed: "check {key_name}: it may be wrong, revoked or expired",
    errors.PermissionDenied: "give the key that right, or use another key in {key_name}",
    errors.RateLimited: "wait, then try again",
    errors.OutcomeUnknown: "don't send it again by hand: it could ring a person twice",
}


def refusal(provider: Provider[Any], status: int, code: str | None) -> type[errors.Refused] | None:
    """Find the refusal that the plugin's table lists for this answer; None where it lists none."""
    return provider.refusals.get((status, code)) or provider.refusals.get((status, None))


def about_person(provider: Provider[Any], error: errors.CallhubError) -> bool:
    """Tell whether a refusal is about the person or the number, so that any vendor would say the same."""
    fields = getattr(error, "fields", {})
    return (
        isinstance(error, errors.Suppressed)
        or error.code in provider.about_person
        or not provider.person_fields.isdisjoint(fields)
    )


def transient(kind: type[errors.CallhubError]) -> bool:
    """Tell whether the same request may fare better later."""
    return issubclass(kind, (errors.RateLimited, errors.Unreachable))


def fault_error(provider: Provider[Any], fault: Fault, *, dialled: bool) -> errors.CallhubError:
    """Make the error for an exchange that brought no answer."""
    maybe = dialled and FAULTS[fault] is Verdict.MAYBE
    kind = errors.OutcomeUnknown if maybe else errors.Unreachable
    return kind(
        _sentence(provider, kind, f"no answer from {provider.title}: {fault}"), provider=provider.name
    )


def answer_error(
    provider: Provider[Any], response: Response, now: datetime, *, dialled: bool
) -> errors.CallhubError:
    """Make the error for an answer that isn't 2xx."""
    told = provider.read_error(response)
    kind = _kind(provider, response.status, told.code, dialled=dialled)
    secret = provider.settings.api_key.get_secret_value()
    code = safe(told.code, secret) if told.code else None
    said = ": ".join(word for word in (code, safe(told.message, secret)) if word)
    text = f"{provider.title} answered {response.status}" + (f" ({said})" if said else "")
    facts: dict[str, Any] = {"provider": provider.name, "code": code}
    facts["request_id"] = response.headers.get("x-request-id")
    if "retry-after" in response.headers:
        seconds = retry_after(response.headers, now)
        facts["retry_after"] = None if seconds is None else timedelta(seconds=seconds)
    if kind is errors.InvalidRequest:
        facts["fields"] = _safe_fields(told, secret)
    return kind(_sentence(provider, kind, text, LATER), **facts)


def nonsense(provider: Provider[Any], *, dialled: bool) -> errors.CallhubError:
    """Make the error for a 2xx that can't be read."""
    kind = errors.OutcomeUnknown if dialled else errors.Unreachable
    text = f"{provider.title} answered with something that can't be understood"
    return kind(_sentence(provider, kind, text, LATER), provider=provider.name)


def _kind(
    provider: Provider[Any], status: int, code: str | None, *, dialled: bool
) -> type[errors.CallhubError]:
    listed = refusal(provider, status, code)
    if dialled or listed:
        return listed or errors.OutcomeUnknown
    return STATUSES.get(status, errors.Unreachable)


def _safe_fields(told: VendorError, secret: str) -> dict[str, str]:
    return {safe(name, secret): safe(message, secret) for name, message in told.fields.items()}


def _sentence(
    provider: Provider[Any], kind: type[errors.CallhubError], text: str, unreachable: str = NETWORK
) -> str:
    prefix = f"CALLHUB_{provider.name.upper().replace('-', '_')}"
    advice = unreachable if kind is errors.Unreachable else ADVICE.get(kind, "")
    said = advice.format(key_name=f"{prefix}_API_KEY", url_name=f"{prefix}_BASE_URL")
    return f"{text}; {said}" if said else text
