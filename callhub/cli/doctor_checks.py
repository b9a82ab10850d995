"""What a doctor finds out: settings, ledger, plugins, vendors."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, field
from importlib.metadata import version
from threading import Thread
from typing import TYPE_CHECKING, Any

import callhub
from callhub import config
from callhub.cli.failures import readable
from callhub.errors import CallhubError, Refused, Unreachable
from callhub.model.route import route_of
from callhub.policy.guards import Guards
from callhub.policy.routing import choose
from callhub.policy.scripts import ScriptMap
from callhub.provider import registry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from callhub.config import HubSettings
    from callhub.provider.base import Provider


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a provider's; its value is never kept.

    Attributes:
        default: what holds where it isn't set; None where nothing does.
        set_by: the environment variable, the file, both or neither.
    """

    name: str
    variable: str
    description: str
    required: bool
    default: str | None
    set_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """One provider: installed, configured, or both.

    Attributes:
        problem: what keeps it from being used: plugin, settings, or what its vendor said.
        reachable: whether the vendor answered; None where it wasn't asked.
        accepted: whether it accepted the key; None where that can't be told.
    """

    name: str
    title: str
    configured: bool
    wanted: bool
    settings: tuple[Setting, ...] = ()
    base_url: str | None = None
    problem: str | None = None
    reachable: bool | None = None
    accepted: bool | None = None

    @property
    def lacks_settings(self) -> bool:
        """Tell whether it is configured, but not fully."""
        return self.configured and any(each.required and not each.set_by for each in self.settings)


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything that was found out.

    Attributes:
        unread: variables that nothing reads, each with the one that may be meant.
    """

    callhub: str
    python: str
    file: str
    file_found: bool
    file_problem: str | None
    ledger: str
    ledger_problem: str | None
    ledger_version: int | None = None
    unsettled: int = 0
    needs_person: int = 0
    restored: bool = False
    guards: str = ""
    guards_problem: str | None = None
    route: tuple[str, ...] = ()
    route_problem: str | None = None
    scripts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    scripts_problem: str | None = None
    unread: Mapping[str, str | None] = field(default_factory=dict)
    providers: tuple[Checked, ...] = ()

    @property
    def set_up(self) -> bool:
        """Tell whether any provider is configured."""
        return any(each.configured for each in self.providers)

    @property
    def well(self) -> bool:
        """Tell whether nothing is wrong."""
        problems = [self.file_problem, self.ledger_problem, self.guards_problem, self.scripts_problem]
        problems += [self.route_problem, *(each.problem for each in self.providers)]
        return self.set_up and not any(problems)


def examine(wanted: Sequence[str] = ()) -> Findings:
    """Find everything out; `wanted` names providers that are looked at even if they aren't configured.

    Raises:
        UnknownProvider: a wanted one isn't installed.
    """
    for name in set(wanted) - set(registry.installed()):
        registry.load(name)
    settings, file_problem = _settings()
    guards, guards_problem = _guards(settings)
    route, route_problem = _route(settings)
    scripts, scripts_problem = _scripts(settings)
    return Findings(
        callhub=version("callhub"),
        python=platform.python_version(),
        file=str(config.config_file()),
        file_found=config.config_file().is_file(),
        file_problem=file_problem,
        **_ledger(settings),
        guards=guards,
        guards_problem=guards_problem,
        route=route,
        route_problem=route_problem,
        scripts=scripts,
        scripts_problem=scripts_problem,
        unread=config.unread(),
        providers=_providers(settings, wanted),
    )


def _settings() -> tuple[HubSettings, str | None]:
    try:
        return config.read(), None
    except CallhubError as error:
        return config.HubSettings.model_construct(), str(error)


def _ledger(settings: HubSettings) -> dict[str, Any]:
    try:
        with callhub.Hub(ledger=settings.ledger) as hub:
            info = hub.ledger.info()
    except CallhubError as error:
        return {"ledger": "", "ledger_problem": str(error)}  # not its URL, which may hold a password
    return {
        "ledger": info.where,
        "ledger_problem": None,
        "ledger_version": info.version,
        "unsettled": info.unsettled,
        "needs_person": info.needs_person,
        "restored": info.restored is not None and info.restored.reopened_at is None,
    }


def _guards(settings: HubSettings) -> tuple[str, str | None]:
    """Say which guards are set, in the words of the configuration."""
    try:
        Guards.of(settings.guards)
    except CallhubError as error:
        return "", str(error)
    given = settings.guards or {}
    words = [
        *(f"cap {cap}" for cap in given.get("caps", ())),
        *(f"gap {gap}" for gap in [given.get("gap")] if gap),
    ]
    return ", ".join(words), None


def _route(settings: HubSettings) -> tuple[tuple[str, ...], str | None]:
    """Give the vendors of the hub's route; each of them must be configured."""
    try:
        route = route_of(settings.route)
        named, configured = route.providers if route else (), config.named_providers(settings)
        for name in named:
            choose(name, configured)
    except CallhubError as error:
        return (), str(error)
    return named, None


