"""``callhub contacts``."""

from __future__ import annotations

import csv
import io
import json
import stat
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from callhub.runtime.serve import Served
    from tests.cli.conftest import Cli

BOOK = ("--provider", "erzycall")


def test_a_contact_is_made_read_changed_found_and_deleted(cli: Cli, both: dict[str, Served]) -> None:
    more = (
        "--email",
        "bo@example.com",
        "--notes",
        "mornings",
        "--tag",
        "vip",
        "--group",
        "g1",
        "--field",
        "a=b",
    )
    made = cli(
        "contacts", "create", *BOOK, "--name", "Bo Li", "--phone", "+14155554011", *more, "--json"
    ).json
    assert (made["name"], made["tags"], made["custom_fields"]) == ("Bo Li", ["vip"], {"a": "b"})
    assert "source" not in made
    line = ("contacts", "update", made["id"], "--name", "Bo Wu", "--tag", "a", "--tag", "b")
    assert "tags            a, b" in cli(*line).lines
    assert "name            Bo Wu" in cli("contacts", "get", made["id"]).lines
    assert made["id"] in cli("contacts", "search", "Bo Wu", *BOOK, "--limit", "5").out
    assert json.loads(cli("contacts", "list", *BOOK, "--tag", "a", "--json").out)["id"] == made["id"]
    assert cli("contacts", "list", *BOOK, "--search", "Bo Wu", "--group", "g1", "--limit", "1").lines
    assert cli("contacts", "delete", made["id"]).out == f"deleted {made['id']}\n"
    assert cli("contacts", "get", made["id"]).code == 4
    assert both


def test_a_number_that_is_there_already_is_a_conflict(cli: Cli, erzycall: Served) -> None:
    line = ("contacts", "create", *BOOK, "--name", "Bo", "--phone", "+14155554012", "--json")
    made, ran = cli(*line), cli(*line)
    assert (ran.code, ran.error["type"]) == (4, "Conflict")
    assert cli("contacts", "delete", made.json["id"], "--json").json == {"deleted": made.json["id"]}
    assert erzycall.alive


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (("list", "--provider", "aicaller"), 2, "contact book"),
        (("create", *BOOK, "--name", " ", "--phone", "12"), 2, "2 things are wrong"),
        (("create", *BOOK, "--name", "Bo"), 2, "--phone"),
        (("update", "erzycall:contact_456"), 2, "the changes are empty"),
        (("update", "erzycall:contact_456", "--field", "x"), 2, "--field must be given as NAME=VALUE"),
        (("get", "contact_456"), 4, "no such contact"),
        (("delete", "contact_456"), 4, "no such contact"),
        (("update", "contact_456", "--notes", "x"), 4, "no such contact"),
        (("get", "a/b"), 2, "ID is no id"),
        (("get", "acme:1", *BOOK), 2, "two vendors: acme, erzycall"),
        (("create", "--name", "Bo", "--phone", "12", "--timezone", "x"), 2, "2 things are wrong"),
        (("search", " "), 2, "--text must be text, not empty"),
        (("copy",), 2, "can't be copied into itself"),
        (("copy", "--to", "aicaller"), 2, "contact book"),
        (("copy", "--from", "nobody"), 3, "nobody"),
        (("import", "nowhere.csv"), 2, "FILE No such file"),
        (("export", "nowhere/x.csv"), 2, "FILE No such file"),
        (("search", "x", *BOOK), 2, "at least 2 characters"),
    ],
)
def test_slips_with_contacts(
    cli: Cli, both: dict[str, Served], argv: tuple[str, ...], code: int, said: str
) -> None:
    ran = cli("contacts", *argv)
    assert (ran.code, said in ran.err) == (code, True), ran.err
    assert both


def test_the_own_book_needs_no_vendor(cli: Cli) -> None:
    more = ("--email", "bo@example.com", "--tag", "vip", "--group", "club", "--field", "a=b")
    made = cli(
        "contacts", "create", "--name", "Bo Li", "--phone", "+14155554021", *more,
        "--timezone", "Asia/Kuala_Lumpur", "--json",
    ).json  # fmt: skip
    assert (made["provider"], made["timezone"], ":" in made["id"]) == (None, "Asia/Kuala_Lumpur", False)
    assert "source" not in made
    changed = cli("contacts", "update", made["id"], "--notes", "mornings", "--timezone", "Europe/London")
    assert {"notes           mornings", "zone            Europe/London"} <= set(changed.lines)
    for line in (
        ("search", "555-4021"),
        ("search", "bo"),
        ("list", "--tag", "VIP"),
        ("list", "--group", "club"),
    ):
        assert made["id"] in cli("contacts", *line).out
        assert json.loads(cli("contacts", *line, "--json").out)["name"] == "Bo Li"
    assert cli("contacts", "list", "--search", "nobody").out == ""
    assert cli("contacts", "delete", made["id"], "--json").json == {"deleted": made["id"]}
    assert cli("contacts", "get", made["id"]).code == 4


