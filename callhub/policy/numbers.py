"""Phone numbers: E.164 syntax is the rule; validity is asked for."""

from __future__ import annotations

import re

E164 = re.compile(r"\+[1-9][0-9]{1,14}")
RULES = ("e164", "valid")


def fault(number: object, rule: str = "e164") -> str | None:
    """Tell what is wrong with a number, without repeating it; None where nothing is."""
    if not isinstance(number, str) or not E164.fullmatch(number):
        return "must be in E.164 form: + and the country code, digits only, such as +14155551234"
    if rule == "valid" and not _exists(number):
        return "is no number that can exist (checked because numbers='valid')"
    return None


def _exists(number: str) -> bool:
    import phonenumbers  # noqa: PLC0415 - its metadata takes long to load and most never ask

    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return False
