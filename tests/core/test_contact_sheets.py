"""Contacts as CSV files: no formula gets out, and what went out comes in exactly."""

from __future__ import annotations

import csv
import io
import stat
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callhub import Contact, Hub, InvalidRequest
from callhub.hub import contact_sheets
from tests.core.kit import NUMBER
from tests.core.test_contacts import ADA

if TYPE_CHECKING:
    from pathlib import Path

    from tests.core.kit import Rows, Side

NASTY = "=+-@\t\r\n'\"\\,;| \u00a0\uff1d\uff0b\uff0d\uff20\u2028aZ0é€😀{}[]:"
texts = st.text(st.sampled_from(NASTY) | st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
words = texts.map(str.strip).filter(bool)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
contacts = st.fixed_dictionaries(
    {"name": words, "phone": st.from_regex(r"\+[1-9][0-9]{6,13}", fullmatch=True)},
    optional={
        "email": texts,
        "notes": texts,
        "tags": st.lists(words, max_size=3),
        "groups": st.lists(words, max_size=3),
        "custom_fields": st.dictionaries(texts, json_values, max_size=3),
        "timezone": st.sampled_from(["Europe/London", "Asia/Kuala_Lumpur", "Etc/GMT+5"]),
    },
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(given=st.lists(contacts, max_size=4))
def test_what_is_exported_is_imported_exactly(tmp_path: Path, given: list[dict[str, Any]]) -> None:
    file = tmp_path / "contacts.csv"
    with Hub(ledger="sqlite://") as hub, Hub(ledger="sqlite://") as other:
        made = [hub.contacts.create(**each) for each in given]
        assert hub.contacts.export(file) == len(given)
        assert len(other.contacts.load(file).created) == len(given)
        assert list(other.contacts.list()) == made
        for each in (hub, other):
            report = each.contacts.load(file)
            assert report.entries == report.unchanged
            assert list(each.contacts.list()) == made
        rows = list(csv.reader(io.StringIO(file.read_bytes().decode(), newline="")))
    assert not [
        cell
        for row in rows
        for cell in row
        if cell.lstrip()[:1] in tuple("=+-@") or cell[:1] in tuple("\t\r")
    ]


@given(cell=texts)
def test_every_cell_comes_back(cell: str) -> None:
    assert contact_sheets.restored(contact_sheets.defused(cell)) == cell


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+14155550123", "'+14155550123"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("\nx", "'\nx"),
        ("  =1", "'  =1"),
        ("\uff1d1", "'\uff1d1"),
        ("'=1", "''=1"),
        ("''=1", "'''=1"),
        ("'t Hooft", "'t Hooft"),
        ("''", "''"),
        ("a=1", "a=1"),
        ("", ""),
    ],
)
def test_a_cell_that_could_be_a_formula_is_defused(cell: str, written: str) -> None:
    assert contact_sheets.defused(cell) == written
    assert contact_sheets.restored(written) == cell


def test_a_file_that_was_written_by_hand(side: Side, tmp_path: Path) -> None:
    hub = side.hub()
    file = tmp_path / "people.csv"
    file.write_text(
        "\ufeffPhone, Name ,Tags,custom fields,unused\n"
        '+1 (415) 555-0101,"O\'Hara, Bo","vip, ""a,b""","{""a"": 1}"\n'
        "\n"
        "'+442079460000,'t Hooft,,,\n",
        encoding="utf-8",
    )
    with pytest.raises(InvalidRequest, match="line 1 has headings that aren't known: unused"):
        hub.contacts.load(file)
    file.write_text(file.read_text("utf-8").replace(",unused", "").replace("Hooft,,,", "Hooft,,"), "utf-8")
    report = hub.contacts.load(file)
    assert [entry.source for entry in report.created] == ["line 2", "line 4"]
    first, second = hub.contacts.list()
    assert (first.name, first.phone) == ("O'Hara, Bo", "+14155550101")
    assert (first.tags, first.custom_fields) == (("vip", "a,b"), {"a": 1})
    assert (second.name, second.phone, second.tags) == ("'t Hooft", "+442079460000", ())
    assert [entry.target for entry in report.created] == [first.id, second.id]
    for _ in range(2):
        assert len(hub.contacts.load(file).unchanged) == 2
    assert len(list(hub.contacts.list())) == 2