def test_a_vendors_id_may_stand_beside_the_vendor(cli: Cli, erzycall: Served) -> None:
    for line in (("contact_456", *BOOK), ("erzycall:contact_456", *BOOK), ("erzycall:contact_456",)):
        assert "contact         erzycall:contact_456" in cli("contacts", "get", *line).lines
    assert cli("contacts", "update", "contact_456", *BOOK, "--notes", "x", "--json").json["notes"] == "x"
    assert cli("contacts", "delete", "nobody", *BOOK).code == 4
    assert erzycall.alive


def test_a_copy_tells_what_became_of_everybody(cli: Cli, erzycall: Served) -> None:
    def add(name: str, number: str, *more: str) -> str:
        made = cli("contacts", "create", "--name", name, "--phone", number, *more, "--json")
        return str(made.json["id"])

    ids = [
        add("Ada", "+14155554031", "--timezone", "Europe/London"),
        add("Bob", "+14155554032"),
        add("Cy", "+14155554031"),
    ]
    theirs = cli("contacts", "create", *BOOK, "--name", "B", "--phone", "+14155554032", "--json").json["id"]
    ran = cli("contacts", "copy", "--from", "callhub", "--to", "erzycall")
    assert ran.code == 4
    assert ran.lines == [
        "1 created, 1 linked, 0 updated, 0 unchanged, 1 failed",
        "not carried: timezone of 1: a vendor's book keeps no time zone (--json names them)",
        f"failed: {ids[2]}: the vendor keeps one entry for its number, which stands for contact {ids[0]}",
    ]
    cli("contacts", "delete", ids[2])
    ran = cli("contacts", "copy", "--to", "erzycall", "--json")
    assert (ran.code, ran.json["unchanged"], ran.json["failed"]) == (0, 2, 0)
    assert [each["source"] for each in ran.json["contacts"]] == ids[:2]
    assert ran.json["contacts"][0]["left"] == {"timezone": "a vendor's book keeps no time zone"}
    assert ran.json["contacts"][1]["target"] == theirs
    back = cli("contacts", "copy", "--from", "erzycall", "--json").json
    assert {each["target"] for each in back["contacts"]} >= set(ids[:2])
    for each in ran.json["contacts"]:
        assert cli("contacts", "delete", each["target"]).code == 0
    assert erzycall.alive


def test_a_book_goes_out_and_in(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, number in (("=cmd|'/c calc'!A0", "+14155554041"), ('Zoë, "Z"', "+14155554042")):
        assert cli("contacts", "create", "--name", name, "--phone", number, "--notes=-1\n@2").code == 0
    assert cli("contacts", "export", "book.csv").out == "2 exported\n"
    assert cli("contacts", "export", "book.csv", "--json").json == {"exported": 2}
    written = tmp_path / "book.csv"
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert cli("contacts", "export", "-").out.encode() == written.read_bytes()
    rows = list(csv.DictReader(io.StringIO(written.read_bytes().decode(), newline="")))
    assert [row["phone"] for row in rows] == ["'+14155554041", "'+14155554042"]
    assert rows[0]["name"] == "'=cmd|'/c calc'!A0"
    before = cli("contacts", "list", "--json").out
    assert cli("contacts", "import", "book.csv").lines == [
        "0 created, 0 linked, 0 updated, 2 unchanged, 0 failed"
    ]
    monkeypatch.setenv("CALLHUB_LEDGER", f"sqlite:///{tmp_path / 'other.db'}")
    told = cli("contacts", "import", "book.csv", "--json").json
    assert (told["created"], [each["source"] for each in told["contacts"]]) == (2, ["line 2", "line 4"])
    assert cli("contacts", "list", "--json").out == before


def test_a_file_with_broken_lines_is_not_imported(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "book.csv").write_text("name,phone\nAda,+14155554051\n,+14155554052\nCy,12\n")
    ran = cli("contacts", "import", "book.csv")
    assert ran.code == 2
    assert ran.err.splitlines()[:3] == [
        "error: 2 things are wrong:",
        "  line 3 name must be text, not empty",
        "  line 4 phone must be a number with its country code, such as +14155551234",
    ]
    assert set(cli("contacts", "import", "book.csv", "--json").error["fields"]) == {"line 3", "line 4"}
    (tmp_path / "book.csv").write_text("name,phone,custom_fields\nAda,+14155554051,{\n")
    (told, *_) = cli("contacts", "import", "book.csv").err.splitlines()
    assert told.startswith("error: line 2 custom_fields ")  # the column, not --field
    assert cli("contacts", "list").out == ""
