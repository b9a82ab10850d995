"""``callhub webhooks``: where the vendors report to."""

# ruff: noqa: D417 - options that commands share carry their own help

import os
from pathlib import Path
from typing import Annotated, Self

from cyclopts import App, Parameter

import callhub
from callhub.cli import out
from callhub.cli.help import examples
from callhub.cli.options import AsJson, Several, given
from callhub.cli.show import ENDPOINTS
from callhub.errors import InvalidRequest

app = App(name="webhooks", help="Webhook endpoints at the vendors.", help_epilogue="")

Whose = Annotated[str, Parameter(name="--provider", metavar="NAME")]
Url = Annotated[str, Parameter(metavar="URL")]
Words = Annotated[str | None, Parameter(metavar="TEXT")]


@app.command(name="list", help_epilogue=examples("webhooks list --provider NAME"))
def list_(*, provider: Whose, as_json: AsJson = False) -> None:
    """List a vendor's endpoints, one a line.

    Args:
        provider: whose endpoints.
    """
    with callhub.Hub.from_config() as hub:
        ENDPOINTS.many(hub.webhooks.list(provider), as_json=as_json)


@app.command(help_epilogue=examples("webhooks register --provider NAME --url URL --secret-file hook.secret"))
def register(
    *,
    provider: Whose,
    url: Url,
    secret_file: Annotated[Path | None, Parameter(metavar="FILE")] = None,
    show_secret: bool = False,
    event: Several = (),
    description: Words = None,
    as_json: AsJson = False,
) -> None:
    """Register an endpoint, and keep the secret that its deliveries are signed with.

    The vendor tells the secret once, and never again. So say where it goes: into a new file that
    only you can read, or onto the screen.

    Args:
        provider: at which vendor.
        url: where the vendor shall report to; https.
        secret_file: a new file for the secret.
        show_secret: print the secret.
        event: an event to be told of, in the vendor's words; without it, those that callhub uses.
        description: free text.
    """
    if (secret_file is None) == (not show_secret):
        raise InvalidRequest("the secret is told only once: say --secret-file FILE or --show-secret")
    with callhub.Hub.from_config() as hub, _Secret(secret_file) as secret:
        made = hub.webhooks.register(provider, url, events=event or None, description=description)
        secret.keep(made.secret or "")
    ENDPOINTS.one(made, as_json=as_json)
    if show_secret:
        out.print_json({"secret": made.secret}) if as_json else out.sheet([("secret", made.secret)])


@app.command(help_epilogue=examples("webhooks update PROVIDER:ID --no-active"))
def update(
    webhook_id: str,
    /,
    *,
    url: Annotated[str | None, Parameter(metavar="URL")] = None,
    event: Several = (),
    description: Words = None,
    active: Annotated[bool | None, Parameter(negative="--no-active")] = None,
    as_json: AsJson = False,
) -> None:
    """Change what is given of an endpoint.

    Args:
        webhook_id: PROVIDER:ID.
        url: where the vendor shall report to; https.
        event: an event to be told of; all of them, not only a new one.
        description: free text.
        active: whether it is used.
    """
    changes = given(url=url, events=event, description=description, active=active)
    with callhub.Hub.from_config() as hub:
        ENDPOINTS.one(hub.webhooks.update(webhook_id, **changes), as_json=as_json)


@app.command(help_epilogue=examples("webhooks delete PROVIDER:ID"))
def delete(webhook_id: str, /, *, as_json: AsJson = False) -> None:
    """Remove an endpoint.

    Args:
        webhook_id: PROVIDER:ID.
    """
    with callhub.Hub.from_config() as hub:
        hub.webhooks.delete(webhook_id)
    out.print_json({"deleted": webhook_id}) if as_json else out.say(f"deleted {webhook_id}")


class _Secret:
    """A file that is made before the vendor is asked, and taken away if nothing came of it."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._kept = file is None

    def __enter__(self) -> Self:
        if self._file is not None:
            try:
                os.close(os.open(self._file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            except OSError as error:
                raise InvalidRequest(f"--secret-file: {self._file}: {error.strerror}") from None
        return self

    def keep(self, secret: str) -> None:
        if self._file is not None:
            self._file.write_text(secret + "\n")
            self._kept = True

    def __exit__(self, *_: object) -> None:
        if self._file is not None and not self._kept:
            self._file.unlink(missing_ok=True)
