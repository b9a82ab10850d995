"""Forgetting and clearing out take away what was said, and nothing that keeps people from a second ring."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

import callhub
from callhub import Contact, Guards, Hub
from callhub.flows import operations as ops
from callhub.flows.operations import keeping
from callhub.ledger.schema import VERSION
from callhub.policy.verdict import Verdict
from callhub.provider.http import Response
from tests.core.kit import NUMBER, SCRIPTS, call_of, wish
from tests.ledger import kit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from callhub.ledger.store import Ledger
    from tests.core.kit import Instant, Vendor, World

OTHER = "+14155550145"
SECRETS = (NUMBER, NUMBER.removeprefix("+"), "Ahmad", "Zanzibar", "a@example.com", "tall and friendly")
DAY = timedelta(days=1)


@pytest.fixture
def erzycall(world: World) -> Vendor:
    return world.erzycall


@pytest.fixture
def hub_of(url: str, clock: Instant) -> Iterator[Callable[..., Hub]]:
    made: list[Hub] = []

    def make(*vendors: Vendor, **options: Any) -> Hub:
        providers = {vendor.name: vendor.settings for vendor in vendors}
        made.append(Hub(providers=providers, scripts=SCRIPTS, clock=clock, ledger=url, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def hub(hub_of: Callable[..., Hub], world: World) -> Hub:
    return hub_of(world.erzycall, world.aicaller)


def wanted(key: str = "order-1", **changes: Any) -> dict[str, Any]:
    contact = Contact(name="Ahmad", email="a@example.com")
    personal: dict[str, Any] = {"variables": {"city": "Zanzibar"}, "metadata": {"note": "tall and friendly"}}
    return wish("erzycall", contact=contact, idempotency_key=key, **personal) | changes


def everything(base: kit.Base) -> str:
    """Give all that stands in the tables."""
    tables = ("intents", "attempts", "calls", "events", "suppressed", "contacts", "contact_links")
    rows = [base.rows(f"SELECT * FROM {table}") for table in tables]  # noqa: S608
    return json.dumps(rows, default=lambda each: bytes(each).decode())


def test_what_was_said_is_gone_and_the_key_still_counts(
    hub: Hub, erzycall: Vendor, base: kit.Base, clock: Instant
) -> None:
    call = hub.calls.create(**wanted())
    clock.advance(3600)
    hub.calls.get(call.id)
    hub.contacts.create(name="Ahmad", phone=NUMBER, notes="tall and friendly")
    hub.calls.create(**wanted("order-2", to=OTHER, contact=Contact(name="Bea"), variables={}, metadata={}))
    done = hub.ledger.forget("+1 (415) 555-0123")
    assert (done.calls, done.attempts, done.contacts) == (1, 1, 1)
    assert done.at_vendors == (f"erzycall:{call.provider_call_id}",)
    assert (done.needs_person, done.open, done.wiped) == ((), (), True)
    left = everything(base)
    assert [secret for secret in SECRETS if secret in left] == []
    assert (OTHER in left, "Bea" in left) == (True, True)
    again = hub.calls.create(**wanted())
    assert (again.replayed, again.id, again.to, again.status) == (True, call.id, None, "ended")
    with pytest.raises(callhub.Conflict):
        hub.calls.create(**wanted(variables={"city": "Oslo"}))
    assert erzycall.live()[NUMBER] == 1


def test_news_of_the_vendor_bring_nothing_back(
    hub: Hub, erzycall: Vendor, base: kit.Base, clock: Instant
) -> None:
    call = hub.calls.create(**wanted())
    done = hub.ledger.forget(NUMBER)
    assert done.open == (call.id,)
    clock.advance(3600)
    assert hub.calls.get(call.id).to == NUMBER  # as the vendor tells it
    kept = hub.calls.get(call.id, refresh=False)
    assert (kept.to, kept.status, kept.variables) == (None, "ended", {})
    left = everything(base)
    assert [secret for secret in SECRETS if secret in left] == []
    assert erzycall.live()[NUMBER] == 1


def test_an_answer_that_comes_after_forgetting_brings_nothing_back(ledger: Ledger, base: kit.Base) -> None:
    slow = kit.claimed(ledger, kit.claim(lease=-1.0))
    done = ledger.perform(keeping.Forget(kit.PERSON))
    assert done.needs_person == (slow.call.id,)
    assert ledger.perform(kit.settle(slow, Verdict.ACCEPTED))
    assert kit.PERSON not in everything(base)
    assert kit.record(ledger, slow).call.provider_call_id == "v1"


def test_whoever_opts_out_after_being_forgotten_is_suppressed_by_the_hash(
    ledger: Ledger, base: kit.Base
) -> None:
    of = kit.claimed(ledger)
    ledger.perform(kit.settle(of, Verdict.ACCEPTED))
    ledger.perform(keeping.Forget(kit.PERSON))
    ledger.perform(
        kit.observe(of.call, status=callhub.CallStatus.ENDED, outcome=callhub.CallOutcome.OPTED_OUT)
    )
    assert kit.PERSON not in everything(base)
    assert ledger.perform(ops.FindSuppressed(kit.PERSON)) is not None
    assert kit.denied(ledger.perform(kit.claim(kit.call("other")))) is ops.Rule.SUPPRESSED


def test_the_suppression_list_goes_on_to_hold(hub: Hub, erzycall: Vendor, base: kit.Base) -> None:
    hub.suppression.add("+1 415 555 0123", "Ahmad wrote a letter")
    assert hub.ledger.forget(NUMBER).suppressed == 1
    assert [secret for secret in SECRETS if secret in everything(base)] == []
    entry = hub.suppression.get(NUMBER)
    assert entry is not None
    assert (entry.number, entry.reason, entry.source) == (None, None, "by hand")
    with pytest.raises(callhub.Suppressed):
        hub.calls.create(**wanted())
    assert hub.suppression.remove(NUMBER)
    assert erzycall.posts == []


def test_caps_go_on_to_count(hub_of: Callable[..., Hub], erzycall: Vendor) -> None:
    hub = hub_of(erzycall, guards=Guards(caps=["1/7d"]))
    hub.calls.create(**wanted())
    hub.ledger.forget(NUMBER)
    with pytest.raises(callhub.RateLimited):
        hub.calls.create(**wanted("order-2"))
    assert erzycall.live()[NUMBER] == 1


def test_a_call_in_doubt_is_left_to_a_person(hub: Hub, erzycall: Vendor, base: kit.Base) -> None:
    erzycall.fail(*["drop_after"] * 9)
    erzycall.rig(Response(500), method="GET")
    with pytest.raises(callhub.OutcomeUnknown) as caught:
        hub.calls.create(**wanted(timeout=1))
    erzycall.relay.rigged = lambda _: None
    erzycall.sandbox._mishaps.clear()  # noqa: SLF001
    call_id = call_of(caught.value).id
    assert hub.ledger.forget(NUMBER).needs_person == (call_id,)
    sent = len(erzycall.posts)
    assert [call.id for call in hub.recover().needs_person] == [call_id]
    with pytest.raises(callhub.OutcomeUnknown):
        hub.calls.create(**wanted())
    assert len(erzycall.posts) == sent
    theirs = next(iter(hub.calls.list("erzycall"))).provider_call_id
    assert hub.calls.resolve(call_id, placed=theirs, by="Ada").status != "in_doubt"
    assert [secret for secret in SECRETS if secret in everything(base)] == []
    assert erzycall.live()[NUMBER] == 1


def test_nobody_is_forgotten_while_a_call_is_being_placed(ledger: Ledger, base: kit.Base) -> None:
    kit.claimed(ledger)
    with pytest.raises(callhub.InvalidState, match="is being placed right now"):
        ledger.perform(keeping.Forget(kit.PERSON))
    assert kit.PERSON in everything(base)


def test_a_failed_call_of_somebody_forgotten_is_not_placed_anew(
    hub: Hub, erzycall: Vendor, clock: Instant
) -> None:
    route = callhub.Failover("erzycall", "aicaller", after_failure=["erzycall"])
    call = hub.calls.create(**wanted(provider=None, route=route))
    body = f'{{"success":true,"data":{{"id":"{call.provider_call_id}","status":"error"}}}}'.encode()
    erzycall.rig(Response(200, body=body), method="GET")
    hub.ledger.forget(NUMBER)
    clock.advance(60)
    assert hub.calls.wait(call.id).status == "failed"
    assert erzycall.live()[NUMBER] == 1


def test_a_number_that_cannot_be_read_forgets_nobody(hub: Hub) -> None:
    with pytest.raises(callhub.InvalidRequest, match="with its country code"):
        hub.ledger.forget("0123")
    assert hub.ledger.forget("+14155550100").calls == 0


def test_no_byte_stays_in_the_file(sqlite: str, world: World, clock: Instant, tmp_path: Path) -> None:
    with Hub(providers=world.settings, scripts=SCRIPTS, clock=clock, ledger=sqlite) as hub:
        for at in range(60):
            big = {"city": "Zanzibar" * (1 + at * 7)}
            hub.calls.create(**wanted(f"order-{at}", variables=big))
            hub.calls.create(
                **wanted(f"other-{at}", to=OTHER, contact=Contact(name="Bea"), variables={}, metadata={})
            )
            hub.contacts.create(name="Ahmad", phone=NUMBER, notes="tall and friendly")
        clock.advance(3600)
        for call in list(hub.calls.history()):
            hub.calls.get(call.id)
        assert hub.ledger.forget(NUMBER).wiped
        found = b"".join(file.read_bytes() for file in tmp_path.glob("calls.db*"))
        assert OTHER.encode() in found
        assert [secret for secret in SECRETS if secret.encode() in found] == []


# clearing out


def test_old_calls_keep_their_keys_and_nothing_else(
    hub: Hub, erzycall: Vendor, base: kit.Base, clock: Instant
) -> None:
    call = hub.calls.create(**wanted())
    clock.advance(3600)
    hub.calls.get(call.id)
    clock.advance(90 * 86_400)
    young = hub.calls.create(**wanted("order-2", to=OTHER))
    done = hub.ledger.purge(older_than=90 * DAY)
    assert (done.calls, done.kept) == (1, 0)
    left = everything(base)
    assert (NUMBER in left, OTHER in left) == (False, True)
    again = hub.calls.create(**wanted())
    assert (again.replayed, again.id, again.status, again.idempotency_key) == (
        True,
        call.id,
        "ended",
        "order-1",
    )
    with pytest.raises(callhub.Conflict):
        hub.calls.create(**wanted(first_message="Hello"))
    assert hub.calls.get(young.id, refresh=False).variables
    assert erzycall.live()[NUMBER] == 1
    assert hub.ledger.purge(older_than=90 * DAY).calls == 0


def test_what_is_not_settled_stays_whole(hub: Hub, erzycall: Vendor, clock: Instant) -> None:
    erzycall.fail(*["error_after"] * 9)
    erzycall.rig(Response(500), method="GET")
    with pytest.raises(callhub.OutcomeUnknown) as caught:
        hub.calls.create(**wanted(timeout=1))
    open_ = hub.calls.create(**wish("aicaller", idempotency_key="open", to=OTHER))
    clock.advance(100 * 86_400)
    done = hub.ledger.purge(older_than=90 * DAY)
    assert (done.calls, done.kept) == (0, 2)
    for call_id in (call_of(caught.value).id, open_.id):
        assert hub.calls.get(call_id, refresh=False).to is not None


def test_caps_count_what_was_cleared_out(
    hub_of: Callable[..., Hub], erzycall: Vendor, clock: Instant
) -> None:
    hub = hub_of(erzycall, guards=Guards(caps=["1/365d"]))
    call = hub.calls.create(**wanted())
    clock.advance(3600)
    hub.calls.get(call.id)
    clock.advance(90 * 86_400)
    assert hub.ledger.purge(older_than=30 * DAY).calls == 1
    with pytest.raises(callhub.RateLimited):
        hub.calls.create(**wanted("order-2"))
    assert erzycall.live()[NUMBER] == 1


def test_clearing_out_goes_in_batches(
    ledger: Ledger, hub: Hub, clock: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callhub.flows.housekeeping.BATCH", 3)
    for number in range(8):
        of = kit.claimed(ledger, kit.claim(kit.call(f"k{number}", created_at=clock.now())))
        ledger.perform(kit.settle(of, Verdict.ACCEPTED, vendor_id=f"v{number}"))
        if number != 4:
            ledger.perform(kit.observe(of.call, status=callhub.CallStatus.ENDED))
    clock.advance(3 * 86_400)
    done = hub.ledger.purge(older_than=2 * DAY)
    assert (done.calls, done.kept) == (7, 1)
    assert hub.ledger.info().erased == 7


@pytest.mark.parametrize("age", [timedelta(hours=1), 90, None])
def test_what_is_no_age_clears_nothing(hub: Hub, age: Any) -> None:
    with pytest.raises(callhub.InvalidRequest, match="older_than"):
        hub.ledger.purge(older_than=age)


def test_the_ledger_tells_what_it_holds(hub: Hub, base: kit.Base, clock: Instant) -> None:
    first = hub.calls.create(**wanted())
    clock.advance(60)
    last = hub.calls.create(**wanted("order-2", to=OTHER))
    hub.contacts.create(name="Ahmad", phone=NUMBER)
    hub.suppression.add("+14155550177")
    info = hub.ledger.info()
    assert (info.kind, info.version) == ("SQLite" if base.is_sqlite else "PostgreSQL", VERSION)
    assert info.calls == {"queued": 2}
    assert (info.unsettled, info.needs_person, info.contacts, info.suppressed, info.erased) == (0, 0, 1, 1, 0)
    assert (info.oldest, info.newest, info.restored) == (first.created_at, last.created_at, None)
    assert info.size > 10_000
    assert info.where


def test_a_request_for_a_copy_of_postgresql_names_the_command(
    hub_of: Callable[..., Hub], url: str, tmp_path: Path
) -> None:
    hub = hub_of()
    if url.startswith("sqlite"):
        assert hub.ledger.backup(tmp_path / "copy.db")
        return
    with pytest.raises(callhub.UnsupportedFeature, match=r"pg_dump --format=custom --file=.*copy\.db"):
        hub.ledger.backup(tmp_path / "copy.db")
