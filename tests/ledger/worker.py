"""Callers that can be killed: a nursery, which has loaded everything, forks them on demand.

Each line on the nursery's input is a job in JSON; it answers with the process id of who does it.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import alembic.command  # noqa: F401 - loaded before the forks, since it takes long
import sqlalchemy.dialects.postgresql.psycopg  # noqa: F401 - the same

from callhub import CallhubError, Failover, Hub
from callhub.flows import attempt, reconcile
from tests.core.kit import SCRIPTS, wish

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from callhub import Call

MARGIN = 0.5  # seconds, so that the leases of the dead run out within a test
ROUTES = ("erzycall", "aicaller", None)  # None: one after the other
SETTLING = 0.3


@dataclass(frozen=True)
class Job:
    """What a caller does: place calls, in an order of its own.

    Attributes:
        numbers: one intent for each.
        gate: a file whose coming lets it begin; None begins at once.
        report: a file to which it appends what came of each.
        margin: seconds by which a lease outlasts the time that a call is given.
    """

    ledger: str
    providers: dict[str, dict[str, Any]]
    numbers: list[int]
    seed: int
    timeout: float
    gate: str | None = None
    report: str | None = None
    margin: float = MARGIN


def hub_of(ledger: str, providers: dict[str, dict[str, Any]]) -> Hub:
    return Hub(providers=providers, scripts=SCRIPTS, ledger=ledger, settling=SETTLING)


def number_of(intent: int) -> str:
    """Give a number of its own, at which somebody talks."""
    return f"+1415555{intent:03}9"


def place(hub: Hub, intent: int, timeout: float) -> Call:
    """Place one intent: through either vendor, or through both."""
    vendor = ROUTES[intent % len(ROUTES)]
    wanted = wish(vendor or "", to=number_of(intent), idempotency_key=f"intent-{intent}", timeout=timeout)
    if vendor is None:
        wanted |= {"provider": None, "route": Failover("erzycall", "aicaller")}
    return hub.calls.create(**wanted)


def carry_out(job: Job) -> None:
    """Place every call of a job."""
    attempt.LEASE_MARGIN = reconcile.LEASE_MARGIN = job.margin  # type: ignore[attr-defined]
    order = random.Random(job.seed).sample(job.numbers, len(job.numbers))  # noqa: S311 - a shuffle
    while job.gate and not Path(job.gate).exists():
        time.sleep(0.002)
    with hub_of(job.ledger, job.providers) as hub:
        for intent in order:
            try:
                call = place(hub, intent, job.timeout)
                said = f"{call.id} {call.provider_call_id}"
            except CallhubError as error:
                said = f"{type(error).__name__} {error.dialed}"
            if job.report:
                with Path(job.report).open("a") as report:
                    report.write(f"{intent} {said}\n")


def nurse() -> None:
    """Fork a caller for each job that comes in."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os.close(0)
            try:
                carry_out(Job(**json.loads(line)))
            finally:
                os._exit(0)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


class Nursery:
    """Starts callers, and kills them at the latest with itself."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.ledger.worker"],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._started: list[int] = []

    def start(self, job: Job) -> int:
        """Start a caller, and give its process id."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(asdict(job)) + "\n")
        self._process.stdin.flush()
        self._started.append(int(_read(self._process.stdout)))
        return self._started[-1]

    def wait(self, pids: Sequence[int], seconds: float) -> None:
        """Wait until they are done."""
        until = time.monotonic() + seconds
        while any(map(alive, pids)):
            assert time.monotonic() < until, "the callers don't end"
            time.sleep(0.01)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pid in filter(alive, self._started):
            kill(pid)
        self._process.communicate(timeout=10)


def _read(pipe: IO[str]) -> str:
    line = pipe.readline()
    assert line, "the nursery has died"
    return line


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    nurse()
