"""Webhook endpoints at the vendors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from callhub.errors import InvalidRequest
from callhub.flows.context import split_id
from callhub.flows.effects import NewId, ask
from callhub.flows.exchange import perform

if TYPE_CHECKING:
    from collections.abc import Mapping

    from callhub.flows.context import Context, Link
    from callhub.flows.effects import Steps
    from callhub.provider.order import Endpoint

CHANGEABLE = ("url", "events", "description", "active")


def register(
    context: Context, provider: str, url: str, events: tuple[str, ...] | None, description: str | None
) -> Steps[Endpoint]:
    """Register an endpoint; its secret is on what is returned, and nowhere else ever again."""
    link = context.link(provider)
    key = yield from ask(NewId())
    return (yield from perform(link, link.provider.create_webhook(url, events, description, key)))


def listed(context: Context, provider: str) -> Steps[tuple[Endpoint, ...]]:
    """Read a vendor's endpoints."""
    link = context.link(provider)
    return (yield from perform(link, link.provider.list_webhooks()))


def update(context: Context, webhook_id: str, changes: Mapping[str, Any]) -> Steps[Endpoint]:
    """Change the named fields of an endpoint."""
    unknown = sorted(set(changes) - set(CHANGEABLE))
    if unknown or not changes:
        known = ", ".join(CHANGEABLE)
        fields = dict.fromkeys(unknown, f"can't be changed; fields: {known}") or {
            "changes": f"are empty; fields: {known}"
        }
        raise InvalidRequest("; ".join(f"{name} {text}" for name, text in fields.items()), fields=fields)
    link, bare = _endpoint(context, webhook_id)
    return (yield from perform(link, link.provider.update_webhook(bare, changes)))


def delete(context: Context, webhook_id: str) -> Steps[None]:
    """Remove an endpoint."""
    link, bare = _endpoint(context, webhook_id)
    yield from perform(link, link.provider.delete_webhook(bare))


def _endpoint(context: Context, webhook_id: str) -> tuple[Link, str]:
    provider, bare = split_id(webhook_id, "webhook id")
    if provider is None:
        text = "must be '<provider>:<vendor id>'"
        raise InvalidRequest(f"webhook id {text}", fields={"id": text})
    return context.link(provider), bare
