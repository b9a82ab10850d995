"""The door for vendors: everything that a plugin author must write.

A plugin does no I/O. Each operation is a *flow*: a generator that yields a `Request`, is sent the
`Response` (always 2xx) and returns a neutral object. callhub performs it, judges every other
answer by the plugin's tables, and alone decides whether a phone could have rung::

    def get_call(self, call_id: str) -> Flow[Call]:
        response = yield Request("GET", path("api", "calls", call_id))
        return read_call(response)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeAlias, TypeVar

from callhub.errors import Refused, UnsupportedFeature
from callhub.provider.capability import Capability, Feature, Support, complete
from callhub.provider.http import Request, Response
from callhub.provider.settings import Settings

if TYPE_CHECKING:
    from callhub.model.call import Call
    from callhub.model.contact import Contact
    from callhub.model.lifecycle import CallStatus
    from callhub.model.script import Script
    from callhub.provider.order import CallFilter, ContactFilter, Endpoint, Order, Page, Problem
    from callhub.provider.sandbox import Sandbox, SandboxClock

T = TypeVar("T")
S = TypeVar("S", bound=Settings)

Flow: TypeAlias = Generator[Request, Response, T]


class VendorError:
    """What a vendor's error answer says, read leniently."""

    __slots__ = ("code", "fields", "message")

    def __init__(
        self, message: str = "", code: str | None = None, fields: Mapping[str, str] | None = None
    ) -> None:
        self.message = message
        self.code = code
        self.fields = dict(fields or {})


class RateLimit:
    """What a vendor's answer says about its limit; `resets_at` in seconds since the epoch."""

    __slots__ = ("remaining", "resets_at")

    def __init__(self, remaining: int, resets_at: float) -> None:
        self.remaining = remaining
        self.resets_at = resets_at


