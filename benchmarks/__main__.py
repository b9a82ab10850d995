"""``make bench``: every figure of the documents, measured here and now."""

from __future__ import annotations

import asyncio
import http.client
import importlib.util
import json
import os
import statistics
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx2
from rich.console import Console
from rich.table import Table

import callhub
from benchmarks import ledger
from benchmarks.forgetful import Forgetful
from benchmarks.measure import Figure, in_turn, start_up
from benchmarks.scene import ASKED, BODY, HEADERS, PATH, settings
from benchmarks.server import ACCEPTED, serving
from callhub.provider.http import Response
from callhub.testing import VirtualClock
from callhub_erzycall.wire import call_page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def floor(url: str) -> Callable[[], object]:
    """The least that Python can do: one kept connection of the standard library, and JSON."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)

    def post() -> object:
        connection.request("POST", PATH, json.dumps(BODY), {**HEADERS, "content-type": "application/json"})
        return json.loads(connection.getresponse().read())

    return post


def forgetful(hub: Any) -> Any:
    """Take a hub's ledger away, and the threads that an awaiting one needs for it."""

    async def at_once(operation: Any, _: object) -> Any:
        return ledger.perform(operation)

    ledger = hub._runner._ledger = Forgetful()  # noqa: SLF001 - what is measured is all but the ledger
    hub._runner._finish = at_once  # noqa: SLF001
    return hub


def sync_create() -> Iterator[Figure]:
    """One call after the other."""
    with serving() as url, httpx2.Client() as client, tempfile.TemporaryDirectory() as folder:

        def naive() -> object:
            return client.post(url + PATH, json=BODY, headers=HEADERS).json()

        bare = forgetful(callhub.Hub(providers=settings(url), ledger="sqlite://"))
        whole = callhub.Hub(providers=settings(url), ledger=f"sqlite:///{folder}/ledger.db")
        memory = callhub.Hub(providers=settings(url), ledger="sqlite://")
        with bare, whole, memory:
            least, baseline, without, in_memory, with_ledger = in_turn(
                1_000,
                floor(url),
                naive,
                lambda: bare.calls.create(**ASKED),
                lambda: memory.calls.create(**ASKED),
                lambda: whole.calls.create(**ASKED),
            )
    yield Figure("create, sync, without the ledger", "naive httpx2 post", without, baseline, 1.0)
    yield Figure("naive httpx2 post", "hand-written keep-alive (floor)", baseline, least)
    yield Figure("create, sync, ledger in memory", "naive httpx2 post", in_memory, baseline)
    yield Figure("create, sync, SQLite ledger (2 commits)", "naive httpx2 post", with_ledger, baseline)


def async_create() -> Iterator[Figure]:
    """Fifty calls at once."""
    with serving() as url:
        ours, baseline = asyncio.run(_async_create(url, 50, 30))
    yield Figure("create, async, 50 at once, without the ledger", "naive httpx2 post", ours, baseline, 1.0)


async def _async_create(url: str, at_once: int, rounds: int) -> tuple[float, float]:
    hub = forgetful(callhub.AsyncHub(providers=settings(url), ledger="sqlite://"))
    times: tuple[list[float], list[float]] = ([], [])
    async with hub, httpx2.AsyncClient() as client:

        async def naive() -> object:
            return (await client.post(url + PATH, json=BODY, headers=HEADERS)).json()

        for _ in range(rounds):
            for one, taken in ((lambda: hub.calls.create(**ASKED), times[0]), (naive, times[1])):
                start = time.perf_counter()
                await asyncio.gather(*(one() for _ in range(at_once)))
                taken.append((time.perf_counter() - start) / at_once)
    return statistics.median(times[0]), statistics.median(times[1])


def many_at_once() -> Iterator[Figure]:
    """Two thousand calls, a hundred at once, each answered after 50 ms."""
    with serving(delay=0.05) as url:
        half, whole = asyncio.run(_flood(url, 1000)), asyncio.run(_flood(url, 2000))
        with httpx2.Client() as client:
            connections = client.get(f"{url}/connections").json()["most"]
    note = f"no time-outs; at most {connections} connections at once"
    yield Figure(
        "2,000 creates, 100 at once, server waits 50 ms", "1,000 of them, twice", whole, 2 * half, 1.2, note
    )


async def _flood(url: str, count: int) -> float:
    gate = asyncio.Semaphore(100)
    async with forgetful(callhub.AsyncHub(providers=settings(url), ledger="sqlite://")) as hub:

        async def one() -> None:
            async with gate:
                await hub.calls.create(**ASKED)

        start = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(count)))
        return time.perf_counter() - start


