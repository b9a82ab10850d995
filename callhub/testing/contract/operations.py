"""Every optional operation of a plugin, ready to be started."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from callhub.model.contact import Contact
from callhub.provider.capability import Feature
from callhub.provider.order import ContactFilter
from callhub.testing.contract.harness import MARK

if TYPE_CHECKING:
    from collections.abc import Callable

    from callhub.provider.base import Flow, Provider

URL = "https://example.com/hook"


def optional(
    provider: Provider[Any], call_id: str = "any"
) -> dict[Feature, dict[str, Callable[[], Flow[Any]]]]:
    """Give what starts each operation, by the feature that it belongs to."""
    contact = Contact(name="Ada", phone=MARK)
    return {
        Feature.CANCEL: {"cancel_call": lambda: provider.cancel_call(call_id)},
        Feature.CREATE_BATCH: {"create_calls": lambda: provider.create_calls(())},
        Feature.SCRIPTS: {
            "list_scripts": lambda: provider.list_scripts(None, 5),
            "get_script": lambda: provider.get_script("any"),
        },
        Feature.CONTACTS: {
            "list_contacts": lambda: provider.list_contacts(ContactFilter(), None, 5),
            "create_contact": lambda: provider.create_contact(contact, "key-1"),
            "get_contact": lambda: provider.get_contact("any"),
            "update_contact": lambda: provider.update_contact("any", {"name": "Ada"}),
            "delete_contact": lambda: provider.delete_contact("any"),
        },
        Feature.CONTACT_SEARCH: {"search_contacts": lambda: provider.search_contacts("Ada", 5)},
        Feature.WEBHOOKS: {
            "list_webhooks": provider.list_webhooks,
            "create_webhook": lambda: provider.create_webhook(URL, None, None, "key-1"),
            "update_webhook": lambda: provider.update_webhook("any", {"active": False}),
            "delete_webhook": lambda: provider.delete_webhook("any"),
        },
    }
