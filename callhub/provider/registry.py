"""Which vendors are installed: the entry points of the group ``callhub.providers``, through stevedore.

Only those asked for are imported, so a broken plugin disturbs nobody who doesn't use it.
"""

from __future__ import annotations

import re
from importlib.metadata import EntryPoint, entry_points, version
from typing import Any, cast

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from stevedore.named import NamedExtensionManager

from callhub.errors import ConfigurationError, UnknownProvider
from callhub.model.contact import OWN_BOOK
from callhub.provider.base import Provider

GROUP = "callhub.providers"
NAME = re.compile("[a-z][a-z0-9]*(-[a-z0-9]+)*")
NEEDED = ("name", "title", "requires", "settings_type", "capabilities", "statuses", "refusals")


class _Extensions(NamedExtensionManager[type[Provider[Any]]]):
    """Stevedore without its disk cache, which can show what is no longer installed."""

    def list_entry_points(self) -> list[EntryPoint]:
        return sorted(entry_points(group=self.namespace), key=lambda point: (point.name, point.value))


def installed() -> list[str]:
    """Name the installed providers, without importing any."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def load(name: str) -> type[Provider[Any]]:
    """Import one provider.

    Raises:
        UnknownProvider: none of that name is installed; the message names those that are.
        ConfigurationError: it can't be imported, isn't a finished provider of that name, isn't made
            for this callhub, or two packages claim the name.
    """
    found = [point for point in entry_points(group=GROUP) if point.name == name]
    if not found:
        known = ", ".join(installed()) or "none"
        raise UnknownProvider(f"no provider {name!r} is installed; installed: {known}", provider=name)
    if len(found) > 1:
        owners = " and ".join(sorted(_owner(point) for point in found))
        raise ConfigurationError(
            f"two packages claim the provider {name!r}: {owners}; uninstall one", provider=name
        )
    owner = _owner(found[0])
    return _checked(name, _imported(name, owner), owner)


def _imported(name: str, owner: str) -> object:
    failures: list[BaseException] = []
    try:
        manager = _Extensions(
            GROUP,
            names=[name],
            on_load_failure_callback=lambda _manager, _point, error: failures.append(error),
        )
    except (AssertionError, SystemExit) as error:  # stevedore lets these through
        failures.append(error)
    if not failures:
        return manager[name].plugin
    told = " ".join(f"{type(failures[0]).__name__}: {failures[0]}".split())
    raise ConfigurationError(
        f"the provider {name!r} of {owner} can't be imported: {told}", provider=name
    ) from failures[0]


def _checked(name: str, plugin: object, owner: str) -> type[Provider[Any]]:
    problem = _problem(name, plugin)
    if problem:
        raise ConfigurationError(f"the provider {name!r} of {owner} {problem}", provider=name)
    return cast("type[Provider[Any]]", plugin)


def _problem(name: str, plugin: object) -> str | None:
    """Say what is wrong with what an entry point names; None where it is a provider for this callhub."""
    if not NAME.fullmatch(name):
        return "needs another name: a lower-case letter first, then letters, digits and single hyphens"
    if name == OWN_BOOK:
        return "needs another name: this one is callhub's own"
    if not (isinstance(plugin, type) and issubclass(plugin, Provider)):
        return "is no callhub Provider: its entry point must name a subclass of it"
    lacking = [each for each in NEEDED if not hasattr(plugin, each)] + sorted(plugin.__abstractmethods__)
    if lacking:
        return f"is not finished: it lacks {', '.join(lacking)}"
    if plugin.name != name:
        return f"calls itself {plugin.name!r}: its class and its entry point must use one name"
    return _misfit(plugin.requires)


def _misfit(requires: str) -> str | None:
    ours = version("callhub")
    try:
        fits = SpecifierSet(requires).contains(ours, prereleases=True)
    except InvalidSpecifier:
        return (
            f"says that it requires callhub {requires!r}, which is no range of versions such as '>=0.1,<0.2'"
        )
    return (
        None
        if fits
        else f"is made for callhub {requires}; this is {ours}: install a matching release of either"
    )


def _owner(point: EntryPoint) -> str:
    told = point.dist.metadata if point.dist else None
    return f"{told['Name']} {told['Version']}" if told and "Name" in told else point.value
