"""Contacts on their way from book to book: each once, whatever happens, and nothing lost in silence."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from callhub import (
    AuthenticationFailed,
    CopyOutcome,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    Unreachable,
    UnsupportedFeature,
)
from callhub.ledger.store import Ledger
from callhub.provider import registry
from callhub.provider.capability import Feature
from callhub.provider.http import Response, to_json
from callhub.provider.order import Page
from callhub.provider.sandbox import Answer
from callhub_erzycall.provider import ErzyCall
from tests.core.kit import NUMBER, PERSON, START

if TYPE_CHECKING:
    from callhub.provider.sandbox import Hit
    from tests.core.kit import Rows, Side, Vendor, World

BOOK = "erzycall"
EXAMPLE = "erzycall:contact_456"  # is in every new book of the vendor's
EXAMPLE_NUMBER = "+14155551234"


class Crash(BaseException):
    """The program ends here."""


def add(hub: Any, number: int = 0, **fields: Any) -> Any:
    return hub.contacts.create(**{"name": f"{PERSON} {number}", "phone": f"+14155550{200 + number}"} | fields)


def outcomes(report: Any) -> list[str]:
    return [str(entry.outcome) for entry in report.entries]


def entries(hub: Any, provider: str | None = BOOK) -> dict[str, Any]:
    """Give the contacts of a book by number, of which none stands there twice."""
    listed = list(hub.contacts.list(provider=provider))
    found = {each.phone: each for each in listed}
    assert len(found) == len(listed)
    return found


@pytest.fixture
def crash(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let the program end at the next operation of a kind, before or after it is committed."""

    def planned(kind: str, when: str) -> None:
        perform = Ledger.perform

        def crashing(self: Ledger, operation: Any) -> Any:
            if type(operation).__name__ != kind:
                return perform(self, operation)
            monkeypatch.setattr(Ledger, "perform", perform)
            if when == "after":
                perform(self, operation)
            raise Crash

        monkeypatch.setattr(Ledger, "perform", crashing)

    return planned


# Into a vendor's book


def test_everybody_is_copied_and_then_left_alone(hub: Any, erzycall: Vendor) -> None:
    made = [
        add(hub, 0, email="a@example.com", notes="n", tags=["vip"], groups=["erzycall:g1"]),
        add(hub, 1, custom_fields={"company": "Acme"}),
        add(hub, 2),
    ]
    first = hub.contacts.copy(from_=None, to=BOOK)
    assert first.entries == first.created
    assert [entry.source for entry in first.entries] == [each.id for each in made]
    assert (first.linked, first.updated, first.unchanged, first.failed, first.incomplete) == ((),) * 5
    there = entries(hub)
    for contact, entry in zip(made, first.entries, strict=True):
        copy = there[contact.phone]
        assert copy.id == entry.target
        for name in ("name", "email", "notes", "tags", "custom_fields"):
            assert getattr(copy, name) == getattr(contact, name)
    assert there[made[0].phone].groups == ("g1",)
    erzycall.relay.seen.clear()
    second = hub.contacts.copy(from_="callhub", to=BOOK)
    assert second.entries == second.unchanged
    assert [entry.target for entry in second.entries] == [entry.target for entry in first.entries]
    assert erzycall.requests == ["GET /api/v1/contacts"]
    assert entries(hub) == there


def test_what_has_changed_is_changed_in_the_copy(hub: Any, erzycall: Vendor) -> None:
    made, same = add(hub, 0, tags=["vip"]), add(hub, 1)
    copied = hub.contacts.copy(to=BOOK).created[0].target
    hub.contacts.update(copied, notes="of the vendor", tags=["vip", "theirs"], custom_fields={"theirs": 1})
    hub.contacts.update(
        made.id, name="New", phone=NUMBER, tags=["gold"], custom_fields={"ours": 2}, email="a@example.com"
    )
    report = hub.contacts.copy(to=BOOK)
    assert outcomes(report) == ["updated", "unchanged"]
    assert set(report.updated[0].changed) == {"name", "phone", "email", "tags", "custom_fields"}
    there = hub.contacts.get(copied)
    assert (there.name, there.phone, there.notes) == ("New", NUMBER, "of the vendor")
    assert (there.tags, there.custom_fields) == (("vip", "theirs", "gold"), {"theirs": 1, "ours": 2})
    assert report.unchanged[0].source == same.id
    assert outcomes(hub.contacts.copy(to=BOOK)) == ["unchanged"] * 2
    assert sum(hit.method == "PATCH" for hit in erzycall.relay.seen) == 2


