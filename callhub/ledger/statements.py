"""Every statement of the ledger, built once: building one costs more than running it."""

from __future__ import annotations

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects.sqlite import insert

from callhub.ledger.schema import attempts, calls, database_now, facts, intents

INTENT_COLUMNS = ("id", "key", "document", "to_number", "status", "created_at", "call", "body", "trail")
STATE_COLUMNS = ("status", "call", "body", "trail")
ATTEMPT_COLUMNS = (
    "intent",
    "ordinal",
    "provider",
    "account",
    "method",
    "path",
    "headers",
    "body",
    "started_at",
)

LEASED = (attempts.c.verdict.is_(None)) & (attempts.c.lease_until > database_now())

ADD_FACTS = insert(facts).on_conflict_do_nothing()
ALL_FACTS = select(facts)

BY_KEY = select(intents).where(intents.c.key == bindparam("key"))
BY_ID = select(intents).where(intents.c.id == bindparam("id"))
BY_VENDOR = (
    select(intents)
    .join(calls, calls.c.intent == intents.c.id)
    .where(
        calls.c.provider == bindparam("provider"),
        calls.c.provider_call_id.in_(bindparam("vendor_ids", expanding=True)),
    )
)
NEWEST_FIRST = select(intents).order_by(intents.c.id.desc())
ATTEMPTS = (
    select(attempts, LEASED.label("leased"))
    .where(attempts.c.intent.in_(bindparam("ids", expanding=True)))
    .order_by(attempts.c.intent, attempts.c.ordinal)
)

ADD_INTENT = (
    insert(intents)
    .values({name: bindparam(name) for name in INTENT_COLUMNS})
    .on_conflict_do_nothing()
    .returning(intents.c.id)
)
ADD_ATTEMPT = (
    insert(attempts)
    .values({name: bindparam(name) for name in ATTEMPT_COLUMNS})
    .values(lease_until=database_now() + bindparam("lease"))
    .on_conflict_do_nothing()
    .returning(attempts.c.ordinal)
)
END_ATTEMPT = (
    update(attempts)
    .where(
        attempts.c.intent == bindparam("of"),
        attempts.c.ordinal == bindparam("at"),
        attempts.c.verdict.is_(None),
    )
    .values({name: bindparam(name) for name in ("verdict", "reason", "finished_at")})
    .returning(attempts.c.ordinal)
)
SET_STATE = (
    update(intents)
    .where(intents.c.id == bindparam("of"))
    .values({name: bindparam(name) for name in STATE_COLUMNS})
)
RENEW_KEY = update(intents).where(intents.c.id == bindparam("of")).values(generation=intents.c.generation + 1)
BIND_CALL = (
    insert(calls)
    .values({name: bindparam(name) for name in ("provider", "provider_call_id", "intent", "ordinal")})
    .on_conflict_do_nothing()
)
