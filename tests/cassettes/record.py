"""Record the cassettes: ``make record`` against callhub's sandboxes, ``CALLHUB_LIVE=1 make record`` for real.

cassettes/README.md tells what a live recording needs, and what it does.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import httpx2

from callhub.errors import CallhubError
from callhub.provider.sandbox import SandboxClock
from callhub.runtime.serve import serve
from tests.cassettes import live, tape
from tests.cassettes.recorder import REPERTOIRES, Recorder, home
from tests.cassettes.scene import Stage
from tests.core.kit import Relay

if TYPE_CHECKING:
    from pathlib import Path

    from callhub.provider.sandbox import Sandbox
    from tests.cassettes.scene import Repertoire, Scene


def record(folder: Path) -> list[Path]:
    """Record every scene against the sandboxes, on loopback; what was recorded live stays as it is."""
    relay, written = Relay(), []
    with serve(relay) as served, httpx2.Client(trust_env=False) as client:
        for name, repertoire in REPERTOIRES.items():
            for scene in repertoire.scenes:
                path = folder / name / f"{scene.name}.yaml"
                if not (path.is_file() and tape.recorded(path)["against"] == "live"):
                    sandbox, recorder = _set_up(repertoire, scene, served.url, client)
                    relay.put(sandbox)
                    recorder.record(path, scene, Stage(recorder.provider, sandbox=sandbox))
                    written.append(path)
    return written


def _set_up(
    repertoire: Repertoire, scene: Scene, url: str, client: httpx2.Client
) -> tuple[Sandbox, Recorder]:
    kind = repertoire.provider_type
    sandbox = (scene.box or kind.sandbox)(SandboxClock(lambda: repertoire.instant))
    given = {**sandbox.settings, **scene.settings, "base_url": url}
    provider = kind(kind.settings_type.model_validate(given))
    words = {url: home(repertoire), provider.settings.api_key.get_secret_value(): tape.PLACEHOLDER}
    day = repertoire.instant.date()
    return sandbox, Recorder(provider, "sandbox", day, words, client)


def main() -> int:
    """Record, and say what was written."""
    try:
        written = live.record(tape.FOLDER) if os.environ.get("CALLHUB_LIVE") == "1" else record(tape.FOLDER)
    except CallhubError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for path in written:
        sys.stdout.write(f"{path.relative_to(tape.FOLDER.parent)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
