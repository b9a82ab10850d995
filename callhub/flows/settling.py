"""What a call becomes once an attempt in doubt is settled, by proof or by a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from callhub.flows.attempt import after
from callhub.model.call import Attempt, Call, as_of
from callhub.policy.verdict import Verdict

if TYPE_CHECKING:
    from datetime import datetime


def settled(
    call: Call, ordinal: int, word: tuple[Verdict, str], now: datetime, news: Call | None = None
) -> Call:
    """Give the call with one of its attempts settled, by a verdict and the reason for it.

    `news` is what the vendor says of it; the call shows that, unless a later attempt was accepted.
    """
    attempts = list(call.attempts)
    old, (ended, reason) = attempts[ordinal - 1], word
    attempts[ordinal - 1] = Attempt(
        provider=old.provider, started_at=old.started_at, finished_at=now, verdict=ended.value, reason=reason
    )
    needs_person = call.needs_person and any(one.verdict in (None, Verdict.MAYBE) for one in attempts)
    later = any(one.verdict == Verdict.ACCEPTED for one in attempts[ordinal:])
    changed = replace(call, attempts=tuple(attempts), needs_person=needs_person)
    return as_of(after(changed, None if later else news), now)
