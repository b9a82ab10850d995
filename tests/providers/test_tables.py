"""What the vendors declare: every feature, what to do without it, and nothing secret in anything shown."""

from __future__ import annotations

import inspect
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from callhub import AsyncHub, Contact, Hub, Refused, UnsupportedFeature
from callhub.config import HubSettings
from callhub.flows.context import Context, Link
from callhub.flows.effects import Send
from callhub.flows.operations import (
    Ailing,
    Claim,
    Entry,
    FindDoubt,
    FindSuppressed,
    History,
    OpenCalls,
    Retake,
    Suppress,
    Unsuppress,
)
from callhub.model.call import Call
from callhub.policy.guards import Guards
from callhub.policy.routing import NEEDS
from callhub.provider.base import Provider
from callhub.provider.capability import Feature, Support
from callhub.provider.http import Request, Response
from callhub.provider.order import CallFilter, ContactFilter, Endpoint
from callhub_aicaller import tables as aicaller_tables
from callhub_erzycall import tables as erzycall_tables
from tests.providers.kit import AICALLER, ERZYCALL, KEY, PROVIDERS, order

if TYPE_CHECKING:
    from collections.abc import Callable

    from callhub_aicaller import AICaller
    from callhub_erzycall import ErzyCall

    Vendor = AICaller | ErzyCall

NUMBER = "+14155550123"
TABLES = {"erzycall": erzycall_tables.CAPABILITIES, "aicaller": aicaller_tables.CAPABILITIES}
each_vendor = pytest.mark.parametrize("provider", PROVIDERS.values(), ids=PROVIDERS)

LACKED: dict[Feature, Callable[[Any], Any]] = {
    Feature.CREATE_BATCH: lambda provider: provider.create_calls(()),
    Feature.CANCEL: lambda provider: provider.cancel_call("x"),
    Feature.SCRIPTS: lambda provider: (provider.list_scripts(None, 1), provider.get_script("x")),
    Feature.CONTACTS: lambda provider: (
        provider.list_contacts(ContactFilter(), None, 1),
        provider.get_contact("x"),
        provider.create_contact(Contact(), "k"),
        provider.update_contact("x", {}),
        provider.delete_contact("x"),
    ),
    Feature.CONTACT_SEARCH: lambda provider: provider.search_contacts("xx", 1),
    Feature.WEBHOOKS: lambda provider: (
        provider.list_webhooks(),
        provider.create_webhook("", None, None, "k"),
        provider.update_webhook("x", {}),
        provider.delete_webhook("x"),
    ),
}


@pytest.mark.parametrize("name", PROVIDERS)
def test_every_feature_is_declared(name: str) -> None:
    assert set(TABLES[name]) == set(Feature)
    assert dict(PROVIDERS[name].capabilities) == dict(TABLES[name])


@each_vendor
def test_what_is_missing_says_what_to_do_instead(provider: Vendor) -> None:
    for feature, capability in provider.capabilities.items():
        if capability.support is Support.NOT_AVAILABLE:
            assert capability.note.endswith(".")
            assert capability.note[0].isupper()
            assert (
                str(provider.unsupported(feature))
                == f"{provider.title} can't do this: {feature}. {capability.note}"
            )
            assert provider.unsupported(feature).provider == provider.name
        else:
            assert not capability.note[:1].isupper() or capability.note.startswith("Idempotency-Key")


@each_vendor
def test_the_table_says_what_the_methods_do(provider: Vendor) -> None:
    for feature, act in LACKED.items():
        if provider.supports(feature):
            act(provider)
        else:
            with pytest.raises(UnsupportedFeature, match=f"can't do this: {feature}"):
                act(provider)


def test_every_operation_that_a_vendor_may_lack_is_looked_at() -> None:
    lacking = {
        name
        for name, method in vars(Provider).items()
        if inspect.isfunction(method) and "self.unsupported" in inspect.getsource(method)
    }
    assert lacking == {
        *("create_calls", "cancel_call", "list_scripts", "get_script", "search_contacts"),
        *(f"{verb}_contact" for verb in ("get", "create", "update", "delete")),
        *(f"{verb}_webhook" for verb in ("create", "update", "delete")),
        *("list_contacts", "list_webhooks"),
    }


def test_the_features_of_an_order_that_a_vendor_may_lack() -> None:
    assert set(NEEDS.values()) <= set(Feature)
    asked: dict[str, Any] = {"to": NUMBER, "script": "aicaller:t", "contact": Contact(name="A")}
    order(AICALLER, **asked, record=True, variables={"a": "b"}, from_number=NUMBER)
    assert not AICALLER.supports(Feature.FIRST_MESSAGE)
    assert not ERZYCALL.supports(Feature.RECORD)


@each_vendor
def test_what_is_declared_fits_together(provider: Vendor) -> None:
    assert provider.supports(Feature.PAGES) == (provider.page_limit is not None)
    dialling = next(provider.create_call(_order(provider)))
    assert dialling.repeatable == provider.supports(Feature.IDEMPOTENT_CREATE)
    for (status, code), kind in provider.refusals.items():
        assert 400 <= status < 500
        assert issubclass(kind, Refused)
        assert code != "IDEMPOTENCY_MISMATCH"
    assert provider.about_person <= {code for _, code in provider.refusals}


