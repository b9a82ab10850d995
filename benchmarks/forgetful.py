"""A ledger that remembers nothing, to measure callhub without the commits of a real one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from callhub.flows import operations as ops

if TYPE_CHECKING:
    from callhub.flows.effects import LedgerOp

_ANSWERS: dict[type[LedgerOp[Any]], object] = {
    ops.FindByKey: ops.Standing("benchmark"),
    ops.Claim: ops.Claimed(),
    ops.Settle: True,
}


class Forgetful:
    """Says yes to every claim. Never use it where a phone could ring."""

    def perform(self, operation: LedgerOp[Any]) -> Any:
        """Answer as an empty ledger would."""
        return _ANSWERS[type(operation)]

    def close(self) -> None:
        """Nothing is open."""
