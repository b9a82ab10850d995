"""Settings that every vendor has: a key, a base URL, and the rule that keeps the key off plain wires."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr


def _base_url(text: str) -> str:
    parts = urlsplit(text)
    if not _well_formed(text) or parts.scheme not in ("https", "http") or not parts.hostname:
        raise ValueError("must be an https URL such as https://api.example.com")
    if not {"@", "?", "#"}.isdisjoint(text):
        raise ValueError("must not hold a user, a query or a fragment")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("must be https: over plain http anybody on the way could read the key")
    return text.rstrip("/")


def _well_formed(text: str) -> bool:
    try:
        urlsplit(text).port  # noqa: B018 - raises where the port is none
    except ValueError:
        return False
    return text.isascii() and text.isprintable() and " " not in text


def is_loopback(host: str) -> bool:
    """Tell whether the host is this machine, by name or by address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _header_safe(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("must be printable ASCII without spaces or line breaks")
    return secret


def _stripped(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


BaseUrl = Annotated[str, AfterValidator(_base_url)]
Key = Annotated[SecretStr, BeforeValidator(_stripped), AfterValidator(_header_safe)]


class Settings(BaseModel):
    """What a plugin is configured with; subclasses add the vendor's own fields.

    A secret must be a `SecretStr`; every public field needs a description, since the
    configuration table is made from it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    api_key: Key = Field(description="The vendor's API key.")
    base_url: BaseUrl = Field(description="Where the vendor's API is; https unless it is loopback.")
