"""Pytest fixtures for an application's own tests.

In ``conftest.py``::

    pytest_plugins = ["callhub.testing.fixtures"]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from callhub.testing.laboratory import Lab, async_lab, lab

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from callhub.hub import AsyncHub, Hub
    from callhub.testing.clock import VirtualClock


@pytest.fixture
def callhub_lab() -> Iterator[Lab[Hub]]:
    """A `Hub` on the sandboxes of every installed provider, with a virtual clock."""
    with lab() as made:
        yield made


@pytest.fixture
def callhub_hub(callhub_lab: Lab[Hub]) -> Hub:
    """The hub of `callhub_lab`."""
    return callhub_lab.hub


@pytest.fixture
def callhub_clock(callhub_lab: Lab[Hub]) -> VirtualClock:
    """The clock of `callhub_lab`; it moves when somebody sleeps or advances it."""
    return callhub_lab.clock


@pytest.fixture
async def callhub_async_lab() -> AsyncIterator[Lab[AsyncHub]]:
    """An `AsyncHub` on the sandboxes of every installed provider; needs anyio's or asyncio's plugin."""
    async with async_lab() as made:
        yield made
