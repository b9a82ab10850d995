"""What the configuration page says of the order: the constructor, then the environment, then the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import callhub

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the ledger and a provider's setting in the file and in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in ("CALLHUB_CONFIG", "CALLHUB_NUMBERS", "CALLHUB_PROVIDERS", "CALLHUB_SCRIPTS"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "callhub.toml").write_text(
        'ledger = "sqlite:///file.db"\n'
        "[providers.erzycall]\n"
        'api_key = "ek_test_key"\n'
        'base_url = "http://localhost:1"\n'
    )
    monkeypatch.setenv("CALLHUB_LEDGER", "sqlite:///environment.db")
    monkeypatch.setenv("CALLHUB_ERZYCALL_BASE_URL", "http://localhost:2")


def reached(hub: callhub.Hub) -> str:
    """Tell which base URL a hub's provider has."""
    with hub:
        return str(hub._context.links["erzycall"].provider.settings.base_url)  # noqa: SLF001 - nothing shows it


def test_the_environment_wins_over_the_file() -> None:
    assert reached(callhub.Hub.from_config()) == "http://localhost:2"


def test_the_constructor_wins_over_both() -> None:
    settings = {"api_key": "ek_test_key", "base_url": "http://localhost:3"}
    assert reached(callhub.Hub.from_config(providers={"erzycall": settings})) == "http://localhost:3"


def test_the_environment_fills_what_the_constructor_leaves_out() -> None:
    assert reached(callhub.Hub(providers={"erzycall": {"api_key": "ek_test_key"}})) == "http://localhost:2"


def test_the_ledger_of_the_environment_wins_over_that_of_the_file(tmp_path: Path) -> None:
    with callhub.Hub.from_config() as hub:
        assert list(hub.calls.history()) == []
    assert [each.name for each in tmp_path.glob("*.db")] == ["environment.db"]
