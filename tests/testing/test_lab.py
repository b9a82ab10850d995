"""What an application's own tests are given."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import callhub
from callhub.testing import Lab, VirtualClock, async_lab, lab

if TYPE_CHECKING:
    from pathlib import Path

NUMBER = "+14155551234"
PERSON = callhub.Contact(name="Ada")


@pytest.mark.parametrize("provider", ["erzycall", "aicaller"])
def test_a_call_is_over_at_once(provider: str) -> None:
    with lab() as it:
        call = it.hub.calls.create(to=NUMBER, script="greeting", contact=PERSON, provider=provider)
        assert it.rung(NUMBER) == 0
        assert it.hub.calls.wait(call.id).terminal
        assert it.rung(NUMBER) == 1


def test_a_slip_in_a_number_is_no_zero() -> None:
    with lab("erzycall") as it:
        it.hub.calls.create(to=NUMBER, script="greeting")
        it.clock.advance(600)
        assert it.rung("+1 (415) 555-1234") == 1
        with pytest.raises(ValueError, match="country code"):
            it.rung("415 555 1234")


def test_only_the_named_vendors_are_there() -> None:
    with lab("aicaller") as it:
        assert list(it.sandboxes) == ["aicaller"]
        assert it.hub.calls.create(to=NUMBER, script="greeting", contact=PERSON).provider == "aicaller"


async def test_the_awaiting_lab_says_the_same() -> None:
    async with async_lab("erzycall") as it:
        call = await it.hub.calls.create(to=NUMBER, script="greeting")
        assert (await it.hub.calls.wait(call.id)).terminal
        assert it.rung(NUMBER) == 1


def test_the_clock_moves_only_when_told() -> None:
    clock = VirtualClock()
    before = clock.now()
    clock.sleep(90)
    assert (clock.now() - before).total_seconds() == clock.ticks() == 90


def test_faults_are_on_demand() -> None:
    with lab("erzycall") as it:
        it.sandboxes["erzycall"].fail_next("drop_after")
        call = it.hub.calls.create(to=NUMBER, script="greeting", idempotency_key="order-1")
        assert call.attempts[0].reason == "accepted when the same request was sent again"
        assert it.sandboxes["erzycall"].hits["POST /api/v1/calls"] == 2
        it.clock.advance(600)
        assert it.rung(NUMBER) == 1


def test_a_doubt_can_be_made_to_stay() -> None:
    with lab("erzycall", idempotency_window=0, settling=3600) as it:
        it.sandboxes["erzycall"].fail_next("drop_after")
        for _ in range(2):
            with pytest.raises(callhub.OutcomeUnknown):
                it.hub.calls.create(to=NUMBER, script="greeting", idempotency_key="order-1")
        assert it.sandboxes["erzycall"].hits["POST /api/v1/calls"] == 1
        it.clock.advance(600)
        assert it.rung(NUMBER) == 1


def test_the_fixtures_work_in_a_stranger_s_project(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["callhub.testing.fixtures"]\n')
    (tmp_path / "test_mine.py").write_text(
        "def test_mine(callhub_lab, callhub_hub, callhub_clock):\n"
        f"    call = callhub_hub.calls.create(to={NUMBER!r}, script='greeting', provider='erzycall')\n"
        "    callhub_clock.advance(300)\n"
        "    assert callhub_hub.calls.get(call.id).status == 'ended'\n"
        f"    assert callhub_lab.rung({NUMBER!r}) == 1\n"
        "async def test_awaiting(callhub_async_lab):\n"
        "    hub = callhub_async_lab.hub\n"
        f"    await hub.calls.create(to={NUMBER!r}, script='greeting', provider='erzycall')\n"
    )
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "anyio", "-o", "anyio_mode=auto", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "2 passed" in ran.stdout


def test_a_lab_is_typed() -> None:
    with lab("erzycall") as it:
        assert isinstance(it, Lab)
