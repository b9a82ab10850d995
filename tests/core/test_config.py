"""Which provider an environment variable is for."""

from __future__ import annotations

import os

import pytest

from callhub import config
from callhub.provider import registry


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
