"""Settings: which provider a variable is for, and what is said of those that can't be."""

from __future__ import annotations

import os
import traceback
from typing import TYPE_CHECKING, Any

import pytest

import callhub
from callhub import config
from callhub.provider import registry

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def two_names_that_begin_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "installed", lambda: ["foo", "foo-bar", "public"])
    for key in [key for key in os.environ if key.startswith("CALLHUB_")]:
        monkeypatch.delenv(key)


def test_the_longer_name_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLHUB_FOO_BAR_API_KEY", "x")
    assert config.named_providers(config.HubSettings()) == ["foo-bar"]


def test_each_has_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLHUB_FOO_API_KEY", "x")
    monkeypatch.setenv("CALLHUB_FOO_BAR_API_KEY", "x")
    assert config.named_providers(config.HubSettings()) == ["foo", "foo-bar"]


def test_callhub_s_own_variables_configure_no_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLHUB_PUBLIC_URL", "https://example.com")
    monkeypatch.setenv("CALLHUB_LEDGER", "sqlite://")
    assert config.named_providers(config.HubSettings()) == []


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "callhub.toml"
    file.write_text('ledger = "sqlite:///of-the-file.db"\n')
    monkeypatch.chdir(tmp_path)
    for variable in ("CALLHUB_CONFIG", "CALLHUB_LEDGER", "CALLHUB_SETTLING", "CALLHUB_FOO_API_KEY"):
        monkeypatch.setenv(variable, "")
    settings = config.read()
    assert (settings.ledger, settings.settling) == ("sqlite:///of-the-file.db", 5.0)
    assert config.named_providers(settings) == []


@pytest.mark.parametrize("url", ["postgresql://u:SE@CR:ET@h/db", "postgresql://h:port/db"])
def test_a_password_that_breaks_the_url_is_not_shown(url: str) -> None:
    with pytest.raises(callhub.ConfigurationError, match="write @ : / as %40 %3A %2F") as caught:
        callhub.Hub(providers={}, ledger=url)
    assert "ET" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("value", ["erzycall,aicaller", '["erzycall"'])
def test_a_route_that_is_no_json_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("CALLHUB_ROUTE", value)
    with pytest.raises(callhub.ConfigurationError, match="CALLHUB_ROUTE") as caught:
        callhub.Hub.from_config()
    assert "list[str]" not in str(caught.value)


@pytest.mark.parametrize("options", [{"providers": ["erzycall"]}, {"providers": {}, "scripts": [1]}])
def test_what_is_no_table_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(callhub.ConfigurationError, match="must be a table"):
        callhub.Hub(**options, ledger="sqlite://")
