"""The contract can fail: each plugin broken on purpose is caught, by a test that names the fault."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import msgspec.structs
import pytest

from callhub.errors import CallhubError, Conflict
from callhub.model.call import Call
from callhub.model.lifecycle import CallStatus
from callhub.provider.base import VendorError
from callhub.provider.capability import Feature, native
from callhub.testing import ProviderContract
from callhub_aicaller import AICaller
from callhub_aicaller import tables as aicaller_tables
from callhub_aicaller.provider import AICallerSettings
from callhub_aicaller.sandbox import AICallerSandbox
from callhub_erzycall import ErzyCall, tables
from tests.contract import test_aicaller_contract, test_erzycall_contract

if TYPE_CHECKING:
    from collections.abc import Mapping

    from callhub.provider.base import Flow
    from callhub.provider.http import Response
    from callhub.provider.order import CallFilter, Order, Page, Problem
    from callhub.provider.sandbox import Answer, Hit, SandboxClock


T = TypeVar("T")


# Those faults that would ring a person twice, drop what was asked for or give a secret away: at each vendor


def retried(flow: Flow[Call]) -> Flow[Call]:
    request = next(flow)
    try:
        answer = yield request
    except CallhubError:
        answer = yield request
    return finish(flow, answer)


class RetriesInside(ErzyCall):
    def create_call(self, order: Order) -> Flow[Call]:
        return retried(super().create_call(order))


class RetriesInsideAICaller(AICaller):
    def create_call(self, order: Order) -> Flow[Call]:
        return retried(super().create_call(order))


def doubled(flow: Flow[Call]) -> Flow[Call]:
    request = next(flow)
    yield request
    return finish(flow, (yield request))


class DialsTwice(AICaller):
    def create_call(self, order: Order) -> Flow[Call]:
        return doubled(super().create_call(order))


class DialsTwiceAtErzyCall(ErzyCall):
    def create_call(self, order: Order) -> Flow[Call]:
        return doubled(super().create_call(order))


class DialsAgainWhenUnreadable(AICaller):
    def create_call(self, order: Order) -> Flow[Call]:
        flow = super().create_call(order)
        request = next(flow)
        answer = yield request
        if b"_id" not in answer.body:
            answer = yield request
        return finish(flow, answer)


class ReadingDials(ErzyCall):
    def get_call(self, call_id: str) -> Flow[Call]:
        flow = super().get_call(call_id)
        return finish(flow, (yield replace(next(flow), dials=True)))


class DropsTheFirstMessage(ErzyCall):
    def create_call(self, order: Order) -> Flow[Call]:
        return super().create_call(msgspec.structs.replace(order, first_message=None))


class DropsTheEmail(AICaller):
    def create_call(self, order: Order) -> Flow[Call]:
        contact = msgspec.structs.replace(order.contact, email=None) if order.contact else None
        return super().create_call(msgspec.structs.replace(order, contact=contact))


class ForgetsTheKey(ErzyCall):
    def create_call(self, order: Order) -> Flow[Call]:
        flow = super().create_call(order)
        return finish(flow, (yield replace(next(flow), headers=())))


class KeyOfTheAttempt(ErzyCall):
    attempts = 0

    def create_call(self, order: Order) -> Flow[Call]:
        type(self).attempts += 1
        return super().create_call(
            msgspec.structs.replace(order, idempotency_key=f"{order.idempotency_key}-{self.attempts}")
        )


class ClaimsToBeRepeatable(AICaller):
    def create_call(self, order: Order) -> Flow[Call]:
        flow = super().create_call(order)
        return finish(flow, (yield replace(next(flow), repeatable=True)))


class KeyInTheRepr(ErzyCall):
    def __repr__(self) -> str:
        return f"<ErzyCall {self.settings.api_key.get_secret_value()}>"


class KeyInTheReprOfAICaller(AICaller):
    def __repr__(self) -> str:
        return f"<AICaller {self.settings.api_key.get_secret_value()}>"


class KeyInTheRequest(AICaller):
    def create_call(self, order: Order) -> Flow[Call]:
        flow = super().create_call(order)
        secret = self.settings.api_key.get_secret_value()
        return finish(flow, (yield replace(next(flow), headers=(("aicaller-api-key", secret),))))


class ServerErrorsAreRefusals(AICaller):
    refusals = {**aicaller_tables.REFUSALS, (500, None): Conflict}


class ServerErrorsAreRefusalsOfErzyCall(ErzyCall):
    refusals = {**tables.REFUSALS, (500, None): Conflict}


class ConflictsAreRefusals(ErzyCall):
    refusals = {**tables.REFUSALS, (409, None): Conflict}


class LosesTheCode(ErzyCall):
    def read_error(self, response: Response) -> VendorError:
        return VendorError(super().read_error(response).message)


class ErrorsRaise(ErzyCall):
    def read_error(self, response: Response) -> VendorError:
        told = super().read_error(response)
        told.code = response.json()["error"]["code"]
        return told


class UnknownStatusRaises(ErzyCall):
    def get_call(self, call_id: str) -> Flow[Call]:
        call = yield from super().get_call(call_id)
        assert call.provider_status in self.statuses
        return call


class UnknownStatusRaisesAtAICaller(AICaller):
    def get_call(self, call_id: str) -> Flow[Call]:
        call = yield from super().get_call(call_id)
        assert call.provider_status in self.statuses
        return call


class UnknownStatusIsOver(AICaller):
    def get_call(self, call_id: str) -> Flow[Call]:
        call = yield from super().get_call(call_id)
        unknown = call.status is CallStatus.UNKNOWN
        return msgspec.structs.replace(call, status=CallStatus.ENDED) if unknown else call


class ForgetsTheWord(ErzyCall):
    def get_call(self, call_id: str) -> Flow[Call]:
        return msgspec.structs.replace((yield from super().get_call(call_id)), provider_status=None)


class LacksAWord(AICaller):
    statuses = {word: status for word, status in aicaller_tables.STATUSES.items() if word != "noAnswer"}


class ReadsStrictly(ErzyCall):
    def get_call(self, call_id: str) -> Flow[Call]:
        call = yield from super().get_call(call_id)
        assert isinstance(call.raw["createdAt"], str)
        return call


class InventsAnId(ErzyCall):
    def get_call(self, call_id: str) -> Flow[Call]:
        flow = super().get_call(call_id)
        answer = yield next(flow)
        body = json.loads(answer.body)
        body["data"].setdefault("id", "invented")
        return finish(flow, replace(answer, body=json.dumps(body).encode()))


class LocalTime(ErzyCall):
    def create_call(self, order: Order) -> Flow[Call]:
        flow = super().create_call(order)
        request = next(flow)
        if order.scheduled_at is not None:
            body = {**json.loads(request.body or b""), "scheduledAt": order.scheduled_at.isoformat()}
            request = replace(request, body=json.dumps(body).encode())
        return finish(flow, (yield request))


class OpensASocket(ErzyCall):
    def get_call(self, call_id: str) -> Flow[Call]:
        socket.socket().close()
        return super().get_call(call_id)


class ClaimsAFirstMessage(AICaller):
    capabilities = {**aicaller_tables.CAPABILITIES, Feature.FIRST_MESSAGE: native()}


class DeniesItsContacts(ErzyCall):
    capabilities = {**tables.CAPABILITIES, Feature.CONTACTS: aicaller_tables.CAPABILITIES[Feature.CONTACTS]}


class DeclaresTooLittle(AICaller):
    capabilities = {
        Feature.CREATE: native(),
        **{f: c for f, c in aicaller_tables.CAPABILITIES.items() if f != Feature.LIST},
    }


class NeverEnds(ErzyCall):
    def list_calls(self, where: CallFilter, cursor: str | None, limit: int) -> Flow[Page[Call]]:
        page = yield from super().list_calls(where, cursor and None, limit)
        return replace(page, cursor="again")


class FirstPageOnly(ErzyCall):
    def list_calls(self, where: CallFilter, cursor: str | None, limit: int) -> Flow[Page[Call]]:
        return replace((yield from super().list_calls(where, cursor, limit)), cursor=None)


class IgnoresTheStatus(ErzyCall):
    def list_calls(self, where: CallFilter, cursor: str | None, limit: int) -> Flow[Page[Call]]:
        return super().list_calls(replace(where, status=None), cursor, limit)


class OnlyPretendsToCancel(ErzyCall):
    def cancel_call(self, call_id: str) -> Flow[None]:
        yield next(self.get_call(call_id))


class BatchByPlace(AICaller):
    def create_calls(self, orders: tuple[Order, ...]) -> Flow[tuple[Call | None, ...]]:
        calls = yield from super().create_calls(orders)
        return tuple(reversed(calls))


class IdsLeaveTheirPlace(ErzyCall):
    def get_call(self, call_id: str) -> Flow[Call]:
        flow = super().get_call(call_id)
        return finish(flow, (yield replace(next(flow), path=f"/api/v1/calls/{call_id}")))


class AnnouncesNoPages(FirstPageOnly):
    pass


class ShortensTheId(ErzyCall):
    def create_call(self, order: Order) -> Flow[Call]:
        call = yield from super().create_call(order)
        return msgspec.structs.replace(call, id=call.provider_call_id)


class Unguarded(AICallerSandbox):
    def handle(self, hit: Hit) -> Answer:
        return super().handle(replace(hit, headers={**hit.headers, "aicaller-api-key": "any"}))


class LetsAnyoneIn(AICaller):
    @classmethod
    def sandbox(cls, clock: SandboxClock) -> Unguarded:
        return Unguarded(clock)


class KnowsNoHaste(AICaller):
    refusals = {key: kind for key, kind in aicaller_tables.REFUSALS.items() if key != (429, None)}


class LetsExtrasThrough(AICaller):
    def check(self, order: Order) -> tuple[Problem, ...]:
        return super().check(msgspec.structs.replace(order, extras={}))


class UndescribedSettings(AICallerSettings):
    retries: int = 3


class KeepsQuietAboutSettings(AICaller):
    settings_type = UndescribedSettings


class PromisesAnOperation(ErzyCall):
    operations = ("list_moods",)


class QuotesTheAnswer(ErzyCall):
    def get_call(self, call_id: str) -> Flow[Call]:
        flow = super().get_call(call_id)
        answer = yield next(flow)
        try:
            return finish(flow, answer)
        except ValueError:
            raise ValueError(answer.body.decode()) from None


class NumberInThePath(AICaller):
    def create_call(self, order: Order) -> Flow[Call]:
        flow = super().create_call(order)
        return finish(flow, (yield replace(next(flow), path=f"/v1/phoneCalls/{order.to}")))


class TakesAnyAnswer(ErzyCall):
    def create_call(self, order: Order) -> Flow[Call]:
        flow = super().create_call(order)
        answer = yield next(flow)
        try:
            return finish(flow, answer)
        except ValueError:
            return Call(id="erzycall:x", provider="erzycall", provider_call_id="x")


class GainsAnOperation(ErzyCall):
    operations = (*ErzyCall.operations, "supports")


class KeyInARecordedHeader(AICaller):
    def authorization(self) -> tuple[tuple[str, str], ...]:
        return (("accept", self.settings.api_key.get_secret_value()),)


class HidesTheNumber(ErzyCall):
    def list_calls(self, where: CallFilter, cursor: str | None, limit: int) -> Flow[Page[Call]]:
        page = yield from super().list_calls(where, cursor, limit)
        return replace(page, items=tuple(msgspec.structs.replace(call, to=None) for call in page.items))


class ForgetsWhatIsOver(ErzyCall):
    def list_calls(self, where: CallFilter, cursor: str | None, limit: int) -> Flow[Page[Call]]:
        page = yield from super().list_calls(where, cursor, limit)
        return replace(page, items=tuple(call for call in page.items if not call.terminal))


class TakesItsIdForAReference(AICaller):
    def reference(self, call: Call) -> str | None:
        return call.provider_call_id


class BlamesThePerson(ErzyCall):
    about_person = frozenset({"NO_SUCH_MOOD"})


class ListsNothing(AICaller):
    def list_calls(self, where: CallFilter, cursor: str | None, limit: int) -> Flow[Page[Call]]:
        page = yield from super().list_calls(where, cursor, limit)
        return replace(page, items=())


def finish(flow: Flow[T], answer: Response) -> T:
    try:
        flow.send(answer)
    except StopIteration as stop:
        value: T = stop.value
        return value
    raise AssertionError("a second request")


CAUGHT_BY: Mapping[type[ErzyCall | AICaller], str] = {
    RetriesInside: "test_create_never_repeats_the_dialling_request",
    RetriesInsideAICaller: "test_create_never_repeats_the_dialling_request",
    DialsTwiceAtErzyCall: "test_create_dials_with_exactly_one_request",
    KeyInTheReprOfAICaller: "test_the_key_is_in_the_authorization_alone",
    ServerErrorsAreRefusalsOfErzyCall: "test_the_table_lists_only_what_can_prove_a_no",
    UnknownStatusRaisesAtAICaller: "test_an_unknown_word_is_no_error",
    DialsTwice: "test_create_dials_with_exactly_one_request",
    DialsAgainWhenUnreadable: "test_create_never_repeats_after_an_unreadable_answer",
    ReadingDials: "test_nothing_else_dials",
    DropsTheFirstMessage: "test_fields_are_carried_or_refused",
    DropsTheEmail: "test_contact_details_are_carried_as_declared",
    ForgetsTheKey: "test_idempotency_is_what_the_table_says",
    KeyOfTheAttempt: "test_the_same_order_gives_the_same_request",
    ClaimsToBeRepeatable: "test_idempotency_is_what_the_table_says",
    KeyInTheRepr: "test_the_key_is_in_the_authorization_alone",
    KeyInTheRequest: "test_the_key_is_in_the_authorization_alone",
    ServerErrorsAreRefusals: "test_the_table_lists_only_what_can_prove_a_no",
    ConflictsAreRefusals: "test_the_table_lists_only_what_can_prove_a_no",
    LosesTheCode: "test_every_listed_refusal_is_raised_and_frees_the_key",
    ErrorsRaise: "test_error_answers_are_read_without_raising",
    UnknownStatusRaises: "test_an_unknown_word_is_no_error",
    UnknownStatusIsOver: "test_an_unknown_word_is_no_error",
    ForgetsTheWord: "test_every_documented_word_is_mapped",
    LacksAWord: "test_everything_that_the_sandbox_says_is_known",
    ReadsStrictly: "test_missing_and_strange_fields_are_no_error",
    InventsAnId: "test_a_call_without_its_id_is_unreadable",
    LocalTime: "test_one_instant_is_one_time",
    OpensASocket: "test_nothing_else_dials",
    ClaimsAFirstMessage: "test_fields_are_carried_or_refused",
    DeniesItsContacts: "test_operations_are_what_the_table_says",
    DeclaresTooLittle: "test_every_feature_is_declared",
    NeverEnds: "test_every_call_is_listed_once",
    FirstPageOnly: "test_every_call_is_listed_once",
    IgnoresTheStatus: "test_native_filters_filter",
    OnlyPretendsToCancel: "test_a_cancelled_call_stays_cancelled",
    BatchByPlace: "test_batch_dials_with_exactly_one_request",
    AnnouncesNoPages: "test_pages_are_declared",
    ShortensTheId: "test_a_created_call_is_read",
    LetsAnyoneIn: "test_the_sandbox_asks_for_the_key",
    LetsExtrasThrough: "test_extras_cannot_change_who_is_called",
    KnowsNoHaste: "test_the_sandbox_refuses_as_the_table_says",
    KeepsQuietAboutSettings: "test_settings_are_described",
    PromisesAnOperation: "test_own_operations_exist",
    QuotesTheAnswer: "test_an_unreadable_answer_is_not_quoted",
    NumberInThePath: "test_numbers_are_in_no_repr",
    TakesAnyAnswer: "test_unreadable_success_is_maybe",
    IdsLeaveTheirPlace: "test_ids_cannot_leave_their_place",
    GainsAnOperation: "test_every_operation_has_a_cassette",
    KeyInARecordedHeader: "test_no_cassette_holds_the_key",
    HidesTheNumber: "test_a_placed_call_is_listed_with_what_a_look_up_goes_by",
    ForgetsWhatIsOver: "test_a_complete_list_forgets_nothing",
    TakesItsIdForAReference: "test_a_reference_is_the_key",
    BlamesThePerson: "test_refusals_about_the_person_are_listed",
    ListsNothing: "test_a_lost_answer_is_settled",
}


@pytest.mark.parametrize("mutant", CAUGHT_BY, ids=lambda mutant: mutant.__name__)
def test_each_mutant_is_caught(mutant: type[ErzyCall | AICaller]) -> None:
    erzycall, aicaller = test_erzycall_contract.TestErzyCall, test_aicaller_contract.TestAICaller
    base: type[ProviderContract] = erzycall if issubclass(mutant, ErzyCall) else aicaller
    contract = type("TestMutant", (base,), {"provider_type": mutant})()
    with pytest.raises(AssertionError) as caught:
        getattr(contract, CAUGHT_BY[mutant])()
    assert str(caught.value), "the failure must tell the author what to change"


def test_every_contract_test_kills_a_mutant() -> None:
    """All but those that guard what callhub's core does with any plugin."""
    names = {name for name in dir(ProviderContract) if name.startswith("test_")}
    assert names - set(CAUGHT_BY.values()) == {
        "test_errors_quote_neither_key_nor_number",
        "test_every_other_status_is_maybe",
        "test_no_fault_rings_twice",
        "test_transport_errors_are_judged_by_the_one_table",
    }
