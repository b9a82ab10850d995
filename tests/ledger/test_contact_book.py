"""The contact book on both databases, and several who write in it at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from callhub import Hub
from callhub.flows import operations as ops
from callhub.model.contact import Contact
from callhub.model.copying import CopyOutcome
from callhub.provider.order import ContactFilter
from callhub.runtime.clock import new_id
from tests.ledger.kit import at_once, now

if TYPE_CHECKING:
    from pathlib import Path

    from callhub.ledger.store import Ledger
    from tests.core.kit import World

PHONE = "+14155550123"
FIELDS: dict[str, Any] = {"name": "Ada", "phone": PHONE, "notes": "x\n", "custom_fields": {"é": [1.5]}}
TIMES = 6


def contact(**fields: Any) -> Contact:
    return Contact(id=new_id(), created_at=now(), **FIELDS | fields)


def adopting(fields: dict[str, Any] | None = None, vendor_id: str = "c1") -> ops.AdoptContact:
    return ops.AdoptContact(contact(**fields or {}), FIELDS | (fields or {}), "erzycall", vendor_id)


def everybody(ledger: Ledger) -> tuple[Contact, ...]:
    return ledger.perform(ops.PageOfBook("", 100))


def test_a_contact_is_written_found_changed_and_dropped(ledger: Ledger) -> None:
    made = contact()
    links = {"erzycall": "c1", "acme": "a1"}
    assert ledger.perform(ops.SaveContact(made, new=True, links=links)) == made
    assert ledger.perform(ops.FindContact(made.id or "")) == ops.Linked(made, links)
    assert ledger.perform(ops.FindLinked("acme", "a1")) == made
    changed = ledger.perform(ops.SaveContact(Contact(id=made.id), new=False, changes={"name": "B"}))
    assert (changed, everybody(ledger)) == (everybody(ledger)[0], (changed,))
    assert ledger.perform(ops.DropContact(made.id or ""))
    assert not ledger.perform(ops.DropContact(made.id or ""))
    assert ledger.perform(ops.FindLinked("acme", "a1")) is None
    assert ledger.perform(ops.SaveContact(made, new=False, changes={"name": "C"})) is None


def test_pages_hold_what_is_wanted_in_the_order_of_adding(ledger: Ledger) -> None:
    made = [contact(name=f"N{at}", tags=("even",) if at % 2 == 0 else ()) for at in range(7)]
    for each in reversed(made):
        ledger.perform(ops.SaveContact(each, new=True))
    even = ContactFilter(tags=("EVEN",))
    first = ledger.perform(ops.PageOfBook("", 3, even))
    assert first == (made[0], made[2], made[4])
    assert ledger.perform(ops.PageOfBook(first[-1].id or "", 3, even)) == (made[6],)
    assert everybody(ledger) == tuple(made)


def test_an_entry_is_adopted_once_by_all_who_come_at_once(ledger: Ledger) -> None:
    ledger.open()
    kept = at_once(lambda _: ledger.perform(adopting()), TIMES)
    assert sorted(each.outcome for each in kept) == [CopyOutcome.CREATED] + [CopyOutcome.UNCHANGED] * (
        TIMES - 1
    )
    assert len(everybody(ledger)) == 1


def test_entries_of_one_name_and_number_are_linked_with_one_contact_each(ledger: Ledger) -> None:
    mine = contact(name="ADA")
    ledger.perform(ops.SaveContact(mine, new=True))
    linked, created = (ledger.perform(adopting(vendor_id=bare)) for bare in ("c1", "c2"))
    assert (linked.contact.id, linked.outcome, linked.changed) == (mine.id, CopyOutcome.LINKED, ("name",))
    assert created.outcome is CopyOutcome.CREATED
    assert [ledger.perform(adopting(vendor_id=bare)).outcome for bare in ("c1", "c2")] == ["unchanged"] * 2


def test_an_entry_stands_for_one_contact_whoever_comes_first(ledger: Ledger) -> None:
    made = [contact() for _ in range(TIMES)]
    for each in made:
        ledger.perform(ops.SaveContact(each, new=True))
    holders = at_once(lambda at: ledger.perform(ops.LinkContact(made[at].id or "", "erzycall", "c1")), TIMES)
    (holder,) = set(holders)
    found = ledger.perform(ops.FindLinked("erzycall", "c1"))
    assert found is not None
    assert found.id == holder
    assert ledger.perform(ops.LinkContact("nobody", "erzycall", "c2")) is None


def test_a_new_entry_takes_the_place_of_one_that_is_gone(ledger: Ledger) -> None:
    made = contact()
    ledger.perform(ops.SaveContact(made, new=True, links={"erzycall": "c1", "acme": "c1"}))
    ledger.perform(ops.LinkContact(made.id or "", "erzycall", "c2", instead_of="c1"))
    found = ledger.perform(ops.FindContact(made.id or ""))
    assert found == ops.Linked(made, {"erzycall": "c2", "acme": "c1"})


def test_a_file_that_several_read_in_at_once_duplicates_nobody(
    url: str, ledger: Ledger, tmp_path: Path
) -> None:
    ledger.open()
    file = tmp_path / "people.csv"
    file.write_text("name,phone\n" + "".join(f"P{at},+1415555{at:04}\n" for at in range(20)))
    with Hub(ledger=url) as hub:
        reports = at_once(lambda _: hub.contacts.load(file), TIMES)
    assert sorted(len(report.created) for report in reports) == [0] * (TIMES - 1) + [20]
    assert len(everybody(ledger)) == 20


def test_copies_at_once_duplicate_nobody(url: str, ledger: Ledger, world: World) -> None:
    for at in range(5):
        ledger.perform(ops.SaveContact(contact(phone=f"+1415555{at:04}"), new=True))
    with Hub(providers={"erzycall": world.settings["erzycall"]}, ledger=url, clock=world.clock) as hub:
        reports = at_once(lambda _: hub.contacts.copy(to="erzycall"), TIMES)
        assert [entry for report in reports for entry in report.failed] == []
        assert len(list(hub.contacts.list(provider="erzycall"))) == 5 + 1  # and the vendor's example
        back = at_once(lambda _: hub.contacts.copy(from_="erzycall"), TIMES)
        assert [entry for report in back for entry in report.failed] == []
    assert len(everybody(ledger)) == 5 + 1
