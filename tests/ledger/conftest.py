"""Fixtures of the ledger's tests: both databases, and the vendors of the core's tests."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from callhub.ledger.store import Ledger
from tests.core.conftest import (  # noqa: F401 - fixtures
    bare_environment,
    clock,
    few_scans,
    relays,
    world,
)
from tests.ledger.kit import Base
from tests.ledger.postgres import GIVEN, Databases, Server
from tests.ledger.worker import Nursery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SERVER = os.environ.get(GIVEN)  # read before `bare_environment` hides it


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    """Give a PostgreSQL server: the one that is named, else one of the tests' own."""
    with ExitStack() as stack:
        url = SERVER or stack.enter_context(Server()).url
        yield stack.enter_context(Databases(url, lasting=SERVER is not None))


@pytest.fixture
def postgres(databases: Databases) -> str:
    """Give room for an empty ledger on PostgreSQL."""
    return databases.make()


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    """Give a file that isn't there yet."""
    return f"sqlite:///{tmp_path / 'calls.db'}"


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """Give a new ledger on either database."""
    found: str = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def open_ledger(url: str) -> Iterator[Callable[[], Ledger]]:
    """Open the ledger, as one more process would."""
    made: list[Ledger] = []

    def opened() -> Ledger:
        made.append(Ledger(url))
        return made[-1]

    yield opened
    for each in made:
        each.close()


@pytest.fixture
def ledger(open_ledger: Callable[[], Ledger]) -> Ledger:
    return open_ledger()


@pytest.fixture
def base(url: str) -> Base:
    """Look into the tables, and change them, by a connection of its own."""
    return Base(url)


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Give what starts callers in processes of their own."""
    with Nursery() as nursery:
        yield nursery
