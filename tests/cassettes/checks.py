"""What a folder of cassettes must be; each check gives a sentence for whatever is wrong."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from callhub.provider.sandbox import SandboxClock
from callhub.testing.contract.cassettes import leaks, unrecorded
from tests.cassettes import tape
from tests.cassettes.recorder import REPERTOIRES, home

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from callhub.provider.base import Provider

# The vendors' forms of keys and secrets, the documented samples among them.
SECRETS = re.compile(r"\b(?:ek_(?:live|test)|whsec)_\w+")
# E.164 with its plus, also where a URL escapes it; and what may be one without.
NUMBERS = re.compile(r"(?:\+|%2[Bb])[1-9]\d{6,14}|(?<![\w.-])[1-9]\d{10,14}(?![\w.-])")


def secrets(path: Path) -> Iterator[str]:
    """Find keys: the sandbox's, anything of a vendor's form, any value of a header that carries one."""
    text = path.read_text()
    if SECRETS.search(text):
        yield f"{path}: holds a key or a secret"
    yield from (f"{path}: {what}" for what in leaks(_sample(path.parent.name), text))


def numbers(path: Path) -> Iterator[str]:
    """Find numbers that aren't known to be examples."""
    for found in NUMBERS.findall(path.read_text()):
        if "+" + found.removeprefix("+").removeprefix("%2B").removeprefix("%2b") not in tape.NUMBERS:
            yield f"{path}: holds the number {found}, which is no documented example"


def provenance(path: Path) -> Iterator[str]:
    """Find a cassette that doesn't say what it was recorded against, and when."""
    document = tape.parsed(path.read_text())
    told = document.get("recorded") if isinstance(document, dict) else None
    if not isinstance(told, dict) or told.get("against") not in ("sandbox", "live"):
        yield f"{path}: doesn't say whether it was recorded against the sandbox or live"
    elif not re.fullmatch(r"\d{4}-\d\d-\d\d", str(told.get("as_of"))):
        yield f"{path}: doesn't say of when it is"


def places(path: Path) -> Iterator[str]:
    """Find requests that went elsewhere than to the vendor, as a recording on loopback does."""
    base = home(REPERTOIRES[path.parent.name])
    for each in tape.parsed(path.read_text())["interactions"]:
        if not each["request"]["uri"].startswith(f"{base}/"):
            yield f"{path}: asks {each['request']['uri']}, which is not at {base}"


def gaps(folder: Path) -> Iterator[str]:
    """Find operations of a provider, and errors of its table, that have no cassette."""
    for name, repertoire in REPERTOIRES.items():
        there = {path.stem for path in (folder / name).glob("*.yaml")}
        lost = unrecorded(_sample(name), folder / name)
        yield from (f"{name}: the operation {operation} has no cassette" for operation in lost)
        wanted = {f"error.{code or status}" for status, code in repertoire.provider_type.refusals}
        yield from (f"{name}: there is no cassette {error}" for error in sorted(wanted - there))


def unused(folder: Path, played: Iterable[Path]) -> Iterator[str]:
    """Find cassettes that no test plays: those that have no scene among them."""
    known = {
        folder / name / f"{scene.name}.yaml"
        for name, repertoire in REPERTOIRES.items()
        for scene in (*repertoire.scenes, *repertoire.live)
    }
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "README.md"):
        if path not in known & {folder / each for each in played}:
            yield f"{path}: no test plays it"


def _sample(name: str) -> Provider[Any]:
    """Make a provider with the key of its sandbox."""
    repertoire = REPERTOIRES[name]
    kind = repertoire.provider_type
    settings = kind.sandbox(SandboxClock(lambda: repertoire.instant)).settings
    return kind(kind.settings_type.model_validate({**settings}))
