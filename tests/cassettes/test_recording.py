"""Recording gives the same files again, byte by byte; a live one places one call and shows nobody's data."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import pytest

from callhub.errors import ConfigurationError
from callhub.provider.http import Request
from callhub.provider.sandbox import SandboxClock
from callhub.runtime.serve import serve
from callhub.testing.clock import VirtualClock
from callhub_aicaller import AICaller
from callhub_erzycall import ErzyCall
from tests.cassettes import checks, live, tape
from tests.cassettes.record import main, record
from tests.cassettes.replay import awaiting, blocking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from callhub.provider.base import Provider
    from callhub.provider.sandbox import Sandbox
    from callhub.runtime.serve import Served

OWN = "+14155552671"  # stands for the tester's own number
KEYS = {"ERZYCALL": "ek_test_0123456789abcdef", "AICALLER": "0123456789abcdef0123456789abcdef"}
VENDORS: dict[str, type[Provider[Any]]] = {"erzycall": ErzyCall, "aicaller": AICaller}


def test_recording_again_changes_nothing(tmp_path: Path) -> None:
    written = [path.relative_to(tmp_path) for path in record(tmp_path)]
    against = {path: tape.recorded(tape.FOLDER / path)["against"] for path in written}
    differ = [
        str(path)
        for path in written
        if against[path] == "sandbox" and (tmp_path / path).read_bytes() != (tape.FOLDER / path).read_bytes()
    ]
    assert differ == [], "run `make record`, and look at what changed"


def test_what_was_recorded_live_stays(tmp_path: Path) -> None:
    first = tmp_path / "erzycall" / "create_call.yaml"
    first.parent.mkdir()
    first.write_text("recorded: {against: live}\n")
    assert first not in record(tmp_path)
    assert first.read_text() == "recorded: {against: live}\n"


# Live: here a sandbox on loopback stands for the vendor.


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [
        name for name in os.environ if name.startswith("CALLHUB_") or name.lower().endswith("_proxy")
    ]:
        monkeypatch.delenv(name)


@pytest.fixture
def set_up(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Set what a live recording of a vendor needs."""

    def set_up(vendor: str) -> None:
        prefix = f"CALLHUB_{vendor.upper()}"
        monkeypatch.setenv(live.NUMBER, OWN)
        monkeypatch.setenv(f"{prefix}_API_KEY", KEYS[vendor.upper()])
        if vendor == "erzycall":
            monkeypatch.setenv(f"{prefix}_FROM_NUMBER", "+60360431879")
        else:
            monkeypatch.setenv(f"{prefix}_TEAM_ID", "own-team-0001")
            monkeypatch.setenv(f"{prefix}_PHONE_NUMBER_ID", "own-number-0001")
            monkeypatch.setenv(live.SCRIPT, "own-template-0001")

    return set_up


@pytest.fixture(params=VENDORS)
def vendor(
    request: pytest.FixtureRequest, set_up: Callable[[str], None]
) -> Iterator[tuple[str, Served, Sandbox]]:
    """Serve a vendor, and set what a live recording of it needs."""
    set_up(request.param)
    sandbox = VENDORS[request.param].sandbox(SandboxClock(VirtualClock().now))
    with serve(sandbox) as served:
        yield request.param, served, sandbox


def test_a_live_recording_places_one_call_to_the_tester(
    vendor: tuple[str, Served, Sandbox], tmp_path: Path
) -> None:
    name, served, sandbox = vendor
    live.record(tmp_path, at=served.url)
    posts = {place: times for place, times in sandbox.hits.items() if place.startswith("POST")}
    assert [*posts.values()] == [1]
    sandbox.clock.advance(600)
    sandbox.settle()
    assert dict(sandbox.rung) == ({} if name == "erzycall" else {OWN: 1})  # the former was cancelled in time


async def test_a_live_recording_holds_nothing_of_the_tester(
    vendor: tuple[str, Served, Sandbox], tmp_path: Path
) -> None:
    name, served, _ = vendor
    for path in live.record(tmp_path, at=served.url):
        assert tape.recorded(path)["against"] == "live"
        found = [checks.secrets, checks.numbers, checks.provenance, checks.places]
        assert [problem for check in found for problem in check(path)] == []
        text = path.read_text()
        assert not re.search(
            rf"{KEYS[name.upper()]}|{OWN[1:]}|own-\w+-0001|callhub-live-\w|127\.0\.0\.1", text
        )
        assert blocking(path) == await awaiting(path)


def test_a_second_call_or_a_stranger_is_never_dialled() -> None:
    call = Request("POST", "/calls", f'{{"to":"{OWN}"}}'.encode(), dials=True)
    guard = live.OneCall(OWN)
    guard.watch(Request("GET", "/calls"))
    guard.watch(call)
    with pytest.raises(ConfigurationError, match="one call"):
        guard.watch(call)
    with pytest.raises(ConfigurationError, match="your own number"):
        live.OneCall("+14155550100").watch(call)


@pytest.mark.parametrize("number", ["", "4155552671", "+1 415 555 2671", "me"])
def test_without_a_number_nothing_is_sent(
    set_up: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: str
) -> None:
    set_up("erzycall")
    monkeypatch.setenv(live.NUMBER, number)
    with pytest.raises(ConfigurationError, match="CALLHUB_LIVE_NUMBER to your own number"):
        live.record(tmp_path)


@pytest.mark.parametrize("keys", [(), ("ERZYCALL", "AICALLER")], ids=["none", "both"])
def test_one_vendor_at_a_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, keys: tuple[str, ...]) -> None:
    monkeypatch.setenv(live.NUMBER, OWN)
    for vendor in keys:
        monkeypatch.setenv(f"CALLHUB_{vendor}_API_KEY", KEYS[vendor])
    with pytest.raises(ConfigurationError, match="one vendor at a time"):
        live.record(tmp_path)


def test_a_sandbox_is_not_taken_for_the_vendor(
    set_up: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    set_up("erzycall")
    monkeypatch.setenv("CALLHUB_ERZYCALL_BASE_URL", "http://127.0.0.1:9001")
    with pytest.raises(ConfigurationError, match="CALLHUB_ERZYCALL_BASE_URL leads elsewhere"):
        live.record(tmp_path)


def test_a_vendor_that_needs_a_script_is_asked_with_one(
    set_up: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    set_up("aicaller")
    monkeypatch.delenv(live.SCRIPT)
    with pytest.raises(ConfigurationError, match="CALLHUB_LIVE_SCRIPT"):
        live.record(tmp_path)


def test_the_command_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CALLHUB_LIVE", "1")
    assert main() == 1
    assert "CALLHUB_LIVE_NUMBER" in capsys.readouterr().err
