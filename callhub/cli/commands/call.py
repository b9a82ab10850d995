"""``callhub call``: place one call."""

# ruff: noqa: D417 - options that commands share carry their own help

from typing import Annotated, Any

from cyclopts import App, Parameter

import callhub
from callhub.cli import out, placing
from callhub.cli.help import examples
from callhub.cli.options import (
    AsJson,
    Instant,
    Pairs,
    Patience,
    Route,
    Several,
    Vendor,
    extras,
    given,
    pairs,
)
from callhub.cli.options import route as route_of
from callhub.cli.show import CALLS
from callhub.errors import InvalidRequest

app = App(
    name="call",
    help_epilogue=examples(
        "call +14155550100 --script onboarding --name Ada --var plan=pro --wait",
        "call +14155550100 --script onboarding --at 2026-12-01T15:00+08:00",
        "call +14155550100 --provider NAME --script NAME:ID --key order-1009",
        "call +14155550100 --route NAME,OTHER --script onboarding --name Ada",
    ),
)


@app.default
def call(
    number: str | None = None,
    /,
    *,
    script: str | None = None,
    provider: Vendor = None,
    route: Route = None,
    var: Pairs = (),
    name: str | None = None,
    email: str | None = None,
    contact: Annotated[str | None, Parameter(metavar="ID")] = None,
    first_message: Annotated[str | None, Parameter(metavar="TEXT")] = None,
    at: Instant = None,
    from_number: Annotated[str | None, Parameter(name="--from", metavar="NUMBER")] = None,
    record: Annotated[bool | None, Parameter(negative="--no-record")] = None,
    key: Annotated[str | None, Parameter(metavar="TEXT")] = None,
    on_unknown: Annotated[
        str | None, Parameter(metavar="WHAT", choices=("raise", "accept-risk"), show_choices=False)
    ] = None,
    allow_default_script: bool = False,
    extra: Annotated[Several, Parameter(metavar="PROVIDER.FIELD=JSON")] = (),
    meta: Pairs = (),
    timeout: Annotated[float, Parameter(metavar="SECONDS", allow_leading_hyphen=True)] = 30,
    wait: Annotated[bool, Parameter(negative="--no-wait")] = False,
    wait_timeout: Patience = 600,
    as_json: AsJson = False,
) -> None:
    """Place one call, once.

    The same --key never rings twice: a command that broke off can be repeated with it. Without
    --key every run is a new call. Ctrl-C while the call is being placed leaves it in doubt, not
    half-done: the message names it.

    Args:
        number: number to dial, such as +14155550100; with --contact, that contact's.
        script: what is said: a configured name, or PROVIDER:ID.
        provider: through whom; this or a route is needed where several are configured.
        route: through whom, one after the other as long as nothing can have rung.
        var: a value for the script; give it as often as needed.
        name: name of the person.
        email: email of the person.
        contact: id of a contact in callhub's book or a vendor's, instead of a name.
        first_message: opening line, which wins over the script's own.
        at: when to call (ISO 8601 with an offset); without it, now.
        from_number: caller number; else the provider's setting.
        record: ask for a recording, or for none; else the vendor decides.
        key: idempotency key, one for each intended call.
        on_unknown: what to do where nobody can tell whether it was placed: raise, which is so unless
            given, or accept-risk, which dials again and may ring twice.
        allow_default_script: allow a call with neither script nor first message.
        extra: a vendor's own field; what isn't JSON is sent as text.
        meta: a value of your own, kept in the ledger and never sent.
        timeout: how long placing may take, waiting for rate limits included; 30 unless given.
        wait: show where the call is until it is over, then all of it.
        wait_timeout: how long to wait at most; 600 unless given.
    """
    from callhub.runtime.clock import new_id  # noqa: PLC0415 - not for help

    options: dict[str, Any] = {
        **given(
            to=number, script=script, provider=provider, route=route_of(route), variables=pairs("--var", var)
        ),
        **given(contact=_contact(contact, name, email), first_message=first_message, scheduled_at=at),
        **given(from_number=from_number, record=record, metadata=pairs("--meta", meta), extras=extras(extra)),
        "idempotency_key": key if key is not None else f"cli-{new_id()}",
        **given(on_unknown=on_unknown.replace("-", "_") if on_unknown else None),
        "allow_default_script": allow_default_script,
        "timeout": timeout,
    }
    with callhub.Hub.from_config() as hub:
        placed = placing.place(hub, options)
        if wait and not placed.terminal:
            placed = placing.watch(hub, placed, wait_timeout, quiet=as_json)
        with placing.told(placed):
            CALLS.one(placed, as_json=as_json)
            if not as_json and not placed.terminal:
                out.note(placing.hint(hub, placed))


def _contact(contact_id: str | None, name: str | None, email: str | None) -> "callhub.Contact | str | None":
    if contact_id is not None and (name is not None or email is not None):
        raise InvalidRequest("give either --contact, or --name and --email")
    if name is None and email is None:
        return contact_id
    return callhub.Contact(name=name, email=email)
