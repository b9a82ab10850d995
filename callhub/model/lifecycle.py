"""Which status may follow which.

Two rules:

1. Everything that decides whether news of a call is applied stands in this file.
2. Status only moves forward. News that would move it back is recorded elsewhere, never applied.

``in_doubt`` (callhub can't tell whether the vendor took the call) may turn into anything, by
evidence; nothing that a vendor has accepted turns into it. ``unknown`` is a vendor's word that
callhub doesn't know: behind it, only what lies ahead of every status may follow.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class CallStatus(StrEnum):
    """Where a call is."""

    SCHEDULED = "scheduled"
    QUEUED = "queued"
    RINGING = "ringing"
    IN_PROGRESS = "in_progress"
    ENDED = "ended"
    CANCELLED = "cancelled"
    FAILED = "failed"
    IN_DOUBT = "in_doubt"
    UNKNOWN = "unknown"

    @property
    def terminal(self) -> bool:
        """Tell whether nothing more will happen."""
        return self in TERMINAL


class CallOutcome(StrEnum):
    """What came of a call; set once it is over."""

    CONVERSATION = "conversation"
    VOICEMAIL = "voicemail"
    IVR = "ivr"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    NOT_CONNECTED = "not_connected"
    CANCELLED = "cancelled"
    OPTED_OUT = "opted_out"
    CALLBACK_REQUESTED = "callback_requested"
    ERROR = "error"
    UNKNOWN = "unknown"


TERMINAL = frozenset({CallStatus.ENDED, CallStatus.CANCELLED, CallStatus.FAILED})
_OVER = TERMINAL | {CallStatus.UNKNOWN}

FOLLOWS: Mapping[CallStatus, frozenset[CallStatus]] = {
    CallStatus.SCHEDULED: _OVER | {CallStatus.QUEUED, CallStatus.RINGING, CallStatus.IN_PROGRESS},
    CallStatus.QUEUED: _OVER | {CallStatus.RINGING, CallStatus.IN_PROGRESS},
    CallStatus.RINGING: _OVER | {CallStatus.IN_PROGRESS},
    CallStatus.IN_PROGRESS: _OVER,
    CallStatus.ENDED: frozenset(),
    CallStatus.CANCELLED: frozenset(),
    CallStatus.FAILED: frozenset(),
    CallStatus.IN_DOUBT: frozenset(CallStatus) - {CallStatus.IN_DOUBT},
    CallStatus.UNKNOWN: TERMINAL | {CallStatus.IN_PROGRESS},
}


def follows(news: CallStatus, current: CallStatus) -> bool:
    """Tell whether `news` may be applied to a call that is at `current`; the same again may."""
    return news is current or news in FOLLOWS[current]