def test_a_number_that_the_vendor_has_is_linked_and_brought_up_to_date(hub: Any) -> None:
    there = add(hub, 0, provider=BOOK, name="Mr A", notes="theirs")
    made = add(hub, 0, name="Ahmad", email="a@example.com")
    report = hub.contacts.copy(to=BOOK)
    (entry,) = report.linked
    assert (entry.source, entry.target, set(entry.changed)) == (made.id, there.id, {"name", "email"})
    found = hub.contacts.get(there.id)
    assert (found.name, found.email, found.notes) == ("Ahmad", "a@example.com", "theirs")
    assert len(entries(hub)) == 2
    assert outcomes(hub.contacts.copy(to=BOOK)) == ["unchanged"]


def test_a_vendor_without_a_search_is_asked_by_its_list(
    hub: Any, erzycall: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = add(hub, 0, provider=BOOK)
    add(hub, 0)
    monkeypatch.setattr(ErzyCall, "supports", lambda _, feature: feature is not Feature.CONTACT_SEARCH)
    assert [entry.target for entry in hub.contacts.copy(to=BOOK).linked] == [there.id]
    assert not any("search" in hit.path for hit in erzycall.relay.seen)


def test_two_who_share_a_number_do_not_share_an_entry(hub: Any) -> None:
    ada, bob = add(hub, 0, name="Ada"), add(hub, 0, name="Bob")
    for expected in (["created", "failed"], ["unchanged", "failed"]):
        report = hub.contacts.copy(to=BOOK)
        assert outcomes(report) == expected
        (failed,) = report.failed
        assert (failed.source, failed.target) == (bob.id, None)
        assert (
            failed.reason == f"the vendor keeps one entry for its number, which stands for contact {ada.id}"
        )
    assert entries(hub)[ada.phone].name == "Ada"


def test_a_number_that_the_vendor_does_not_show_fails(hub: Any, erzycall: Vendor) -> None:
    add(hub, 0, provider=BOOK)
    add(hub, 0)
    erzycall.rig(Response(200, {}, b'{"data": []}'), method="GET")
    (failed,) = hub.contacts.copy(to=BOOK).failed
    assert "already exists" in (failed.reason or "")


def test_what_cannot_be_carried_is_told_every_time(hub: Any) -> None:
    add(
        hub, 0, timezone="Asia/Kuala_Lumpur", notes="x" * 5_001, tags=["y" * 51], email="no address",
        groups=["club", "erzycall:g1", "erzycall:", "erzycall", "acme:x"],
    )  # fmt: skip
    add(hub, 1)
    for outcome in (CopyOutcome.CREATED, CopyOutcome.UNCHANGED):
        report = hub.contacts.copy(to=BOOK)
        (entry,) = report.incomplete
        assert entry.outcome is outcome
        assert set(entry.left) == {"timezone", "groups", "notes", "tags", "email"}
        assert entry.left["timezone"] == "a vendor's book keeps no time zone"
        assert entry.left["groups"] == "not groups of that vendor's: club, erzycall:, erzycall, acme:x"
        assert "5000 characters" in entry.left["notes"]
        there = hub.contacts.get(entry.target)
        assert (there.groups, there.notes, there.tags, there.email) == (("g1",), None, (), None)


def test_who_cannot_be_copied_fails_alone(hub: Any) -> None:
    add(hub, 0, name="x" * 201)
    good = add(hub, 1)
    report = hub.contacts.copy(to=BOOK)
    assert outcomes(report) == ["failed", "created"]
    assert "name at ErzyCall" in (report.failed[0].reason or "")
    assert good.phone in entries(hub)


def test_an_entry_that_was_deleted_is_made_again(hub: Any, rows: Rows, side: Side) -> None:
    hub = side.hub(ledger=rows.url)
    made = add(hub, 0)
    first = hub.contacts.copy(to=BOOK).created[0].target
    for _ in range(2):  # the vendor still knows the key of the first request
        hub.contacts.delete(first)
        (entry,) = hub.contacts.copy(to=BOOK).created
        assert entry.target != first
        assert hub.contacts.get(entry.target).phone == made.phone
        assert [row["vendor_id"] for row in rows("contact_links")] == [entry.target.partition(":")[2]]
        first = entry.target


def test_a_contact_that_was_deleted_is_not_copied_any_more(hub: Any) -> None:
    made = add(hub, 0)
    (entry,) = hub.contacts.copy(to=BOOK).created
    hub.contacts.delete(made.id)
    assert hub.contacts.copy(to=BOOK).entries == ()
    assert hub.contacts.get(entry.target).phone == made.phone


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("vendor", ["knows the key", "forgot it"])
def test_a_crash_before_the_link_duplicates_nobody(
    hub: Any, erzycall: Vendor, crash: Any, when: str, vendor: str
) -> None:
    made = [add(hub, number) for number in range(3)]
    crash("LinkContact", when)
    with pytest.raises(Crash):
        hub.contacts.copy(to=BOOK)
    if vendor == "forgot it":
        erzycall.sandbox._memory._stored.clear()  # noqa: SLF001 - as after some days
    report = hub.contacts.copy(to=BOOK)
    first = "unchanged" if when == "after" else {"knows the key": "created", "forgot it": "linked"}[vendor]
    assert outcomes(report) == [first, "created", "created"]
    assert set(entries(hub)) == {EXAMPLE_NUMBER, *(each.phone for each in made)}
    assert outcomes(hub.contacts.copy(to=BOOK)) == ["unchanged"] * 3


def test_a_change_after_a_crash_duplicates_nobody(hub: Any, crash: Any) -> None:
    made = add(hub, 0)
    crash("LinkContact", "before")
    with pytest.raises(Crash):
        hub.contacts.copy(to=BOOK)
    hub.contacts.update(made.id, name="New")
    assert outcomes(hub.contacts.copy(to=BOOK)) == ["linked"]
    assert entries(hub)[made.phone].name == "New"


def test_another_number_after_a_crash_keeps_nobody_out(hub: Any, crash: Any) -> None:
    made = add(hub, 0)
    crash("LinkContact", "before")
    with pytest.raises(Crash):
        hub.contacts.copy(to=BOOK)
    hub.contacts.update(made.id, phone=NUMBER)
    assert outcomes(hub.contacts.copy(to=BOOK)) == ["created"]
    assert NUMBER in entries(hub)


@pytest.mark.parametrize("mishap", ["drop_after", "error_after", "truncate_after"])
def test_a_lost_answer_duplicates_nobody(hub: Any, erzycall: Vendor, mishap: str) -> None:
    made = add(hub, 0)
    erzycall.fail(mishap)
    assert outcomes(hub.contacts.copy(to=BOOK)) == ["created"]
    assert set(entries(hub)) == {EXAMPLE_NUMBER, made.phone}


def test_a_vendor_that_is_down_is_not_asked_for_everybody(hub: Any, erzycall: Vendor) -> None:
    made = [add(hub, number) for number in range(6)]
    erzycall.rig(Response(503), method="POST")
    report = hub.contacts.copy(to=BOOK)
    assert outcomes(report) == ["failed"] * 6
    assert [entry.source for entry in report.failed] == [each.id for each in made]
    assert ["wasn't tried" in (entry.reason or "") for entry in report.failed] == [False] * 3 + [True] * 3
    assert len({hit.headers["idempotency-key"] for hit in erzycall.posts}) == 3
    erzycall.relay.rigged = lambda _: None
    assert outcomes(hub.contacts.copy(to=BOOK)) == ["created"] * 6


def test_a_copy_waits_for_the_vendors_limit(side: Side, world: World) -> None:
    sandbox = type(world.erzycall.sandbox)(world.erzycall.sandbox.clock, per_minute=20)
    world.erzycall.relay.put(sandbox)
    hub = side.hub()
    for number in range(50):
        add(hub, number)
    assert outcomes(hub.contacts.copy(to=BOOK)) == ["created"] * 50
    assert len(world.erzycall.posts) == 50
    assert world.clock.slept


def test_failures_that_are_not_in_a_row_stop_nobody(hub: Any, erzycall: Vendor) -> None:
    for number in range(9):
        add(hub, number)

    def every_other(hit: Hit) -> Answer | None:
        odd = hit.method == "POST" and int(json.loads(hit.body)["phone"][-1]) % 2
        return Answer(Response(503)) if odd else None

    erzycall.relay.rigged = every_other
    assert outcomes(hub.contacts.copy(to=BOOK)) == ["created", "failed"] * 4 + ["created"]


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [(401, "KEY_REVOKED", AuthenticationFailed), (403, "INSUFFICIENT_SCOPE", PermissionDenied)],
)
def test_a_key_that_is_not_taken_ends_the_copy(
    hub: Any, erzycall: Vendor, status: int, code: str, error: type[Exception]
) -> None:
    for number in range(3):
        add(hub, number)
    erzycall.rig(Response(status, {}, to_json({"error": {"code": code, "message": "no"}})))
    with pytest.raises(error):
        hub.contacts.copy(to=BOOK)
    assert len(erzycall.posts) == 1


