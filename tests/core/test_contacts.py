"""callhub's own contact book: the same whatever the vendor."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from callhub import (
    Conflict,
    Contact,
    InvalidRequest,
    LedgerError,
    NotFound,
    UnknownProvider,
    UnsupportedFeature,
)
from tests.core.kit import NUMBER, PERSON, START, wish

if TYPE_CHECKING:
    from tests.core.kit import Rows, Side, Vendor, World

ADA: dict[str, Any] = {
    "name": "Ada",
    "phone": "+14155550101",
    "email": "ada@example.com",
    "notes": " mornings\nonly ",
    "tags": ("vip", "london"),
    "groups": ("club",),
    "custom_fields": {"company": "Acme", "seats": [1, 2.5, None]},
    "timezone": "Europe/London",
}


def add(hub: Any, number: int = 0, **fields: Any) -> Any:
    return hub.contacts.create(**{"name": f"{PERSON} {number}", "phone": f"+14155550{200 + number}"} | fields)


def names(contacts: Any) -> list[str]:
    return [contact.name for contact in contacts]


def test_a_contact_of_the_own_book_from_its_first_to_its_last_day(side: Side, world: World) -> None:
    hub = side.hub(providers={})
    made = hub.contacts.create(**ADA)
    assert ":" not in made.id
    assert (made.provider, made.created_at, made.raw) == (None, START, None)
    assert {name: getattr(made, name) for name in ADA} == ADA
    assert hub.contacts.get(made.id) == made
    changed = hub.contacts.update(made.id, name="Ada L.", tags=["gold"], timezone=None)
    assert (changed.name, changed.tags, changed.timezone, changed.notes) == (
        "Ada L.",
        ("gold",),
        None,
        made.notes,
    )
    assert hub.contacts.get(made.id) == changed
    assert hub.contacts.delete(made.id) is None
    for act in (hub.contacts.get, hub.contacts.delete, lambda id_: hub.contacts.update(id_, name="B")):
        with pytest.raises(NotFound, match="no such contact") as caught:
            act(made.id)
        assert caught.value.dialed == "no"
    assert world.erzycall.relay.seen == world.aicaller.relay.seen == []


def test_the_own_book_outlives_the_hub(side: Side, rows: Rows) -> None:
    made = side.hub(ledger=rows.url).contacts.create(**ADA)
    assert side.hub(ledger=rows.url).contacts.get(made.id) == made


@pytest.mark.parametrize("named", [None, "callhub"])
def test_the_own_book_by_its_names(hub: Any, named: str | None) -> None:
    made = hub.contacts.create(**ADA, provider=named)
    assert list(hub.contacts.list(provider=named)) == hub.contacts.search("ada", provider=named) == [made]
    assert hub.contacts.get(made.id) == made


def test_several_contacts_share_a_number(hub: Any) -> None:
    pair = [hub.contacts.create(name=name, phone=NUMBER) for name in ("Ada", "Bob", "Ada")]
    assert list(hub.contacts.list()) == pair
    assert len({each.id for each in pair}) == 3


def test_what_is_written_around_a_value_is_not_kept(hub: Any) -> None:
    made = hub.contacts.create(
        name="  Ada ", phone=NUMBER, email=" ", notes="", tags=[" vip", "vip "], groups=[], custom_fields={}
    )
    assert (made.name, made.email, made.notes, made.tags) == ("Ada", None, None, ("vip",))
    assert hub.contacts.get(made.id) == made


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", "", "must be text, not empty"),
        ("name", " \n", "must be text, not empty"),
        ("name", None, "must be text, not empty"),
        ("name", 5, "must be text, not empty"),
        ("name", "\ud800", "characters that can't be kept"),
        ("phone", "", "E.164"),
        ("phone", None, "E.164"),
        ("phone", "0123456789", "E.164"),
        ("email", 5, "must be text"),
        ("email", "a\x00b", "characters that can't be kept"),
        ("notes", b"x", "must be text"),
        ("notes", "x" * 50_001, "at most 50,000 characters"),
        ("tags", [5], "must be text"),
        ("tags", [" "], "none of them empty"),
        ("tags", ["x" * 30_000, "y" * 30_000], "at most 50,000 characters"),
        ("groups", [None], "none of them empty"),
        ("custom_fields", {"a": float("nan")}, "can't be written as JSON"),
        ("custom_fields", {"a": object()}, "can't be written as JSON"),
        ("custom_fields", {"a": "\ud800"}, "can't be written as JSON"),
        ("custom_fields", {5: "a"}, "a dict of names and values"),
        ("custom_fields", {"a": "x" * 50_001}, "at most 50,000 characters"),
        ("timezone", "Mars/Phobos", "is no time zone"),
        ("timezone", "../etc/passwd", "is no time zone"),
        ("timezone", "Europe", "is no time zone"),
        ("timezone", 5, "must be text"),
    ],
)
def test_what_the_own_book_does_not_take(hub: Any, field: str, value: object, said: str) -> None:
    there = hub.contacts.create(**ADA)
    with pytest.raises(InvalidRequest, match=said) as caught:
        hub.contacts.create(**ADA | {field: value})
    assert [*caught.value.fields] == [field]
    with pytest.raises(InvalidRequest, match=said) as caught:
        hub.contacts.update(there.id, **{field: value})
    assert [*caught.value.fields] == [field]
    assert list(hub.contacts.list()) == [there]


def test_everything_that_is_wrong_is_named_at_once(hub: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        hub.contacts.create(name="", phone="1", timezone="x", custom_fields=[])
    assert set(caught.value.fields) == {"name", "phone", "timezone"}
    with pytest.raises(InvalidRequest, match="fields: name, phone") as caught:
        hub.contacts.update("x", title="B")
    assert set(caught.value.fields) == {"title"}


def test_a_number_that_cannot_exist_where_that_is_asked(side: Side) -> None:
    with pytest.raises(InvalidRequest, match="can exist"):
        side.hub(numbers="valid").contacts.create(name="Ada", phone="+1234567890")


@pytest.mark.parametrize(
    "act",
    [
        lambda hub: list(hub.contacts.list(search=5)),
        lambda hub: list(hub.contacts.list(group=5)),
        lambda hub: list(hub.contacts.list(tags=[5])),
        lambda hub: list(hub.contacts.list(tags="vip")),
        lambda hub: list(hub.contacts.list(page_size=0)),
        lambda hub: hub.contacts.search(5),
        lambda hub: hub.contacts.search(" "),
        lambda hub: hub.contacts.search("Ada", limit=0),
    ],
    ids=["search", "group", "tags", "one tag", "page size", "text", "no text", "limit"],
)
def test_a_question_that_makes_no_sense(hub: Any, act: Any) -> None:
    add(hub)
    with pytest.raises(InvalidRequest) as caught:
        act(hub)
    assert len(caught.value.fields) == 1


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_the_order_is_that_of_adding(hub: Any, size: int) -> None:
    made = [add(hub, number) for number in (3, 1, 2)]
    assert list(hub.contacts.list(page_size=size)) == made


@pytest.mark.parametrize("size", [1, 2, 100])
def test_filters_of_the_own_book(hub: Any, size: int) -> None:
    add(hub, 1, tags=["VIP", "gold"], groups=["club"])
    add(hub, 2, tags=["gold"], groups=["Club", "other"])
    add(hub, 3, tags=["vip", "gold", "late"])

    def found(**filters: Any) -> list[int]:
        return [int(name[-1]) for name in names(hub.contacts.list(page_size=size, **filters))]

    assert found() == found(tags=["gold"]) == found(search="") == [1, 2, 3]
    assert found(tags=["vip"]) == found(tags=["gold", "Vip"]) == [1, 3]
    assert found(tags=["vi"]) == found(group="clu") == []
    assert found(group="club") == [1, 2]
    assert found(group="club", tags=["vip"], search="1") == [1]
    assert found(search=f"{PERSON.upper()} 2") == [2]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("josé", ["José Ñ"]),
        ("jose\u0301", ["José Ñ"]),
        ("STRASSE", ["Straße"]),
        ("+442079460000", ["Straße"]),
        ("+44 (0)20 7946 0000", ["Straße"]),
        ("020 7946 0000", ["Straße"]),
        ("7946-0000", ["Straße"]),
        ("0", ["José Ñ", "Straße"]),
        ("4155550", ["José Ñ"]),
        ("5550 0", []),
        ("x7946", []),
        ("+", []),
    ],
)
def test_searching_names_and_readable_numbers(hub: Any, text: str, found: list[str]) -> None:
    hub.contacts.create(name="José Ñ", phone="+14155550123")
    hub.contacts.create(name="Straße", phone="+442079460000")
    assert names(hub.contacts.search(text)) == names(hub.contacts.list(search=text)) == found


def test_a_search_ends_at_its_limit(hub: Any) -> None:
    made = [add(hub, number) for number in range(12)]
    assert hub.contacts.search(PERSON) == made[:10]
    assert hub.contacts.search(PERSON, limit=2) == made[:2]
    assert hub.contacts.search(PERSON, limit=20) == made


def test_more_contacts_than_are_read_at_once(side: Side, rows: Rows) -> None:
    hub = side.hub(ledger=rows.url)
    for number in range(7):
        add(hub, number, tags=["even"] if number % 2 == 0 else [])
    from callhub.ledger import book  # noqa: PLC0415 - to read fewer at once

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(book, "_CHUNK", 2)
        assert [name[-1] for name in names(hub.contacts.list(tags=["even"], page_size=3))] == list("0246")


def test_a_contact_of_no_book_and_of_no_vendor(hub: Any) -> None:
    with pytest.raises(UnknownProvider):
        hub.contacts.get("nobody:x")
    with pytest.raises(UnsupportedFeature, match="contact book"):
        hub.contacts.create(**ADA, provider="aicaller")


def test_a_zone_cannot_be_changed_in_a_vendors_book(hub: Any, erzycall: Vendor) -> None:
    with pytest.raises(InvalidRequest, match="callhub's own keeps it") as caught:
        hub.contacts.update("erzycall:contact_456", timezone="Europe/London")
    assert ([*caught.value.fields], erzycall.relay.seen) == (["timezone"], [])


def test_a_ledger_that_cannot_be_written_says_so(side: Side, rows: Rows) -> None:
    rows.file.write_text("no database, and rather longer than a header would be" * 40)
    with pytest.raises(LedgerError) as caught:
        side.hub(ledger=rows.url).contacts.create(**ADA)
    assert caught.value.dialed == "no"


def test_nothing_personal_is_in_the_repr_of_an_operation(hub: Any) -> None:
    made = hub.contacts.create(**ADA)
    assert "Ada" not in repr(made)
    assert "+1415" not in repr(made)


# On a call


def test_a_call_to_a_contact_of_the_own_book(hub: Any, vendor: Vendor) -> None:
    made = hub.contacts.create(**ADA)
    call = hub.calls.create(**wish(vendor, to=None, contact=made.id))
    assert (call.to, call.contact) == (ADA["phone"], made.id)
    body = json.loads(vendor.posts[0].body)
    assert "contactId" not in body
    if vendor.name == "aicaller":
        assert (body["nameOfHuman"], body["toEmailAddress"]) == ("Ada", "ada@example.com")


def test_a_call_to_a_linked_contact_names_the_vendors_entry(hub: Any, erzycall: Vendor) -> None:
    made = hub.contacts.create(**ADA)
    (copied,) = hub.contacts.copy(to="erzycall").created
    for contact in (made.id, made, hub.contacts.get(made.id)):
        hub.calls.create(**wish(erzycall, to=None if isinstance(contact, str) else NUMBER, contact=contact))
        body = json.loads(erzycall.posts[-1].body)
        assert f"erzycall:{body['contactId']}" == copied.target
    assert erzycall.live() == {ADA["phone"]: 1, NUMBER: 2}


def test_a_call_through_another_vendor_to_an_entry_that_the_own_book_knows(hub: Any, world: World) -> None:
    entry = hub.contacts.create(name="Ada", phone=NUMBER, provider="erzycall")
    hub.contacts.copy(from_="erzycall")
    asked = len(world.erzycall.relay.seen)
    hub.calls.create(**wish("aicaller", to=None, contact=entry.id))
    assert json.loads(world.aicaller.posts[0].body)["nameOfHuman"] == "Ada"
    assert len(world.erzycall.relay.seen) == asked


def test_a_person_who_is_sorted_anew_is_still_the_same_person(hub: Any, vendor: Vendor) -> None:
    made = hub.contacts.create(**ADA)
    first = hub.calls.create(**wish(vendor, to=None, contact=made, idempotency_key="order-1"))
    sorted_ = hub.contacts.update(made.id, tags=["late"], groups=["b"], custom_fields={"seen": "2026"})
    again = hub.calls.create(**wish(vendor, to=None, contact=sorted_, idempotency_key="order-1"))
    assert (again.id, again.replayed) == (first.id, True)
    moved = hub.contacts.update(made.id, phone="+14155550110")
    with pytest.raises(Conflict):
        hub.calls.create(**wish(vendor, to=None, contact=moved, idempotency_key="order-1"))
    assert len(vendor.posts) == 1


def test_nobody_is_called_who_is_in_no_book(hub: Any, vendor: Vendor) -> None:
    made = hub.contacts.create(**ADA)
    hub.contacts.delete(made.id)
    with pytest.raises(InvalidRequest, match="in no book") as caught:
        hub.calls.create(**wish(vendor, to=None, contact=made.id))
    assert ([*caught.value.fields], vendor.posts) == (["contact"], [])


def test_a_vendors_book_still_minds_a_number(hub: Any) -> None:
    hub.contacts.create(name="Ada", phone=NUMBER, provider="erzycall")
    with pytest.raises(Conflict):
        hub.contacts.create(name="Ada", phone=NUMBER, provider="erzycall")
    assert isinstance(hub.contacts.create(name="Ada", phone=NUMBER), Contact)
