"""The pages hold together: links lead somewhere, tables are fresh, and nothing public is left out."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from typing import TYPE_CHECKING

import pytest

import callhub
from callhub import config
from callhub.errors import CallhubError
from callhub.model.lifecycle import CallOutcome, CallStatus
from callhub.provider import registry
from tests.architecture import vendors
from tests.docs.pages import PAGES, ROOT, anchors, links, name, text

if TYPE_CHECKING:
    from pathlib import Path

ERRORS = [each for each in callhub.__all__ if issubclass(getattr(callhub, each), CallhubError)]
SETTINGS = [
    *(f"CALLHUB_{field.upper()}" for field in config.HubSettings.model_fields),
    *(
        config.variable(each, field)
        for each in vendors()
        for field in registry.load(each).settings_type.model_fields
    ),
]


def page(where: str) -> str:
    return text(ROOT / where)


def leads_somewhere(where: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (where.parent / path).resolve() if path else where
    return target.is_file() and (not anchor or anchor in anchors(target))


@pytest.mark.parametrize("where", PAGES, ids=name)
def test_links_lead_somewhere(where: Path) -> None:
    assert [link for link in links(where) if not leads_somewhere(where, link)] == []


def test_tables_are_fresh() -> None:
    files = [*map(name, PAGES), *map(name, (ROOT / "docs").glob("*.svg"))]
    cog = [sys.executable, "-m", "cogapp", "-P", "-I", "docs", "-p", "import generated", "--check", "--diff"]
    run = subprocess.run([*cog, *files], cwd=ROOT, check=False, capture_output=True, text=True)
    assert run.returncode == 0, f"`make docs` puts fresh tables into the pages\n{run.stdout}{run.stderr}"


@pytest.mark.parametrize("public", callhub.__all__)
def test_public_names_are_documented(public: str) -> None:
    assert f"\n.. autoclass:: {public}\n" in page("docs/reference.md")


@pytest.mark.parametrize("module", ["callhub.hub", "callhub.testing", "callhub.testing.simulation"])
def test_names_of_the_other_doors_are_documented(module: str) -> None:
    names = import_module(module).__all__
    doors = {"Hub", "AsyncHub"} if module == "callhub.hub" else set()  # told of as callhub's own
    listed = re.findall(rf"^\.\. auto\w+:: {module}\.(\w+)$", page("docs/reference.md"), re.MULTILINE)
    told = re.findall(r"`simulation\.(\w+)`", page("docs/testing.md"))
    assert {*names} - doors <= {*listed, *told}


@pytest.mark.parametrize("error", ERRORS)
def test_errors_are_documented(error: str) -> None:
    assert re.search(rf"^### {error}\n\n\S", page("docs/errors.md"), re.MULTILINE)


@pytest.mark.parametrize("variable", SETTINGS)
def test_settings_are_documented(variable: str) -> None:
    assert f"| `{variable}` |" in page("docs/configuration.md")


@pytest.mark.parametrize(("axis", "words"), [("status", CallStatus), ("outcome", CallOutcome)])
def test_words_are_documented(axis: str, words: type[CallStatus | CallOutcome]) -> None:
    listed = page("docs/providers.md").partition(f"\n| {axis} | Meaning |\n")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \| \w", listed, re.MULTILINE) == [*words]


@pytest.mark.parametrize("vendor", vendors())
def test_vendors_are_documented(vendor: str) -> None:
    told = page(f"docs/providers/{vendor}.md")
    assert told == page(f"providers/{vendor}/README.md")
    assert f"\nproviders/{vendor}\n" in page("docs/providers.md")
    for operation in registry.load(vendor).operations:
        assert f"| `{operation}` |" in told
