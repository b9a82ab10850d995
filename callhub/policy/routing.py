"""Through whom a call goes, and in which words: from a neutral request to a vendor's order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from callhub.errors import ConfigurationError, UnknownProvider, UnsupportedFeature
from callhub.policy import intake
from callhub.policy.scripts import Target, carry
from callhub.provider.capability import Feature, Support
from callhub.provider.order import Order, Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

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
        raise ConfigurationError(f"say through which vendor: provider=…; configured: {names}")
    return named or next(iter(configured))


def order(
    provider: Provider[Any], request: CallRequest, contact: Contact | None, scripts: ScriptMap
) -> tuple[Order, list[Problem]]:
    """Give a vendor's order for a request, without its key, and all that keeps it from going out."""
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
        contact=contact,
        contact_id=vendor_id(contact.id, provider.name) if contact else None,
        first_message=request.first_message,
        scheduled_at=request.scheduled_at,
        from_number=request.from_number,
        record=request.record,
        extras=extras,
    )
    return made, found + strange + _unsupported(provider, made) + list(provider.check(made))


def vendor_id(own_id: object, provider: str) -> str | None:
    """Give the bare id of ``"<provider>:<vendor id>"`` where it is that vendor's, else None."""
    if not isinstance(own_id, str):
        return None
    owner, colon, bare = own_id.partition(":")
    return bare if colon and owner == provider else None


def _unsupported(provider: Provider[Any], made: Order) -> list[Problem]:
    found = []
    for field, feature in NEEDS.items():
        capability = provider.capabilities[feature]
        if getattr(made, field) not in (None, {}) and capability.support is Support.NOT_AVAILABLE:
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
