"""Record against a vendor itself: one call, to the tester's own number, and a few readings and errors.

Nothing is read that could hold other people's data, and nothing is changed but that call.
"""

from __future__ import annotations

import os
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from callhub import config
from callhub.errors import ConfigurationError
from callhub.provider.capability import Feature
from callhub.provider.sandbox import SandboxClock
from tests.cassettes import tape
from tests.cassettes.recorder import REPERTOIRES, Recorder, home, shown
from tests.cassettes.scene import Stage

if TYPE_CHECKING:
    from pathlib import Path

    from callhub.provider.base import Provider
    from callhub.provider.http import Request
    from callhub.provider.sandbox import Sandbox
    from tests.cassettes.scene import Repertoire, Scene

NUMBER, SCRIPT = "CALLHUB_LIVE_NUMBER", "CALLHUB_LIVE_SCRIPT"
EXAMPLE = "+14155551234"
_E164 = re.compile(r"\+[1-9]\d{6,14}")


def record(folder: Path, *, at: str | None = None) -> list[Path]:
    """Record the live scenes of the one vendor whose key is set; `at` is a stand-in for it, for tests.

    Raises:
        ConfigurationError: something isn't set that must be; nothing was sent.
    """
    number = os.environ.get(NUMBER, "")
    if not _E164.fullmatch(number):
        raise ConfigurationError(f"set {NUMBER} to your own number, such as {EXAMPLE}: it will be called")
    name = _named()
    repertoire = REPERTOIRES[name]
    provider = _provider(name, repertoire, at)
    facts = {"number": number, "key": f"callhub-live-{secrets.token_hex(8)}", **_script(provider)}
    words, guard, written = _words(provider, repertoire, facts), OneCall(number), []
    for scene in repertoire.live:
        path = folder / name / f"{scene.name}.yaml"
        stage = Stage(_with(provider, scene), facts)
        recorder = Recorder(stage.provider, "live", datetime.now(UTC).date(), words, watch=guard.watch)
        recorder.record(path, scene, stage)
        written.append(path)
    return written


@dataclass(slots=True)
class OneCall:
    """Lets one request of a whole recording dial, and none but the tester's own number."""

    number: str
    left: int = 1

    def watch(self, request: Request) -> None:
        """Look at a request before it is sent.

        Raises:
            ConfigurationError: it must not be sent.
        """
        if not request.dials:
            return
        self.left -= 1
        if self.left < 0 or f'"{self.number}"'.encode() not in (request.body or b""):
            raise ConfigurationError("a live recording places one call, to your own number, and no other")


def _named() -> str:
    variables = {name: config.variable(name, "api_key") for name in REPERTOIRES}
    named = [name for name, variable in variables.items() if os.environ.get(variable)]
    if len(named) != 1:
        raise ConfigurationError(f"set one of {' and '.join(variables.values())}: one vendor at a time")
    return named[0]


def _provider(name: str, repertoire: Repertoire, at: str | None) -> Provider[Any]:
    provider = config.provider(name, {"base_url": at} if at else {})
    if provider.settings.base_url not in (home(repertoire), at):
        variable = config.variable(name, "base_url")
        raise ConfigurationError(f"{variable} leads elsewhere: a live recording needs {home(repertoire)}")
    return provider


def _script(provider: Provider[Any]) -> dict[str, str]:
    if provider.supports(Feature.DEFAULT_SCRIPT):
        return {}
    if SCRIPT not in os.environ:
        raise ConfigurationError(f"set {SCRIPT} to the id of the script that {provider.title} shall speak")
    return {"script": os.environ[SCRIPT]}


def _words(provider: Provider[Any], repertoire: Repertoire, facts: dict[str, str]) -> dict[str, str]:
    """Tell what stands in a cassette for whatever belongs to the tester."""
    box: Sandbox = provider.sandbox(SandboxClock(lambda: repertoire.instant))
    words = {provider.settings.base_url: home(repertoire), facts["key"]: "callhub-live"}
    words[provider.settings.api_key.get_secret_value()] = tape.PLACEHOLDER
    words[facts["number"].removeprefix("+")] = EXAMPLE.removeprefix("+")
    words |= {facts["script"]: box.script} if "script" in facts else {}
    own = {name: value for name, value in shown(provider).items() if isinstance(value, str)}
    return words | {value: box.settings.get(name, tape.PLACEHOLDER) for name, value in own.items()}


def _with(provider: Provider[Any], scene: Scene) -> Provider[Any]:
    kind = type(provider)
    return kind(kind.settings_type.model_validate({**dict(provider.settings), **scene.settings}))