@each_vendor
def test_no_operation_of_its_own_dials(provider: Vendor) -> None:
    for name in provider.operations:
        method = getattr(provider, name)
        needed = [
            parameter
            for parameter in inspect.signature(method).parameters.values()
            if parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        ]
        if name == "get_transcript":
            with pytest.raises(UnsupportedFeature):
                next(method("x"))
            continue
        assert not next(method(*["x"] * len(needed))).dials


@each_vendor
def test_only_a_create_dials(provider: Vendor) -> None:
    reading = [provider.get_call("x"), provider.list_calls(CallFilter(), None, 1)]
    assert [next(flow).dials for flow in reading] == [False, False]
    assert next(provider.create_call(_order(provider))).dials


def _order(provider: Vendor) -> Any:
    return order(provider, to=NUMBER, script=f"{provider.name}:s", contact=Contact(name="A", phone=NUMBER))


# Nothing secret in anything shown


@each_vendor
def test_what_is_public_shows_no_key_and_no_person(provider: Vendor) -> None:
    made = _order(provider)
    request = next(provider.create_call(made))
    shown: list[object] = [
        provider,
        provider.settings.api_key,
        Link(provider),
        Context({provider.name: Link(provider)}, scripts=None),  # type: ignore[arg-type] # only shown
        made,
        request,
        Send(provider.name, request, 1.0),
        Request("POST", f"/v1?to={NUMBER}", KEY.encode(), (("x-api-key", KEY),)),
        Response(200, {"x-api-key": KEY}, NUMBER.encode()),
        Endpoint("erzycall:w", "erzycall", "https://x.example", secret=KEY),
        HubSettings(providers={"erzycall": {"api_key": KEY}}),
    ]
    for each in shown:
        for text in (repr(each), str(each), f"{each}", repr([each])):
            assert KEY not in text
            assert NUMBER.removeprefix("+") not in text
    assert KEY in dict(provider.authorization()).values()  # so that the above isn't true of no key at all


@pytest.mark.parametrize("kind", [Hub, AsyncHub])
def test_a_hub_shows_no_key(kind: type[Any]) -> None:
    hub = kind(providers={"erzycall": {"api_key": KEY, "from_number": NUMBER}}, ledger="sqlite://")
    for each in (hub, hub.calls, hub.contacts, hub.provider("erzycall"), hub.providers()):
        assert KEY not in repr(each)
        assert NUMBER not in repr(each)
    assert repr(hub) == f"<{kind.__name__} erzycall>"


def test_settings_show_no_number() -> None:
    settings = type(ERZYCALL.settings).model_validate({"api_key": KEY, "from_number": NUMBER})
    assert KEY not in repr(settings)
    assert NUMBER not in repr(settings)


EFFECTS = ["claim", "history", "retake", "doubt", "ailing", "suppress", "unsuppress", "suppressed", "open"]


@pytest.mark.parametrize("effect", EFFECTS)
def test_an_effect_shows_no_key_and_no_number(effect: str) -> None:
    """A traceback with local variables, as error reporters make them, shows these."""
    account = f"https://x.example\x00{KEY}"
    now = datetime(2026, 3, 2, tzinfo=UTC)
    effects = {
        "claim": Claim(
            call=Call(id="x", to=NUMBER),
            document=NUMBER,
            plan=NUMBER,
            ordinal=1,
            provider="erzycall",
            request=Request("POST", "/", NUMBER.encode()),
            order=order(ERZYCALL, to=NUMBER),
            account=account,
            started_at=now,
            lease=1.0,
            guards=Guards(),
        ),
        "history": History(None, None, None, NUMBER, None, 1),
        "retake": Retake("x", 1, account, now, 600.0, 1.0, Guards()),
        "doubt": FindDoubt("x", 1, account),
        "ailing": Ailing(account, failed=True, until=0.0),
        "suppress": Suppress((Entry(NUMBER, "asked", "by hand", now),)),
        "unsuppress": Unsuppress(NUMBER),
        "suppressed": FindSuppressed(NUMBER),
        "open": OpenCalls(NUMBER),
    }
    assert KEY not in repr(effects[effect])
    assert NUMBER not in repr(effects[effect])


def test_aicallers_reference_is_the_key_in_the_variable_that_is_named() -> None:
    settings = AICALLER.settings.model_copy(update={"reference_variable": "callhub_key"})
    provider = type(AICALLER)(settings)
    made = order(
        provider, to=NUMBER, script="aicaller:t", contact=Contact(name="A"), variables={"name": "Ada"}
    )
    body = json.loads(next(provider.create_call(made)).body or b"")
    sent = {each["key"]: each["value"] for each in body["promptVariableValues"]}
    assert sent == {"name": "Ada", "callhub_key": made.idempotency_key}
    assert provider.reference(Call(id="aicaller:x", variables=sent)) == made.idempotency_key
    assert provider.reference(Call(id="aicaller:x", variables={"name": "Ada"})) is None
    assert AICALLER.reference(Call(id="aicaller:x", variables=sent)) is None
