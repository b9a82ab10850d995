"""What both facades are built from."""

from __future__ import annotations

import getpass
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from callhub import config
from callhub.errors import CallhubError, ConfigurationError, InvalidRequest, UnsupportedFeature
from callhub.flows.context import Context, Link
from callhub.flows.operations.keeping import MarkRestored
from callhub.ledger import backup
from callhub.ledger.engine import default_url, file_of
from callhub.ledger.store import Ledger
from callhub.model.route import Failover, route_of
from callhub.policy.guards import Guards
from callhub.policy.numbers import RULES
from callhub.policy.routing import choose
from callhub.policy.scripts import ScriptMap
from callhub.provider import registry

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from callhub.flows.operations.keeping import Restoration
    from callhub.ledger.backup import Restored
    from callhub.model.contact import Contact
    from callhub.provider.base import Provider
    from callhub.provider.capability import Capability, Feature
    from callhub.runtime.clock import Clock


class CallOptions(TypedDict, total=False):
    """The keywords of ``calls.create``, for both facades."""

    to: str | None
    script: str | None
    variables: dict[str, Any]
    contact: Contact | str | None
    first_message: str | None
    scheduled_at: datetime | None
    hold: str | None
    from_number: str | None
    record: bool | None
    provider: str | None
    route: Failover | None
    idempotency_key: str | None
    metadata: dict[str, Any]
    timeout: float
    allow_default_script: bool
    on_unknown: str
    extras: dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class ProviderInfo:
    """An installed provider.

    Attributes:
        configured: True where this hub can place calls through it.
        capabilities: who supplies each feature.
        problem: why it can't be loaded; None where it can.
    """

    name: str
    title: str
    configured: bool
    capabilities: Mapping[Feature, Capability]
    problem: str | None = None


class HubOptions(TypedDict, total=False):
    """The keywords of a hub, for both facades; see `Hub`."""

    providers: Mapping[str, Mapping[str, Any]] | None
    scripts: Mapping[str, Any] | None
    ledger: str | None
    route: Failover | Sequence[str] | None
    guards: Guards | Mapping[str, Any] | None
    windows: Sequence[Any]
    numbers: str
    namespace: str | None
    idempotency_window: float
    settling: float
    http_client: Any
    clock: Clock | None


def context_of(options: HubOptions) -> Context:
    """Load the named providers, and read the script map and the rules.

    Raises:
        UnknownProvider: one isn't installed.
        ConfigurationError: a setting is missing, wrong or unsafe.
    """
    unknown = sorted(set(options) - set(HubOptions.__annotations__))
    if unknown:
        raise TypeError(f"a hub has no keyword {', '.join(unknown)}")
    if options.get("windows"):
        raise UnsupportedFeature("this callhub keeps no calling windows yet: leave windows out")
    numbers = options.get("numbers", "e164")
    if numbers not in RULES:
        raise ConfigurationError(f"numbers must be one of {', '.join(RULES)}")
    providers = _table("providers", options.get("providers"))
    links = {name: Link(config.provider(name, given)) for name, given in providers.items()}
    route = route_of(options.get("route"))
    for name in route.providers if route else ():
        choose(name, links)
    return Context(
        links,
        ScriptMap.of(_table("scripts", options.get("scripts"))),
        numbers,
        route,
        Guards.of(options.get("guards")),
        _seconds("idempotency_window", options.get("idempotency_window", 600.0)),
        _seconds("settling", options.get("settling", 5.0)),
    )


def ledger_of(options: HubOptions) -> Ledger:
    """Make the ledger; nothing is opened before it is first used."""
    url, namespace = ledger_url(options.get("ledger")), options.get("namespace")
    clock = options.get("clock")
    if clock is None:
        return Ledger(url, namespace)
    return Ledger(url, namespace, lambda: clock.now().timestamp())


def _table(name: str, given: Any) -> Mapping[str, Any]:
    if given is not None and not isinstance(given, Mapping):
        raise ConfigurationError(f"{name} must be a table, such as {{'name': {{…}}}}")
    return given or {}


def _seconds(name: str, given: object) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given < float("inf"):
        raise ConfigurationError(f"{name} must be a number of seconds, 0 or more")
    return float(given)


