"""What ``callhub new-provider`` writes: clean, importable, and failing the contract with a to-do list."""

from __future__ import annotations

import re
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from callhub.cli import main, skeleton
from callhub.provider.capability import Feature
from tests.plugins.outside import ROOT, run

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMES = ("a", "acme-voice-2", "x" * skeleton.LONGEST)
TOOLS = Path(sys.executable).parent


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def todo(output: str) -> list[str]:
    """Give the entries of a to-do list."""
    listed = output.partition("to do, before the contract holds")[2].partition("Where a test failed")[0]
    return [" ".join(entry.split()) for entry in re.split(r"^ *\d+\. ", listed, flags=re.MULTILINE)[1:]]


def test_it_says_how_to_go_on(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    assert main(["new-provider", "acme-voice"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "Wrote callhub-acme-voice. Next:",
        "  cd callhub-acme-voice",
        "  pip install -e '.[test]'",
        "  pytest",
    ]
    assert (folder / "callhub-acme-voice/callhub_acme_voice/provider.py").is_file()


def test_it_can_be_told_as_json(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    assert main(["new-provider", "acme", "--json"]) == 0
    assert f'"folder": "{folder / "callhub-acme"}"' in capsys.readouterr().out


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            "Acme",
            "acme_voice",
            "acme voice",
            "1acme",
            "-acme",
            "acme-",
            "a--b",
            "../acme",
            "ácme",
            "acme:1",
        ),
        "x" * (skeleton.LONGEST + 1),
    ],
)
def test_bad_names_are_refused(name: str, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    assert main(["new-provider", "--", name]) == 2
    assert "NAME must be a lower-case letter, then letters" in capsys.readouterr().err
    assert list(folder.iterdir()) == []


def test_a_taken_name_is_refused(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    assert main(["new-provider", "erzycall"]) == 2
    assert "NAME is taken: a provider 'erzycall' is installed" in capsys.readouterr().err
    assert list(folder.iterdir()) == []


def test_callhubs_own_name_is_refused(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    assert main(["new-provider", "callhub"]) == 2
    assert "NAME is callhub's own" in capsys.readouterr().err
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("kind", ["folder", "file", "dangling link"])
def test_nothing_is_overwritten(kind: str, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    there = folder / "callhub-acme"
    if kind == "folder":
        there.mkdir()
    elif kind == "file":
        there.write_text("mine")
    else:
        there.symlink_to(folder / "nowhere")
    assert main(["new-provider", "acme"]) == 2
    assert "callhub-acme is there already, and nothing is overwritten" in capsys.readouterr().err
    assert [path.name for path in folder.rglob("*")] == ["callhub-acme"]


@pytest.mark.parametrize(
    ("ours", "range_"),
    [("0.1.0", ">=0.1,<0.2"), ("0.9.3.dev1", ">=0.9,<0.10"), ("1.4.2", ">=1.4,<2"), ("2.0rc1", ">=2.0,<3")],
)
def test_it_is_made_for_this_callhub(
    ours: str, range_: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(skeleton, "version", lambda _: ours)
    made = skeleton.write("acme", folder)
    assert f'requires = "{range_}"' in (made / "callhub_acme/provider.py").read_text()
    assert f'dependencies = ["callhub{range_}"]' in (made / "pyproject.toml").read_text()


@pytest.mark.parametrize("tool", [("ruff", "check"), ("ruff", "format", "--check")])
def test_it_is_clean(tool: Sequence[str], folder: Path) -> None:
    for name in NAMES:
        skeleton.write(name, folder)
    ran = run(str(TOOLS / tool[0]), *tool[1:], "--no-cache", ".", cwd=folder)
    assert ran.returncode == 0, ran.stdout


def test_its_types_are_right(folder: Path) -> None:
    made = skeleton.write("acme-voice-2", folder)
    ran = run(str(TOOLS / "mypy"), str(made), cwd=ROOT)
    assert ran.returncode == 0, ran.stdout


def test_it_fails_the_contract_with_a_list_of_what_to_do(folder: Path) -> None:
    made = skeleton.write("zenith", folder)
    ran = run(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", cwd=made, PYTHONPATH=".")
    assert ran.returncode == 1, ran.stderr
    listed = todo(ran.stdout)
    assert {entry.partition(":")[0].partition(" is empty")[0].partition(" says")[0] for entry in listed} == {
        *("create_call", "get_call", "list_calls", "authorization"),
        *("sandbox.serve", "sandbox.refusal"),
        *("statuses", "refusals", "capabilities"),
    }
    assert "more)" in listed[0]  # what holds up the most comes first
    assert "Traceback" not in ran.stdout


def test_every_feature_is_asked_for(folder: Path) -> None:
    tables = (skeleton.write("acme", folder) / "callhub_acme/tables.py").read_text()
    assert re.findall(r"Feature\.(\w+):", tables) == [feature.name for feature in Feature]


def test_a_list_needs_failures(folder: Path) -> None:
    (folder / "test_good.py").write_text("def test_good(): pass")
    ran = run(sys.executable, "-m", "pytest", "-p", "callhub.testing.todo", cwd=folder)
    assert (ran.returncode, todo(ran.stdout)) == (0, [])


def test_a_list_names_what_cannot_be_imported(folder: Path) -> None:
    (folder / "test_bad.py").write_text("import nothing_of_that_name")
    ran = run(sys.executable, "-m", "pytest", "-p", "callhub.testing.todo", "--tb=no", cwd=folder)
    assert "No module named 'nothing_of_that_name'" in todo(ran.stdout)[0]


def test_the_wheel_holds_it(folder: Path) -> None:
    ran = run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), cwd=ROOT)
    assert ran.returncode == 0, ran.stderr
    packed = zipfile.ZipFile(next(folder.glob("*.whl"))).namelist()
    template = ROOT / "callhub/cli/skeleton/template"
    wanted = {path.relative_to(ROOT).as_posix() for path in template.rglob("*.txt")}
    assert wanted
    assert wanted <= {*packed}
