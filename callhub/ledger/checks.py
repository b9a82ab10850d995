"""The guards, inside the transaction that claims the dial: what they read can't change before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from callhub.flows import operations as ops
from callhub.ledger import statements as sql
from callhub.policy import cooling, guards

if TYPE_CHECKING:
    from callhub.ledger.identity import Identity
    from callhub.ledger.session import Session
    from callhub.policy.guards import Guards


class Denied(Exception):
    """An operation that changes nothing after all, and its answer."""

    def __init__(self, answer: object) -> None:
        super().__init__()
        self.answer = answer


def suppression(session: Session, identity: Identity, number: str) -> None:
    """Deny a number that is on the suppression list, in whatever form."""
    if session.first(sql.SUPPRESSED, identity.person_and_literal(number)) is not None:
        raise Denied(ops.Denial(ops.Rule.SUPPRESSED))


def pace(session: Session, person: str, rules: Guards, now: float, own: tuple[str, int]) -> None:
    """Deny what a cap or the gap forbids at the time of ringing; `own` is the attempt that asks."""
    if not rules.longest:
        return
    asked = {"person": person, "since": now - rules.longest, "until": now + rules.longest, "about": now}
    asked["limit"] = rules.most
    rows = session.all(sql.DIALS, asked | {"of": own[0], "at": own[1]})
    dials = [at for at, times in rows for _ in range(times)]
    for rule, wait in (
        (ops.Rule.CAP, guards.cap_wait(rules.caps, dials, now)),
        (ops.Rule.GAP, guards.gap_wait(rules.gap, dials, now)),
    ):
        if wait is not None:
            raise Denied(ops.Denial(rule, wait))


def health(session: Session, identity: Identity, claim: ops.Claim) -> bool:
    """Deny a vendor that cools down, and let one caller alone probe it afterwards; tell if it is ailing."""
    key = {"provider": claim.provider, "account": identity.digest(claim.account)}
    row = session.first(sql.HEALTH, key)
    if row is None or not row[0]:
        return False
    failures, closed_until = row
    now = claim.started_at.timestamp()
    if closed_until > now:
        raise Denied(ops.Denial(ops.Rule.COOLING, closed_until - now))
    if failures >= cooling.PATIENCE:
        session.run(sql.SET_HEALTH, key | {"failures": failures, "closed_until": now + claim.lease})
    return True
