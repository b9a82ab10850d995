"""Every statement on intents and attempts, written once."""

from __future__ import annotations

from sqlalchemy import and_, bindparam, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from callhub.ledger.schema import (
    attempts,
    calls,
    contact_links,
    contacts,
    database_now,
    events,
    facts,
    health,
    intents,
    suppressed,
)
from callhub.ledger.session import Statement, adding
from callhub.model.lifecycle import CallStatus

STATE_COLUMNS = ("status", "call", "body", "trail")
INTENT_COLUMNS = ("id", "key", "document", "to_number", "person", "created_at", "plan", *STATE_COLUMNS)
ATTEMPT_COLUMNS = (
    *("intent", "ordinal", "person", "provider", "account", "method", "path", "headers", "body"),
    *("vendor_order", "started_at", "dialled_at", "rings_at"),
)
RECORD = [
    intents.c[name] for name in ("id", "document", "generation", "call", "plan", "body", "trail", "status")
]

IN_DOUBT = or_(attempts.c.verdict.is_(None), attempts.c.verdict == "maybe")
MAY_HAVE_RUNG = or_(attempts.c.verdict.is_(None), attempts.c.verdict.in_(("maybe", "accepted")))
LEASED = and_(IN_DOUBT, attempts.c.lease_until > database_now())
UNACCEPTED = or_(attempts.c.verdict.is_(None), attempts.c.verdict != "accepted")
THIS_DIAL = attempts.c.dials == bindparam("dial")
THIS_ATTEMPT = and_(attempts.c.intent == bindparam("of"), attempts.c.ordinal == bindparam("at"))

# facts

SET_FACT = Statement(
    insert(facts)
    .values(name=bindparam("name"), value=bindparam("value"))
    .on_conflict_do_update(index_elements=[facts.c.name], set_={"value": bindparam("value")})
)

# reading

BY_KEY = Statement(select(*RECORD).where(intents.c.key == bindparam("key")))
BY_ID = Statement(select(*RECORD).where(intents.c.id == bindparam("id")))
BY_ID_TO_CHANGE = Statement(select(*RECORD).where(intents.c.id == bindparam("id")).with_for_update())
BY_IDS = select(*RECORD).where(intents.c.id.in_(bindparam("ids", expanding=True)))
OWNERS = select(calls.c.provider_call_id, calls.c.intent).where(
    calls.c.provider == bindparam("provider"),
    calls.c.provider_call_id.in_(bindparam("vendor_ids", expanding=True)),
)
NEWEST_FIRST = select(*RECORD).order_by(intents.c.id.desc())
_TRIED = select(
    *(attempts.c[name] for name in ("intent", "provider", "started_at", "finished_at", "verdict", "reason")),
    attempts.c.dials,
    LEASED.label("leased"),
).order_by(attempts.c.intent, attempts.c.ordinal)
TRIED = Statement(_TRIED.where(attempts.c.intent == bindparam("of")))
TRIED_OF_MANY = _TRIED.where(attempts.c.intent.in_(bindparam("ids", expanding=True)))
_OPEN = intents.c.status.in_([status.value for status in CallStatus if not status.terminal])
OPEN_OF_PERSON = Statement(
    select(*RECORD).where(intents.c.person == bindparam("person"), _OPEN).order_by(intents.c.id)
)
_LISTED = or_(suppressed.c.person == intents.c.person, suppressed.c.literal == intents.c.person)
OPEN_TO_SUPPRESSED = Statement(
    select(intents.c.id)
    .where(_OPEN, select(suppressed.c.person).where(_LISTED).exists())
    .order_by(intents.c.id)
)

# placing

