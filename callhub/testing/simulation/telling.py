"""The steps of a play, as a person reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from callhub.flows.effects import Effect, Send, Sleep

if TYPE_CHECKING:
    from collections.abc import Iterable


def steps(log: Iterable[tuple[Any, ...]]) -> str:
    """Number the steps, one a line."""
    return "\n".join(f"{at:4}. {' '.join(map(said, each))}" for at, each in enumerate(log, 1))


def named(effect: Effect[Any]) -> str:
    """Name what a process asks for."""
    if isinstance(effect, Send):
        return repr(effect.request)
    seconds = f" {effect.seconds:.3g} s" if isinstance(effect, Sleep) else ""
    ordinal = getattr(effect, "ordinal", None)
    place = f" (attempt {ordinal})" if ordinal is not None else ""
    return f"{type(effect).__name__}{place}{seconds}"


def said(word: object) -> str:
    """Say one word of a step: who, what, or what came back."""
    if isinstance(word, str):
        return word
    if isinstance(word, BaseException):
        return f"→ {type(word).__name__}: {word}"
    return f"→ {word!r}"
