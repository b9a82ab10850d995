"""What `make bench` measures still runs; the figures themselves are its own affair."""

from __future__ import annotations

import asyncio

from benchmarks.__main__ import _async_create, _flood, forgetful
from benchmarks.scene import ASKED, settings
from benchmarks.server import serving
from callhub import Hub


def test_hubs_without_a_ledger_place_calls() -> None:
    with serving() as url:
        with forgetful(Hub(providers=settings(url), ledger="sqlite://")) as hub:
            assert hub.calls.create(**ASKED).provider_call_id
        assert min(asyncio.run(_async_create(url, 2, 1))) > 0
        assert asyncio.run(_flood(url, 2)) > 0
