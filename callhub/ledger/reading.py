"""Read intents: by key, by id, by vendor, by time."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

from callhub.flows import operations as ops
from callhub.ledger import records
from callhub.ledger import statements as sql
from callhub.ledger.schema import intents

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import ColumnElement

    from callhub.ledger.identity import Identity
    from callhub.ledger.session import Session
    from callhub.model.call import Call

ERASED = "hmac:"


def find_by_key(session: Session, identity: Identity, wanted: ops.FindByKey) -> ops.Standing:
    """Find what stands under a key, and whether the same was asked for."""
    record = records.one(session, sql.BY_KEY, {"key": wanted.key})
    same = record is None or _same(identity, record.document, wanted.document)
    return ops.Standing(identity.namespace, record, same)


def find_by_id(session: Session, _identity: Identity, wanted: ops.FindById) -> ops.Record | None:
    """Find an intent by callhub's id."""
    return records.one(session, sql.BY_ID, {"id": wanted.id})


def find_by_vendor(session: Session, _identity: Identity, wanted: ops.FindByVendor) -> dict[str, ops.Record]:
    """Find the intents that a vendor's ids are bound to, by their latest attempt or an earlier one."""
    names = {records.bound_id(each): each for each in wanted.vendor_ids}
    asked = {"provider": wanted.provider, "vendor_ids": list(names)}
    owners = dict(session.select(sql.OWNERS, asked))
    if not owners:
        return {}
    found = records.many(session, sql.BY_IDS, {"ids": list({*owners.values()})})
    by_id = {record.call.id: record for record in found}
    return {names[bound]: by_id[intent] for bound, intent in owners.items()}


def history(session: Session, _identity: Identity, wanted: ops.History) -> tuple[Call, ...]:
    """Read calls, newest first."""
    tests: tuple[tuple[Any, Callable[[Any], ColumnElement[bool]]], ...] = (
        (wanted.status, lambda status: intents.c.status == str(status)),
        (wanted.to, lambda number: intents.c.to_number == number),
        (wanted.before, lambda last: intents.c.id < last),
        (wanted.since, lambda at: intents.c.created_at >= at.timestamp()),
        (wanted.until, lambda at: intents.c.created_at < at.timestamp()),
    )
    asked = (test(value) for value, test in tests if value is not None)
    query = sql.NEWEST_FIRST.where(*asked).limit(wanted.limit)
    return tuple(record.call for record in records.many(session, query))


def story(session: Session, _identity: Identity, wanted: ops.Story) -> tuple[ops.Happened, ...]:
    """Read what happened to a call beside its attempts."""
    rows = session.all(sql.STORY, {"of": wanted.call_id})
    return tuple(ops.Happened(records.moment(at), *rest) for at, *rest in rows)


def open_calls(session: Session, identity: Identity, wanted: ops.OpenCalls) -> tuple[Call, ...]:
    """Read the calls to a person that aren't over."""
    rows = session.all(sql.OPEN_OF_PERSON, {"person": identity.person(wanted.number)})
    return tuple(record.call for record in records.with_attempts(session, rows))


def open_to_suppressed(
    session: Session, _identity: Identity, _wanted: ops.OpenToSuppressed
) -> tuple[str, ...]:
    """Give the ids of calls that aren't over to people who are on the suppression list."""
    return tuple(row[0] for row in session.all(sql.OPEN_TO_SUPPRESSED))


def _same(identity: Identity, stored: str, given: str | None) -> bool:
    """Compare documents; of an erased one, the hash is left."""
    if stored.startswith(ERASED):
        return given is not None and hmac.compare_digest(stored, ERASED + identity.digest(given))
    return stored == given
