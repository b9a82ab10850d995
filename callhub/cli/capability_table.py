"""The table of who supplies which feature."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

import callhub
from callhub import config
from callhub.cli import out
from callhub.errors import CallhubError
from callhub.provider.capability import Feature, Support

if TYPE_CHECKING:
    from callhub.hub.setup import ProviderInfo

_STYLES = {Support.NATIVE: "green", Support.CALLHUB: "cyan", Support.NOT_AVAILABLE: "dim"}
_WORDS = {Support.NATIVE: "native", Support.CALLHUB: "callhub", Support.NOT_AVAILABLE: "-"}
_FEATURE = max(map(len, Feature))
_VENDOR = 12


def show(*, notes: bool, as_json: bool) -> None:
    """Show the table of all installed providers, and the notes if they are asked for."""
    with callhub.Hub(ledger="sqlite://") as hub:
        infos = hub.providers()
    configured = _configured()
    if as_json:
        for info in infos:
            out.print_json(_plain(info, configured))
        return
    good = [info for info in infos if info.problem is None]
    room = max(1, (out.console().width - _FEATURE) // (_VENDOR + 2))
    for start in range(0, len(good), room):
        out.show(_table(good[start : start + room], configured))
    out.show(Text("native: the vendor does it   callhub: callhub does it   -: not available", "dim"))
    for info in infos:
        if info.problem is not None:
            out.say(f"{info.name} can't be used: {info.problem}")
        elif notes:
            _notes(info)


def _configured() -> set[str]:
    try:
        return set(config.named_providers(config.read()))
    except CallhubError as error:
        out.note(f"what is configured can't be told: {error}")
        return set()


def _plain(info: ProviderInfo, configured: set[str]) -> dict[str, Any]:
    table = {
        feature.name.lower(): {"support": capability.support, "note": capability.note}
        for feature, capability in info.capabilities.items()
    }
    is_set = info.name in configured
    facts = {"name": info.name, "title": info.title, "configured": is_set, "problem": info.problem}
    return {**facts, "capabilities": table}


def _table(infos: list[ProviderInfo], configured: set[str]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("", width=_FEATURE)
    for info in infos:
        table.add_column(info.title, width=_VENDOR)
    table.add_row(
        "", *("configured" if info.name in configured else "not set up" for info in infos), style="dim"
    )
    for feature in Feature:
        supports = [info.capabilities[feature].support for info in infos]
        table.add_row(feature.value, *(Text(_WORDS[each], _STYLES[each]) for each in supports))
    return table


def _notes(info: ProviderInfo) -> None:
    out.show(Text(f"\n{info.title}", "bold"))
    width = max(20, out.console().width - 4)
    for feature, capability in info.capabilities.items():
        if capability.note:
            lines = wrap(f"{feature.value}: {capability.note}", width)
            out.say("\n    ".join([f"  {lines[0]}", *lines[1:]]))