ADD_INTENT = Statement(adding(intents, INTENT_COLUMNS).returning(intents.c.id))
ADD_ATTEMPT = Statement(
    adding(
        attempts,
        ATTEMPT_COLUMNS,
        claimed_at=database_now(),
        lease_until=database_now() + bindparam("lease"),
    ).returning(attempts.c.ordinal)
)
EARLIER_THAT_MAY_HAVE_RUNG = Statement(
    select(attempts.c.ordinal)
    .where(attempts.c.intent == bindparam("of"), attempts.c.ordinal < bindparam("at"), MAY_HAVE_RUNG)
    .limit(1)
)
EARLIER_UNDER_WAY_OR_ACCEPTED = Statement(
    select(attempts.c.ordinal)
    .where(
        attempts.c.intent == bindparam("of"),
        attempts.c.ordinal < bindparam("at"),
        or_(LEASED, attempts.c.verdict == "accepted"),
    )
    .limit(1)
)
OTHER_THAT_SPEAKS_FOR_THE_CALL = Statement(  # an accepted one, a later one that may have rung
    select(attempts.c.ordinal)
    .where(
        attempts.c.intent == bindparam("of"),
        or_(
            and_(attempts.c.ordinal > bindparam("at"), attempts.c.verdict == "accepted"),
            and_(attempts.c.ordinal > bindparam("at"), MAY_HAVE_RUNG, bindparam("accepted") == 0),
            and_(
                attempts.c.ordinal < bindparam("at"),
                attempts.c.verdict == "accepted",
                bindparam("accepted") == 0,
            ),
        ),
    )
    .limit(1)
)
END_ATTEMPT = Statement(
    update(attempts)
    .where(
        THIS_ATTEMPT,
        or_(
            and_(THIS_DIAL, attempts.c.verdict.is_(None)),
            and_(THIS_DIAL, attempts.c.verdict == "maybe", bindparam("proof") == 1),
            and_(UNACCEPTED, bindparam("accepted") == 1),
        ),
    )
    .values({name: bindparam(name) for name in ("verdict", "reason", "finished_at")} | {"lease_until": 0})
    .returning(attempts.c.ordinal, attempts.c.vendor_order)  # SQLite 3.40 can't tell IS NULL here
)
RELEASE_ATTEMPT = Statement(
    update(attempts)
    .where(THIS_ATTEMPT, attempts.c.verdict == "accepted")
    .values(verdict="refused", reason=bindparam("reason"))
    .returning(attempts.c.ordinal)
)
SET_STATE = Statement(
    update(intents)
    .where(intents.c.id == bindparam("of"))
    .values({name: bindparam(name) for name in STATE_COLUMNS})
)
SET_PERSON = Statement(
    update(intents)
    .where(intents.c.id == bindparam("of"))
    .values({name: bindparam(name) for name in ("to_number", "person")})
)
SET_PLAN = Statement(update(intents).where(intents.c.id == bindparam("of")).values(plan=bindparam("plan")))
RENEW_KEY = Statement(
    update(intents).where(intents.c.id == bindparam("of")).values(generation=intents.c.generation + 1)
)
BIND_CALL = Statement(adding(calls, ("provider", "provider_call_id", "intent", "ordinal")))
BOUND_TO = Statement(
    select(calls.c.ordinal).where(
        calls.c.intent == bindparam("of"),
        calls.c.provider == bindparam("provider"),
        calls.c.provider_call_id == bindparam("vendor_id"),
    )
)

# attempts in doubt

DOUBT_COLUMNS = (
    *("person", "provider", "account", "method", "path", "headers", "body", "vendor_order"),
    *("started_at", "claimed_at", "dialled_at", "finished_at", "lease_until", "dials", "assumed"),
)
_DOUBT = select(*(attempts.c[name] for name in DOUBT_COLUMNS), database_now().label("now")).where(
    THIS_ATTEMPT, IN_DOUBT
)
DOUBT = Statement(_DOUBT)
DOUBT_TO_RETAKE = Statement(_DOUBT.with_for_update())
ANOTHER_THAT_MAY_HAVE_RUNG = Statement(
    select(attempts.c.ordinal)
    .where(attempts.c.intent == bindparam("of"), attempts.c.ordinal != bindparam("at"), MAY_HAVE_RUNG)
    .limit(1)
)
RETAKE = Statement(  # a maybe from now on: what its first owner hears later is no proof of this dial
    update(attempts)
    .where(THIS_ATTEMPT, IN_DOUBT)
    .values(
        verdict="maybe",
        dials=attempts.c.dials + 1,
        dialled_at=bindparam("dialled_at"),
        rings_at=bindparam("rings_at"),
        lease_until=database_now() + bindparam("lease"),
    )
)
RIVALS = Statement(
    select(attempts.c.vendor_order).where(
        attempts.c.person == bindparam("person"),
        attempts.c.provider == bindparam("provider"),
        attempts.c.intent != bindparam("of"),
        IN_DOUBT,
        attempts.c.claimed_at > bindparam("from"),
        attempts.c.claimed_at < bindparam("until"),
    )
)
BOUND_ELSEWHERE = select(calls.c.provider_call_id).where(
    calls.c.provider == bindparam("provider"),
    calls.c.provider_call_id.in_(bindparam("vendor_ids", expanding=True)),
    or_(calls.c.intent != bindparam("of"), calls.c.ordinal != bindparam("at")),
)
UNSETTLED = Statement(
    select(intents.c.id)
    .where(
        intents.c.status == "in_doubt",
        intents.c.id > bindparam("after"),
        ~select(attempts.c.intent).where(attempts.c.intent == intents.c.id, LEASED).exists(),
    )
    .order_by(intents.c.id)
    .limit(bindparam("limit"))
)
COUNT_BY_STATUS = Statement(select(intents.c.status, func.count()).group_by(intents.c.status))

