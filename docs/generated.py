"""What the pages say of the code, read from the code: cog puts it into them, and checks that it is fresh."""

from __future__ import annotations

import inspect
import io
import os
import re
import tomllib
from collections import defaultdict
from contextlib import redirect_stdout
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from callhub import config, errors
from callhub.cli.failures import MEANINGS
from callhub.cli.run import make_app, run
from callhub.flows import effects
from callhub.flows import operations as ledger_operations
from callhub.model import lifecycle
from callhub.model.lifecycle import CallOutcome, CallStatus
from callhub.policy import verdict
from callhub.provider import registry, sandbox
from callhub.provider.capability import Capability, Feature, Support
from callhub.provider.http import Response, to_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from cyclopts import App
    from pydantic.fields import FieldInfo

    from callhub.model.call import Call
    from callhub.provider.base import Provider

os.environ["COLUMNS"] = "86"  # however wide the terminal is
ROOT = Path(__file__).parents[1]
MARKS = {Support.NATIVE: "yes", Support.CALLHUB: "by callhub", Support.NOT_AVAILABLE: "no"}
NO_METHOD_YET = {Feature.CREATE_BATCH}  # a plugin can do it, and no method of a hub asks for it


def table(head: str, rows: Iterable[Iterable[object]]) -> str:
    """Write a Markdown table; `head` names the columns, separated by bars."""
    titles = head.split("|")
    lines = [titles, ["---"] * len(titles), *rows]
    cells = (" | ".join(str(cell).replace("|", "\\|") for cell in line).rstrip() for line in lines)
    return "\n".join(["", *(f"| {line} |" for line in cells), ""])


def code(value: object) -> str:
    """Write a value as code; nothing stays nothing."""
    return f"`{value}`" if value not in (None, "") else ""


def first_line(thing: object) -> str:
    """Give the first sentence of a docstring, as Markdown."""
    return (inspect.getdoc(thing) or "").partition("\n")[0].replace("``", "`")


def vendors() -> dict[str, type[Provider[Any]]]:
    """Give the vendors in the box, by name: those with a folder below ``providers``."""
    names = {folder.name for folder in (ROOT / "providers").iterdir() if folder.is_dir()}
    in_order = sorted(names & {*registry.installed()}, key=lambda name: (name != "erzycall", name))
    return {name: registry.load(name) for name in in_order}


# vendors


def features() -> str:
    """Show what each vendor does, one row for those features that have the same answers."""
    kinds = vendors().values()
    rows: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for feature in Feature:
        if feature not in NO_METHOD_YET:
            rows[tuple(MARKS[kind.capabilities[feature].support] for kind in kinds)].append(feature)
    titles = "|".join(kind.title for kind in kinds)
    return table(f"Feature|{titles}", ((", ".join(names), *marks) for marks, names in rows.items()))


def matrix() -> str:
    """Show every feature with every vendor's note."""
    kinds = vendors().values()
    rows = ((feature, *(_cell(kind.capabilities[feature]) for kind in kinds)) for feature in Feature)
    return table("Feature|" + "|".join(kind.title for kind in kinds), rows)


def _cell(capability: Capability) -> str:
    mark = f"**{MARKS[capability.support]}**"
    return f"{mark}. {_sentence(capability.note)}" if capability.note else mark


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".") if text else ""


def lacks(name: str) -> str:
    """Show what a vendor lacks, and what to do instead."""
    found = vendors()[name].capabilities.items()
    rows = ((each, _sentence(is_.note)) for each, is_ in found if is_.support is Support.NOT_AVAILABLE)
    return table("Missing|What to do or to know", rows)


def statuses(name: str) -> str:
    """Show a vendor's status words, as the plugin reads a call that has nothing but the word."""
    kind = vendors()[name]
    calls = ((word, _read(kind, word)) for word in kind.statuses)
    rows = ((code(word), code(call.status), code(call.outcome)) for word, call in calls)
    return table(f"{kind.title}|status|outcome", rows)


def _read(kind: type[Provider[Any]], word: str) -> Call:
    emulator = _sandbox_class(kind)
    given = {"base_url": "http://localhost", **emulator.settings}
    flow = kind(kind.settings_type.model_validate(given)).get_call("1")
    next(flow)
    try:
        flow.send(Response(200, {}, to_json({"data": {"id": "1", "_id": "1", "status": word}})))
    except StopIteration as done:
        call: Call = done.value
        return call
    raise ValueError(f"{kind.title} needs more than one answer to read a call")


