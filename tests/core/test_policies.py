"""The rules themselves, over whatever could be put before them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callhub import Call, CallStatus, Failover, Guards
from callhub.model.call import CallRequest
from callhub.policy import cooling, guards, lookup, numbers, retry, routing, verdict
from callhub.policy.guards import Cap
from callhub.policy.verdict import FAULTS, Verdict
from callhub.provider.http import Fault
from callhub.provider.order import Order
from tests.core.kit import NUMBER, START

if TYPE_CHECKING:
    from datetime import datetime

NOW = 1_000_000.0
NAMES = ["a", "b", "c", "d"]

times = st.lists(st.floats(0, NOW), max_size=12).map(lambda found: sorted(found, reverse=True))
caps = st.builds(Cap, st.integers(1, 6), st.floats(1, 2 * NOW))
minutes = st.integers(-60, 60).map(lambda number: START + timedelta(minutes=number))


# Caps and gaps


@given(st.lists(caps, max_size=4), times)
def test_a_cap_has_room_exactly_where_too_few_dials_lie_in_its_period(
    rules: list[Cap], dials: list[float]
) -> None:
    full = any(sum(at > NOW - cap.seconds for at in dials) >= cap.times for cap in rules)
    wait = guards.cap_wait(rules, dials, NOW)
    assert (wait is not None) == full
    assert wait is None or wait > 0


@given(st.lists(caps, min_size=1, max_size=4), times)
def test_after_the_wait_every_cap_has_room(rules: list[Cap], dials: list[float]) -> None:
    wait = guards.cap_wait(rules, dials, NOW)
    if wait is not None:
        assert guards.cap_wait(rules, dials, NOW + wait + 1e-6 * (NOW + wait)) is None


@given(st.lists(caps, max_size=4), times, st.floats(0, NOW))
def test_one_dial_more_never_makes_room(rules: list[Cap], dials: list[float], more: float) -> None:
    if guards.cap_wait(rules, dials, NOW) is not None:
        assert guards.cap_wait(rules, sorted([*dials, more], reverse=True), NOW) is not None


@given(st.lists(caps, max_size=4), st.one_of(st.none(), st.floats(1, NOW)), times)
def test_the_dials_that_the_ledger_is_asked_for_are_enough(
    rules: list[Cap], gap: float | None, dials: list[float]
) -> None:
    """It gives the newest of the longest period only."""
    made = Guards(caps=rules, gap=gap)
    kept = [at for at in dials if at > NOW - made.longest][: made.most]
    assert guards.cap_wait(made.caps, kept, NOW) == guards.cap_wait(made.caps, dials, NOW)
    assert guards.gap_wait(made.gap, kept, NOW) == guards.gap_wait(made.gap, dials, NOW)


@given(st.floats(1, NOW), times)
def test_the_gap_is_kept_to_the_newest_dial(gap: float, dials: list[float]) -> None:
    wait = guards.gap_wait(gap, dials, NOW)
    assert (wait is not None) == bool(dials and dials[0] + gap > NOW)
    assert wait is None or 0 < wait <= gap + 1e-6


@given(st.floats(1, 1e6), st.floats(-1e6, 1e6))
def test_the_gap_is_kept_to_a_ring_that_is_to_come(gap: float, away: float) -> None:
    wait = guards.gap_wait(gap, [NOW + away], NOW)
    assert (wait is not None) == (NOW + away - gap < NOW < NOW + away + gap)
    assert wait is None or guards.gap_wait(gap, [NOW + away], NOW + wait + 1e-3) is None


@given(st.integers(1, 999_999), st.integers(1, 999_999), st.sampled_from("smhd"))
def test_a_cap_in_words_is_what_it_says(count: int, length: int, unit: str) -> None:
    (cap,) = Guards(caps=[f" {count} / {length} {unit}"]).caps
    assert (cap.times, cap.seconds) == (count, length * guards.UNITS[unit])


# Cooling and waiting


@given(st.integers(0, 10**6))
def test_a_vendor_is_left_alone_longer_and_longer_up_to_a_limit(failures: int) -> None:
    pause, more = cooling.pause(failures), cooling.pause(failures + 1)
    assert 0 <= pause <= more <= cooling.LONGEST
    assert (pause == 0) == (failures < cooling.PATIENCE)


@given(st.integers(1, 9), st.one_of(st.none(), st.floats(0, 200)), st.floats(0, 1))
def test_a_wait_is_never_shorter_than_the_vendor_asked_for(
    tried: int, asked: float | None, jitter: float
) -> None:
    wait = retry.backoff(tried, asked, jitter)
    if tried >= retry.TRIES or (asked or 0) > retry.LONGEST:
        assert wait is None
    else:
        assert wait is not None
        assert wait >= (asked or 0)


# Routes


@given(st.permutations(NAMES), st.sets(st.sampled_from(NAMES)), st.integers(1, 50))
def test_a_plan_gives_its_route_again(order: list[str], trusted: set[str], attempts: int) -> None:
    """It is what a call goes on by after its vendor has failed it."""
    route = Failover(*order, after_failure=sorted(trusted), attempts=attempts)
    plan = routing.planned(CallRequest(to=NUMBER, route=route), None, NAMES)
    assert (plan.considered, plan.named) == (tuple(order), False)
    assert plan.route == route


@given(st.sampled_from(NAMES), st.permutations(NAMES), st.permutations(NAMES))
def test_a_named_vendor_is_before_the_calls_route_and_that_before_the_hubs(
    name: str, own: list[str], standard: list[str]
) -> None:
    hubs = Failover(*standard)
    named = routing.planned(CallRequest(provider=name, route=Failover(*own)), hubs, NAMES)
    assert (named.considered, named.named, named.route) == ((name,), True, None)
    assert routing.planned(CallRequest(route=Failover(*own)), hubs, NAMES).considered == tuple(own)
    assert routing.planned(CallRequest(), hubs, NAMES).considered == tuple(standard)


# What is proven


@pytest.mark.parametrize("fault", Fault)
def test_only_what_left_no_byte_at_the_vendor_is_a_no(fault: Fault) -> None:
    unsent = {
        Fault.CLOSED, Fault.UNSENT, Fault.CONNECT, Fault.DNS, Fault.CONNECT_TIMEOUT, Fault.POOL_TIMEOUT,
        Fault.TLS, Fault.PROXY,
    }  # fmt: skip
    assert FAULTS[fault] is (Verdict.UNREACHABLE if fault in unsent else Verdict.MAYBE)
    assert {Verdict.REFUSED, Verdict.UNREACHABLE} == verdict.PROVEN_NO


# Look-ups


def order(**changes: object) -> Order:
    given_: dict[str, object] = {
        "to": NUMBER,
        "idempotency_key": "ours",
        "script": "s",
        "variables": {"n": "1"},
    }
    return Order(**(given_ | changes))  # type: ignore[arg-type]


def sought(*rivals: Order | None) -> lookup.Sought:
    return lookup.Sought.of("v", order(), (START, START), timedelta(), rivals)


calls = st.builds(
    Call,
    id=st.just("v:x"),
    provider_call_id=st.uuids().map(str),
    status=st.sampled_from(CallStatus),
    to=st.sampled_from([NUMBER, "+14155550177", None]),
    script=st.sampled_from([None, "v:s", "v:other"]),
    variables=st.sampled_from([{}, {"n": "1"}, {"n": "1", "more": "2"}, {"n": "2"}]),
    created_at=st.one_of(st.none(), minutes),
    ended_reason=st.sampled_from([None, "ours", "theirs"]),
)


def reference(call: Call) -> str | None:
    """Let a vendor carry the reference in a field that these calls have."""
    return call.ended_reason


@given(st.lists(calls, max_size=6))
def test_a_call_is_found_only_where_it_is_the_only_one_that_can_be_it(listed: list[Call]) -> None:
    found = lookup.find(sought(), listed)
    if found.call is not None:
        assert found.unclear is None
        assert [call for call in listed if lookup.fits(sought(), call)] == [found.call]
        assert found.call.to == NUMBER
        assert found.call.created_at is not None
        assert abs(found.call.created_at - START) <= lookup.TOLERANCE


@given(st.lists(calls, max_size=6))
def test_nothing_is_said_to_be_absent_that_could_be_there(listed: list[Call]) -> None:
    found = lookup.find(sought(), listed)
    if found == lookup.Finding():
        assert not any(lookup.fits(sought(), call) for call in listed)


@given(st.lists(calls, max_size=6), st.randoms())
def test_the_order_of_a_list_means_nothing(listed: list[Call], chance: object) -> None:
    mixed = listed.copy()
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    for known in (reference, lambda _: None):
        assert lookup.find(sought(), mixed, known) == lookup.find(sought(), listed, known)


@given(st.lists(calls, max_size=6))
def test_a_reference_outweighs_everything_else(listed: list[Call]) -> None:
    found = lookup.find(sought(), listed, reference)
    ours = [call for call in listed if reference(call) == "ours"]
    if len(ours) == 1:
        assert found.call == ours[0]
    elif ours:
        assert found.call is None
        assert found.unclear
    else:
        assert found.call is None or reference(found.call) is None


@given(st.lists(calls, max_size=4))
def test_a_rival_that_asks_for_the_same_settles_nothing(listed: list[Call]) -> None:
    for rival in (order(idempotency_key="another"), None):
        assert lookup.find(sought(rival), listed).call is None


@given(st.lists(calls, max_size=4))
def test_a_rival_that_asks_for_something_else_is_no_rival(listed: list[Call]) -> None:
    rival = order(variables={"n": "2"})
    assert lookup.find(sought(rival), listed) == lookup.find(sought(), listed)


@given(minutes, st.integers(-10_000, 10_000))
def test_the_vendors_clock_may_be_wrong_by_any_time(at: datetime, skew: int) -> None:
    by = timedelta(minutes=skew)
    call = Call(id="v:x", to=NUMBER, created_at=at + by)
    wanted = lookup.Sought.of("v", order(), (START, START), by, ())
    assert lookup.fits(wanted, call) == (abs(at - START) <= lookup.TOLERANCE)


# Numbers


spaced = st.lists(st.sampled_from(["", " ", "-", " (", ") ", "."]), min_size=10, max_size=10)


@given(st.integers(2_000_000_000, 9_899_999_999), spaced)
def test_a_number_is_one_person_however_it_is_spaced(digits: int, between: list[str]) -> None:
    plain = f"+1{digits}"
    written = "+1 " + "".join(digit + gap for digit, gap in zip(str(digits), between, strict=True))
    read = numbers.readable(written)
    if read is not None:  # brackets may stand where no number has them
        assert numbers.canonical(read) == numbers.canonical(plain)


@given(st.from_regex(r"\+[1-9][0-9]{1,14}", fullmatch=True))
def test_the_canonical_number_is_its_own(number: str) -> None:
    once = numbers.canonical(number)
    assert numbers.canonical(once) == once
    assert numbers.readable(number) == number
