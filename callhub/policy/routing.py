"""Through whom a call goes, and in which words: from a neutral request to a vendor's order."""

from __future__ import annotations

from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec

from callhub.errors import ConfigurationError, UnknownProvider, UnsupportedFeature
from callhub.model.route import ATTEMPTS, Failover
from callhub.policy import intake
from callhub.policy.scripts import Target, carry
from callhub.provider.capability import Feature, Support
from callhub.provider.order import Order, Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from callhub.model.call import CallRequest
    from callhub.model.contact import Contact
    from callhub.policy.scripts import ScriptMap
    from callhub.provider.base import Provider

NEEDS: Mapping[str, Feature] = {
    "script": Feature.SCRIPT,
    "first_message": Feature.FIRST_MESSAGE,
    "variables": Feature.VARIABLES,
    "contact_id": Feature.CONTACT_LINK,
    "scheduled_at": Feature.SCHEDULE,
    "from_number": Feature.FROM_NUMBER,
    "record": Feature.RECORD,
}


class LeftOut(msgspec.Struct, frozen=True):
    """A vendor that was considered and left out.

    Attributes:
        rule: which rule took it out: ``"capability"``, ``"script"``, ``"cooling"`` and so on.
        reason: why, in a sentence.
    """

    provider: str
    rule: str
    reason: str


class Plan(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who was considered for a call, in order, and why or why not.

    Attributes:
        considered: every vendor of the route, or the one that was named.
        named: True where the caller named the vendor, or only one is configured.
        left_out: the vendors that can't carry the call, or weren't to be tried.
        after_failure, attempts: the route's own, see `Failover`.
        allow_default_script: the request's own, to go on with it later.
    """

    considered: tuple[str, ...]
    named: bool = True
    left_out: tuple[LeftOut, ...] = ()
    after_failure: tuple[str, ...] = ()
    attempts: int = ATTEMPTS
    allow_default_script: bool = False

    @property
    def route(self) -> Failover | None:
        """Give the route again; None where the vendor was named."""
        if self.named:
            return None
        return Failover(*self.considered, after_failure=self.after_failure, attempts=self.attempts)


def planned(request: CallRequest, standard: Failover | None, configured: Collection[str]) -> Plan:
    """Say who is considered for a request: the vendor it names, its route, or the hub's.

    Raises:
        UnknownProvider: one of them isn't configured.
        ConfigurationError: there is no word on it, and there are none or several to choose from.
    """
    route = None if request.provider is not None else request.route or standard
    allow = request.allow_default_script
    if route is None:
        return Plan((choose(request.provider, configured),), allow_default_script=allow)
    for name in route.providers:
        choose(name, configured)
    return Plan(route.providers, len(route.providers) == 1, (), route.after_failure, route.attempts, allow)


def rule_of(problems: Sequence[Problem]) -> str:
    """Name the rule by which problems take a vendor out of a route."""
    return "capability" if any(one.error is UnsupportedFeature for one in problems) else problems[0].field


def choose(named: str | None, configured: Collection[str]) -> str:
    """Give the vendor that a call goes through: the one named, or the only one there is.

    Raises:
        UnknownProvider: the one named isn't configured.
        ConfigurationError: none is named and there are none or several; nothing is picked in silence.
    """
    names = ", ".join(sorted(configured)) or "none"
    if named is not None and (not isinstance(named, str) or named not in configured):
        raise UnknownProvider(
            f"the provider {named!r} is not configured; configured: {names}", provider=named
        )
    if named is None and len(configured) != 1:
        raise ConfigurationError(f"say through which vendor: provider=… or a route=…; configured: {names}")
    return named or next(iter(configured))


def order(
    provider: Provider[Any],
    request: CallRequest,
    contact: Contact | None,
    scripts: ScriptMap,
    links: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Order, list[Problem]]:
    """Give a vendor's order for a request, without its key, and all that keeps it from going out.

    `links` are the vendors' ids of the contact, where callhub's own book knows them.
    """
    target = scripts.find(request.script, provider.name) if isinstance(request.script, str) else None
    given = intake.variables(request.variables) if isinstance(request.variables, dict) else {}
    found: list[Problem] = [target] if isinstance(target, Problem) else []
    if isinstance(target, Target):
        given, missing = carry(target, given, contact)
        found += missing
    extras, strange = _extras(request.extras, provider.name)
    made = Order(
        to=request.to or "",
        idempotency_key="",
        script=target.id if isinstance(target, Target) else None,
        variables=given,
        contact=contact and intake.said_of(contact),
        contact_id=(vendor_id(contact.id, provider.name) if contact else None) or links.get(provider.name),
        first_message=request.first_message,
        scheduled_at=_sent(request.scheduled_at),
        from_number=request.from_number,
        record=request.record,
        extras=extras,
    )
    return made, found + strange + _unsupported(provider, made) + _minded(provider, made, target)


def _sent(at: Any) -> Any:
    """Give an instant in milliseconds, which is what vendors are sent and what they list."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000) if isinstance(at, datetime) else at


def vendor_id(own_id: object, provider: str) -> str | None:
    """Give the bare id of ``"<provider>:<vendor id>"`` where it is that vendor's, else None."""
    if not isinstance(own_id, str):
        return None
    owner, colon, bare = own_id.partition(":")
    return bare if colon and owner == provider else None


def _minded(provider: Provider[Any], made: Order, target: object) -> list[Problem]:
    """Give what the vendor minds; that a script which can't be found is missing is nothing new."""
    return [one for one in provider.check(made) if one.field != "script" or not isinstance(target, Problem)]


def _unsupported(provider: Provider[Any], made: Order) -> list[Problem]:
    found = []
    for field, feature in NEEDS.items():
        if getattr(made, field) in (None, {}):
            continue
        capability = provider.capabilities[feature]
        if capability.support is Support.NOT_AVAILABLE:
            message = f"can't be carried by {provider.title}. {capability.note}".strip()
            found.append(Problem(field.removesuffix("_id"), message, UnsupportedFeature))
    return found


def _extras(extras: object, provider: str) -> tuple[dict[str, Any], list[Problem]]:
    """Give this vendor's extras; those for others stay at home."""
    if not isinstance(extras, dict):
        return {}, []
    if any(not isinstance(fields, dict) for fields in extras.values()):
        return {}, [
            Problem("extras", f"must be a dict of fields by provider, such as {{{provider!r}: {{…}}}}")
        ]
    return extras.get(provider, {}), []
