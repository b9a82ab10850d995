"""The example package, installed as a distribution of its own, and used by its name."""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING

import pytest

from callhub.cli import skeleton
from tests.architecture import impure, modules, vendor_size
from tests.plugins.outside import BUILT, CLI, EXAMPLE, ROOT, environment, install, run

if TYPE_CHECKING:
    from pathlib import Path

PAGE = (ROOT / "docs/write-a-provider.md").read_text()


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give the Python of an environment into which the example is installed."""
    folder = tmp_path_factory.mktemp("outside")
    made = environment(folder / "env")
    install(made, shutil.copytree(EXAMPLE, folder / "example", ignore=BUILT))
    return str(made)


def test_it_is_used_by_its_name(python: str, tmp_path: Path) -> None:
    ran = run(python, str(ROOT / "tests/plugins/program.py"), cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    talked, cancelled, voicemail = (
        ["ended", "conversation"],
        ["cancelled", "cancelled"],
        ["ended", "voicemail"],
    )
    assert told["calls"] == [talked, cancelled, cancelled, talked, voicemail]
    assert told["rung"] == {"+14155550100": 1, "+14155550103": 1}
    assert told["installed"] == ["acme", "aicaller", "erzycall"]
    assert told["core"] == str(ROOT / "callhub")  # unchanged, and not a copy
    assert "site-packages" in told["plugin"]


def test_the_command_line_knows_it(python: str, tmp_path: Path) -> None:
    ran = run(python, "-c", CLI, "providers", "--json", cwd=tmp_path)
    listed = {each["name"]: each for each in map(json.loads, ran.stdout.splitlines())}
    assert sorted(listed) == ["acme", "aicaller", "erzycall"]
    assert {each["problem"] for each in listed.values()} == {None}
    assert listed["acme"]["capabilities"]["cancel"] == {"support": "native", "note": "while it waits"}


def test_it_is_small() -> None:
    assert vendor_size(EXAMPLE / "callhub_acme") < 200


def test_it_does_no_io() -> None:
    assert {path.name: impure(path.read_text()) for path in modules(EXAMPLE / "callhub_acme")} == {
        path.name: [] for path in modules(EXAMPLE / "callhub_acme")
    }


def files(folder: Path) -> dict[str, str]:
    found = (path for path in folder.rglob("*") if path.is_file() and "cache" not in str(path))
    return {path.relative_to(folder).as_posix(): path.read_text() for path in found}


def test_it_is_the_skeleton_filled_in(tmp_path: Path) -> None:
    made, example = files(skeleton.write("acme", tmp_path)), files(EXAMPLE)
    assert made.keys() == example.keys()
    for same in ("pyproject.toml", "callhub_acme/__init__.py", "callhub_acme/py.typed"):
        assert made[same] == example[same]


def shown(path: str) -> str:
    """Give what the page shows of a file, piece after piece."""
    text = (EXAMPLE / path).read_text()
    pieces = re.findall(rf"^~~~{{literalinclude}} example-provider/{path}\n([^~]*)^~~~", PAGE, re.MULTILINE)
    options = [dict(re.findall(r'^:([\w-]+): "?(.*?)"?$', piece, re.MULTILINE)) for piece in pieces]
    return "".join(cut(text, each) for each in options)


def cut(text: str, options: dict[str, str]) -> str:
    """Cut a piece out as Sphinx does: from a line that holds one text to before one that holds another."""
    lines = text.splitlines(keepends=True)
    start = next(n for n, line in enumerate(lines) if options.get("start-at", "") in line)
    stop = options.get("end-before")
    end = next((n for n, line in enumerate(lines) if stop and n > start and stop in line), len(lines))
    return "".join(lines[start:end])


@pytest.mark.parametrize("name", ["settings", "tables", "wire", "provider", "sandbox"])
def test_the_page_shows_every_line(name: str) -> None:
    path = f"callhub_acme/{name}.py"
    assert shown(path) == (EXAMPLE / path).read_text()


def test_the_page_shows_its_files() -> None:
    tree = PAGE.partition("```text\ncallhub-acme\n")[2].partition("```")[0]
    listed = re.findall(r"^[│ ]*[├└]── (\S+\.\w+)", tree, re.MULTILINE)
    written = {path.rpartition("/")[2] for path in files(EXAMPLE)}
    assert sorted(listed) == sorted(written - {"__init__.py", "py.typed", ".gitignore"})


def test_the_page_says_how_to_go_on() -> None:
    assert "\n".join(["```sh", "cd callhub-acme", *skeleton.NEXT, "```"]) in PAGE
