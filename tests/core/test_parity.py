"""Both facades say the same, the package is what it lists, and importing it costs next to nothing."""

from __future__ import annotations

import inspect
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, get_type_hints

import pytest

import callhub
from callhub import AsyncHub, CallRequest, Hub
from callhub.hub import awaiting, blocking, setup
from callhub.testing import lab

ROOT = Path(__file__).parents[2]
PARTS = [
    (Hub, AsyncHub),
    (blocking.Calls, awaiting.AsyncCalls),
    (blocking.Contacts, awaiting.AsyncContacts),
    (blocking.Scripts, awaiting.AsyncScripts),
    (blocking.Suppressions, awaiting.AsyncSuppressions),
    (blocking.LedgerTools, awaiting.AsyncLedgerTools),
    (blocking.Webhooks, awaiting.AsyncWebhooks),
    (blocking.VendorOperations, awaiting.AsyncVendorOperations),
]
MAKES_NO_REQUEST = {"from_config", "provider", "providers"}
_NAMES = {"Any": Any, "Contact": callhub.Contact, "datetime": datetime}
DUNDERS = {"__init__", "__repr__", "__getattr__", "__dir__"}
both = pytest.mark.parametrize(("sync", "later"), PARTS, ids=lambda kind: kind.__name__)


def public(kind: type) -> dict[str, Any]:
    return {name: each for name, each in vars(kind).items() if not name.startswith("_")}


def colourless(text: str) -> str:
    """Leave out what async adds to an annotation."""
    for theirs, ours in (
        ("AsyncIterator", "Iterator"),
        ("AsyncVendorOperations", "VendorOperations"),
        ("AsyncRunner", "Runner"),
        ("Awaitable[Any]", "Any"),
    ):
        text = text.replace(theirs, ours)
    return text


def signature(method: Any) -> list[tuple[str, Any, Any, str]]:
    plain = inspect.signature(getattr(method, "__func__", method))
    parameters = [
        (each.name, each.kind, each.default, str(each.annotation)) for each in plain.parameters.values()
    ]
    return [
        (name, kind, default, colourless(annotation))
        for name, kind, default, annotation in [
            *parameters,
            ("return", None, None, str(plain.return_annotation)),
        ]
    ]


@both
def test_the_same_names(sync: type, later: type) -> None:
    assert [*public(sync)] == [*public(later)]
    assert DUNDERS & set(vars(sync)) == DUNDERS & set(vars(later))


@both
def test_the_same_signatures(sync: type, later: type) -> None:
    for name in [*public(sync), "__init__"]:
        assert signature(getattr(sync, name)) == signature(getattr(later, name))


@both
def test_the_same_first_lines(sync: type, later: type) -> None:
    def first(thing: Any) -> str:
        return (inspect.getdoc(thing) or "").partition("\n")[0]

    assert first(sync) == first(later)
    for name in public(sync):
        assert first(getattr(sync, name)) == first(getattr(later, name))
        assert first(getattr(sync, name)).endswith(".")


@both
def test_what_talks_to_a_vendor_awaits(sync: type, later: type) -> None:
    for name, method in public(later).items():
        waits = inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method)
        waits |= "AsyncIterator" in str(
            inspect.signature(getattr(method, "__func__", method)).return_annotation
        )
        assert waits == (name not in MAKES_NO_REQUEST)
        assert not inspect.iscoroutinefunction(getattr(sync, name))


def test_the_same_parts() -> None:
    hubs = [kind(providers={}, ledger="sqlite://") for kind in (Hub, AsyncHub)]
    names = [[name for name in vars(hub) if not name.startswith("_")] for hub in hubs]
    assert names[0] == names[1] == ["calls", "contacts", "scripts", "suppression", "webhooks", "ledger"]
    for name in names[0]:
        pair = (type(getattr(hubs[0], name)), type(getattr(hubs[1], name)))
        assert pair in PARTS


def test_the_keywords_of_a_create_are_the_fields_of_a_request() -> None:
    options = get_type_hints(setup.CallOptions, localns=_NAMES)
    fields = get_type_hints(CallRequest)
    assert options == fields
    assert setup.CallOptions.__optional_keys__ == frozenset(CallRequest.__struct_fields__)


def test_every_keyword_of_a_create_is_described() -> None:
    described = inspect.getdoc(blocking.Calls.create) or ""
    for field in CallRequest.__struct_fields__:
        assert f"    {field}: " in described


# The package


def test_what_is_listed_is_there() -> None:
    assert callhub.__all__ == sorted(callhub.__all__)
    for name in callhub.__all__:
        assert getattr(callhub, name).__name__ == name
        assert getattr(callhub, name) is getattr(callhub, name)
    assert set(callhub.__all__) <= set(dir(callhub))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        callhub.nothing  # noqa: B018


def test_what_type_checkers_see_is_what_there_is() -> None:
    source = (ROOT / "callhub" / "__init__.py").read_text()
    seen = {
        line.split(" as ")[1].strip(" ,")
        for line in source.splitlines()
        if " as " in line and "#" not in line
    }
    assert seen == set(callhub.__all__)


