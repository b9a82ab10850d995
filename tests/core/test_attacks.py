"""Attacks on the promise: each of these once rang a phone twice, or one that was to be left alone."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import httpx2
import pytest

from callhub import Contact, Failover, Guards, Hub, InvalidRequest, OutcomeUnknown, Suppressed
from callhub.errors import CallhubError
from callhub.provider.http import Response, to_json
from callhub.provider.sandbox import Answer
from tests.core.kit import NUMBER, SCRIPTS, call_of, wish

if TYPE_CHECKING:
    from pathlib import Path

    from callhub.model.call import Call
    from callhub.provider.sandbox import Hit
    from tests.core.kit import Rows, Side, Vendor, World

ROUTE = Failover("aicaller", "erzycall")
OTHER = "+14155550124"


def routed(**changes: Any) -> dict[str, Any]:
    return wish("aicaller", **{"provider": None, "idempotency_key": "k"} | changes)


# A client that was passed in, and does more than send


@pytest.mark.parametrize("library", ["httpx2", "httpx"])
def test_what_a_hook_raises_once_the_vendor_has_answered_is_no_no(
    side: Side, world: World, library: str
) -> None:
    module: Any = {"httpx2": httpx2, "httpx": httpx}[library]
    posts: list[Any] = []

    def hook(answer: Any) -> None:
        if answer.request.method == "POST" and not posts:
            posts.append(answer)
            raise module.ConnectError("the log collector is down")

    async def hook_async(answer: Any) -> None:
        hook(answer)

    hooks = {"response": [hook if side.name == "sync" else hook_async]}
    hub = side.hub(route=ROUTE, http_client=side.client(library, event_hooks=hooks))
    call = hub.calls.create(**routed())
    assert call.provider == "aicaller"  # found by a look-up
    assert (world.aicaller.live() + world.erzycall.rung)[NUMBER] == 1


def test_what_a_retrying_transport_says_is_no_no(world: World) -> None:
    class Retrying(httpx2.HTTPTransport):
        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            super().handle_request(request)
            if request.method == "POST":
                raise httpx2.ConnectError("the second try found nobody")
            return super().handle_request(request)

    with (
        httpx2.Client(transport=Retrying()) as client,
        Hub(
            providers=world.settings, scripts=SCRIPTS, ledger="sqlite://", clock=world.clock,
            route=ROUTE, http_client=client,
        ) as hub,
    ):  # fmt: skip
        assert hub.calls.create(**routed()).provider == "aicaller"
    assert (world.aicaller.live() + world.erzycall.rung)[NUMBER] == 1


# Look-ups


def unwell_from_the_second_on(vendor: Vendor, hit: Hit) -> Answer | None:
    again = hit.method == "POST" and len(vendor.posts) > 1
    return Answer(Response(503)) if again else None


def test_a_time_is_sent_and_looked_for_in_milliseconds(side: Side, world: World) -> None:
    hub, erzycall = side.hub(), world.erzycall
    at = world.clock.now() + timedelta(hours=5, microseconds=123_456)
    asked = wish(erzycall, idempotency_key="k", scheduled_at=at)
    erzycall.fail("drop_after")
    erzycall.relay.rigged = lambda hit: unwell_from_the_second_on(erzycall, hit)
    call = hub.calls.create(**asked)  # found by a look-up
    assert call.provider_call_id
    assert hub.calls.create(**asked).replayed
    assert erzycall.live()[NUMBER] == 1


@pytest.mark.parametrize("seconds", [-3600, 3600])
def test_a_call_that_fits_but_for_a_wrong_clock_is_not_absent(
    side: Side, world: World, seconds: float
) -> None:
    hub, erzycall = side.hub(), world.erzycall
    lost = erzycall.in_doubt(hub, "drop_after")
    (listed,) = [one for one in hub.calls.list("erzycall") if one.to == NUMBER]
    shown = {**listed.raw, "createdAt": (listed.created_at + timedelta(seconds=seconds)).isoformat()}
    page = to_json({"data": [shown], "pagination": {"cursor": "x", "hasMore": False, "pageSize": 1}})
    erzycall.rig(Response(200, {}, page), method="GET")
    world.clock.advance(2000)
    with pytest.raises(OutcomeUnknown, match="but for its time") as caught:
        hub.calls.reconcile(lost.id)
    assert call_of(caught.value).needs_person


def test_a_small_window_of_the_key_is_no_word_on_how_long_a_vendor_works(side: Side, world: World) -> None:
    hub = side.hub(idempotency_window=0, route=Failover("erzycall", "aicaller"))
    world.erzycall.fail("drop_before")
    with pytest.raises(OutcomeUnknown, match="found nothing yet"):
        hub.calls.create(**routed(timeout=100))
    assert world.aicaller.posts == []


# Answers that name another call


def test_an_answer_that_names_anothers_call_proves_nothing(side: Side, world: World) -> None:
    hub, erzycall = side.hub(), world.erzycall
    first = hub.calls.create(**wish(erzycall, to=OTHER))
    body = {"id": first.provider_call_id, "status": "new", "to": NUMBER}
    erzycall.rig(Response(201, {}, to_json({"data": body})))
    with pytest.raises(OutcomeUnknown) as caught:
        hub.calls.create(**wish(erzycall))
    assert call_of(caught.value).provider_call_id is None
    assert hub.calls.get(first.id, refresh=False).provider_call_id == first.provider_call_id


def test_an_answer_to_another_number_proves_nothing(side: Side, world: World) -> None:
    body = {"id": "call_9", "status": "new", "to": OTHER}
    world.erzycall.rig(Response(201, {}, to_json({"data": body})))
    with pytest.raises(OutcomeUnknown):
        side.hub().calls.create(**wish(world.erzycall))


# People


def test_a_contact_with_a_new_number_is_suppressed_by_that(side: Side, world: World) -> None:
    hub, erzycall = side.hub(), world.erzycall
    ada = hub.contacts.create(name="Ada", phone=OTHER)
    later = world.clock.now() + timedelta(hours=5)
    asked = wish(erzycall, to=None, contact=ada.id, idempotency_key="k", scheduled_at=later)
    erzycall.fail("rate_limit")
    with pytest.raises(CallhubError):
        hub.calls.create(**asked, timeout=1)
    hub.contacts.update(ada.id, phone=NUMBER)
    call = hub.calls.create(**asked)
    assert call.to == NUMBER
    assert [one.id for one in hub.suppression.add(NUMBER).cancelled] == [call.id]
    assert erzycall.live() == {}


@pytest.mark.parametrize("way", ["get", "list"])
def test_who_opted_out_of_a_call_that_others_placed_is_left_alone(side: Side, world: World, way: str) -> None:
    leaves, aicaller = "+14155550105", world.aicaller
    placed = side.hub().calls.create(**wish(aicaller, to=leaves))
    hub = side.hub()  # another ledger, which knows nothing of it
    later = world.clock.now() + timedelta(hours=5)
    waiting = hub.calls.create(**wish("erzycall", to=leaves, scheduled_at=later))
    world.clock.advance(600)
    if way == "list":
        assert [one.outcome for one in hub.calls.list("aicaller")] == ["opted_out"]
    else:
        assert hub.calls.get(f"aicaller:{placed.provider_call_id}").outcome == "opted_out"
    assert hub.suppression.get(leaves).source == "aicaller"
    assert hub.calls.get(waiting.id, refresh=False).status == "cancelled"


@pytest.mark.parametrize("text", ["+14155550123.0", "+14155550123abc", "+1 (0)415 555 0124"])
def test_a_number_that_is_read_as_another_is_refused(side: Side, tmp_path: Path, text: str) -> None:
    file = tmp_path / "stop.csv"
    file.write_text(f"number\n{text}\n")
    with pytest.raises(InvalidRequest, match="line 2"):
        side.hub().suppression.load(file)


def test_every_spelling_of_a_number_leads_to_one(side: Side, world: World) -> None:
    hub = side.hub()
    hub.suppression.add("+442079460000")
    for spelling in ("+4402079460000", "+44002079460000"):
        with pytest.raises(Suppressed):
            hub.calls.create(**wish(world.erzycall, to=spelling))


def test_caps_and_gaps_count_when_a_phone_rings(side: Side, world: World) -> None:
    hub = side.hub(guards=Guards(caps=["1/1d"], gap="4h"))
    rings = world.clock.now() + timedelta(days=3)
    hub.calls.create(**wish("erzycall", scheduled_at=rings))
    world.clock.advance(86_400)
    for at in (rings + timedelta(minutes=1), rings - timedelta(hours=3)):
        with pytest.raises(CallhubError) as caught:
            hub.calls.create(**wish("erzycall", scheduled_at=at))
        assert caught.value.code == "cap"
    assert hub.calls.create(**wish("erzycall", scheduled_at=rings + timedelta(days=2))).status == "scheduled"


@pytest.mark.parametrize(
    "contact",
    [
        Contact(name="A", tags=None),  # type: ignore[arg-type]
        Contact(name="A", tags="vip"),  # type: ignore[arg-type]
        Contact(name="A", custom_fields=None),  # type: ignore[arg-type]
        Contact(name="A", timezone=5),  # type: ignore[arg-type]
    ],
)
def test_a_contact_that_could_not_be_read_back_is_refused(side: Side, world: World, contact: Contact) -> None:
    with pytest.raises(InvalidRequest, match="contact must hold text"):
        side.hub().calls.create(**wish(world.aicaller, contact=contact))


# The risk that a caller accepts


RISKY = Failover("aicaller", "erzycall", attempts=2)


def risky(**changes: Any) -> dict[str, Any]:
    return routed(route=RISKY, on_unknown="accept_risk", **changes)


def alone(**changes: Any) -> dict[str, Any]:
    return wish("aicaller", idempotency_key="k", on_unknown="accept_risk", **changes)


def test_no_risk_is_taken_beside_an_attempt_that_is_known_to_be_accepted_by_now(
    side: Side, world: World, rows: Rows
) -> None:
    asked: list[Any] = []

    def found_meanwhile(call: Call) -> bool:
        asked.append(call)
        if len(asked) == 2:  # before the second vendor
            with Hub(
                providers=world.settings, scripts=SCRIPTS, ledger=rows.url, clock=world.clock, settling=0
            ) as other:
                assert other.recover().placed
        return True

    hub = side.hub(ledger=rows.url, settling=3600, guards=Guards(consent=found_meanwhile))
    world.aicaller.fail("drop_after")
    call = hub.calls.create(**risky())
    assert (call.replayed, [each.verdict for each in call.attempts]) == (True, ["accepted"])
    assert (world.aicaller.live() + world.erzycall.rung)[NUMBER] == 1


def test_of_two_in_doubt_the_one_that_is_found_is_the_call(side: Side, world: World, rows: Rows) -> None:
    hub = side.hub(ledger=rows.url, settling=100)
    world.aicaller.fail("drop_after")
    world.erzycall.relay.rigged = lambda hit: Answer(Response(503)) if hit.method == "POST" else None
    with pytest.raises(CallhubError) as caught:
        hub.calls.create(**risky())
    world.clock.advance(7200)
    hub.recover()
    call = hub.calls.get(call_of(caught.value).id)
    assert [each.verdict for each in call.attempts] == ["accepted", "refused"]
    assert (call.provider, call.status, bool(call.provider_call_id)) == ("aicaller", "ended", True)


def found_behind_a_refusal(side: Side, world: World, rows: Rows, number: str) -> Any:
    """Place a call whose first attempt is found after its second was refused."""
    world.aicaller.fail("drop_after", "refuse")
    with pytest.raises(CallhubError) as caught:
        side.hub(ledger=rows.url, settling=3600).calls.create(**alone(to=number))
    hub, call = side.hub(ledger=rows.url), call_of(caught.value)
    assert [each.verdict for each in call.attempts] == ["maybe", "refused"]
    assert hub.calls.reconcile(call.id).provider_call_id
    world.clock.advance(86_400)
    return hub, call.id


def test_news_of_a_call_whose_later_attempt_was_refused_are_written_down(
    side: Side, world: World, rows: Rows
) -> None:
    hub, call_id = found_behind_a_refusal(side, world, rows, NUMBER)
    assert hub.calls.get(call_id).terminal
    assert hub.calls.get(call_id, refresh=False).terminal


def test_an_opt_out_in_a_call_whose_later_attempt_was_refused_is_heeded(
    side: Side, world: World, rows: Rows
) -> None:
    hub, call_id = found_behind_a_refusal(side, world, rows, "+14155550105")
    assert hub.calls.get(call_id).outcome == "opted_out"
    with pytest.raises(Suppressed):
        hub.calls.create(**wish("erzycall", to="+14155550105"))


def test_the_risk_is_taken_once_and_then_the_call_is_placed(side: Side, world: World) -> None:
    hub = side.hub(settling=3600)
    world.aicaller.fail("error_before")
    call = hub.calls.create(**alone())
    assert [each.verdict for each in call.attempts] == ["maybe", "accepted"]
    for _ in range(3):
        world.clock.advance(3600)
        again = hub.calls.create(**alone())
        assert (again.replayed, again.provider_call_id) == (True, call.provider_call_id)
    assert hub.calls.create(**alone() | {"on_unknown": "raise"}).replayed
    assert "aicaller has it" in hub.calls.explain(call.id).verdict
    assert world.aicaller.live()[NUMBER] == 1


def test_a_no_behind_a_maybe_is_told_as_one(side: Side, world: World) -> None:
    world.aicaller.fail("error_before")
    world.erzycall.rig(Response(403, {}, to_json({"error": {"code": "CONTACT_OPTED_OUT", "message": "No"}})))
    with pytest.raises(CallhubError, match="an earlier attempt of this call may have rung") as caught:
        side.hub(settling=3600).calls.create(**risky())
    assert caught.value.dialed == "maybe"


def test_a_guard_that_stops_a_risk_says_that_an_attempt_may_have_rung(side: Side, world: World) -> None:
    hub = side.hub(settling=3600)
    world.aicaller.in_doubt(hub, "drop_after", idempotency_key="k")
    hub.suppression.add(NUMBER)
    with pytest.raises(Suppressed) as caught:
        hub.calls.create(**alone())
    assert caught.value.dialed == "maybe"


def test_what_stays_in_doubt_beside_the_call_needs_nobody(side: Side, world: World, rows: Rows) -> None:
    hub, erzycall = side.hub(ledger=rows.url, settling=100), world.erzycall
    erzycall.fail("drop_after")
    erzycall.relay.rigged = lambda hit: unwell_from_the_second_on(erzycall, hit)
    world.aicaller.fail("drop_before")
    route = Failover("erzycall", "aicaller", attempts=2)
    with pytest.raises(CallhubError) as caught:
        hub.calls.create(**routed(route=route, on_unknown="accept_risk"))
    world.clock.advance(7200)
    hub.recover()
    call = hub.calls.get(call_of(caught.value).id)
    assert [each.verdict for each in call.attempts] == ["accepted", "maybe"]
    assert (call.needs_person, call.provider) == (False, "erzycall")