def test_no_more_is_asked_of_a_large_book_than_two_requests_for_each(hub: Any, erzycall: Vendor) -> None:
    made = add(hub, 0)
    hub.contacts.copy(to=BOOK)
    for number in range(1, 120):
        hub.contacts.create(name="x", phone=f"+1415556{number:04}", provider=BOOK)
    erzycall.relay.seen.clear()
    (entry,) = hub.contacts.copy(to=BOOK).unchanged
    assert entry.source == made.id
    bare = entry.target.partition(":")[2]
    assert erzycall.requests == ["GET /api/v1/contacts", f"GET /api/v1/contacts/{bare}"]


# Into the own book


def test_a_vendors_book_is_taken_over(hub: Any) -> None:
    there = add(
        hub, 0, provider=BOOK, email="a@example.com", notes="n", tags=["vip"], groups=["g1"],
        custom_fields={"company": "Acme"},
    )  # fmt: skip
    report = hub.contacts.copy(from_=BOOK)
    assert outcomes(report) == ["created"] * 2
    assert {entry.source for entry in report.entries} == {there.id, EXAMPLE}
    mine = entries(hub, None)[there.phone]
    assert (mine.name, mine.email, mine.notes, mine.tags) == (there.name, "a@example.com", "n", ("vip",))
    assert (mine.groups, mine.custom_fields) == (("erzycall:g1",), {"company": "Acme"})
    assert (mine.provider, mine.created_at) == (None, START)
    assert ":" not in mine.id
    assert outcomes(hub.contacts.copy(from_=BOOK, to="callhub")) == ["unchanged"] * 2
    assert outcomes(hub.contacts.copy(to=BOOK)) == ["unchanged"] * 2
    assert len(entries(hub, None)) == len(entries(hub)) == 2


