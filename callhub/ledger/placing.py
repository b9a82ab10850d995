"""Write attempts down: before they are made, as they end, and as vendors tell of them later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from callhub.flows import operations as ops
from callhub.ledger import checks, erasing, records, restored
from callhub.ledger import statements as sql
from callhub.model.call import Call, merged
from callhub.model.lifecycle import CallOutcome, CallStatus
from callhub.policy import cooling
from callhub.policy.verdict import Verdict

if TYPE_CHECKING:
    from datetime import datetime

    from callhub.ledger.identity import Identity
    from callhub.ledger.session import Session


def claim(session: Session, identity: Identity, claim: ops.Claim) -> ops.Claimed | ops.Denial:
    """Insert the attempt, and the intent with the first one; nothing is written where a rule forbids it.

    A claim that a restoration turns down stays written: as an attempt that may have been made before.
    """
    call = claim.call
    person = identity.person(call.to or "")
    session.lock(person)
    _insert(session, identity, claim, person)
    if claim.ordinal > 1:
        _continue(session, identity, claim)
    number = call.to or ""
    checks.suppression(session, identity, number)
    rings_at = records.rings_at(claim.started_at, claim.order)
    checks.pace(session, person, claim.guards, rings_at, (call.id, claim.ordinal))
    if identity.restored and restored.holds(session, claim):
        return ops.Denial(ops.Rule.RESTORED)
    if not claim.cooling:
        return ops.Claimed()
    return ops.Claimed(ailing=checks.health(session, identity, claim))


def _insert(session: Session, identity: Identity, claim: ops.Claim, person: str) -> None:
    call, request = claim.call, claim.request
    if claim.ordinal == 1:
        intent = records.state(call) | {
            "id": call.id,
            "key": call.idempotency_key,
            "document": claim.document,
            "to_number": call.to,
            "person": person,
            "created_at": call.created_at.timestamp() if call.created_at else 0.0,
            "plan": claim.plan,
        }
        if session.first(sql.ADD_INTENT, intent) is None:
            raise checks.Denied(ops.Denial(ops.Rule.TAKEN))
    at = claim.started_at.timestamp()
    attempt = {
        "intent": call.id,
        "ordinal": claim.ordinal,
        "person": person,
        "provider": claim.provider,
        "account": identity.digest(claim.account),
        "method": request.method,
        "path": request.path,
        "headers": records.text(request.headers),
        "body": request.body,
        "vendor_order": records.text(claim.order),
        "started_at": at,
        "dialled_at": at,
        "rings_at": records.rings_at(claim.started_at, claim.order),
        "lease": claim.lease,
    }
    if session.first(sql.ADD_ATTEMPT, attempt) is None:
        raise checks.Denied(ops.Denial(ops.Rule.TAKEN))


def _continue(session: Session, identity: Identity, claim: ops.Claim) -> None:
    """Go on with an intent, all of whose attempts are a proven no, unless the caller takes the risk."""
    place = {"of": claim.call.id, "at": claim.ordinal}
    in_the_way = sql.EARLIER_UNDER_WAY_OR_ACCEPTED if claim.risky else sql.EARLIER_THAT_MAY_HAVE_RUNG
    if session.first(in_the_way, place) is not None:
        raise checks.Denied(ops.Denial(ops.Rule.TAKEN))
    person = {"to_number": claim.call.to, "person": identity.person(claim.call.to or "")}
    session.run(sql.SET_STATE, {"of": claim.call.id} | records.state(claim.call))
    session.run(sql.SET_PERSON, {"of": claim.call.id} | person)  # a contact's number may be another by now
    session.run(sql.SET_PLAN, {"of": claim.call.id, "plan": claim.plan})


def settle(session: Session, identity: Identity, end: ops.Settle) -> bool:
    """Write down how an attempt ended.

    A *maybe* gives way to proof alone, and nothing but an acceptance is a word on a later dial than its
    own. An acceptance is proof against everything else, a no included that was taken for proven while
    its owner slept. The state is that of the latest attempt which was accepted, else of the latest.
    """
    call = end.call
    accepted = end.verdict is Verdict.ACCEPTED
    proof = end.proof or end.verdict is Verdict.MAYBE  # a maybe may stay one
    place: dict[str, Any] = {"of": call.id, "at": end.ordinal}
    reason = end.reason and end.reason.replace("\x00", "")  # which PostgreSQL keeps in no text
    asked = place | {"dial": end.dial, "verdict": str(end.verdict), "reason": reason}
    asked["finished_at"] = end.finished_at.timestamp()
    ended = session.first(sql.END_ATTEMPT, asked | {"proof": int(proof), "accepted": int(accepted)})
    if ended is None:
        if end.opted_out or call.outcome is CallOutcome.OPTED_OUT:
            _opted_out(session, identity, call, end.finished_at, call.to)
        return False
    kept = erasing.as_kept(session, call) if ended[1] is None else call
    if end.said is not None:
        remember(session, call, end.finished_at, *end.said)
    if session.first(sql.OTHER_THAT_SPEAKS_FOR_THE_CALL, place | {"accepted": int(accepted)}) is None:
        session.run(sql.SET_STATE, {"of": call.id} | records.state(kept))
    _draw_conclusions(session, identity, end, kept.to)
    return True


def _draw_conclusions(session: Session, identity: Identity, end: ops.Settle, shown: str | None) -> None:
    """Write down what else the end of an attempt tells of key, vendor and person."""
    call, at = end.call, end.finished_at
    if end.renews:
        session.run(sql.RENEW_KEY, {"of": call.id})
    vendor_id = end.vendor_id or call.provider_call_id
    if end.verdict is Verdict.ACCEPTED and vendor_id is not None:
        _bind(session, end, vendor_id)
    if end.opted_out or call.outcome is CallOutcome.OPTED_OUT:
        _opted_out(session, identity, call, at, shown)
    if end.ailing is not None:
        _note_health(session, identity, end.ailing, call.provider or "", at.timestamp())


def _bind(session: Session, end: ops.Settle, vendor_id: str) -> None:
    """Bind a vendor's call to the attempt; one that is another's already is no proof for this one."""
    tried = end.call.attempts[end.ordinal - 1 : end.ordinal]
    provider = tried[0].provider if tried else end.call.provider
    bound = {"provider": provider, "provider_call_id": records.bound_id(vendor_id)}
    if session.run(sql.BIND_CALL, bound | {"intent": end.call.id, "ordinal": end.ordinal}):
        return
    asked = {"of": end.call.id, "provider": provider, "vendor_id": bound["provider_call_id"]}
    found = session.first(sql.BOUND_TO, asked)
    if found is None or found[0] != end.ordinal:
        raise checks.Denied(False)  # noqa: FBT003 - the answer to a Settle


def release(session: Session, identity: Identity, given: ops.Release) -> bool:
    """Take a failed call's attempt for a no: the caller's route trusts its vendor that far."""
    record = records.one(session, sql.BY_ID_TO_CHANGE, {"id": given.call_id})
    latest = record is not None and given.ordinal == len(record.call.attempts)
    if record is None or not latest or record.call.status is not CallStatus.FAILED:
        return False
    if identity.restored and restored.untouched(session, given.call_id):
        return False
    place = {"of": given.call_id, "at": given.ordinal, "reason": given.reason}
    if session.first(sql.RELEASE_ATTEMPT, place) is None:
        return False
    session.run(sql.RENEW_KEY, {"of": given.call_id})
    return True


def observe(session: Session, identity: Identity, seen: ops.Observe) -> None:
    """Merge a vendor's news into the call as it stands by now."""
    stored = records.one(session, sql.BY_ID_TO_CHANGE, {"id": seen.call.id})
    if stored is None:
        return
    now = merged(stored.call, seen.call)
    kept = erasing.scrubbed(now) if erasing.erased(stored) else now
    if CallOutcome.OPTED_OUT in (now.outcome, seen.call.outcome):
        _opted_out(session, identity, now, seen.at, kept.to)
    if _speaks_of_another(session, stored.call, seen.call):
        return
    session.run(sql.SET_STATE, {"of": now.id} | records.state(kept))
    if now.status is CallStatus.CANCELLED and stored.call.status is not CallStatus.CANCELLED:
        session.run(sql.RENEW_KEY, {"of": now.id})


