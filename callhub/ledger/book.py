"""callhub's own contact book."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from callhub.flows import operations as ops
from callhub.ledger import records
from callhub.ledger import statements as sql
from callhub.model.contact import Contact

if TYPE_CHECKING:
    from callhub.ledger.identity import Identity
    from callhub.ledger.session import Session

_contact = msgspec.json.Decoder(Contact).decode


def save(session: Session, identity: Identity, given: ops.SaveContact) -> Contact | None:
    """Write a contact; a change of one that isn't there gives None."""
    contact = replace(given.contact, source=None)
    if not given.new:
        row = session.first(sql.CONTACT_TO_CHANGE, {"id": contact.id})
        if row is None:
            return None
        contact = replace(_contact(row[0]), **given.changes)
    columns = _columns(identity, contact)
    if given.new:
        created = {
            "id": contact.id,
            "created_at": contact.created_at.timestamp() if contact.created_at else 0,
        }
        session.run(sql.ADD_CONTACT, columns | created)
    else:
        session.run(sql.SET_CONTACT, columns | {"of": contact.id})
    for provider, vendor_id in given.links.items():
        session.run(sql.LINK, {"provider": provider, "vendor_id": vendor_id, "contact": contact.id})
    return contact


def find(session: Session, _identity: Identity, wanted: ops.FindContact) -> ops.Linked | None:
    """Find a contact, with its links."""
    row = session.first(sql.CONTACT, {"id": wanted.id})
    if row is None:
        return None
    return ops.Linked(_contact(row[0]), dict(session.all(sql.LINKS, {"id": wanted.id})))


def find_linked(session: Session, _identity: Identity, wanted: ops.FindLinked) -> Contact | None:
    """Find the contact that stands for an entry of a vendor's book."""
    asked = {"provider": wanted.provider, "vendor_id": wanted.vendor_id}
    row = session.first(sql.LINKED, asked)
    found = session.first(sql.CONTACT, {"id": row[0]}) if row is not None else None
    return None if found is None else _contact(found[0])


def page(session: Session, _identity: Identity, wanted: ops.PageOfBook) -> tuple[Contact, ...]:
    """Read contacts in the order of ids."""
    rows = session.all(sql.CONTACT_PAGE, {"after": wanted.after, "limit": wanted.limit})
    return tuple(_contact(row[0]) for row in rows)


def drop(session: Session, _identity: Identity, given: ops.DropContact) -> bool:
    """Delete a contact and its links."""
    session.run(sql.DROP_LINKS, {"id": given.id})
    return session.run(sql.DROP_CONTACT, {"id": given.id}) > 0


def _columns(identity: Identity, contact: Contact) -> dict[str, Any]:
    return {
        "person": identity.person(contact.phone or ""),
        "name": contact.name,
        "phone": contact.phone,
        "contact": records.text(contact),
    }
