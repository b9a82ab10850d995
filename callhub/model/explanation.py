"""Why a call went the way it did."""

from __future__ import annotations

from datetime import datetime

import msgspec

from callhub.model.call import Attempt, Call


class Considered(msgspec.Struct, frozen=True):
    """A vendor that was considered for a call.

    Attributes:
        chosen: True where it could carry the call.
        rule: which rule took it out; None where none did.
        reason: why, in a sentence.
    """

    provider: str
    chosen: bool
    rule: str | None = None
    reason: str | None = None


class Happening(msgspec.Struct, frozen=True):
    """Something that happened to a call beside its attempts.

    Attributes:
        at: aware, UTC.
        kind: ``"sent again"``, ``"settled"``, ``"resolved"``, ``"needs a person"`` and the like.
        detail: a sentence.
    """

    at: datetime
    kind: str
    detail: str


class Explanation(msgspec.Struct, frozen=True):
    """Who was considered for a call, what each vendor answered, and how the verdict came about.

    Attributes:
        considered: every vendor, in the order of the route.
        attempts: every try, in order.
        happenings: what happened beside the attempts, in order.
        verdict: how it stands now, in a sentence.
    """

    call: Call
    considered: tuple[Considered, ...]
    attempts: tuple[Attempt, ...]
    happenings: tuple[Happening, ...]
    verdict: str

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> list[str]:
        """Tell it in lines, without personal data."""
        told = [f"call {self.call.id}"]
        told += [f"considered {_word(one)}" for one in self.considered]
        told += [f"attempt {at}: {_try(one)}" for at, one in enumerate(self.attempts, start=1)]
        told += [f"{_time(one.at)} {one.kind}: {one.detail}" for one in self.happenings]
        return [*told, self.verdict]


def _word(one: Considered) -> str:
    return one.provider if one.chosen else f"{one.provider}, left out ({one.rule}): {one.reason}"


def _try(attempt: Attempt) -> str:
    reason = f" ({attempt.reason})" if attempt.reason else ""
    return f"{_time(attempt.started_at)} {attempt.provider}: {attempt.verdict or 'no verdict yet'}{reason}"


def _time(at: datetime) -> str:
    return at.isoformat(sep=" ", timespec="seconds").replace("+00:00", "Z")
