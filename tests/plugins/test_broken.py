"""A plugin that can't be used gives one clear sentence, and disturbs nobody else."""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pytest

import callhub
from callhub.cli import main
from callhub.provider import registry
from callhub.provider.sandbox import SandboxClock
from callhub.testing import VirtualClock, inprocess
from callhub_aicaller import AICaller
from tests.plugins.outside import distribution

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

OURS = version("callhub")
GOOD = """
from callhub_aicaller import AICaller

class Good(AICaller):
    name = "odd"
"""
# What stands in the plugin's module, and what is said of it.
BROKEN: Mapping[str, tuple[str, str]] = {
    "fails to import": (
        "import nothing_of_that_name",
        "can't be imported: ModuleNotFoundError: No module named 'nothing_of_that_name'",
    ),
    "is no Python": ("def", "can't be imported: SyntaxError: invalid syntax (odd_plugin.py, line 1)"),
    "fails with lines": ("raise OSError('one\\n  two')", "can't be imported: OSError: one two"),
    "asserts": ("assert 1 > 2, 'too old a Python'", "can't be imported: AssertionError: too old a Python"),
    "exits": ("raise SystemExit('bye')", "can't be imported: SystemExit: bye"),
    "is empty": ("", "can't be imported: AttributeError: module 'odd_plugin' has no attribute 'Good'"),
    "is a function": (
        "def Good(settings): ...",
        "is no callhub Provider: its entry point must name a subclass of it",
    ),
    "is another class": (
        "class Good: name = 'odd'",
        "is no callhub Provider: its entry point must name a subclass of it",
    ),
    "is not finished": (
        "from callhub.provider.base import Provider\nclass Good(Provider): name = 'odd'",
        (
            "is not finished: it lacks title, requires, settings_type, capabilities, statuses, refusals, "
            "authorization, check, create_call, get_call, list_calls, read_error"
        ),
    ),
    "has another name": (
        GOOD.replace('"odd"', '"even"'),
        "calls itself 'even': its class and its entry point must use one name",
    ),
    "is for a later callhub": (
        f"{GOOD}    requires = '>=99'",
        f"is made for callhub >=99; this is {OURS}: install a matching release of either",
    ),
    "is for no callhub": (
        f"{GOOD}    requires = 'new'",
        "says that it requires callhub 'new', which is no range of versions such as '>=0.1,<0.2'",
    ),
}


class World:
    """A hub with one good vendor, beside whatever else is installed."""

    def __init__(self) -> None:
        clock = VirtualClock()
        self.sandbox = AICaller.sandbox(SandboxClock(clock.now))
        self.settings = {**self.sandbox.settings, "base_url": inprocess.url_of("aicaller")}
        self.options: dict[str, Any] = {
            "ledger": "sqlite://",
            "clock": clock,
            "scripts": {"hello": {"aicaller": self.sandbox.script}},
            "http_client": inprocess.client({"aicaller": self.sandbox}),
        }

    def hub(self, **others: Mapping[str, Any]) -> callhub.Hub:
        return callhub.Hub(providers={"aicaller": self.settings, **others}, **self.options)

    def problems(self) -> dict[str, str | None]:
        """List the providers, with what is wrong with each, after a call through the good one."""
        with self.hub() as hub:
            call = hub.calls.create(
                to="+14155550100", script="hello", contact=callhub.Contact(name="Ada"), provider="aicaller"
            )
            assert hub.calls.wait(call.id).status == "ended"
            return {info.name: info.problem for info in hub.providers()}


@pytest.fixture
def world() -> Iterator[World]:
    """Give a hub's world, and close its client."""
    made = World()
    with made.options["http_client"]:
        yield made


@pytest.fixture(autouse=True)
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a folder from which Python imports; what came from it is forgotten at the end."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield tmp_path
    sys.modules.pop("odd_plugin", None)


def expect_one_sentence(world: World, name: str, sentence: str, owner: str = "odd-plugin 1.0") -> None:
    told = f"the provider {name!r} of {owner} {sentence}"
    assert world.problems() == {"aicaller": None, "erzycall": None, name: told}
    for attempt in (lambda: registry.load(name), lambda: world.hub(**{name: {"api_key": "k"}})):
        with pytest.raises(callhub.ConfigurationError) as caught:
            attempt()
        assert (str(caught.value), caught.value.provider) == (told, name)
        assert "\n" not in told


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_plugin(kind: str, world: World, path: Path) -> None:
    source, sentence = BROKEN[kind]
    distribution(path, "odd-plugin", "odd = odd_plugin:Good", {"odd_plugin": source})
    expect_one_sentence(world, "odd", sentence)


