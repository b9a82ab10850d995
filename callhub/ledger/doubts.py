"""Attempts of which nobody knows what came: find them, take them over, leave them to a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from callhub.flows import operations as ops
from callhub.ledger import checks, records, restored
from callhub.ledger import statements as sql
from callhub.ledger.placing import remember

if TYPE_CHECKING:
    from callhub.ledger.identity import Identity
    from callhub.ledger.session import Session, Statement

SPREAD = 900.0  # seconds between two claims beyond which one call at a vendor can't fit both


def find(session: Session, identity: Identity, wanted: ops.FindDoubt) -> ops.Doubt | None:
    """Give what a look-up needs to know of an attempt in doubt."""
    row = _row(session, sql.DOUBT, wanted.call_id, wanted.ordinal)
    if row is None:
        return None
    asked = {"person": row["person"], "provider": row["provider"], "of": wanted.call_id}
    near = {"from": row["claimed_at"] - SPREAD, "until": row["claimed_at"] + SPREAD}
    rivals = [records.order(stored) for (stored,) in session.all(sql.RIVALS, asked | near)]
    ended = max(row["finished_at"] or 0.0, row["lease_until"])  # the lease of one who sends it again counts
    return ops.Doubt(
        ordinal=wanted.ordinal,
        provider=row["provider"],
        order=records.order(row["vendor_order"]),
        account_matches=row["account"] == identity.digest(wanted.account),
        started_at=records.moment(row["started_at"]),
        until=records.moment(max(ended, row["started_at"])),
        last_dial=records.moment(row["dialled_at"]),
        age=row["now"] - row["claimed_at"],
        leased=row["lease_until"] > row["now"],
        rivals=tuple(rivals),
        dials=row["dials"],
        assumed=bool(row["assumed"]),
    )


def bound(session: Session, _identity: Identity, wanted: ops.Bound) -> frozenset[str]:
    """Tell which ids of a vendor's belong to another attempt."""
    ids = {records.bound_id(vendor_id): vendor_id for vendor_id in wanted.vendor_ids}
    asked: dict[str, Any] = {"of": wanted.call_id, "at": wanted.ordinal}
    asked |= {"provider": wanted.provider, "vendor_ids": list(ids)}
    return frozenset(ids[row[0]] for row in session.select(sql.BOUND_ELSEWHERE, asked))


def unsettled(session: Session, _identity: Identity, wanted: ops.Unsettled) -> tuple[str, ...]:
    """Give ids of calls in doubt that nobody is placing."""
    rows = session.all(sql.UNSETTLED, {"after": wanted.after, "limit": wanted.limit})
    return tuple(row[0] for row in rows)


def retake(session: Session, identity: Identity, wanted: ops.Retake) -> ops.Retaken | ops.Denial:
    """Take an attempt in doubt over, and give its request as it was stored: a dial like any other."""
    row = _row(session, sql.DOUBT_TO_RETAKE, wanted.call_id, wanted.ordinal)
    denied = _denied(session, identity, wanted, row)
    if row is None or denied is not None:
        return denied or ops.Denial(ops.Rule.SETTLED)
    session.lock(row["person"])
    place: dict[str, Any] = {"of": wanted.call_id, "at": wanted.ordinal}
    if session.first(sql.ANOTHER_THAT_MAY_HAVE_RUNG, place) is not None:
        return ops.Denial(ops.Rule.TAKEN)
    found = records.one(session, sql.BY_ID, {"id": wanted.call_id})
    at = wanted.at.timestamp()
    order = records.order(row["vendor_order"])
    checks.suppression(session, identity, (order and order.to) or (found and found.call.to) or "")
    rings_at = records.rings_at(wanted.at, order)
    checks.pace(session, row["person"], wanted.guards, rings_at, ("", 0))
    session.run(sql.RETAKE, place | {"dialled_at": at, "rings_at": rings_at, "lease": wanted.lease})
    if found is not None:
        remember(session, found.call, wanted.at, "sent again", "the stored request, under the same key")
    return ops.Retaken(records.request(row), row["dials"] + 1)


def leave_to_person(session: Session, _identity: Identity, given: ops.LeaveToPerson) -> None:
    """Mark a call as one that only a person can settle, unless somebody may still be placing it."""
    record = records.one(session, sql.BY_ID_TO_CHANGE, {"id": given.call_id})
    if record is None or not record.unsettled or record.leased or record.call.needs_person:
        return
    call = replace(record.call, needs_person=True)
    session.run(sql.SET_STATE, {"of": call.id} | records.state(call))
    remember(session, call, given.at, "needs a person", given.reason)


def _denied(
    session: Session, identity: Identity, wanted: ops.Retake, row: dict[str, Any] | None
) -> ops.Denial | None:
    if row is None:
        return ops.Denial(ops.Rule.SETTLED)
    age = max(row["now"] - row["claimed_at"], wanted.at.timestamp() - row["started_at"])
    if row["lease_until"] > row["now"]:
        return ops.Denial(ops.Rule.LEASED, row["lease_until"] - row["now"])
    if row["account"] != identity.digest(wanted.account):
        return ops.Denial(ops.Rule.ACCOUNT)
    gap = identity.restored and restored.untouched(session, wanted.call_id)
    if row["assumed"] or gap:  # its key may stand for a no by now, and the call under the next one
        return ops.Denial(ops.Rule.RESTORED)
    return None if 0 <= age < wanted.window else ops.Denial(ops.Rule.LATE)  # below 0: a clock was put back


def _row(session: Session, query: Statement, call_id: str, ordinal: int) -> dict[str, Any] | None:
    found = session.first(query, {"of": call_id, "at": ordinal})
    return None if found is None else dict(zip((*sql.DOUBT_COLUMNS, "now"), found, strict=True))
