"""Through whom a call may go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from callhub.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection

ATTEMPTS = 4


@dataclass(frozen=True, slots=True)
class Failover:
    """One vendor after the other, the next one only where the one before has proven that nothing rang.

    Args:
        providers: names, in the order of preference.
        after_failure: vendors that you trust to fail a call before any ring; where one of them has
            accepted a call and then failed it, the next vendor is tried, too.
        attempts: how many attempts a call may take in all.

    Raises:
        ConfigurationError: there is no provider, one stands there twice, or `after_failure` names another.
    """

    providers: tuple[str, ...]
    after_failure: tuple[str, ...]
    attempts: int

    def __init__(
        self, *providers: str, after_failure: Collection[str] = (), attempts: int = ATTEMPTS
    ) -> None:
        trusted = (after_failure,) if isinstance(after_failure, str) else tuple(after_failure)
        for broken, said in _faults(providers, trusted, attempts):
            if broken:
                raise ConfigurationError(said)
        object.__setattr__(self, "providers", providers)
        object.__setattr__(self, "after_failure", trusted)
        object.__setattr__(self, "attempts", attempts)


def _faults(
    providers: tuple[object, ...], trusted: tuple[object, ...], attempts: object
) -> tuple[tuple[bool, str], ...]:
    named = bool(providers) and all(isinstance(name, str) and name for name in providers)
    whole = isinstance(attempts, int) and not isinstance(attempts, bool) and attempts >= 1
    return (
        (not named, "a route needs the names of providers, such as Failover('a', 'b')"),
        (named and len(set(providers)) < len(providers), "a route names a provider twice"),
        (
            named and not set(trusted) <= set(providers),
            "after_failure names a provider that isn't on the route",
        ),
        (not whole, "attempts must be a whole number, 1 or more"),
    )


def route_of(given: object) -> Failover | None:
    """Read a route from a configuration: a list of providers, or a table with ``failover``.

    Raises:
        ConfigurationError: it is none.
    """
    match given:
        case None | Failover():
            return given
        case list() | tuple():
            return Failover(*given)
        case {"failover": list() | tuple() as providers, **rest} if rest.keys() <= _OPTIONS:
            options: dict[str, Any] = {str(name): value for name, value in rest.items()}
            return Failover(*providers, **options)
    raise ConfigurationError(
        "route must be callhub.Failover(…), a list of providers, or a table with failover, "
        "after_failure and attempts"
    )


_OPTIONS = frozenset({"after_failure", "attempts"})