class Provider(ABC, Generic[S]):
    """One vendor.

    Attributes:
        name: the name in routes, ids and configuration; lower case.
        title: the vendor's name as people write it.
        requires: the callhub versions it is made for, such as ``">=0.1,<0.2"``.
        settings_type: the model of its settings.
        capabilities: every `Feature`, and who supplies it; one that isn't there is not available.
        statuses: every status word of the vendor's, and what it means.
        refusals: answers that prove that nothing was done, by HTTP status and vendor code
            (None: whatever the code). Any other answer to a request that dials is *maybe*.
        about_person: those vendor codes of a refusal that would be the same at any vendor.
        person_fields: the vendor's names of the number to dial; a refusal that blames one of them would
            be the same at any vendor, too.
        operations: the vendor's own operations beside the ones below; none of them may dial.
        page_limit: the longest page that the vendor gives; None where it has no pages.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    requires: ClassVar[str]
    settings_type: ClassVar[type[Settings]]
    capabilities: ClassVar[Mapping[Feature, Capability]]
    statuses: ClassVar[Mapping[str, CallStatus]]
    refusals: ClassVar[Mapping[tuple[int, str | None], type[Refused]]]
    about_person: ClassVar[frozenset[str]] = frozenset()
    person_fields: ClassVar[frozenset[str]] = frozenset()
    operations: ClassVar[tuple[str, ...]] = ()
    page_limit: ClassVar[int | None] = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "capabilities" in vars(cls):
            cls.capabilities = complete(cls.capabilities)

    def __init__(self, settings: S) -> None:
        self.settings = settings

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.settings.base_url}>"

    @classmethod
    def sandbox(cls, clock: SandboxClock) -> Sandbox:
        """Make the vendor's emulator."""
        raise UnsupportedFeature(f"{cls.title} ships no sandbox", provider=cls.name)

    @abstractmethod
    def authorization(self) -> tuple[tuple[str, str], ...]:
        """Give the headers that carry the key; callhub adds them as a request leaves."""

    @abstractmethod
    def read_error(self, response: Response) -> VendorError:
        """Read an error answer; must not raise, whatever the body holds."""

    def rate_limit(self, response: Response) -> RateLimit | None:
        """Read what an answer says about the vendor's limit; None where it says nothing."""
        return None

    def reference(self, call: Call) -> str | None:
        """Give the idempotency key that a call of this vendor's carries; None where it carries none.

        A look-up knows a call for certain by it.
        """
        return None

    @abstractmethod
    def check(self, order: Order) -> tuple[Problem, ...]:
        """Name everything in the order that the vendor's documents forbid; all at once."""

    @abstractmethod
    def create_call(self, order: Order) -> Flow[Call]:
        """Place a call: exactly one request has ``dials=True``, and it is yielded once."""

    def create_calls(self, orders: tuple[Order, ...]) -> Flow[tuple[Call | None, ...]]:
        """Place several calls by one request; None where an answer fits no order for certain."""
        raise self.unsupported(Feature.CREATE_BATCH)

    @abstractmethod
    def get_call(self, call_id: str) -> Flow[Call]:
        """Read one call."""

    @abstractmethod
    def list_calls(self, where: CallFilter, cursor: str | None, limit: int) -> Flow[Page[Call]]:
        """Read one page; filters that the vendor lacks are applied by callhub afterwards."""

    def cancel_call(self, call_id: str) -> Flow[None]:
        """Cancel a call that isn't under way."""
        raise self.unsupported(Feature.CANCEL)

    def list_scripts(self, cursor: str | None, limit: int) -> Flow[Page[Script]]:
        """Read one page of the vendor's scripts."""
        raise self.unsupported(Feature.SCRIPTS)

    def get_script(self, script_id: str) -> Flow[Script]:
        """Read one script."""
        raise self.unsupported(Feature.SCRIPTS)

    def list_contacts(self, where: ContactFilter, cursor: str | None, limit: int) -> Flow[Page[Contact]]:
        """Read one page of the vendor's book."""
        raise self.unsupported(Feature.CONTACTS)

    def search_contacts(self, text: str, limit: int) -> Flow[tuple[Contact, ...]]:
        """Search the vendor's book."""
        raise self.unsupported(Feature.CONTACT_SEARCH)

    def create_contact(self, contact: Contact, key: str) -> Flow[Contact]:
        """Add to the vendor's book; `key` is the same for every repetition."""
        raise self.unsupported(Feature.CONTACTS)

    def get_contact(self, contact_id: str) -> Flow[Contact]:
        """Read one entry of the vendor's book."""
        raise self.unsupported(Feature.CONTACTS)

    def update_contact(self, contact_id: str, changes: Mapping[str, Any]) -> Flow[Contact]:
        """Change the given fields, by callhub's names."""
        raise self.unsupported(Feature.CONTACTS)

    def delete_contact(self, contact_id: str) -> Flow[None]:
        """Delete from the vendor's book, for good."""
        raise self.unsupported(Feature.CONTACTS)

    def list_webhooks(self) -> Flow[tuple[Endpoint, ...]]:
        """Read the webhook endpoints."""
        raise self.unsupported(Feature.WEBHOOKS)

    def create_webhook(
        self, url: str, events: tuple[str, ...] | None, description: str | None, key: str
    ) -> Flow[Endpoint]:
        """Register an endpoint; None for `events` means those that callhub can use."""
        raise self.unsupported(Feature.WEBHOOKS)

    def update_webhook(self, webhook_id: str, changes: Mapping[str, Any]) -> Flow[Endpoint]:
        """Change ``url``, ``events``, ``description`` or ``active``."""
        raise self.unsupported(Feature.WEBHOOKS)

    def delete_webhook(self, webhook_id: str) -> Flow[None]:
        """Remove an endpoint."""
        raise self.unsupported(Feature.WEBHOOKS)

    def supports(self, feature: Feature) -> bool:
        """Tell whether the vendor itself does it."""
        return self.capabilities[feature].support is Support.NATIVE

    def unsupported(self, feature: Feature) -> UnsupportedFeature:
        """Make the error for a feature that the vendor lacks."""
        note = self.capabilities[feature].note.removesuffix(".")
        told = f" {note[0].upper()}{note[1:]}." if note else ""
        return UnsupportedFeature(f"{self.title} can't do this: {feature}.{told}", provider=self.name)
