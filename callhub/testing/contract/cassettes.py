"""Recordings of the vendor: one for each operation, and none with a key in it."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import SecretStr

from callhub import config
from callhub.testing.contract.harness import Harness, expect
from callhub.testing.contract.operations import optional

if TYPE_CHECKING:
    from pathlib import Path

    from callhub.provider.base import Provider

PLACEHOLDER = "placeholder"
_NEEDED = ("create_call", "get_call", "list_calls")
# A header and its first value, in YAML as in JSON.
_VALUE = r"(?i)(?<![\w-]){name}[\"']?\s*:\s*[-\[\s\"']*([^\"'\[\],\s][^\"'\],\s]*)"


class CassetteTests(Harness):
    """What a folder of recordings must be; a plugin that names none is asked for nothing."""

    cassettes: ClassVar[Path | None] = None

    def test_every_operation_has_a_cassette(self) -> None:
        """Each operation that the vendor has was recorded, in a file of its name."""
        if self.cassettes is None:
            return
        lost = unrecorded(self.vendor()[0], self.cassettes)
        expect(
            not lost,
            f"{self.cassettes.name} lacks {', '.join(lost)}: record each in a file of its name, such as "
            f"{next(iter(lost), '')}.yaml",
        )

    def test_no_cassette_holds_the_key(self) -> None:
        """Neither the key nor any other value of its header was recorded."""
        provider = self.vendor()[0]
        for path in _files(self.cassettes) if self.cassettes else ():
            found = leaks(provider, path.read_text(errors="replace"))
            expect(not found, f"{path.name}: {'; '.join(found)}; take it out (vcrpy: filter_headers)")


def unrecorded(provider: Provider[Any], folder: Path) -> list[str]:
    """Name the operations without a file of their name below that folder."""
    features = optional(provider).items()
    native = [name for feature, starts in features if provider.supports(feature) for name in starts]
    there = {path.stem for path in _files(folder)}
    return [name for name in (*_NEEDED, *native, *provider.operations) if name not in there]


def leaks(provider: Provider[Any], text: str) -> list[str]:
    """Say which secrets a recording holds: those of the settings, and any value of the key's headers."""
    secrets = [value.get_secret_value() for _, value in provider.settings if isinstance(value, SecretStr)]
    secrets.append(os.environ.get(config.variable(provider.name, "api_key"), ""))
    found = ["it holds the key"] if any(secret and secret in text for secret in secrets) else []
    for header, _ in provider.authorization():
        values = re.findall(_VALUE.format(name=re.escape(header)), text)
        if set(values) - {PLACEHOLDER}:
            found.append(f"the header {header} has a value that isn't {PLACEHOLDER!r}")
    return found


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