def test_a_person_who_stands_in_a_file_twice_is_one(side: Side, tmp_path: Path) -> None:
    hub, file = side.hub(), tmp_path / "people.csv"
    file.write_text(f"name,phone,tags\nAda,{NUMBER},a\nADA,{NUMBER},b\nBob,{NUMBER},\n")
    assert [str(entry.outcome) for entry in hub.contacts.load(file).entries] == [
        "created",
        "updated",
        "created",
    ]
    assert [(each.name, each.tags) for each in hub.contacts.list()] == [("ADA", ("a", "b")), ("Bob", ())]


def test_two_persons_of_one_name_and_number_stay_two(side: Side, tmp_path: Path) -> None:
    hub, other, file = side.hub(), side.hub(), tmp_path / "people.csv"
    pair = [hub.contacts.create(name="Ada", phone=NUMBER) for _ in range(2)]
    hub.contacts.export(file)
    other.contacts.create(name="ada", phone=NUMBER)
    for _ in range(2):
        assert not other.contacts.load(file).failed
        assert len(list(other.contacts.list())) == 2
    assert list(hub.contacts.list()) == pair


def test_a_line_with_an_id_is_what_the_contact_becomes(side: Side, tmp_path: Path) -> None:
    hub, file = side.hub(), tmp_path / "people.csv"
    made = hub.contacts.create(**ADA)
    hub.contacts.export(file)
    hub.contacts.update(made.id, name="Other", notes=None, tags=["late"], timezone=None)
    (entry,) = hub.contacts.load(file).updated
    assert set(entry.changed) == {"name", "notes", "tags", "timezone"}
    assert hub.contacts.get(made.id) == made
    file.write_text(f"id,name,phone,notes\n{made.id},Ada,{ADA['phone']},\n")
    hub.contacts.load(file)
    assert hub.contacts.get(made.id).notes is None
    assert hub.contacts.get(made.id).tags == made.tags


def test_an_empty_cell_takes_nothing_from_who_is_known_by_name_and_number(side: Side, tmp_path: Path) -> None:
    hub, file = side.hub(), tmp_path / "people.csv"
    made = hub.contacts.create(**ADA)
    file.write_text(f"name,phone,notes,tags,email\nADA,{ADA['phone']},,new,\n")
    (entry,) = hub.contacts.load(file).updated
    assert (entry.target, set(entry.changed)) == (made.id, {"name", "tags"})
    found = hub.contacts.get(made.id)
    assert (found.notes, found.email, found.tags) == (made.notes, made.email, (*made.tags, "new"))


ID = "019ac000-0000-7000-8000-000000000001"
BROKEN = {
    "name": (f",{NUMBER}", "line 2", "name must be text, not empty"),
    "phone": ("Ada,0123", "line 2", "phone must be a number with its country code"),
    "eaten plus": ("Ada,14155550123", "line 2", "phone must be a number with its country code"),
    "both": (",", "line 2", ""),
    "tags": (f'Ada,{NUMBER},"a,,b"', "line 2", "tags must be a list of words, none of them empty"),
    "quotes in tags": (f'Ada,{NUMBER},"""a"', "line 2", "tags must be words, separated by commas"),
    "no object": (f"Ada,{NUMBER},,[1]", "line 2", "custom_fields must be a dict"),
    "no JSON": (f"Ada,{NUMBER},,a=b", "line 2", "custom_fields must be a JSON object"),
    "zone": (f"Ada,{NUMBER},,,Mars/Phobos", "line 2", "timezone is no time zone"),
    "id": (f"Ada,{NUMBER},,,,7", "line 2", "id is none of callhub's"),
    "a vendor's id": (f"Ada,{NUMBER},,,,erzycall:7", "line 2", "id is none of callhub's"),
    "time": (
        f"Ada,{NUMBER},,,,,2026-01-01",
        "line 2",
        "created_at must be a time of ISO 8601 with its offset",
    ),
    "too long": (f"Ada,{NUMBER},,,,,,x", "line 2", "has more cells than there are headings"),
    "id twice": (f"Ada,{NUMBER},,,,{ID}\nBob,{NUMBER},,,,{ID}", "line 3", "id stands in line 2 already"),
    "after a long line": (f'"A\nb",{NUMBER}\n,{NUMBER}', "line 4", "name must be text, not empty"),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_line_is_named_and_nothing_is_read_in(side: Side, tmp_path: Path, broken: str) -> None:
    hub, file = side.hub(), tmp_path / "people.csv"
    text, line, said = BROKEN[broken]
    head = "name,phone,tags,custom_fields,timezone,id,created_at"
    file.write_text(
        f"{head}\n{text}\nGood,{NUMBER}\n" if broken != "both" else f"{head},notes\n,,,,,,,x\nG,{NUMBER}\n"
    )
    with pytest.raises(InvalidRequest, match="nothing was read in") as caught:
        hub.contacts.load(file)
    assert [*caught.value.fields] == [line]
    assert said in caught.value.fields[line]
    assert list(hub.contacts.list()) == []
    assert "0123" not in str(caught.value)


def test_every_broken_line_is_named_at_once(side: Side, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("name,phone\n" + "".join(f"Ada,{'12' if at % 2 else NUMBER}\n" for at in range(50)))
    with pytest.raises(InvalidRequest, match=r"line 3 .*; and 5 more; nothing was read in") as caught:
        side.hub().contacts.load(file)
    assert [*caught.value.fields] == [f"line {at}" for at in range(3, 53, 2)]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "lacks name and phone"),
        (b"name\nAda\n", "lacks phone; columns are separated by commas"),
        (b"name;phone\nAda;1\n", "columns are separated by commas"),
        (b"Ada,+14155550123\n", "lacks name and phone"),
        (b"name,phone,name\n", "has headings twice: name"),
        (b"name,phone\n\xff,\xfe\n", "it isn't CSV in UTF-8"),
        (b'name,phone\nAda,"+1415\n', "line 2: unexpected end of data"),
        (b"name,phone,\nAda,+14155550123,lost\n", "line 2 the line has a cell without a heading"),
    ],
)
def test_a_file_that_is_no_book(side: Side, tmp_path: Path, content: bytes, said: str) -> None:
    hub, file = side.hub(), tmp_path / "people.csv"
    file.write_bytes(content)
    with pytest.raises(InvalidRequest, match=said) as caught:
        hub.contacts.load(file)
    assert caught.value.fields
    assert str(tmp_path) not in str(caught.value)
    assert list(hub.contacts.list()) == []


