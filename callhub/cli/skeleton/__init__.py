"""What ``callhub new-provider`` writes: a package for one more vendor, with its gaps as a to-do list."""

from __future__ import annotations

from importlib.metadata import version
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

from packaging.version import Version

from callhub.errors import InvalidRequest
from callhub.model.contact import OWN_BOOK
from callhub.provider import registry
from callhub.provider.capability import Feature

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from importlib.resources.abc import Traversable
    from pathlib import Path

LONGEST = 30
NEXT = ("pip install -e '.[test]'", "pytest")
ALWAYS = (Feature.CREATE, Feature.GET, Feature.LIST)


def write(name: str, parent: Path) -> Path:
    """Write the package ``callhub-<name>`` below `parent`, and give its folder.

    Raises:
        InvalidRequest: the name won't do, or the folder is there already. Nothing is written then.
    """
    folder = parent / f"callhub-{name}"
    problem = _problem(name)
    if problem:
        raise InvalidRequest(f"NAME {problem}")
    try:
        folder.mkdir()
    except FileExistsError:
        raise InvalidRequest(
            f"{folder.name} is there already, and nothing is overwritten: remove it, or take another NAME"
        ) from None
    for place, text in _texts(name):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_text(text, encoding="utf-8")
    return folder


def _problem(name: str) -> str | None:
    if not registry.NAME.fullmatch(name) or len(name) > LONGEST:
        return (
            f"must be a lower-case letter, then letters, digits and single hyphens, {LONGEST} characters "
            "at most: it stands in routes, ids and settings"
        )
    if name == OWN_BOOK:
        return "is callhub's own: take the vendor's"
    if name in registry.installed():
        return f"is taken: a provider {name!r} is installed"
    return None


def _texts(name: str) -> Iterator[tuple[str, str]]:
    """Give every file: where it goes, and what stands in it."""
    words = _words(name)
    for path, template in _templates(files(__name__) / "template"):
        place = path.removesuffix(".txt").replace("package/", f"{words['package']}/", 1)
        yield place, Template(template).substitute(words)


def _templates(folder: Traversable, above: str = "") -> Iterator[tuple[str, str]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _templates(entry, f"{above}{entry.name}/")
        else:
            yield above + entry.name, entry.read_text(encoding="utf-8")


def _words(name: str) -> Mapping[str, str]:
    title = name.replace("-", " ").title()
    return {
        "name": name,
        "package": f"callhub_{name.replace('-', '_')}",
        "kind": title.replace(" ", ""),
        "title": title,
        "requires": _requires(Version(version("callhub"))),
        "capabilities": "\n".join(map(_capability, Feature)),
    }


def _requires(ours: Version) -> str:
    """Give the range of versions that will not break what works with this one."""
    major, minor = ours.major, ours.minor
    return f">={major}.{minor},<{major + 1}" if major else f">=0.{minor},<0.{minor + 1}"


def _capability(feature: Feature) -> str:
    said = "native()" if feature in ALWAYS else 'missing("")'
    return f"    Feature.{feature.name}: {said},  # {feature}"
