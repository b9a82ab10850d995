"""callhub's own contact book."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from callhub.flows import operations as ops
from callhub.ledger import records
from callhub.ledger import statements as sql
from callhub.model.contact import Contact
from callhub.model.copying import CopyOutcome
from callhub.policy.contacts import additions, differences, matches, same_name
from callhub.provider.order import ContactFilter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from callhub.ledger.identity import Identity
    from callhub.ledger.session import Session

_contact = msgspec.json.Decoder(Contact).decode
_EVERYBODY = ContactFilter()
_CHUNK = 500  # rows that are read at once where most may be unwanted
_WHOLE_BOOK = "the contact book"  # who takes in what comes from outside does so alone


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
        session.run(sql.LINK, _linking(contact, provider, vendor_id))
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
    """Read those that are wanted, in the order of ids."""
    rows = wanted.limit if wanted.where == _EVERYBODY else _CHUNK
    everybody = _all(session, wanted.after, min(rows, _CHUNK))
    found = (contact for contact in everybody if matches(wanted.where, contact))
    return tuple(islice(found, wanted.limit))


def link(session: Session, _identity: Identity, given: ops.LinkContact) -> str | None:
    """Link a contact with an entry of a vendor's book, and tell whom that entry belongs to."""
    session.lock(_WHOLE_BOOK)
    asked = {"provider": given.provider, "vendor_id": given.vendor_id, "contact": given.id}
    holder = session.first(sql.LINKED, asked)
    if holder is not None and holder[0] != given.id:
        return str(holder[0])
    if session.first(sql.CONTACT_TO_CHANGE, {"id": given.id}) is None:
        return None
    if given.instead_of is not None:
        session.run(sql.DROP_LINK, asked | {"vendor_id": given.instead_of})
    session.run(sql.LINK, asked)
    return given.id


def adopt(session: Session, identity: Identity, given: ops.AdoptContact) -> ops.Kept:
    """Take an entry of a vendor's book into the own one."""
    session.lock(_WHOLE_BOOK)
    entry = (given.provider, given.vendor_id)
    linked = find_linked(session, identity, ops.FindLinked(*entry))
    if linked is not None:
        return _brought_up(session, identity, linked, additions(linked, given.fields))
    for twin in _twins(session, identity, given.contact):
        if given.provider not in dict(session.all(sql.LINKS, {"id": twin.id})):
            session.run(sql.LINK, _linking(twin, *entry))
            kept = _brought_up(session, identity, twin, additions(twin, given.fields))
            return ops.Kept(kept.contact, CopyOutcome.LINKED, kept.changed)
    save(session, identity, ops.SaveContact(given.contact, new=True, links={entry[0]: entry[1]}))
    return ops.Kept(given.contact, CopyOutcome.CREATED)


def load(session: Session, identity: Identity, given: ops.LoadContacts) -> tuple[ops.Kept, ...]:
    """Take in the contacts of a file, all or none."""
    session.lock(_WHOLE_BOOK)
    taken = {line.contact.id for line in given.lines if line.known}
    return tuple(_taken_in(session, identity, line, taken) for line in given.lines)


def _taken_in(session: Session, identity: Identity, line: ops.Line, taken: set[str | None]) -> ops.Kept:
    row = session.first(sql.CONTACT_TO_CHANGE, {"id": line.contact.id}) if line.known else None
    if row is not None:
        there = _contact(row[0])
        return _brought_up(session, identity, there, differences(there, line.fields))
    twins = (twin for twin in _twins(session, identity, line.contact) if twin.id not in taken)
    twin = next(twins, None)
    if twin is None:
        save(session, identity, ops.SaveContact(line.contact, new=True))
        return ops.Kept(line.contact, CopyOutcome.CREATED)
    if line.known:
        taken.add(twin.id)
    return _brought_up(session, identity, twin, additions(twin, line.fields))


def _brought_up(session: Session, identity: Identity, there: Contact, changes: Mapping[str, Any]) -> ops.Kept:
    if not changes:
        return ops.Kept(there, CopyOutcome.UNCHANGED)
    changed = save(session, identity, ops.SaveContact(there, new=False, changes=changes))
    return ops.Kept(changed or there, CopyOutcome.UPDATED, tuple(changes))


def _twins(session: Session, identity: Identity, contact: Contact) -> Iterator[Contact]:
    """Give the contacts of the same name and number, the oldest first."""
    rows = session.all(sql.CONTACTS_OF_PERSON, {"person": identity.person(contact.phone or "")})
    return (found for found in (_contact(row[0]) for row in rows) if same_name(found.name, contact.name))


def _all(session: Session, after: str, at_once: int) -> Iterator[Contact]:
    while rows := session.all(sql.CONTACT_PAGE, {"after": after, "limit": at_once}):
        yield from (_contact(row[1]) for row in rows)
        after = rows[-1][0]


def drop(session: Session, _identity: Identity, given: ops.DropContact) -> bool:
    """Delete a contact and its links."""
    session.run(sql.DROP_LINKS, {"id": given.id})
    return session.run(sql.DROP_CONTACT, {"id": given.id}) > 0


def _linking(contact: Contact, provider: str, vendor_id: str) -> dict[str, Any]:
    return {"provider": provider, "vendor_id": vendor_id, "contact": contact.id}


def _columns(identity: Identity, contact: Contact) -> dict[str, Any]:
    return {
        "person": identity.person(contact.phone or ""),
        "name": contact.name,
        "phone": contact.phone,
        "contact": records.text(contact),
    }