def test_files_that_cannot_be_opened(side: Side, tmp_path: Path) -> None:
    hub = side.hub()
    for act in (hub.contacts.load, hub.contacts.export):
        with pytest.raises(InvalidRequest, match="can't be"):
            act(tmp_path / "nowhere" / "people.csv")


def test_an_import_that_fails_midway_leaves_nothing(
    side: Side, rows: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from callhub.ledger import book  # noqa: PLC0415 - to let it fail

    hub, file = side.hub(ledger=rows.url), tmp_path / "people.csv"
    file.write_text("name,phone\n" + "".join(f"P{at},+1415555{at:04}\n" for at in range(5)))
    save, left = book.save, [3]

    def failing(*args: Any) -> Contact | None:
        left[0] -= 1
        if not left[0]:
            raise OSError("power cut")
        return save(*args)

    monkeypatch.setattr(book, "save", failing)
    with pytest.raises(Exception, match="can't be kept"):
        hub.contacts.load(file)
    assert rows("contacts") == []
    assert len(hub.contacts.load(file).created) == 5


def test_a_number_that_cannot_exist_fails_its_line_where_that_is_asked(side: Side, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("name,phone\nAda,+1234567890\n")
    with pytest.raises(InvalidRequest, match="line 2 phone is no number that can exist"):
        side.hub(numbers="valid").contacts.load(file)


def test_an_export_is_for_its_owner_and_replaces_what_was_there(side: Side, tmp_path: Path) -> None:
    hub, file = side.hub(), tmp_path / "people.csv"
    hub.contacts.create(**ADA)
    assert hub.contacts.export(str(file)) == 1
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    written = file.read_bytes()
    assert hub.contacts.export(file) == 1
    text = io.StringIO()
    assert hub.contacts.export(text) == 1
    assert file.read_bytes() == written == text.getvalue().encode()
    assert written.startswith(b"id,name,phone,email,notes,tags,groups,custom_fields,timezone,created_at\r\n")


def test_times_keep_their_instant(side: Side, tmp_path: Path) -> None:
    hub, file = side.hub(), tmp_path / "people.csv"
    file.write_text(f"name,phone,created_at\nAda,{NUMBER},2026-01-01T08:00:00.25+08:00\n")
    hub.contacts.load(file)
    (made,) = hub.contacts.list()
    assert made.created_at == datetime(2026, 1, 1, 0, 0, 0, 250_000, UTC)
    assert made.created_at.utcoffset() == timedelta(0)
