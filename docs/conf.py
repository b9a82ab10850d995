"""How Sphinx makes the pages: MyST, furo, and a build that fails on any warning."""

from __future__ import annotations

import inspect
import re
from importlib.metadata import version as installed
from typing import TYPE_CHECKING, Any

from msgspec.structs import fields

from callhub.model.call import CallRequest

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "callhub"
author = "the authors of callhub"
version = release = installed("callhub")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "example-provider"]
nitpicky = True
nitpick_ignore_regex = [
    ("py:.*", r"(?!callhub).*\..*"),  # the standard library and other packages have no page here
    ("py:class", r"datetime|timedelta|Path|dict\[str"),
    ("py:class", r"(.*\.)?(H|Play|Sandbox)"),  # a type variable, an alias, a page of its own
    ("py:obj", ".*"),  # single backquotes in docstrings: a link where there is a page, else plain code
]

default_role = "py:obj"
autodoc_class_signature = "separated"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
napoleon_use_ivar = True
python_use_unqualified_type_names = True
myst_heading_anchors = 3

html_theme = "furo"
html_title = "callhub"
html_show_sourcelink = False
html_copy_source = False


def list_all_fields(_app: Sphinx, _what: str, _name: str, it: Any, _options: Any, lines: list[str]) -> None:
    """Give each field of a struct its line, in order, also where the docstring says nothing of it."""
    if not hasattr(it, "__struct_fields__"):
        return
    head, _, listed = "\n".join(lines).partition("Attributes:\n")
    entries = re.findall(r"^    (\w[\w, ]*): (.*(?:\n {8}.*)*)", listed, re.MULTILINE)
    said = {name: meaning for names, meaning in entries for name in names.split(", ")}
    listing = [f"    {name}: {said.get(name, '')}" for name in it.__struct_fields__ if name != "source"]
    lines[:] = "\n".join([head.rstrip(), "", "Attributes:", *listing, ""]).split("\n")


def name_all_options(
    _app: Sphinx, _what: str, _name: str, it: Any, _options: Any, _signature: str, returned: str
) -> tuple[str, str] | None:
    """Write out the keywords that a facade takes as ``**options``."""
    if not inspect.isfunction(it) or "Unpack" not in str(it.__annotations__.get("options")):
        return None
    defaults = ", ".join(f"{field.name}={_default(field)}" for field in fields(CallRequest))
    return f"(*, {defaults})", returned


def _default(field: Any) -> object:
    return field.default if isinstance(field.default, str | float | bool | None) else "{}"


def setup(app: Sphinx) -> None:
    """Let autodoc tell all."""
    app.connect("autodoc-process-docstring", list_all_fields, priority=400)
    app.connect("autodoc-process-signature", name_all_options)
