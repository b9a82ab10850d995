"""The budgets of the design hold, and the functions that measure them can tell."""

from __future__ import annotations

import subprocess
from pathlib import Path
from textwrap import dedent

import pytest

from tests.architecture import (
    CORE,
    PROVIDERS,
    PURE,
    ROOT,
    body_lines,
    code_lines,
    complexity,
    functions,
    impure,
    machine_places,
    modules,
    naming,
    p95,
    traces,
    vendor_size,
    vendors,
)

MODULES = {str(path.relative_to(ROOT)): path.read_text() for path in modules(CORE, PROVIDERS)}
FUNCTIONS = {
    f"{name}:{function.lineno} {function.name}": function
    for name, source in MODULES.items()
    for function in functions(source)
}


def test_functions_are_short() -> None:
    sizes = {where: body_lines(function) for where, function in FUNCTIONS.items()}
    assert {where: size for where, size in sizes.items() if size > 50} == {}
    assert p95([*sizes.values()]) <= 25


def test_functions_are_simple() -> None:
    scores = {where: complexity(function) for where, function in FUNCTIONS.items()}
    assert {where: score for where, score in scores.items() if score > 10} == {}


def test_modules_are_short() -> None:
    sizes = {name: len(source.splitlines()) for name, source in MODULES.items()}
    assert {name: size for name, size in sizes.items() if size > 400} == {}


def test_vendors_are_small() -> None:
    sizes = {name: vendor_size(package) for name, package in vendors().items()}
    assert {name: size for name, size in sizes.items() if size > 400} == {}


def test_pure_rooms_and_plugins_do_no_io() -> None:
    found = {str(path.relative_to(ROOT)): impure(path.read_text()) for path in modules(*PURE)}
    assert {name: names for name, names in found.items() if names} == {}


def test_the_core_names_no_vendor() -> None:
    found = {str(path.relative_to(ROOT)): naming(path.read_text(), vendors()) for path in modules(CORE)}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="only a checkout knows what is committed")
def test_files_tell_nothing_of_a_machine() -> None:
    git = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(git, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    files = {ROOT / name for name in names if name} - {Path(__file__)}  # which holds bad examples
    contents = {path: path.read_bytes() for path in files if path.is_file()}
    texts = {path: content.decode() for path, content in contents.items() if b"\0" not in content}
    found = {str(path.relative_to(ROOT)): traces(text, machine_places()) for path, text in texts.items()}
    assert {name: what for name, what in found.items() if what} == {}


def test_the_lock_names_no_index() -> None:
    assert "://" not in (ROOT / "requirements.lock").read_text()


def measure(source: str) -> tuple[int, int]:
    first = next(functions(dedent(source)))
    return body_lines(first), complexity(first)


@pytest.mark.parametrize(
    ("source", "lines", "score"),
    [
        ("def f(): pass", 1, 1),
        ('def f(\n  a,\n):\n  """One.\n\n  Two."""', 0, 1),
        ('def f():\n  """One."""\n\n  # why\n  a = 1\n\n  return a', 3, 1),
        ("async def f():\n  @cache\n  def g():\n    if a: b\n  return g", 4, 1),
        ("def f():\n  if a and b or c:\n    d\n  elif e:\n    g", 4, 5),
        ("def f():\n  for a in b:\n    while c: d if e else g", 2, 4),
        ("def f():\n  return [a for a in b if a if c]", 1, 4),
        ("def f():\n  try: a\n  except B: c\n  except D: e", 3, 3),
        ("def f():\n  match a:\n    case 1: b\n    case _ if c: d\n    case _: e", 4, 3),
    ],
)
def test_functions_are_measured(source: str, lines: int, score: int) -> None:
    assert measure(source) == (lines, score)


def test_the_percentile_is_by_nearest_rank() -> None:
    assert p95([]) == 0
    assert p95([26]) == 26
    assert p95([*range(1, 101)]) == 95


def test_code_lines_leave_out_what_is_not_code() -> None:
    source = '''\
        """Module."""

        # a comment
        class A:
            """Class,
            two lines."""

            text = """data,

            three lines"""  # code, with its blank line

        call(
            1,
        )
        '''
    assert code_lines(dedent(source)) == 7


def test_a_vendor_is_counted_without_its_sandbox(tmp_path: Path) -> None:
    for name in ("wire.py", "sandbox.py", "sandbox/state.py", "sandboxes.py"):
        path = tmp_path / "sandbox" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("a = 1\n")
    assert vendor_size(tmp_path / "sandbox") == 2


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "import httpx2 as quiet",
        "import json, socket",
        "import asyncio.locks",
        "from time import monotonic",
        "from urllib import request",
        "from http.client import *",
        "from concurrent.futures import ThreadPoolExecutor",
        "import uuid",
        "from uuid import UUID, uuid4",
        "if TYPE_CHECKING:\n  import sqlalchemy",
        "def f():\n  async def g():\n    import random",
        "__import__('threading')",
        "importlib.import_module('secrets')",
        "import_module('anyio.abc')",
    ],
)
def test_impure_imports_are_found(source: str) -> None:
    assert len(impure(source)) == 1


def test_pure_imports_pass() -> None:
    source = """
        import timeit_like, urllib.parse
        from datetime import datetime
        from http import HTTPStatus
        from uuid import UUID, uuid5
        from . import time
        from .random import choice
        """
    assert impure(dedent(source)) == []


def test_vendor_names_are_found_in_any_case() -> None:
    assert naming("a = 1\nb = 'AcmeDial:1'\nclass ACMEDIAL: ...", ["acmedial"]) == [2, 3]


@pytest.mark.parametrize(
    "text",
    [
        "https://index.example/root/simple",
        "https://files.example/packages/ab/cd/x.whl",
        "pip install --extra-index-url https://index.example x",
        "/home/ada/callhub",
        "cd /srv/checkout/main && make",
        "path=/srv/checkout",
    ],
)
def test_traces_of_a_machine_are_found(text: str) -> None:
    assert len(traces(text, [Path("/srv/checkout")])) == 1


@pytest.mark.parametrize("text", ["https://x.example/srv/checkout", "/srv/checkouts", "a simple /v1/home/x"])
def test_other_texts_pass(text: str) -> None:
    assert traces(text, [Path("/srv/checkout")]) == []
