"""What a ledger knows of itself, and what it hashes with."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from callhub.policy.numbers import canonical

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Identity:
    """The namespace of a ledger, the secret that never leaves it, and whether it comes from a backup."""

    namespace: str
    secret: bytes = field(repr=False)
    restored: bool = False

    @classmethod
    def of(cls, facts: Mapping[str, str], namespace: str | None) -> Identity:
        """Read it from the ledger's facts."""
        return cls(
            namespace or facts["namespace"],
            bytes.fromhex(facts["secret"]),
            not {"restored", "copy"}.isdisjoint(facts),
        )

    def digest(self, text: str) -> str:
        """Give a keyed hash."""
        return hmac.digest(self.secret, text.encode(), "sha256").hex()

    def person(self, number: str) -> str:
        """Give what a person is counted and suppressed by, in whatever form the number is written."""
        return self.digest(canonical(number))

    def person_and_literal(self, number: str) -> dict[str, str]:
        """Give both hashes of a number: of its canonical form, and of the form it is written in."""
        return {"person": self.person(number), "literal": self.digest(number)}
