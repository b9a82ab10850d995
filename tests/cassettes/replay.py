"""Play a recorded scene again: through the blocking and the awaiting transport, with no network at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from callhub.ledger.store import Ledger
from callhub.runtime.runner import AsyncRunner, Runner
from callhub.runtime.transport import AsyncTransport, Transport
from callhub.testing.clock import VirtualClock
from tests.cassettes import tape
from tests.cassettes.recorder import REPERTOIRES
from tests.cassettes.scene import Stage, performed, plain

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from callhub.provider.base import Flow, Provider
    from callhub.provider.http import Request
    from tests.cassettes.scene import Scene


def scene_of(path: Path) -> Scene:
    """Give the scene that a cassette is the recording of."""
    repertoire = REPERTOIRES[path.parent.name]
    live = tape.recorded(path)["against"] == "live"
    scenes = {scene.name: scene for scene in (repertoire.live if live else repertoire.scenes)}
    return scenes[path.stem]


def provider_of(path: Path, **settings: Any) -> Provider[Any]:
    """Make the provider as it was when a cassette was recorded, but for the key."""
    kind = REPERTOIRES[path.parent.name].provider_type
    given = {**tape.recorded(path)["settings"], "api_key": tape.PLACEHOLDER, **settings}
    return kind(kind.settings_type.model_validate(given))


def staged(path: Path) -> tuple[Provider[Any], Flow[Any]]:
    """Give a cassette's provider, and its scene as a flow that is ready to be performed."""
    provider = provider_of(path)
    return provider, scene_of(path).play(Stage(provider, dict(tape.recorded(path)["facts"])))


def blocking(path: Path, client: Any = None) -> Any:
    """Replay a cassette through `Transport`, to its last request."""
    provider, flow = staged(path)
    sent: list[Request] = []
    transport = Transport({provider.name: provider}, client)
    with tape.replaying(path) as cassette:
        value = _runner(transport).run(performed(provider, flow, sent.append))
        transport.close()
    _expect_all(cassette, sent)
    return plain(value)


async def awaiting(path: Path, client: Any = None) -> Any:
    """Replay a cassette through `AsyncTransport`, to its last request."""
    provider, flow = staged(path)
    sent: list[Request] = []
    transport = AsyncTransport({provider.name: provider}, client)
    runner = AsyncRunner(Ledger("sqlite://"), transport, VirtualClock())
    with tape.replaying(path) as cassette:
        value = await runner.run(performed(provider, flow, sent.append))
        await transport.close()
    _expect_all(cassette, sent)
    return plain(value)


def answered(
    path: Path,
    request: Request,
    settings: Mapping[str, Any] | None = None,
    match_on: tuple[str, ...] = tape.EXACT,
) -> int:
    """Send one request to a cassette; give the status of its answer, or fail where it has none."""

    def alone() -> Flow[int]:
        return (yield request).status

    provider = provider_of(path, **settings or {})
    with tape.replaying(path, match_on):
        runner = _runner(Transport({provider.name: provider}))
        status: int = runner.run(performed(provider, alone(), id))
    return status


def _runner(transport: Transport) -> Runner:
    return Runner(Ledger("sqlite://"), transport, VirtualClock())  # no flow here asks the ledger


def _expect_all(cassette: Any, sent: list[Request]) -> None:
    """Insist that each recorded answer was played once, and nothing else was sent."""
    assert cassette.all_played, f"{cassette.path} holds what its scene doesn't ask for"
    assert cassette.play_count == len(sent) == len(cassette)