def _scripts(settings: HubSettings) -> tuple[dict[str, tuple[str, ...]], str | None]:
    try:
        targets = ScriptMap.of(settings.scripts).targets
    except CallhubError as error:
        return {}, str(error)
    named = {name: tuple(sorted(by_provider)) for name, by_provider in targets.items()}
    strangers = sorted({each for names in named.values() for each in names} - set(registry.installed()))
    return named, f"not installed: {', '.join(strangers)}" if strangers else None


def _providers(settings: HubSettings, wanted: Sequence[str]) -> tuple[Checked, ...]:
    configured = config.named_providers(settings)
    names = sorted({*configured, *registry.installed()})
    found: dict[str, Checked] = {}

    def look_at(name: str) -> None:
        given = settings.providers.get(name, {})
        found[name] = _provider(name, given, name in configured, name in wanted)

    # Daemons: Ctrl-C waits for no vendor that is silent.
    threads = [Thread(target=look_at, args=(name,), daemon=True) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return tuple(found[name] for name in names)


def _provider(name: str, given: Mapping[str, Any], configured: bool, wanted: bool) -> Checked:  # noqa: FBT001
    try:
        kind = registry.load(name)
    except CallhubError as error:
        return Checked(name, name, configured, wanted, problem=str(error))
    facts: dict[str, Any] = {"settings": _set(kind, given)}
    if configured:
        facts |= _asked(name, {**given, **config.variables(name)})
    return Checked(name, kind.title, configured, wanted, **facts)


def _set(kind: type[Provider[Any]], given: Mapping[str, Any]) -> tuple[Setting, ...]:
    found = []
    for name, info in kind.settings_type.model_fields.items():
        variable = config.variable(kind.name, name)
        by = ((variable, bool(os.environ.get(variable))), (str(config.config_file()), name in given))
        set_by = tuple(place for place, is_set in by if is_set)
        default = None if info.is_required() or info.default is None else str(info.default)
        found.append(Setting(name, variable, info.description or "", info.is_required(), default, set_by))
    return tuple(sorted(found, key=lambda each: not each.required))


def _asked(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Ask a vendor for a list that is as short as can be; what it says tells about the key."""
    try:
        base_url = config.provider(name, given).settings.base_url
    except CallhubError as error:
        return {"problem": str(error)}
    facts: dict[str, Any] = {"base_url": base_url, "reachable": True, "accepted": True}
    try:
        with callhub.Hub(providers={name: given}, ledger="sqlite://") as hub:
            next(iter(hub.calls.list(provider=name, page_size=1)), None)
    except Unreachable as error:
        facts |= {"problem": str(error), "reachable": False, "accepted": None}
    except Refused as error:
        refused = isinstance(error, callhub.AuthenticationFailed)
        facts |= {"problem": str(error), "accepted": False if refused else None}
    except Exception as error:  # noqa: BLE001 - a doctor survives a plugin's bug, and names it
        facts |= {"problem": str(readable(error)), "reachable": None, "accepted": None}
    return facts
