"""Vendors' sentences, made safe to show: no number, no address, no key, one line, not long."""

from __future__ import annotations

import re

_PERSONAL = re.compile(r"\+\s?\d[\W_\d]{2,}\d|\d(?:[\W_]{0,3}\d){5,}|[^\s@]+@[^\s@]+")
_LONGEST = 200


def safe(text: str, secret: str = "") -> str:
    """Blank out what could identify a person or open an account, and cut to one short line."""
    if secret:
        text = text.replace(secret, "…")
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: _LONGEST * 4]).split())
    line = _PERSONAL.sub("…", line)
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
