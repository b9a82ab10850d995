"""Sandboxes of whatever providers are installed, ready to be served on loopback."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from callhub import config
from callhub.provider import registry
from callhub.provider.sandbox import SandboxClock
from callhub.runtime.serve import Served, serve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from callhub.provider.sandbox import Dial, Sandbox

NUMBER = "+14155550100"


@dataclass(frozen=True, slots=True)
class Box:
    """One provider's sandbox, and who serves it."""

    name: str
    title: str
    served: Served

    @property
    def sandbox(self) -> Sandbox:
        """The emulator."""
        return self.served.sandbox

    @property
    def settings(self) -> dict[str, str]:
        """The provider's settings that lead here; the URL is known once it is served."""
        return {**self.sandbox.settings, "base_url": self.served.url}


def make(name: str, speed: float, port: int = 0, on_dial: Callable[[str, Dial], object] | None = None) -> Box:
    """Make a provider's sandbox whose time runs `speed` times as fast.

    Raises:
        UnknownProvider: none of that name is installed.
        ConfigurationError: it can't be loaded.
        UnsupportedFeature: it ships no sandbox.
    """
    kind = registry.load(name)
    sandbox = kind.sandbox(SandboxClock(lambda: datetime.now(UTC), speed))

    def tell(dial: Dial) -> None:
        if on_dial is not None:
            on_dial(name, dial)

    return Box(name, kind.title, serve(sandbox, port, on_dial=tell))


def shell_lines(boxes: list[Box]) -> Iterator[str]:
    """Give the lines that let a shell's callhub use these sandboxes, and a call to try."""
    for box in boxes:
        for field, value in box.settings.items():
            yield f"export {config.variable(box.name, field)}={shlex.quote(value)}"
    yield "export CALLHUB_LEDGER=sqlite:///callhub-sandbox.db"
    first = boxes[0]
    script = shlex.quote(f"{first.name}:{first.sandbox.script}")
    yield f"callhub call {NUMBER} --provider {first.name} \\"
    yield f"    --script {script} --name Ada --wait"


def python_lines(boxes: list[Box]) -> Iterator[str]:
    """Give a program that places a call through the first of these sandboxes."""
    yield "import callhub"
    yield "with callhub.Hub("
    yield "    providers={"
    for box in boxes:
        yield f"        {box.name!r}: {{"
        yield from (f"            {name!r}: {value!r}," for name, value in box.settings.items())
        yield "        },"
    yield "    },"
    yield "    scripts={'demo': {"
    yield from (f"        {box.name!r}: {box.sandbox.script!r}," for box in boxes)
    yield "    }},"
    yield "    ledger='sqlite://',"
    yield ") as hub:"
    yield "    call = hub.calls.create("
    yield f"        to={NUMBER!r}, script='demo', provider={boxes[0].name!r},"
    yield "        contact=callhub.Contact(name='Ada'),"
    yield "    )"
    yield "    print(hub.calls.wait(call.id).to_dict())"
