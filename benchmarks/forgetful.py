"""A ledger that remembers nothing, to measure callhub without the commits of a real one."""

from __future__ import annotations

from typing import Any

from callhub.flows import effects

_ANSWERS: dict[type[effects.LedgerOp[Any]], object] = {
    effects.FindByKey: effects.Standing("benchmark"),
    effects.Claim: True,
    effects.Settle: True,
}


class Forgetful:
    """Says yes to every claim. Never use it where a phone could ring."""

    def perform(self, operation: effects.LedgerOp[Any]) -> Any:
        """Answer as an empty ledger would."""
        return _ANSWERS[type(operation)]

    def close(self) -> None:
        """Nothing is open."""