def page_body(first: int, size: int, cursor: str | None) -> bytes:
    """Write a page of a list as ErzyCall does."""
    data = [
        {**ACCEPTED["data"], "id": f"call_{first + at}", "status": "ended", "duration": 45}
        for at in range(size)
    ]
    paging = {"cursor": cursor or "end", "hasMore": cursor is not None, "pageSize": size}
    return json.dumps({"data": data, "pagination": paging}).encode()


def parsing() -> Iterator[Figure]:
    """A page of a hundred calls, and the neutral calls from it."""
    body = page_body(0, 100, None)
    ours, baseline = in_turn(400, lambda: call_page(Response(200, {}, body)), lambda: json.loads(body))
    yield Figure("a page of 100 calls, parsed", "json.loads of it", ours, baseline, 2.5)


def memory() -> Iterator[Figure]:
    """Going through a long list: the peak must not grow with its length."""
    peaks = [_peak_of_listing(count) for count in (10_000, 100_000)]
    note = f"peak {peaks[1] / 1024:,.0f} KiB"
    yield Figure("memory while listing 100,000 calls", "while listing 10,000", peaks[1], peaks[0], 1.2, note)


def _peak_of_listing(count: int) -> float:
    pages = count // 100

    def answer(request: httpx2.Request) -> httpx2.Response:
        at = int(request.url.params.get("cursor") or 0)
        return httpx2.Response(200, content=page_body(at * 100, 100, str(at + 1) if at + 1 < pages else None))

    client = httpx2.Client(transport=httpx2.MockTransport(answer))
    given = settings("https://memory.invalid")
    with (
        client,
        callhub.Hub(providers=given, ledger="sqlite://", http_client=client, clock=VirtualClock()) as hub,
    ):
        tracemalloc.start()
        listed = sum(1 for _ in hub.calls.list())
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    if listed != count:
        raise AssertionError(f"listed {listed} of {count}")
    return float(peak)


def starting() -> Iterator[Figure]:
    """What it costs to be imported, and to be asked for help."""
    empty, ours, baseline = start_up(["-c", "pass"], ["-c", "import callhub"], ["-c", "import httpx2"])
    yield Figure(
        "import callhub", "import httpx2", ours - empty, baseline - empty, 0.3, "beyond Python's own start"
    )
    main = "import sys; sys.argv = ['callhub', '--help']; from callhub.cli import main; main()"
    ours, baseline = start_up(["-c", main], ["-c", "import cyclopts, rich.console"])
    yield Figure("callhub --help", "import cyclopts, rich.console", ours, baseline, 2.0)


def other_clients() -> Iterator[Figure]:
    """What else a user might pick, where it is installed."""
    if importlib.util.find_spec("requests") is None:
        return
    import requests  # noqa: PLC0415 - only where it is installed

    with (
        serving() as url,
        requests.Session() as session,
        callhub.Hub(providers=settings(url), ledger="sqlite://") as hub,
    ):
        forgetful(hub)
        ours, baseline = in_turn(
            300,
            lambda: hub.calls.create(**ASKED),
            lambda: session.post(url + PATH, json=BODY, headers=HEADERS, timeout=30).json(),
        )
    yield Figure("create, sync, without the ledger", "requests.Session post", ours, baseline)


PARTS = (
    sync_create,
    ledger.own_work,
    ledger.growth,
    async_create,
    many_at_once,
    parsing,
    memory,
    starting,
    other_clients,
)


def main() -> int:
    """Measure every part that is named, or all; give 1 where a limit is broken."""
    wanted = sys.argv[1:]
    figures = [figure for part in PARTS if not wanted or part.__name__ in wanted for figure in part()]
    table = Table("what", "against", "ours", "baseline", "ratio", "at most", "", title=_machine())
    for each in figures:
        unit = (1024, "KiB") if "memory while" in each.name else (1e-6, "µs")
        row = (f"{each.ours / unit[0]:,.0f} {unit[1]}", f"{each.baseline / unit[0]:,.0f} {unit[1]}")
        limit = "" if each.most is None else f"{each.most:.2f}"
        verdict = each.note if each.holds else f"over the limit; {each.note}".rstrip("; ")
        table.add_row(each.name, each.baseline_name, *row, f"{each.ratio:.2f}", limit, verdict)
    Console(width=None if sys.stdout.isatty() else 160).print(table)
    return 0 if all(figure.holds for figure in figures) else 1


def _machine() -> str:
    model = next((line for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "").partition(
        ": "
    )[2]
    return f"Python {sys.version.split()[0]}, {os.cpu_count()} cores {model}".strip()


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


if __name__ == "__main__":
    raise SystemExit(main())
