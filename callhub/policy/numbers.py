"""Phone numbers: E.164 syntax is the rule; validity is asked for."""

from __future__ import annotations

import re
from functools import lru_cache

E164 = re.compile(r"\+[1-9][0-9]{1,14}")
RULES = ("e164", "valid")


def fault(number: object, rule: str = "e164") -> str | None:
    """Tell what is wrong with a number, without repeating it; None where nothing is."""
    if not isinstance(number, str) or not E164.fullmatch(number):
        return "must be in E.164 form: + and the country code, digits only, such as +14155551234"
    if rule == "valid" and not _exists(number):
        return "is no number that can exist (checked because numbers='valid')"
    return None


@lru_cache(maxsize=4096)
def canonical(number: str) -> str:
    """Give the one form of a number that may be written in several; what can't be read stays as it is.

    The person is this form: "+44 020 7946 0000" and "+442079460000" are one.
    """
    import phonenumbers  # noqa: PLC0415 - its metadata takes long to load

    seen: set[str] = set()
    while number not in seen:  # "+4400…" is "+440…" first, and only then "+44…"
        seen.add(number)
        try:
            parsed = phonenumbers.parse(number)
        except phonenumbers.NumberParseException:
            return number
        number = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return number


def readable(number: object) -> str | None:
    """Give a number that is written with its country code in whatever way; None where it is none.

    What is in E.164 form already stays as it is, whether or not such a number can exist.
    """
    if not isinstance(number, str):
        return None
    if E164.fullmatch(number.strip()):
        return number.strip()
    import phonenumbers  # noqa: PLC0415 - its metadata takes long to load

    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return None
    found: str = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return found if E164.fullmatch(found) and phonenumbers.is_possible_number(parsed) else None


def _exists(number: str) -> bool:
    import phonenumbers  # noqa: PLC0415 - its metadata takes long to load and most never ask

    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return False