def test_what_the_vendor_changed_is_changed_in_the_own_book(hub: Any) -> None:
    hub.contacts.copy(from_=BOOK)
    (mine,) = hub.contacts.list()
    hub.contacts.update(mine.id, timezone="Europe/London", notes="ours", tags=["ours"])
    hub.contacts.update(EXAMPLE, name="New", tags=["theirs"])
    (entry,) = hub.contacts.copy(from_=BOOK).updated
    assert (entry.target, set(entry.changed)) == (mine.id, {"name", "tags"})
    found = hub.contacts.get(mine.id)
    assert (found.name, found.tags, found.notes, found.timezone) == (
        "New", ("ours", "theirs"), "ours", "Europe/London",
    )  # fmt: skip


def test_who_is_in_the_own_book_by_name_and_number_is_linked(hub: Any) -> None:
    mine = hub.contacts.create(name=" john  DOE ", phone=EXAMPLE_NUMBER)
    other = hub.contacts.create(name="Jane Doe", phone=EXAMPLE_NUMBER)
    (entry,) = hub.contacts.copy(from_=BOOK).linked
    assert (entry.target, set(entry.changed)) == (mine.id, {"name", "email", "tags"})
    assert outcomes(hub.contacts.copy(from_=BOOK)) == ["unchanged"]
    assert list(hub.contacts.list()) == [hub.contacts.get(mine.id), other]


def test_an_entry_that_the_own_book_cannot_keep_fails_alone(hub: Any, erzycall: Vendor) -> None:
    odd = [
        {"id": "1", "title": "A", "phone": "12"},
        {"id": "2", "title": None, "phone": NUMBER},
        {"id": "3", "title": "C", "phone": "+44 (0)20 7946 0000", "notes": "x" * 50_001},
        {"id": "4", "title": "D", "phone": NUMBER, "tags": ["", "a"]},
    ]
    erzycall.rig(Response(200, {}, to_json({"data": odd})), method="GET")
    report = hub.contacts.copy(from_=BOOK)
    assert outcomes(report) == ["failed", "failed", "created", "created"]
    assert "phone must be" in (report.failed[0].reason or "")
    assert "name must be" in (report.failed[1].reason or "")
    assert [set(entry.left) for entry in report.incomplete] == [{"notes"}, {"tags"}]
    assert [each.phone for each in hub.contacts.list()] == ["+442079460000", NUMBER]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_while_taking_over_duplicates_nobody(hub: Any, crash: Any, when: str) -> None:
    there = [add(hub, number, provider=BOOK) for number in range(3)]
    crash("AdoptContact", when)
    with pytest.raises(Crash):
        hub.contacts.copy(from_=BOOK)
    assert not hub.contacts.copy(from_=BOOK).failed
    assert set(entries(hub, None)) == {EXAMPLE_NUMBER, *(each.phone for each in there)}


