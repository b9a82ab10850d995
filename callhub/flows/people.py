"""Who is called: a contact given as it is, or by its id in callhub's own book or a vendor's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msgspec.structs import replace

from callhub.errors import CallhubError, LedgerError
from callhub.flows import contacts
from callhub.flows.context import split_id
from callhub.flows.effects import Steps, Ticks, ask
from callhub.flows.operations import FindContact, FindLinked
from callhub.model.contact import Contact
from callhub.provider.order import Problem, reject

if TYPE_CHECKING:
    from collections.abc import Mapping

    from callhub.flows.context import Context
    from callhub.model.call import CallRequest
    from callhub.policy.routing import Plan

_UNKNOWN = "is in no book: give the id of a contact in callhub's book, or '<provider>:<vendor id>'"


@dataclass(frozen=True, slots=True)
class Person:
    """The person of a request.

    Attributes:
        request: the request, with the contact found and its number filled in.
        links: vendors' ids of the contact, where callhub's own book knows them.
        owner, fault: the vendor whose book holds the contact, and why it couldn't be read there.
    """

    request: CallRequest
    contact: Contact | None = field(default=None, repr=False)
    links: Mapping[str, str] = field(default_factory=dict)
    owner: str | None = None
    fault: str | None = None

    def faults(self, provider: str) -> list[Problem]:
        """Tell what keeps a vendor from knowing the person; the owner of the book needs only the id."""
        if self.fault is None or provider == self.owner:
            return []
        return [Problem("contact", self.fault)]


def person_of(context: Context, plan: Plan, request: CallRequest, deadline: float) -> Steps[Person]:
    """Find the person of a request, asking a vendor's book only where more than the id is needed.

    Raises:
        CallhubError: a vendor's book can't be read, and nobody can do without.
    """
    given = request.contact
    if isinstance(given, str):
        provider, bare = split_id(given, "contact")
        if provider is None:
            return (yield from _from_own_book(request, bare))
        return (yield from _from_vendor(context, plan, request, (provider, bare), deadline))
    if not isinstance(given, Contact):
        return Person(request)
    if isinstance(given.id, str) and given.id and ":" not in given.id:
        linked = yield from ask(FindContact(given.id))
        return _known(request, given, linked.links if linked else {})
    return _known(request, given, {})


def _from_own_book(request: CallRequest, bare: str) -> Steps[Person]:
    linked = yield from ask(FindContact(bare))
    if linked is None:
        reject([Problem("contact", _UNKNOWN)])
        raise AssertionError  # reject has raised
    return _known(request, linked.contact, linked.links)


def _from_vendor(
    context: Context, plan: Plan, request: CallRequest, id_: tuple[str, str], deadline: float
) -> Steps[Person]:
    provider, bare = id_
    by_id = Contact(id=f"{provider}:{bare}")
    alone = set(plan.considered) == {provider}
    if alone and request.to is not None:
        return _known(request, by_id, {})
    own = yield from ask(FindLinked(provider, bare))
    if own is not None:
        return _known(request, replace(own, id=by_id.id), {})
    try:
        remaining = deadline - (yield from ask(Ticks()))
        found = yield from contacts.get(context, by_id.id or "", remaining)
    except LedgerError:
        raise
    except CallhubError as error:
        if request.to is None or alone or provider not in plan.considered:
            raise
        return Person(replace(request, contact=by_id), by_id, {}, provider, f"can't be read: {error}")
    return _known(request, found, {})


def _known(request: CallRequest, contact: Contact, links: Mapping[str, str]) -> Person:
    to = request.to if request.to is not None else contact.phone
    return Person(replace(request, to=to, contact=contact), contact, links)
