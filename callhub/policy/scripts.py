"""A neutral script name and what it stands for at each vendor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from callhub.errors import ConfigurationError
from callhub.provider.order import Problem, reject

if TYPE_CHECKING:
    from callhub.model.contact import Contact

CONTACT_FIELDS = ("name", "email", "phone", "notes", "timezone")


@dataclass(frozen=True, slots=True)
class Target:
    """One vendor's script.

    Attributes:
        id: the vendor's own id.
        variables: where each of the vendor's variables comes from, by the vendor's name: a neutral
            variable, or ``contact.<field>``. None sends the neutral ones under their own names.
    """

    id: str
    variables: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class ScriptMap:
    """Every neutral name, by provider."""

    targets: Mapping[str, Mapping[str, Target]] = field(default_factory=dict)

    @classmethod
    def of(cls, configured: Mapping[str, Any]) -> ScriptMap:
        """Read the configuration: ``{name: {provider: id or {"id": …, "variables": {…}}}}``."""
        return cls({name: _targets(name, by_provider) for name, by_provider in configured.items()})

    def find(self, script: str, provider: str) -> Target | Problem:
        """Give the vendor's script for a neutral name or for ``"<provider>:<vendor id>"``."""
        owner, colon, own = script.partition(":")
        if colon and owner == provider:
            return Target(own) if own else Problem("script", f"names no script of {provider}")
        if colon and script not in self.targets:
            return Problem("script", f"is a script of {owner}, and the call goes through {provider}")
        if script not in self.targets:
            return self._unknown()
        if provider not in self.targets[script]:
            return Problem(
                "script", f"is not mapped for {provider}: add it under scripts.{script}.{provider}"
            )
        return self.targets[script][provider]

    def known(self, name: str) -> None:
        """Insist that a neutral name is configured.

        Raises:
            InvalidRequest: it isn't; the message names those that are.
        """
        if name not in self.targets:
            reject([self._unknown()])

    def _unknown(self) -> Problem:
        names = ", ".join(sorted(self.targets)) or "none"
        return Problem(
            "script", f"is not configured; configured: {names}; a vendor's own is '<provider>:<vendor id>'"
        )

    def vendor_id(self, script: str, provider: str) -> str | None:
        """Give the vendor's id of a script; None where it has none."""
        found = self.find(script, provider)
        return found.id if isinstance(found, Target) else None

    def neutral(self, provider: str, vendor_id: str) -> str:
        """Give the one neutral name of a vendor's script, else ``"<provider>:<vendor id>"``."""
        names = [
            name
            for name, targets in self.targets.items()
            if provider in targets and targets[provider].id == vendor_id
        ]
        return names[0] if len(names) == 1 else f"{provider}:{vendor_id}"


def carry(
    target: Target, variables: Mapping[str, str], contact: Contact | None
) -> tuple[dict[str, str], tuple[Problem, ...]]:
    """Give the variables by the vendor's names, and what the mapping asks for but isn't there."""
    if target.variables is None:
        return dict(variables), ()
    given: dict[str, str | None] = dict(variables)
    given |= {f"contact.{name}": getattr(contact, name, None) for name in CONTACT_FIELDS}
    carried = {theirs: given.get(ours) for theirs, ours in target.variables.items()}
    problems = tuple(
        Problem("variables", f"{ours!r} is missing: the script's mapping needs it")
        for theirs, ours in target.variables.items()
        if carried[theirs] is None
    )
    return {name: value for name, value in carried.items() if value is not None}, problems


def _targets(name: str, by_provider: object) -> dict[str, Target]:
    if not isinstance(by_provider, Mapping):
        raise ConfigurationError(
            f"scripts.{name} must name providers, such as {{{name!r}: {{'<provider>': '<id>'}}}}"
        )
    return {provider: _target(f"scripts.{name}.{provider}", value) for provider, value in by_provider.items()}


def _target(where: str, value: object) -> Target:
    if isinstance(value, str) and value:
        return Target(value)
    if (
        not isinstance(value, Mapping)
        or not isinstance(value.get("id"), str)
        or set(value) - {"id", "variables"}
    ):
        raise ConfigurationError(f"{where} must be the vendor's id, or a table with id and variables")
    variables = value.get("variables")
    if variables is not None:
        _check_sources(where, variables)
    return Target(value["id"], variables)


def _check_sources(where: str, variables: object) -> None:
    if not isinstance(variables, Mapping) or not all(isinstance(ours, str) for ours in variables.values()):
        raise ConfigurationError(f"{where}.variables must give a name for each of the vendor's variables")
    for ours in variables.values():
        if ours.startswith("contact.") and ours.removeprefix("contact.") not in CONTACT_FIELDS:
            known = ", ".join(f"contact.{name}" for name in CONTACT_FIELDS)
            raise ConfigurationError(f"{where}.variables: {ours} is unknown; known: {known}")