def _speaks_of_another(session: Session, stored: Call, seen: Call) -> bool:
    """Tell whether news speak of a vendor's call that a later attempt has taken the place of.

    Where the vendor has it, that is a later one that was accepted; after a release, any.
    """
    vendor_id = records.bound_id(seen.provider_call_id or "")
    asked = {"of": stored.id, "provider": seen.provider, "vendor_id": vendor_id}
    bound = session.first(sql.BOUND_TO, asked)
    if bound is None:
        return False
    own, later = stored.attempts[bound[0] - 1], stored.attempts[bound[0] :]
    if own.verdict != Verdict.ACCEPTED:
        return bool(later)
    return any(one.verdict == Verdict.ACCEPTED for one in later)


def remember(session: Session, call: Call, at: datetime, kind: str, detail: str) -> None:
    """Add to the story of a call."""
    event = {"intent": call.id, "at": at.timestamp(), "kind": kind, "provider": call.provider}
    session.run(sql.ADD_EVENT, event | {"detail": detail})


def add_to_story(session: Session, _identity: Identity, given: ops.Remember) -> None:
    """Add to the story of a call that flows tell, and keep its plan as it is by now."""
    record = records.one(session, sql.BY_ID_TO_CHANGE, {"id": given.call_id})
    if record is None:
        return
    remember(session, record.call, given.at, given.kind, given.detail)
    if given.plan is not None:
        session.run(sql.SET_PLAN, {"of": given.call_id, "plan": given.plan})


def _opted_out(session: Session, identity: Identity, call: Call, at: datetime, shown: str | None) -> None:
    """Put the person on the suppression list: no vendor may dial them again; `shown` is the number kept."""
    if call.to is None:
        return
    entry = {"number": shown, "reason": "opted out", "source": call.provider or "vendor"}
    session.run(
        sql.ADD_SUPPRESSED, identity.person_and_literal(call.to) | entry | {"added_at": at.timestamp()}
    )


def _note_health(session: Session, identity: Identity, told: ops.Ailing, provider: str, now: float) -> None:
    key = {"provider": provider, "account": identity.digest(told.account)}
    if told.failed:
        session.run(sql.START_HEALTH, key)  # so that there is a row to lock: no failure is lost
    row = session.first(sql.HEALTH, key)
    if row is None:
        return
    if told.failed is None:
        if row[1] == told.until:  # its own probe: the next one may come at once
            session.run(sql.SET_HEALTH, key | {"failures": row[0], "closed_until": 0.0})
        return
    failures = row[0] + 1 if told.failed else 0
    pause = cooling.pause(failures)
    session.run(sql.SET_HEALTH, key | {"failures": failures, "closed_until": now + pause if pause else 0.0})