def test_the_names_of_the_contract() -> None:
    errors = (
        *("CallhubError", "ConfigurationError", "UnknownProvider", "UnsupportedFeature", "WaitTimeout"),
        *("Refused", "InvalidRequest", "AuthenticationFailed", "PermissionDenied", "NotFound", "Conflict"),
        *("InvalidState", "RateLimited", "Suppressed", "Unreachable", "NoProviderAvailable"),
        *("OutcomeUnknown", "LedgerError", "SignatureError"),
    )
    others = ("Hub", "AsyncHub", "Call", "CallRequest", "CallStatus", "CallOutcome", "Contact", "Script")
    assert {*errors, *others, "Failover", "Guards", "Attempt"} <= set(callhub.__all__)
    for name in errors:
        assert issubclass(getattr(callhub, name), callhub.CallhubError)


HUB = "providers scripts ledger route windows numbers http_client"
CREATE = """
    to script variables contact first_message scheduled_at hold from_number record provider route
    idempotency_key metadata timeout allow_default_script on_unknown extras
"""
METHODS = {
    "calls": "create get list history wait cancel reconcile resolve explain",
    "contacts": "create get list search update delete copy",
    "scripts": "list get",
    "suppression": "add remove get list load",
    "webhooks": "register list update delete",
}


def test_the_keywords_and_methods_of_the_contract() -> None:
    assert set(HUB.split()) <= set(setup.HubOptions.__annotations__)
    assert set(CREATE.split()) <= set(setup.CallOptions.__annotations__)
    with callhub.Hub(providers={}, ledger="sqlite://", windows=(), numbers="e164", http_client=None) as hub:
        missing = {
            part: [each for each in names.split() if not callable(getattr(getattr(hub, part), each, None))]
            for part, names in METHODS.items()
        }
        assert missing == {part: [] for part in METHODS}
        assert callable(hub.recover)


def test_what_the_contract_names_and_this_version_lacks_is_refused() -> None:
    with pytest.raises(callhub.UnsupportedFeature, match="windows"):
        callhub.Hub(providers={}, ledger="sqlite://", windows=("09:00-20:00",))
    with lab("erzycall") as it:
        wanted: dict[str, Any] = {"to": "+14155550100", "script": "greeting"}
        with pytest.raises(callhub.UnsupportedFeature, match="hold can't be 'hub' yet"):
            it.hub.calls.create(**wanted, hold="hub")
        with pytest.raises(callhub.InvalidRequest, match="hold must be 'provider'"):
            it.hub.calls.create(**wanted, hold="nobody")
        for hold in (None, "provider"):
            assert it.hub.calls.create(**wanted, hold=hold).status == "queued"


@pytest.mark.parametrize(
    ("name", "parents", "dialed"),
    [
        ("WaitTimeout", ("CallhubError", "TimeoutError"), "no"),
        ("InvalidRequest", ("Refused",), "no"),
        ("Suppressed", ("Refused",), "no"),
        ("Unreachable", ("CallhubError",), "no"),
        ("OutcomeUnknown", ("CallhubError",), "maybe"),
        ("SignatureError", ("CallhubError",), "no"),
    ],
)
def test_the_tree_of_errors(name: str, parents: tuple[str, ...], dialed: str) -> None:
    error = getattr(callhub, name)("It didn't work")
    assert {*parents} <= {kind.__name__ for kind in type(error).__mro__}
    assert error.dialed == dialed
    facts = ("provider", "code", "request_id", "retry_after", "call")
    assert [getattr(error, fact) for fact in facts] == [None] * 5
    assert str(error) == "It didn't work"


def test_no_error_is_of_two_kinds() -> None:
    kinds = [getattr(callhub, name) for name in callhub.__all__ if inspect.isclass(getattr(callhub, name))]
    refused = {kind for kind in kinds if issubclass(kind, callhub.Refused)}
    assert not any(issubclass(kind, callhub.OutcomeUnknown | callhub.LedgerError) for kind in refused)


# What importing costs

HEAVY = [
    "httpx2",
    "httpx",
    "httpcore2",
    "sqlalchemy",
    "pydantic",
    "stevedore",
    "phonenumbers",
    "uvicorn",
    "rich",
]


def loaded(program: str) -> set[str]:
    lines = f"import sys\n{program}\nprint(*(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", lines], cwd=ROOT, capture_output=True, text=True, timeout=50, check=False
    )
    assert done.stderr == ""
    return set(done.stdout.split())


def test_importing_loads_nothing_heavy() -> None:
    light = (
        "import callhub, callhub.errors, callhub.model.call; callhub.Call, callhub.Contact, callhub.NotFound"
    )
    assert loaded("import callhub; dir(callhub)") == set()
    assert loaded(light) == set()


def test_a_hub_loads_what_it_needs() -> None:
    assert loaded("import callhub; callhub.Hub") >= {"httpx2", "sqlalchemy", "pydantic"}
    assert not loaded("import callhub; callhub.Hub") & {"httpx", "phonenumbers", "uvicorn", "rich"}


def test_importing_starts_no_thread_and_reads_no_file() -> None:
    program = (
        "import sys, threading\nopened = []\n"
        "sys.addaudithook(lambda event, args: opened.append(args[0]) if event == 'open' else None)\n"
        "import callhub\n"
        "assert threading.active_count() == 1\n"
        "assert not [each for each in opened if str(each).endswith(('.toml', '.db'))], opened"
    )
    assert loaded(program) == set()
