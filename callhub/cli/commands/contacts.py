"""``callhub contacts``: callhub's own contact book, the vendors', and the ways between them."""

# ruff: noqa: D417 - options that commands share carry their own help

import io
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Annotated

from cyclopts import App, Parameter

import callhub
from callhub.cli import out
from callhub.cli.failures import Exit
from callhub.cli.help import examples
from callhub.cli.options import AsJson, Limit, PageSize, Pairs, Several, Vendor, given, pairs, positive
from callhub.cli.show import CONTACTS

app = App(name="contacts", help="callhub's own contact book, and those of the vendors.", help_epilogue="")

Book = Annotated[str, Parameter(metavar="BOOK")]
Zone = Annotated[str | None, Parameter(metavar="ZONE")]


@app.command(name="list", help_epilogue=examples("contacts list --tag vip", "contacts list --provider NAME"))
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
    """List the contacts of callhub's own book or of a vendor's, one a line.

    Args:
        provider: the vendor whose book it is; callhub's own unless given.
        search: only those whose name or number holds this.
        group: only those of this group.
        tag: only those with this tag; give it as often as needed.
        page_size: how many to ask for at once.
    """
    size = min(page_size, limit or page_size)
    with callhub.Hub.from_config() as hub:
        found = hub.contacts.list(provider=provider, search=search, group=group, tags=tag, page_size=size)
        CONTACTS.many(islice(found, limit), as_json=as_json)


@app.command(help_epilogue=examples("contacts search Ada", "contacts search 5550100 --provider NAME"))
def search(
    text: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    provider: Vendor = None,
    limit: Annotated[int, Parameter(metavar="N", validator=positive)] = 10,
    as_json: AsJson = False,
) -> None:
    """Search a book by name or number.

    Args:
        text: part of a name or of a number.
        provider: the vendor whose book it is; callhub's own unless given.
        limit: how many at most; 10 unless given.
    """
    with callhub.Hub.from_config() as hub:
        CONTACTS.many(hub.contacts.search(text, provider=provider, limit=limit), as_json=as_json)


@app.command(help_epilogue=examples("contacts create --name Ada --phone +14155550100 --tag vip"))
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
    timezone: Zone = None,
    as_json: AsJson = False,
) -> None:
    """Add a contact to callhub's own book or to a vendor's.

    Args:
        name: how the person is addressed.
        phone: number, such as +14155550100.
        provider: the vendor whose book it is; callhub's own unless given.
        email: email of the person.
        notes: free text.
        tag: a tag; give it as often as needed.
        group: a group; in a vendor's book the id of one of its groups.
        field: a field of your own.
        timezone: the person's zone, such as Asia/Kuala_Lumpur; only callhub's own book keeps it.
    """
    with callhub.Hub.from_config() as hub:
        made = hub.contacts.create(
            name=name, phone=phone, provider=provider,
            **given(email=email, notes=notes, tags=tag, groups=group, custom_fields=pairs("--field", field)),
            **given(timezone=timezone),
        )  # fmt: skip
    CONTACTS.one(made, as_json=as_json)


@app.command(help_epilogue=examples("contacts get ID", "contacts get PROVIDER:ID"))
def get(contact_id: str, /, *, provider: Vendor = None, as_json: AsJson = False) -> None:
    """Show one contact.

    Args:
        contact_id: ID of callhub's own book, or PROVIDER:ID.
        provider: the vendor whose ID it is, where it stands without PROVIDER.
    """
    with callhub.Hub.from_config() as hub:
        CONTACTS.one(hub.contacts.get(_whole(contact_id, provider)), as_json=as_json)


@app.command(help_epilogue=examples("contacts update ID --notes mornings --tag vip --tag new"))
def update(
    contact_id: str,
    /,
    *,
    provider: Vendor = None,
    name: str | None = None,
    phone: Annotated[str | None, Parameter(metavar="NUMBER")] = None,
    email: str | None = None,
    notes: Annotated[str | None, Parameter(metavar="TEXT")] = None,
    tag: Several = (),
    group: Annotated[Several, Parameter(metavar="ID")] = (),
    field: Pairs = (),
    timezone: Zone = None,
    as_json: AsJson = False,
) -> None:
    """Change what is given of a contact; tags, groups and fields replace those that it has.

    Args:
        contact_id: ID of callhub's own book, or PROVIDER:ID.
        provider: the vendor whose ID it is, where it stands without PROVIDER.
        name: how the person is addressed.
        phone: number, such as +14155550100.
        email: email of the person.
        notes: free text.
        tag: a tag; all of them, not only a new one.
        group: a group; all of them.
        field: a field of your own; all of them.
        timezone: the person's zone, such as Asia/Kuala_Lumpur; only callhub's own book keeps it.
    """
    changes = {
        **given(name=name, phone=phone, email=email, notes=notes, timezone=timezone),
        **given(tags=tag, groups=group, custom_fields=pairs("--field", field)),
    }
    with callhub.Hub.from_config() as hub:
        CONTACTS.one(hub.contacts.update(_whole(contact_id, provider), **changes), as_json=as_json)