def outcomes(name: str, words: str) -> str:
    """Show what a vendor's words for an end mean, by the name of their table."""
    told: Mapping[str, CallOutcome] = getattr(_tables(name), words)
    return table(f"{vendors()[name].title}|outcome", ((code(word), code(end)) for word, end in told.items()))


def refusals(name: str) -> str:
    """Show which answers prove that nothing was dialled."""
    found = vendors()[name].refusals.items()
    return table(
        "HTTP status|Code|Error",
        ((status, code(word) or "any", code(kind.__name__)) for (status, word), kind in found),
    )


def operations(name: str) -> str:
    """Show a vendor's own operations."""
    kind = vendors()[name]
    return table(
        "Operation|What it does", ((code(each), first_line(getattr(kind, each))) for each in kind.operations)
    )


def _tables(name: str) -> Any:
    return _package(vendors()[name], "tables")


def _package(kind: type[Provider[Any]], module: str) -> Any:
    return import_module(f"{kind.__module__.partition('.')[0]}.{module}")


# configuration


def settings() -> str:
    """Show the hub's settings."""
    fields = config.HubSettings.model_fields
    return _settings((name, f"CALLHUB_{name.upper()}", field) for name, field in fields.items())


def provider_settings() -> str:
    """Show every vendor's settings, a table for each."""
    tables = (
        _settings(
            (each, config.variable(name, each), field)
            for each, field in kind.settings_type.model_fields.items()
        )
        for name, kind in vendors().items()
    )
    titles = (f"\n### {kind.title}: `[providers.{name}]`\n" for name, kind in vendors().items())
    return "".join(f"{title}{rows}" for title, rows in zip(titles, tables, strict=True))


def _settings(fields: Iterable[tuple[str, str, FieldInfo]]) -> str:
    rows = ((code(name), code(variable), _about(field)) for name, variable, field in fields)
    return table("Setting|Environment|Meaning", rows)


def _about(field: FieldInfo) -> str:
    """Give what stands in the code, and what holds where nothing is given."""
    needed = "Needed." if field.is_required() else ""
    usual = f"Default: `{field.default}`." if field.default and not field.is_required() else ""
    secret = "Secret." if field.annotation is SecretStr else ""
    return " ".join(filter(None, (field.description, needed, usual, secret)))


# errors


def error_tree() -> str:
    """Draw the error tree."""
    return "\n".join(["```text", *(line for line, _ in _branches(errors.CallhubError)), "```"])


def error_table() -> str:
    """Show what each error means, in the order of the tree."""
    kinds = [kind for _, kind in _branches(errors.CallhubError)]
    links = (f"[`{kind.__name__}`](#{kind.__name__.lower()})" for kind in kinds)
    return table("Error|Meaning", zip(links, map(first_line, kinds), strict=True))


def _branches(
    kind: type[errors.CallhubError], trunk: str = "", joint: str = ""
) -> Iterator[tuple[str, type[errors.CallhubError]]]:
    yield f"{trunk}{joint}{kind.__name__}", kind
    below = trunk + {"": "", "├─ ": "│  ", "└─ ": "   "}[joint]
    twigs = [each for each in kind.__subclasses__() if each.__module__ == errors.__name__]
    for each in twigs:
        yield from _branches(each, below, "└─ " if each is twigs[-1] else "├─ ")


def fault_table() -> str:
    """Show what a broken exchange proves."""
    return table(
        "What happened to the request that dials|Verdict",
        ((fault, code(end)) for fault, end in verdict.FAULTS.items()),
    )


# architecture


