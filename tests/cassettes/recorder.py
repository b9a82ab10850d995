"""Plays the scenes of the vendors, and records them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from callhub.ledger.store import Ledger
from callhub.runtime.runner import Runner
from callhub.runtime.transport import Transport
from callhub.testing.clock import VirtualClock
from tests.cassettes import aicaller, erzycall, tape
from tests.cassettes.scene import performed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date
    from pathlib import Path

    import httpx2

    from callhub.provider.base import Flow, Provider
    from callhub.provider.http import Request
    from tests.cassettes.scene import Repertoire, Scene, Stage

REPERTOIRES: Mapping[str, Repertoire] = {
    "erzycall": erzycall.REPERTOIRE,
    "aicaller": aicaller.REPERTOIRE,
}


@dataclass(frozen=True, slots=True)
class Recorder:
    """Plays scenes to one provider, and records them.

    Attributes:
        against: ``sandbox`` or ``live``.
        words: what must not stand in a cassette, and what stands there instead.
        client: sends; None for a transport's own.
        watch: sees each request before it leaves.
    """

    provider: Provider[Any]
    against: str
    as_of: date
    words: Mapping[str, str]
    client: httpx2.Client | None = None
    watch: Callable[[Request], object] = id

    def run(self, flow: Flow[Any]) -> Any:
        """Perform a flow, unrecorded."""
        transport = Transport({self.provider.name: self.provider}, self.client)
        runner = Runner(Ledger("sqlite://"), transport, VirtualClock())  # no flow here asks the ledger
        try:
            return runner.run(performed(self.provider, flow, self.watch))
        finally:
            transport.close()

    def record(self, path: Path, scene: Scene, stage: Stage) -> None:
        """Play what comes before, then record the scene itself."""
        if scene.before is not None:
            self.run(scene.before(stage))
        label = tape.Label(
            title=f"{self.provider.title}: {scene.name}",
            against=self.against,
            as_of=self.as_of,
            settings=shown(self.provider),
            facts=stage.facts,
            note=scene.note,
        )
        headers = frozenset(name.lower() for name, _ in self.provider.authorization())
        with tape.recording(path, label, tape.Scrub(self.words, headers)):
            self.run(scene.play(stage))


def shown(provider: Provider[Any]) -> dict[str, Any]:
    """Give the settings that a cassette may show."""
    settings = dict(provider.settings)
    return {
        name: value
        for name, value in settings.items()
        if name != "base_url" and value is not None and not isinstance(value, SecretStr)
    }


def home(repertoire: Repertoire) -> str:
    """Give the vendor's real base URL."""
    url: str = repertoire.provider_type.settings_type.model_fields["base_url"].default
    return url