def test_a_book_that_cannot_be_read_raises(hub: Any, erzycall: Vendor) -> None:
    erzycall.rig(Response(503), method="GET")
    with pytest.raises(Unreachable):
        hub.contacts.copy(from_=BOOK)


# Between vendors, and what makes no sense


class Second(ErzyCall):
    """A second vendor with a book: one of the two in the box has none."""

    name = "aicaller"
    title = "Second"

    def _own(self, flow: Any) -> Any:
        found = yield from flow
        if isinstance(found, Page):
            return Page(tuple(map(self._named, found.items)), found.cursor)
        return tuple(map(self._named, found)) if isinstance(found, tuple) else self._named(found)

    def _named(self, contact: Any) -> Any:
        bare = contact.id.removeprefix("erzycall:")
        return replace(contact, id=f"{self.name}:{bare}", provider=self.name)

    def list_contacts(self, *args: Any) -> Any:
        return self._own(super().list_contacts(*args))

    def search_contacts(self, *args: Any) -> Any:
        return self._own(super().search_contacts(*args))

    def create_contact(self, *args: Any) -> Any:
        return self._own(super().create_contact(*args))

    def get_contact(self, *args: Any) -> Any:
        return self._own(super().get_contact(*args))

    def update_contact(self, *args: Any) -> Any:
        return self._own(super().update_contact(*args))


def test_between_two_vendors_the_way_leads_through_the_own_book(
    side: Side, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.aicaller.relay.put(type(world.erzycall.sandbox)(world.erzycall.sandbox.clock))
    load = registry.load
    monkeypatch.setattr(registry, "load", lambda name: Second if name == "aicaller" else load(name))
    settings = world.settings
    settings["aicaller"] = settings["erzycall"] | {"base_url": world.aicaller.url}
    hub = side.hub(providers=settings)
    there = add(hub, 0, provider=BOOK, groups=["g1"], email="a@example.com")
    taken = add(hub, 1, provider=BOOK, name="x" * 200)
    add(hub, 1, provider="aicaller")
    hub.contacts.delete("aicaller:contact_456")
    report = hub.contacts.copy(from_=BOOK, to="aicaller")
    assert outcomes(report) == ["linked", "created", "created"]
    assert report.linked[0].source == taken.id
    assert {entry.source for entry in report.entries} >= {there.id, EXAMPLE}
    assert [entry.target.partition(":")[0] for entry in report.entries] == ["aicaller"] * 3
    assert report.entries[1].left == {"groups": "not groups of that vendor's: erzycall:g1"}
    copy = entries(hub, "aicaller")[there.phone]
    assert (copy.name, copy.email, copy.groups) == (there.name, "a@example.com", ())
    assert len(entries(hub, None)) == 3
    assert outcomes(hub.contacts.copy(from_=BOOK, to="aicaller")) == ["unchanged"] * 3
    assert outcomes(hub.contacts.copy(from_="aicaller", to=BOOK)) == ["unchanged"] * 3


@pytest.mark.parametrize(("source", "target"), [(None, None), (None, "callhub"), (BOOK, BOOK)])
def test_a_book_is_not_copied_into_itself(hub: Any, source: str | None, target: str | None) -> None:
    with pytest.raises(InvalidRequest, match="can't be copied into itself"):
        hub.contacts.copy(from_=source, to=target)


@pytest.mark.parametrize(("source", "target"), [(None, "aicaller"), ("aicaller", None), (BOOK, "aicaller")])
def test_a_vendor_without_a_book(hub: Any, source: str | None, target: str | None) -> None:
    with pytest.raises(UnsupportedFeature, match="contact book"):
        hub.contacts.copy(from_=source, to=target)


def test_a_report_as_plain_values(hub: Any) -> None:
    made = add(hub, 0, timezone="Europe/London")
    report = hub.contacts.copy(to=BOOK)
    told = [entry.to_dict() for entry in report.entries]
    assert json.loads(json.dumps(told)) == told
    assert told[0] | {"target": None} == {
        "source": made.id,
        "target": None,
        "outcome": "created",
        "changed": [],
        "left": {"timezone": "a vendor's book keeps no time zone"},
        "reason": None,
    }
    assert report.counts() == {"created": 1, "linked": 0, "updated": 0, "unchanged": 0, "failed": 0}
    with pytest.raises(NotFound):
        hub.contacts.get(made.id + "0")
