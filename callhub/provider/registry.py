"""Which vendors are installed: the entry points of the group ``callhub.providers``, through stevedore.

Only those asked for are imported, so a broken plugin disturbs nobody who doesn't use it.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points, version
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from stevedore.named import NamedExtensionManager

from callhub.errors import ConfigurationError, UnknownProvider
from callhub.provider.base import Provider

GROUP = "callhub.providers"


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
        ConfigurationError: it can't be imported, isn't a provider, isn't made for this callhub,
            or two packages claim the name.
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
    failures: list[BaseException] = []
    manager = _Extensions(
        GROUP,
        names=[name],
        on_load_failure_callback=lambda _manager, _point, error: failures.append(error),
    )
    if failures:
        raise ConfigurationError(
            f"the provider {name!r} of {_owner(found[0])} can't be imported: "
            f"{type(failures[0]).__name__}: {failures[0]}",
            provider=name,
        ) from failures[0]
    return _checked(name, manager[name].plugin, _owner(found[0]))


def _checked(name: str, plugin: object, owner: str) -> type[Provider[Any]]:
    if not (isinstance(plugin, type) and issubclass(plugin, Provider)):
        raise ConfigurationError(f"the entry point {name!r} of {owner} is no callhub Provider", provider=name)
    if plugin.name != name:
        raise ConfigurationError(
            f"the entry point {name!r} of {owner} calls itself {plugin.name!r}", provider=name
        )
    try:
        fits = SpecifierSet(plugin.requires).contains(version("callhub"), prereleases=True)
    except InvalidSpecifier:
        fits = False
    if not fits:
        raise ConfigurationError(
            f"the provider {name!r} of {owner} is made for callhub {plugin.requires}; "
            f"this is {version('callhub')}: install a matching release of either",
            provider=name,
        )
    return plugin


def _owner(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value