# what happened

ADD_EVENT = Statement(adding(events, ("intent", "at", "kind", "provider", "detail")))
STORY = Statement(
    select(events.c.at, events.c.kind, events.c.provider, events.c.detail)
    .where(events.c.intent == bindparam("of"))
    .order_by(events.c.seq)
)

# guards

SUPPRESSED = Statement(
    select(*(suppressed.c[name] for name in ("number", "reason", "source", "added_at")))
    .where(
        or_(
            suppressed.c.person.in_((bindparam("person"), bindparam("literal"))),
            suppressed.c.literal.in_((bindparam("person"), bindparam("literal"))),
        )
    )
    .order_by(suppressed.c.added_at)
    .limit(1)
)
DIALS = Statement(
    select(attempts.c.rings_at, attempts.c.dials)
    .where(
        attempts.c.person == bindparam("person"),
        attempts.c.rings_at > bindparam("since"),
        attempts.c.rings_at < bindparam("until"),
        MAY_HAVE_RUNG,
        or_(attempts.c.intent != bindparam("of"), attempts.c.ordinal != bindparam("at")),
    )
    .order_by(func.abs(attempts.c.rings_at - bindparam("about")))
    .limit(bindparam("limit"))
)
HEALTH = Statement(
    select(health.c.failures, health.c.closed_until)
    .where(health.c.provider == bindparam("provider"), health.c.account == bindparam("account"))
    .with_for_update()
)
START_HEALTH = Statement(
    adding(health, ("provider", "account"), failures=literal(0), closed_until=literal(0.0))
)
SET_HEALTH = Statement(
    insert(health)
    .values({name: bindparam(name) for name in ("provider", "account", "failures", "closed_until")})
    .on_conflict_do_update(
        index_elements=[health.c.provider, health.c.account],
        set_={"failures": bindparam("failures"), "closed_until": bindparam("closed_until")},
    )
)

# suppression list

ADD_SUPPRESSED = Statement(
    adding(suppressed, ("person", "literal", "number", "reason", "source", "added_at"))
)
DROP_SUPPRESSED = Statement(
    suppressed.delete().where(
        or_(
            suppressed.c.person.in_((bindparam("person"), bindparam("literal"))),
            suppressed.c.literal.in_((bindparam("person"), bindparam("literal"))),
        )
    )
)
LIST_SUPPRESSED = Statement(
    select(*(suppressed.c[name] for name in ("number", "reason", "source", "added_at")))
    .order_by(suppressed.c.added_at, suppressed.c.person, suppressed.c.literal)
    .limit(bindparam("limit"))
    .offset(bindparam("after"))
)

# the contact book

ADD_CONTACT = Statement(adding(contacts, ("id", "person", "name", "phone", "contact", "created_at")))
SET_CONTACT = Statement(
    update(contacts)
    .where(contacts.c.id == bindparam("of"))
    .values({name: bindparam(name) for name in ("person", "name", "phone", "contact")})
)
CONTACT = Statement(select(contacts.c.contact).where(contacts.c.id == bindparam("id")))
CONTACT_TO_CHANGE = Statement(
    select(contacts.c.contact).where(contacts.c.id == bindparam("id")).with_for_update()
)
DROP_CONTACT = Statement(contacts.delete().where(contacts.c.id == bindparam("id")))
DROP_LINKS = Statement(contact_links.delete().where(contact_links.c.contact == bindparam("id")))
CONTACT_PAGE = Statement(
    select(contacts.c.id, contacts.c.contact)
    .where(contacts.c.id > bindparam("after"))
    .order_by(contacts.c.id)
    .limit(bindparam("limit"))
)
CONTACTS_OF_PERSON = Statement(
    select(contacts.c.contact).where(contacts.c.person == bindparam("person")).order_by(contacts.c.id)
)
LINKS = Statement(
    select(contact_links.c.provider, contact_links.c.vendor_id).where(
        contact_links.c.contact == bindparam("id")
    )
)
DROP_LINK = Statement(
    contact_links.delete().where(
        contact_links.c.contact == bindparam("contact"),
        contact_links.c.provider == bindparam("provider"),
        contact_links.c.vendor_id == bindparam("vendor_id"),
    )
)
LINKED = Statement(
    select(contact_links.c.contact).where(
        contact_links.c.provider == bindparam("provider"), contact_links.c.vendor_id == bindparam("vendor_id")
    )
)
LINK = Statement(
    insert(contact_links)
    .values({name: bindparam(name) for name in ("provider", "vendor_id", "contact")})
    .on_conflict_do_update(
        index_elements=[contact_links.c.provider, contact_links.c.vendor_id],
        set_={"contact": bindparam("contact")},
    )
)