@pytest.mark.parametrize("name", ["Odd", "odd_one", "odd one", "odd:1"])
def test_a_name_that_cannot_be_one(name: str, world: World, path: Path) -> None:
    source = GOOD.replace('"odd"', repr(name))
    distribution(path, "odd-plugin", f"{name} = odd_plugin:Good", {"odd_plugin": source})
    sentence = "needs another name: a lower-case letter first, then letters, digits and single hyphens"
    expect_one_sentence(world, name, sentence)


def test_callhubs_own_name_is_no_vendors(world: World, path: Path) -> None:
    source = GOOD.replace('"odd"', '"callhub"')
    distribution(path, "odd-plugin", "callhub = odd_plugin:Good", {"odd_plugin": source})
    expect_one_sentence(world, "callhub", "needs another name: this one is callhub's own")


def test_a_plugin_of_nobody(world: World, path: Path) -> None:
    source = {"odd_plugin": "Good = None"}
    distribution(path, "odd-plugin", "odd = odd_plugin:Good", source, metadata=False)
    sentence = "is no callhub Provider: its entry point must name a subclass of it"
    expect_one_sentence(world, "odd", sentence, owner="odd_plugin:Good")


@pytest.mark.parametrize("others", [("one", "two"), ("two", "one")])
def test_two_plugins_of_one_name(others: tuple[str, str], world: World, path: Path) -> None:
    for name in others:
        distribution(path, f"plugin-{name}", "odd = odd_plugin:Good", {"odd_plugin": GOOD})
    told = "two packages claim the provider 'odd': plugin-one 1.0 and plugin-two 1.0; uninstall one"
    assert world.problems() == {"aicaller": None, "erzycall": None, "odd": told}
    with pytest.raises(callhub.ConfigurationError) as caught:
        registry.load("odd")
    assert str(caught.value) == told


def test_a_plugin_that_takes_a_name_in_the_box(world: World, path: Path) -> None:
    distribution(path, "plugin-one", "erzycall = odd_plugin:Good", {"odd_plugin": GOOD})
    told = world.problems()
    assert told["aicaller"] is None
    claim = f"two packages claim the provider 'erzycall': callhub {OURS} and plugin-one 1.0; uninstall one"
    assert told["erzycall"] == claim


def test_a_good_plugin_beside_a_broken_one(world: World, path: Path) -> None:
    distribution(path, "odd-plugin", "odd = odd_plugin:Good\nbad = odd_plugin:Bad", {"odd_plugin": GOOD})
    assert {name: problem is None for name, problem in world.problems().items()} == {
        "aicaller": True,
        "bad": False,
        "erzycall": True,
        "odd": True,
    }
    with world.hub(odd=world.settings) as hub:
        assert {info.name for info in hub.providers() if info.configured} == {"aicaller", "odd"}


def test_a_plugin_that_is_older_than_a_feature(world: World, path: Path) -> None:
    source = f"{GOOD}    capabilities = {{}}"
    distribution(path, "odd-plugin", "odd = odd_plugin:Good", {"odd_plugin": source})
    with world.hub(odd=world.settings) as hub, pytest.raises(callhub.UnsupportedFeature, match="older than"):
        hub.calls.create(
            to="+14155550100", script="odd:1", contact=callhub.Contact(name="Ada"), provider="odd"
        )


def test_the_command_line_lists_and_goes_on(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    distribution(path, "odd-plugin", "odd = odd_plugin:Good", {"odd_plugin": "raise SystemExit(3)"})
    assert main(["providers", "--json"]) == 0
    listed = {each["name"]: each for each in map(json.loads, capsys.readouterr().out.splitlines())}
    assert {name: each["problem"] for name, each in listed.items()} == {
        "aicaller": None,
        "erzycall": None,
        "odd": "the provider 'odd' of odd-plugin 1.0 can't be imported: SystemExit: 3",
    }
    assert main(["providers"]) == 0
    assert "the provider 'odd' of odd-plugin 1.0 can't be imported" in capsys.readouterr().out