def rooms() -> str:
    """Show the rooms from the top to the bottom, as the import contract has them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = [re.findall(r"\w+", layer) for layer in contracts[0]["layers"]]
    present = ([name for name in layer if _exists(name)] for layer in layers)
    return table("Room|What it holds", (_room(layer) for layer in present if layer))


def _exists(name: str) -> bool:
    return any((ROOT / "callhub" / place).is_file() for place in (f"{name}.py", f"{name}/__init__.py"))


def _room(layer: list[str]) -> tuple[str, str]:
    about = (first_line(import_module(f"callhub.{name}")) for name in layer)
    return ", ".join(code(name) for name in layer), "<br>".join(about)


def effect_table() -> str:
    """Show everything that a flow can ask for."""
    members = {**vars(effects), **vars(ledger_operations)}
    kinds = [kind for _, kind in sorted(members.items()) if inspect.isclass(kind)]
    found = [
        kind
        for kind in kinds
        if issubclass(kind, effects.Effect) and kind not in (effects.Effect, effects.LedgerOp)
    ]
    by_performer = sorted(found, key=lambda kind: issubclass(kind, effects.LedgerOp))
    return table(
        "Effect|What comes of it|Performed by",
        (
            (
                code(kind.__name__),
                first_line(kind),
                "ledger" if issubclass(kind, effects.LedgerOp) else "runner",
            )
            for kind in by_performer
        ),
    )


def lifecycle_table() -> str:
    """Show which status may follow which."""
    order = [*CallStatus]
    rows = (
        (code(status), *("yes" if later in lifecycle.FOLLOWS[status] else "" for later in order))
        for status in order
    )
    return table("from \\ to|" + "|".join(map(code, order)), rows)


# sandboxes


def personas() -> str:
    """Show who answers which number."""
    rows = [(f"`…{digits}`", code(who)) for digits, who in sandbox.PERSONAS.items()]
    return table("Number ends in|Persona", [*rows, ("anything else", code(sandbox.Persona.TALKS))])


def mishaps() -> str:
    """Show the faults on demand, with the comments that stand beside them."""
    remarks = dict(re.findall(r'= "(\w+)"  # (.*)', inspect.getsource(sandbox.Mishap)))
    rows = []
    for fault in sandbox.Mishap:
        kind, _, moment = fault.partition("_")
        remark = remarks.get(fault) or remarks[f"{kind}_before"]
        done = {"before": "no", "after": "yes"}.get(moment, "no")
        rows.append((code(fault), _sentence(remark), done))
    return table("Fault|What the caller gets|Has the vendor acted?", rows)


def sandbox_settings() -> str:
    """Show what a hub needs to reach each sandbox."""
    made = {name: _sandbox_class(kind) for name, kind in vendors().items()}
    rows = [
        (code(name), code(setting), code(value))
        for name, emulator in made.items()
        for setting, value in [*emulator.settings.items(), ("script", emulator.script)]
    ]
    return table("Provider|Setting|Value in the sandbox", rows)


def _sandbox_class(kind: type[Provider[Any]]) -> type[sandbox.Sandbox]:
    emulators = vars(_package(kind, "sandbox")).values()
    return next(
        each for each in emulators if isinstance(each, type) and each in sandbox.Sandbox.__subclasses__()
    )


def choices(name: str) -> str:
    """Show what an emulator has chosen where its vendor's documents are silent."""
    about = inspect.getdoc(_package(vendors()[name], "sandbox")) or ""
    return "```{eval-rst}\n" + about.partition("\n\n")[2] + "\n```"


# command line


def help_texts() -> str:
    """Show the help of every command, the groups before their own."""
    return "\n".join(_help(words) for words in commands(make_app()))


def commands(app: App, *words: str) -> Iterator[tuple[str, ...]]:
    """Name every command, as the words that call it."""
    yield words
    for name in app:
        if not name.startswith("-"):
            yield from commands(app[name], *words, name)


def _help(words: tuple[str, ...]) -> str:
    printed = io.StringIO()
    with redirect_stdout(printed):
        run([*words, "--help"])
    lines = "\n".join(line.rstrip() for line in printed.getvalue().strip().splitlines())
    heading = "##" + "#" * (len(words) > 1)
    return f"\n{heading} {' '.join(('callhub', *words))}\n\n```text\n{lines}\n```\n"


def exit_codes() -> str:
    """Show what the exit codes mean."""
    return table("Code|Meaning", ((code(int(each)), meaning) for each, meaning in MEANINGS.items()))


# reference


def reference(*names: str) -> str:
    """Document these names: public ones bare, others with their module."""
    directives = "\n\n".join(map(_directive, names))
    return f"\n```{{eval-rst}}\n.. py:currentmodule:: callhub\n\n{directives}\n```\n"


def error_reference() -> str:
    """Document every error, in the order of the tree."""
    return reference(*(kind.__name__ for _, kind in _branches(errors.CallhubError)))


def _directive(name: str) -> str:
    module, _, bare = name.rpartition(".")
    kind = getattr(import_module(module or "callhub"), bare)
    if not isinstance(kind, type):
        return f".. autofunction:: {name}"
    options = ["members:"]
    if issubclass(kind, Enum):
        options += ["undoc-members:", "exclude-members: __new__"]
    if issubclass(kind, Exception):
        options += ["show-inheritance:"]
    if issubclass(kind, Exception) or name.startswith("callhub.hub."):  # made by callhub alone
        options += ["exclude-members: __init__"]
    return "\n".join([f".. autoclass:: {name}", *(f"   :{option}" for option in options)])
