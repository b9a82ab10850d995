"""Where settings come from: the constructor, the environment, ``callhub.toml``; the first that says wins."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from callhub.errors import ConfigurationError
from callhub.provider import registry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from callhub.provider.base import Provider
    from callhub.provider.settings import Settings

DEFAULT_FILE = "callhub.toml"


class HubSettings(BaseSettings):
    """Everything that ``callhub.toml`` and the ``CALLHUB_*`` variables can hold."""

    model_config = SettingsConfigDict(
        env_prefix="CALLHUB_",
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    ledger: str | None = Field(
        None,
        repr=False,
        description="Where the ledger lies: sqlite:///path or postgresql://…. "
        "Default: a file in the user's data directory.",
    )
    route: list[str] | dict[str, Any] | None = Field(
        None,
        description="Through whom a call goes that says nothing of it: a list of providers, or a table with "
        "failover, after_failure and attempts.",
    )
    guards: dict[str, Any] | None = Field(
        None,
        description='How often a person may be dialled: a table with caps, such as ["3/1d"], and gap, '
        'such as "4h".',
    )
    namespace: str | None = Field(
        None,
        description="What vendors' idempotency keys are derived from. Default: the ledger's own id.",
    )
    idempotency_window: float = Field(
        600.0,
        ge=0,
        allow_inf_nan=False,
        description="Seconds for which a vendor is trusted to know an idempotency key again.",
    )
    settling: float = Field(
        5.0,
        ge=0,
        allow_inf_nan=False,
        description="Seconds after which a vendor's list is trusted to show a call.",
    )
    numbers: Literal["e164", "valid"] = Field(
        "e164", description="What a number must be: E.164 syntax, or a number that can exist."
    )
    providers: dict[str, dict[str, Any]] = Field({}, repr=False, description="Settings by provider.")
    scripts: dict[str, Any] = Field(
        {}, description="Neutral script names: for each provider an id or a table."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, config_file())


def config_file() -> Path:
    """Tell which file is read: ``CALLHUB_CONFIG``, else ``callhub.toml`` in the working directory."""
    return Path(os.environ.get("CALLHUB_CONFIG") or DEFAULT_FILE)


def read() -> HubSettings:
    """Read the file and the environment.

    Raises:
        ConfigurationError: the file is missing where it was named, isn't TOML, or holds what can't be.
    """
    file = config_file()
    if os.environ.get("CALLHUB_CONFIG") and not file.is_file():
        raise ConfigurationError(f"CALLHUB_CONFIG names {file}, and there is no such file")
    try:
        return HubSettings()
    except ValidationError as error:
        said = problems(error)
    except ValueError as error:  # what a file that isn't TOML and a variable that isn't JSON raise
        said = f"it can't be read ({type(error).__name__}: {str(error).splitlines()[0]})"
    raise ConfigurationError(f"{file} or a CALLHUB_ variable is wrong: {said}")


def named_providers(settings: HubSettings) -> list[str]:
    """Name the providers that the file or a ``CALLHUB_<NAME>_<FIELD>`` variable configures."""
    installed, own = registry.installed(), _own()
    owners = (_owner(key, installed) for key, value in os.environ.items() if value and key not in own)
    return sorted({*settings.providers, *filter(None, owners)})


def unread() -> dict[str, str | None]:
    """Name the ``CALLHUB_`` variables that nothing reads, each with the one that may be meant."""
    known = _own()
    for name in registry.installed():
        try:
            known |= {variable(name, field) for field in registry.load(name).settings_type.model_fields}
        except ConfigurationError:  # what a plugin that can't be loaded would read, nobody knows
            known |= {key for key in _set() if key.startswith(variable(name, ""))}
    strangers = sorted(key for key in _set() if not known & {key, key.upper()})
    return {key: next(iter(get_close_matches(key, known, 1, 0.8)), None) for key in strangers}


def _set() -> list[str]:
    """Give the variables that are set for callhub."""
    return [key for key in os.environ if key.startswith("CALLHUB_")]


def _own() -> set[str]:
    """Give the variables that are no provider's."""
    return {
        f"CALLHUB_{name.upper()}" for name in (*HubSettings.model_fields, "config", "debug", "public_url")
    }


def _owner(key: str, installed: Iterable[str]) -> str | None:
    """Find the provider that an environment variable is for: of ``foo`` and ``foo-bar`` the longer one."""
    fitting = [name for name in installed if key.startswith(variable(name, ""))]
    return max(fitting, key=len, default=None)


def provider(name: str, given: Mapping[str, Any]) -> Provider[Any]:
    """Load a provider and make it from what is given, and from the environment for the rest.

    Raises:
        UnknownProvider: none of that name is installed.
        ConfigurationError: a setting is missing or wrong; the message says which, never its value.
    """
    kind = registry.load(name)
    if not isinstance(given, Mapping):
        raise ConfigurationError(
            f"{name}: its settings must be a table, such as {{'api_key': …}}", provider=name
        )
    try:
        settings = kind.settings_type.model_validate({**variables(name), **given})
    except ValidationError as error:
        said = problems(error)
    else:
        return kind(settings)
    raise ConfigurationError(f"{name}: {said}; {_how_to_set(name, kind.settings_type)}", provider=name)


def variables(name: str) -> dict[str, str]:
    """Give those settings of a provider that the environment holds; an empty variable holds none."""
    fields = registry.load(name).settings_type.model_fields
    found = {field: os.environ.get(variable(name, field)) for field in fields}
    return {field: value for field, value in found.items() if value}


def variable(name: str, field: str) -> str:
    """Name the environment variable of a provider's setting."""
    return f"CALLHUB_{name.upper().replace('-', '_')}_{field.upper()}"


def problems(error: ValidationError) -> str:
    """Say what is wrong with settings, by field, without any value."""
    details = ((one["loc"], one["type"], one["msg"]) for one in error.errors(include_input=False))
    said = [_FORMS.get(str(place[:1])) or _problem(place, kind, text) for place, kind, text in details]
    return "; ".join(dict.fromkeys(said))


# What a setting of several forms must be like: pydantic would name each form and what speaks against it.
_FORMS: Mapping[str, str] = {
    "('route',)": 'route must be a list of providers; in CALLHUB_ROUTE that is JSON, such as ["a", "b"]',
    "('guards',)": 'guards must be a table; in CALLHUB_GUARDS that is JSON, such as {"caps": ["3/1d"]}',
}
_PROBLEMS: Mapping[str, str] = {"missing": "is missing", "extra_forbidden": "is not a setting"}


def _problem(trail: Iterable[object], kind: str, message: str) -> str:
    name = ".".join(map(str, trail)) or "the settings"
    plain = re.sub(r"^(Value error, |Input |String |Value )", "", message)
    return f"{name} {_PROBLEMS.get(kind) or plain}"


def _how_to_set(name: str, kind: type[Settings]) -> str:
    known = ", ".join(kind.model_fields)
    example = variable(name, "api_key")
    return f"set {example} and the like, or [providers.{name}] in {DEFAULT_FILE}; settings: {known}"