@app.command(help_epilogue=examples("contacts delete ID", "contacts delete PROVIDER:ID"))
def delete(contact_id: str, /, *, provider: Vendor = None, as_json: AsJson = False) -> None:
    """Delete a contact, for good; copies of it in other books stay.

    Args:
        contact_id: ID of callhub's own book, or PROVIDER:ID.
        provider: the vendor whose ID it is, where it stands without PROVIDER.
    """
    whole = _whole(contact_id, provider)
    with callhub.Hub.from_config() as hub:
        hub.contacts.delete(whole)
    out.print_json({"deleted": whole}) if as_json else out.say(f"deleted {whole}")


@app.command(help_epilogue=examples("contacts copy --from callhub --to NAME", "contacts copy --from NAME"))
def copy(
    *,
    from_: Annotated[Book, Parameter(name="--from")] = "callhub",
    to: Annotated[Book, Parameter(name="--to")] = "callhub",
    as_json: AsJson = False,
) -> int:
    """Copy every contact of a book into another one. Ends with 4 if one failed.

    A copy adds and changes, and takes nothing away. A repeat duplicates nobody; it brings up to date what
    has changed.

    Args:
        from_: callhub, which is its own book, or a provider's name.
        to: callhub or a provider's name.
    """
    with callhub.Hub.from_config() as hub, out.patience("copying", quiet=as_json):
        report = hub.contacts.copy(from_=from_, to=to)
    return _told(report, as_json=as_json)


@app.command(help_epilogue=examples("contacts export contacts.csv", "contacts export - | head"))
def export(file: Annotated[str, Parameter(allow_leading_hyphen=True)], /, *, as_json: AsJson = False) -> None:
    """Write callhub's own book to a CSV file that spreadsheets can't take for formulas.

    Args:
        file: where to; a file that is there is replaced, and - is the standard output.
    """
    text = io.StringIO(newline="")
    with callhub.Hub.from_config() as hub:
        count = hub.contacts.export(text if file == "-" else file)
    if file == "-":
        sys.stdout.buffer.write(text.getvalue().encode())  # in UTF-8, whatever the terminal's encoding is
    else:
        out.print_json({"exported": count}) if as_json else out.say(f"{count} exported")


@app.command(name="import", help_epilogue=examples("contacts import contacts.csv"))
def import_(file: Annotated[str, Parameter(metavar="FILE")], /, *, as_json: AsJson = False) -> int:
    """Read a CSV file into callhub's own book, all of it or nothing; a repeat duplicates nobody.

    A line is the contact of its id, else the contact of the same name and number, else a new one. A line
    that can't be read fails the import, and is named.

    Args:
        file: a CSV file in UTF-8 with headings, at least name and phone.
    """
    with callhub.Hub.from_config() as hub:
        report = hub.contacts.load(file)
    return _told(report, as_json=as_json)


def _whole(contact_id: str, provider: str | None) -> str:
    """Give an id with the vendor that was named beside it."""
    if provider is None or contact_id.startswith(f"{provider}:"):
        return contact_id
    if ":" in contact_id:
        raise callhub.InvalidRequest(
            f"ID and --provider name two vendors: {contact_id.partition(':')[0]}, {provider}"
        )
    return f"{provider}:{contact_id}"


def _told(report: "callhub.CopyReport", *, as_json: bool) -> int:
    """Show what became of contacts; the exit code tells whether any failed."""
    if as_json:
        out.print_json({**report.counts(), "contacts": [entry.to_dict() for entry in report.entries]})
    else:
        for line in _lines(report):
            out.say(line)
    return Exit.REFUSED if report.failed else Exit.DONE


def _lines(report: "callhub.CopyReport") -> Iterator[str]:
    yield ", ".join(f"{count} {outcome}" for outcome, count in report.counts().items())
    left = Counter(reason for entry in report.incomplete for reason in entry.left.items())
    for (name, reason), count in left.items():
        yield out.clean(f"not carried: {name} of {count}: {reason} (--json names them)")
    for entry in report.failed:
        yield out.clean(f"failed: {entry.source}: {entry.reason}")
