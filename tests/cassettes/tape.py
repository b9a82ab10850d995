"""Cassettes on disk: vcrpy, told to match the body, to leave out secrets, and to say what a cassette is."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import vcr  # type: ignore[import-untyped] # neither vcrpy nor PyYAML has types
import yaml  # type: ignore[import-untyped]
from vcr.patch import PATCHER_NAMES  # type: ignore[import-untyped]

from callhub.testing.contract.harness import no_io

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

FOLDER = Path(__file__).resolve().parents[2] / "cassettes"
PLACEHOLDER = "placeholder"
# What may stand in a cassette: the vendors' own examples, and numbers that are kept for fiction.
NUMBERS = frozenset(
    {"+14155551234", "+14155559999", "+60111234567", "+60360431879", "+1234567890"}
    | {f"+141555501{last:02}" for last in range(8)}
)
SPARE = "14155550100"
E164 = re.compile(r"(\+|%2[Bb])([1-9]\d{6,14})")

MATCH = ("method", "uri", "raw_body")
EXACT = (*MATCH, "idempotency_key")
_REQUEST_HEADERS = ("accept", "content-type", "idempotency-key")
_ANSWER_HEADERS = re.compile("content-(type|length)|date|location|retry-after|x-(ratelimit|callhub)-.*")
_HIDDEN = (
    (re.compile(r'("secret"\s*:\s*")[^"]*'), PLACEHOLDER),
    (re.compile(r'("recordingUrl"\s*:\s*")[^"]*'), "https://example.com/recording.mp3"),
    (re.compile(r'("(?:wabaId|phoneNumberId)"\s*:\s*")\d{1,20}(?=")'), PLACEHOLDER),  # WhatsApp's
)


@dataclass(frozen=True)
class Scrub:
    """Takes out of a recording what nobody may read, and where it was made.

    Attributes:
        words: what stands for what: keys, ids of the account, numbers, the base URL.
        key_headers: the headers that carry the key.
    """

    words: Mapping[str, str] = field(default_factory=dict)
    key_headers: frozenset[str] = frozenset()

    def request(self, request: Any) -> Any:
        """Clean what was sent."""
        request.uri = self.text(request.uri)
        if request.body is not None:
            request.body = self.text(request.body.decode()).encode()
        headers = {name.lower(): value for name, value in request.headers.items()}
        kept = {name: self.text(headers[name]) for name in _REQUEST_HEADERS if name in headers}
        request.headers = kept | dict.fromkeys(sorted(self.key_headers & headers.keys()), PLACEHOLDER)
        return request

    def response(self, response: dict[str, Any]) -> dict[str, Any]:
        """Clean what was answered."""
        headers = {name.lower(): values for name, values in response["headers"].items()}
        kept = {name: values for name, values in sorted(headers.items()) if _ANSWER_HEADERS.fullmatch(name)}
        body = self.text(response["body"]["string"].decode()).encode()
        if "content-length" in kept:
            kept["content-length"] = [str(len(body))]
        return {"status": response["status"], "headers": kept, "body": {"string": body}}

    def text(self, text: str) -> str:
        """Clean any text; a number that isn't known to be an example becomes one."""
        for word in sorted(self.words, key=len, reverse=True):
            text = text.replace(word, self.words[word])
        for pattern, stand_in in _HIDDEN:
            text = pattern.sub(rf"\g<1>{stand_in}", text)
        return E164.sub(_example, text)

    def values(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Clean whatever of these values is text."""
        return {name: self.text(value) if isinstance(value, str) else value for name, value in given.items()}


def _example(found: re.Match[str]) -> str:
    plus, digits = found.groups()
    return plus + (digits if f"+{digits}" in NUMBERS else SPARE)


@dataclass(frozen=True)
class Label:
    """What a cassette says of itself.

    Attributes:
        against: ``sandbox`` or ``live``.
        as_of: the day of the vendor's samples, or of a live recording.
        settings: of the provider, without its key and its base URL.
        facts: what a scene needs to be replayed.
        note: a sentence for the reader.
    """

    title: str
    against: str
    as_of: date
    settings: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""

    def head(self) -> str:
        """Write the comment at the top."""
        lines = (self.title, *_SAYS[self.against], *filter(None, (self.note,)))
        return "".join(f"# {line.format(as_of=self.as_of)}\n" for line in lines)


_SAYS = {
    "sandbox": (
        "Recorded against callhub's sandbox, not the vendor: it emulates the vendor from its documents.",
        "These bear no date; their samples are of {as_of}, and so is the sandbox's clock.",
    ),
    "live": (
        "Recorded against the vendor itself, on {as_of}.",
        "Keys, numbers and ids of the account are placeholders.",
    ),
}


class _Writer:
    """Writes a cassette with its label."""

    def __init__(self, label: Label, scrub: Scrub) -> None:
        self._label = label
        self._scrub = scrub

    def serialize(self, cassette: dict[str, Any]) -> str:
        label, clean = self._label, self._scrub.values
        says = {"against": label.against, "as_of": label.as_of.isoformat()}
        told = says | {"settings": clean(label.settings), "facts": clean(label.facts)}
        text: str = yaml.dump(
            {"recorded": told, **cassette},
            Dumper=_Dumper,
            sort_keys=False,
            allow_unicode=True,
            width=10**6,
        )
        return label.head() + text


class _Dumper(yaml.CSafeDumper):  # type: ignore[misc] # PyYAML has no types
    """Writes every value in full: an anchor saves a line and costs a reader."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the signature is PyYAML's
        return True


class _Reader:
    """Reads cassettes."""

    @staticmethod
    def deserialize(text: str) -> Any:
        return parsed(text)


def parsed(text: str) -> Any:
    """Read the YAML of a cassette."""
    return yaml.load(text, Loader=yaml.CSafeLoader)


def recorded(path: Path) -> dict[str, Any]:
    """Read what a cassette says of itself."""
    label: dict[str, Any] = parsed(path.read_text())["recorded"]
    return label


@contextmanager
def recording(path: Path, label: Label, scrub: Scrub) -> Iterator[Any]:
    """Record a cassette, in the place of one that was there; after an exception that one stays."""
    new = path.with_suffix(".new")
    machine = _machine(_Writer(label, scrub), record_mode="all", record_on_exception=False)
    hooks = {"before_record_request": scrub.request, "before_record_response": scrub.response}
    with machine.use_cassette(str(new), **hooks) as cassette:
        yield cassette
    new.replace(path)


@contextmanager
def replaying(path: Path, match_on: tuple[str, ...] = EXACT) -> Iterator[Any]:
    """Replay a cassette, with every socket out of reach; what isn't in it is refused."""
    with (
        no_io(),
        _machine(_Reader(), record_mode="none", match_on=match_on).use_cassette(str(path)) as cassette,
    ):
        yield cassette


def _machine(serializer: object, **options: Any) -> Any:
    """Make a VCR for the two HTTP clients that callhub takes, and for nothing else."""
    machine = vcr.VCR(serializer="callhub", skip_patchers=set(PATCHER_NAMES) - {"httpx", "httpx2"}, **options)
    machine.register_serializer("callhub", serializer)
    machine.register_matcher("idempotency_key", _same_key)
    return machine


def _same_key(one: Any, other: Any) -> None:
    mine, theirs = (each.headers.get("idempotency-key") for each in (one, other))
    assert mine == theirs, f"the idempotency key {mine} isn't {theirs}"
