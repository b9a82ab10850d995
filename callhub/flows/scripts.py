"""Call scripts: the configured names, and what the vendors keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from callhub.errors import NotFound
from callhub.flows.context import split_id
from callhub.flows.exchange import perform
from callhub.model.script import Script
from callhub.provider.capability import Feature

if TYPE_CHECKING:
    from callhub.flows.context import Context
    from callhub.flows.effects import Steps
    from callhub.provider.order import Page


def configured(context: Context) -> list[Script]:
    """Give the neutral names of the configuration."""
    return [
        Script(id=name, providers={provider: target.id for provider, target in targets.items()})
        for name, targets in sorted(context.scripts.targets.items())
    ]


def listing(context: Context) -> list[str]:
    """Name the configured vendors that can list their scripts."""
    return [name for name, link in context.links.items() if link.provider.supports(Feature.SCRIPTS)]


def page(context: Context, provider: str, limit: int, cursor: str | None) -> Steps[Page[Script]]:
    """Read one page of a vendor's scripts."""
    link = context.link(provider)
    return (
        yield from perform(
            link, link.provider.list_scripts(cursor, min(limit, link.provider.page_limit or limit))
        )
    )


def get(context: Context, script_id: str) -> Steps[Script]:
    """Give a configured name, or read a vendor's script.

    Raises:
        NotFound: the configuration has no such name; the message names those that it has.
    """
    names = {script.id: script for script in configured(context)}
    if script_id in names:
        return names[script_id]
    provider, bare = split_id(script_id, "script id")
    if provider is None:
        raise NotFound(f"no script of that name is configured; configured: {', '.join(names) or 'none'}")
    link = context.link(provider)
    return (yield from perform(link, link.provider.get_script(bare)))