def configured() -> dict[str, Any]:
    """Give the keywords of a hub from the configuration file and the environment."""
    settings = config.read()
    names = config.named_providers(settings)
    return {
        "providers": {name: {**settings.providers.get(name, {}), **config.variables(name)} for name in names},
        "scripts": settings.scripts,
        "ledger": settings.ledger,
        "route": route_of(settings.route),
        "guards": Guards.of(settings.guards),
        "numbers": settings.numbers,
        "namespace": settings.namespace,
        "idempotency_window": settings.idempotency_window,
        "settling": settings.settling,
    }


def ledger_url(given: str | None) -> str:
    """Give the ledger's URL: as given, else ``CALLHUB_LEDGER``, else the user's data directory."""
    return given or os.environ.get("CALLHUB_LEDGER") or default_url()


def restore_ledger(
    path: str | Path,
    *,
    ledger: str | None = None,
    by: str | None = None,
    complete: bool = False,
    clock: Clock | None = None,
) -> Restored:
    """Put a backup in the place of a SQLite ledger that nobody uses; what stood there is kept beside it.

    Calls may have been placed after the backup was made, so nothing is dialled on its word alone: a key
    that it doesn't know, or takes for free, goes to a look-up or to a person first.

    Args:
        path: the backup.
        ledger: the ledger's URL; default: ``CALLHUB_LEDGER``, else the user's data directory.
        by: who does it; default: this machine's user.
        complete: True where nothing was dialled after the backup was made, as when a ledger moves.
        clock: another clock, for tests.

    Raises:
        InvalidRequest: the file is no ledger.
        LedgerError: somebody uses the ledger, or a newer callhub wrote the backup.
        UnsupportedFeature: the ledger is on PostgreSQL; the message names what to run.
    """
    seconds = time.time if clock is None else lambda: clock.now().timestamp()
    who = by or person_of_this_machine()
    return backup.restore(ledger_url(ledger), Path(path), who, seconds, complete=complete)


def mark_restored(
    *, ledger: str | None = None, by: str | None = None, clock: Clock | None = None
) -> Restoration:
    """Say that the ledger's database was restored by other means, such as ``pg_restore``.

    To be said before any call is placed with it; `restore_ledger` says so by itself.

    Raises:
        LedgerError: others have the database open, and wouldn't hear of it.
    """
    file = file_of(ledger_url(ledger))
    if file is not None and file.exists():
        backup.refuse_if_held(file)
    opened = ledger_of({"ledger": ledger, "clock": clock})
    try:
        return opened.perform(MarkRestored(by or person_of_this_machine()))
    finally:
        opened.close()


def several(field: str, given: Sequence[str] | None) -> tuple[str, ...]:
    """Give a list of words as a tuple; None is an empty one.

    Raises:
        InvalidRequest: it is one text, of which every letter would become a word.
    """
    if isinstance(given, str):
        raise InvalidRequest(f"{field} must be a list of words", fields={field: "must be a list of words"})
    return tuple(given or ())


def person_of_this_machine() -> str:
    """Name who is at work here, for what a person decides."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "somebody"


def infos(context: Context) -> list[ProviderInfo]:
    """Describe every installed provider."""
    return [_info(name, name in context.links) for name in registry.installed()]


def operation(context: Context, provider: str, name: str) -> tuple[Link, Any]:
    """Give a vendor's own operation.

    Raises:
        AttributeError: the vendor has none of that name; the message names those it has.
    """
    link = context.link(provider)
    if name not in link.provider.operations:
        known = ", ".join(link.provider.operations) or "none"
        raise AttributeError(f"{link.provider.title} has no operation {name!r} of its own; it has: {known}")
    return link, getattr(link.provider, name)


def _info(name: str, is_configured: bool) -> ProviderInfo:  # noqa: FBT001 - private, and named where it's used
    try:
        kind: type[Provider[Any]] = registry.load(name)
    except CallhubError as error:
        return ProviderInfo(name, name, is_configured, {}, str(error))
    return ProviderInfo(name, kind.title, is_configured, kind.capabilities)
