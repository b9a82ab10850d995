"""``callhub contacts``: the vendors' contact books."""

# ruff: noqa: D417 - options that commands share carry their own help

from itertools import islice
from typing import Annotated

from cyclopts import App, Parameter

import callhub
from callhub.cli import out
from callhub.cli.help import examples
from callhub.cli.options import AsJson, Limit, PageSize, Pairs, Several, Vendor, given, pairs, positive
from callhub.cli.show import CONTACTS

app = App(name="contacts", help="The contact books of the vendors that have one.", help_epilogue="")


@app.command(
    name="list", help_epilogue=examples("contacts list --provider NAME --tag vip", "contacts list --json")
)
def list_(
    *,
    provider: Vendor = None,
    search: Annotated[str | None, Parameter(metavar="TEXT")] = None,
    group: Annotated[str | None, Parameter(metavar="ID")] = None,
    tag: Several = (),
    limit: Limit = None,
    page_size: PageSize = 100,
    as_json: AsJson = False,
) -> None:
    """List a vendor's contacts, one a line.

    Args:
        provider: whose book.
        search: only those whose name or number holds this.
        group: only those of this group.
        tag: only those with this tag; give it as often as needed.
        page_size: how many to ask for at once.
    """
    size = min(page_size, limit or page_size)
    with callhub.Hub.from_config() as hub:
        found = hub.contacts.list(provider=provider, search=search, group=group, tags=tag, page_size=size)
        CONTACTS.many(islice(found, limit), as_json=as_json)


@app.command(help_epilogue=examples("contacts search Ada --provider NAME"))
def search(
    text: str,
    /,
    *,
    provider: Vendor = None,
    limit: Annotated[int, Parameter(metavar="N", validator=positive)] = 10,
    as_json: AsJson = False,
) -> None:
    """Search a vendor's book by name or number.

    Args:
        text: part of a name or of a number.
        provider: whose book.
        limit: how many at most; 10 unless given.
    """
    with callhub.Hub.from_config() as hub:
        CONTACTS.many(hub.contacts.search(text, provider=provider, limit=limit), as_json=as_json)


@app.command(help_epilogue=examples("contacts create --provider NAME --name Ada --phone +14155550100"))
def create(
    *,
    name: str,
    phone: Annotated[str, Parameter(metavar="NUMBER")],
    provider: Vendor = None,
    email: str | None = None,
    notes: Annotated[str | None, Parameter(metavar="TEXT")] = None,
    tag: Several = (),
    group: Annotated[Several, Parameter(metavar="ID")] = (),
    field: Pairs = (),
    as_json: AsJson = False,
) -> None:
    """Add a contact to a vendor's book.

    Args:
        name: how the person is addressed.
        phone: number, such as +14155550100.
        provider: whose book.
        email: email of the person.
        notes: free text.
        tag: a tag; give it as often as needed.
        group: id of a group of the vendor's.
        field: a field of your own.
    """
    with callhub.Hub.from_config() as hub:
        made = hub.contacts.create(
            name=name, phone=phone, provider=provider,
            **given(email=email, notes=notes, tags=tag, groups=group, custom_fields=pairs("--field", field)),
        )  # fmt: skip
    CONTACTS.one(made, as_json=as_json)


@app.command(help_epilogue=examples("contacts get PROVIDER:ID"))
def get(contact_id: str, /, *, as_json: AsJson = False) -> None:
    """Show one contact.

    Args:
        contact_id: PROVIDER:ID.
    """
    with callhub.Hub.from_config() as hub:
        CONTACTS.one(hub.contacts.get(contact_id), as_json=as_json)


@app.command(help_epilogue=examples("contacts update PROVIDER:ID --notes mornings --tag vip --tag new"))
def update(
    contact_id: str,
    /,
    *,
    name: str | None = None,
    phone: Annotated[str | None, Parameter(metavar="NUMBER")] = None,
    email: str | None = None,
    notes: Annotated[str | None, Parameter(metavar="TEXT")] = None,
    tag: Several = (),
    group: Annotated[Several, Parameter(metavar="ID")] = (),
    field: Pairs = (),
    as_json: AsJson = False,
) -> None:
    """Change what is given of a contact; tags, groups and fields replace those that it has.

    Args:
        contact_id: PROVIDER:ID.
        name: how the person is addressed.
        phone: number, such as +14155550100.
        email: email of the person.
        notes: free text.
        tag: a tag; all of them, not only a new one.
        group: id of a group of the vendor's; all of them.
        field: a field of your own; all of them.
    """
    changes = {
        **given(name=name, phone=phone, email=email, notes=notes),
        **given(tags=tag, groups=group, custom_fields=pairs("--field", field)),
    }
    with callhub.Hub.from_config() as hub:
        CONTACTS.one(hub.contacts.update(contact_id, **changes), as_json=as_json)


@app.command(help_epilogue=examples("contacts delete PROVIDER:ID"))
def delete(contact_id: str, /, *, as_json: AsJson = False) -> None:
    """Delete a contact, for good.

    Args:
        contact_id: PROVIDER:ID.
    """
    with callhub.Hub.from_config() as hub:
        hub.contacts.delete(contact_id)
    out.print_json({"deleted": contact_id}) if as_json else out.say(f"deleted {contact_id}")
