"""The committed cassettes are complete, in use, and safe to publish; and each check can fail."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.cassettes import checks, tape
from tests.cassettes.recorder import REPERTOIRES
from tests.cassettes.test_replay import CASSETTES
from tests.contract import test_erzycall_contract

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ALONE: dict[str, Callable[[Path], Iterator[str]]] = {
    "secrets": checks.secrets,
    "numbers": checks.numbers,
    "provenance": checks.provenance,
    "places": checks.places,
}


@pytest.mark.parametrize("check", ALONE.values(), ids=ALONE)
def test_cassettes_are_fit_to_publish(check: Callable[[Path], Iterator[str]]) -> None:
    assert [problem for path in CASSETTES for problem in check(tape.FOLDER / path)] == []


def test_every_operation_and_every_error_has_a_cassette() -> None:
    assert [*checks.gaps(tape.FOLDER)] == []


def test_every_cassette_is_played() -> None:
    assert [*checks.unused(tape.FOLDER, CASSETTES)] == []


# Each check fails where it should.


@pytest.fixture
def spoilt(tmp_path: Path) -> Callable[[str, str], Path]:
    """Make a copy of a cassette with one text in the place of another."""

    def spoil(old: str, new: str) -> Path:
        path = tmp_path / "erzycall" / "list_calls.yaml"
        path.parent.mkdir(exist_ok=True)
        text = (tape.FOLDER / "erzycall" / "list_calls.yaml").read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        return path

    return spoil


@pytest.mark.parametrize(
    ("check", "old", "new"),
    [
        ("secrets", "placeholder", "ek_live_1234567890abcdef"),
        ("secrets", "placeholder", "some-key-of-another-form"),
        ("secrets", "- placeholder", "'some key'"),
        ("secrets", '"pageSize"', '"note":"ek_test_sandbox","pageSize"'),
        ("secrets", '"pageSize"', '"secret":"whsec_0123456789abcdef","pageSize"'),
        ("numbers", "+14155551234", "+14155552671"),
        ("numbers", "+14155551234", "%2B14155552671"),
        ("numbers", "+14155551234", "14155552671"),
        ("numbers", '"pageSize"', '"note":"+442079460018","pageSize"'),
        ("provenance", "against: sandbox", "against: somebody"),
        ("provenance", "against: sandbox", "with: sandbox"),
        ("provenance", "recorded:", "says:"),
        ("provenance", "as_of: '2025-01-15'", "as_of: today"),
        ("places", "https://app.erzycall.com", "http://127.0.0.1:9001"),
        ("places", "https://app.erzycall.com", "https://app.erzycall.com.example"),
    ],
)
def test_what_is_unfit_is_found(spoilt: Callable[[str, str], Path], check: str, old: str, new: str) -> None:
    assert [*ALONE[check](spoilt("# ErzyCall", "# ErzyCall"))] == []
    assert len([*ALONE[check](spoilt(old, new))]) >= 1


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Copy all cassettes."""
    shutil.copytree(tape.FOLDER, tmp_path / "cassettes")
    return tmp_path / "cassettes"


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        ("erzycall/search_contacts", "erzycall: the operation search_contacts has no cassette"),
        (
            "erzycall/list_outbound_assistants",
            "erzycall: the operation list_outbound_assistants has no cassette",
        ),
        ("erzycall/create_call", "erzycall: the operation create_call has no cassette"),
        ("aicaller/create_calls", "aicaller: the operation create_calls has no cassette"),
        ("aicaller/get_transcript", "aicaller: the operation get_transcript has no cassette"),
        ("erzycall/error.MAX_ENDPOINTS", "erzycall: there is no cassette error.MAX_ENDPOINTS"),
        ("aicaller/error.422", "aicaller: there is no cassette error.422"),
    ],
)
def test_what_is_lost_is_missed(copy: Path, lost: str, said: str) -> None:
    (copy / f"{lost}.yaml").unlink()
    assert [*checks.gaps(copy)] == [said]


def test_an_operation_that_a_provider_gains_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    kind: Any = REPERTOIRES["erzycall"].provider_type
    monkeypatch.setattr(kind, "operations", (*kind.operations, "list_phone_numbers"))
    assert [*checks.gaps(tape.FOLDER)] == ["erzycall: the operation list_phone_numbers has no cassette"]


@pytest.mark.parametrize(
    "name", ["erzycall/list_phone_numbers.yaml", "erzycall/get_call.yml", "acme/get_call.yaml"]
)
def test_what_nobody_plays_is_found(copy: Path, name: str) -> None:
    (copy / name).parent.mkdir(exist_ok=True)
    shutil.copy(copy / "erzycall" / "get_call.yaml", copy / name)
    played = [path.relative_to(copy) for path in copy.glob("*/*.yaml")]
    assert [*checks.unused(copy, played)] == [f"{copy / name}: no test plays it"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "create_call.json",
            '{"Authorization": ["placeholder"], "x-api-key": ["ek_live_1"]}',
            "the header x-api-key",
        ),
        ("create_call.yaml", "x-api-key:\n  - ek_live_1", "the header x-api-key"),
        ("deeper/create_call.txt", "where the key was: ek_test_sandbox", "it holds the key"),
        ("create_call.yaml", "no key here: ek_test_1", ""),
        ("create_call.yaml", "x-api-key: []\nx-api-key:\n- placeholder\nmax-api-key: 1", ""),
    ],
)
def test_the_contract_looks_for_keys(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text)
    contract: Any = type("TestAcme", (test_erzycall_contract.TestErzyCall,), {"cassettes": tmp_path})()
    if not said:
        contract.test_no_cassette_holds_the_key()
        return
    with pytest.raises(AssertionError, match=f"{Path(name).name}: {said}"):
        contract.test_no_cassette_holds_the_key()


def test_the_contract_looks_for_recordings(copy: Path) -> None:
    (copy / "erzycall" / "get_call.yaml").unlink()
    contract: Any = type(
        "TestAcme", (test_erzycall_contract.TestErzyCall,), {"cassettes": copy / "erzycall"}
    )()
    with pytest.raises(AssertionError, match=r"erzycall lacks get_call: .* such as get_call\.yaml"):
        contract.test_every_operation_has_a_cassette()


def test_what_is_left_out_of_the_replay_is_found() -> None:
    assert [*checks.unused(tape.FOLDER, CASSETTES[1:])] == [f"{tape.FOLDER / CASSETTES[0]}: no test plays it"]
