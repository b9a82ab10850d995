"""What an error of the database means: was anything written down, and what can be done?"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

ADVICE: Mapping[str, str] = {
    "readonly": "make the file and its folder writable for this user",
    "read-only": "this PostgreSQL server takes no writes: name the primary one in CALLHUB_LEDGER",
    "disk is full": "make room on the disk; nothing is dialled before a call is written down",
    "no space left": "make room on the disk; nothing is dialled before a call is written down",
    "could not extend": "make room on the disk; nothing is dialled before a call is written down",
    "disk i/o": "check the disk, then restore a backup (callhub ledger restore) where it was damaged",
    "locked": "another program holds it; try again",
    "lock timeout": "another program holds it; try again",
    "not a database": "restore a backup (callhub ledger restore)",
    "malformed": "restore a backup (callhub ledger restore)",
    "unable to open": "make the file and its folder readable and writable for this user",
    "too many": "let fewer processes use it, or allow more connections (max_connections)",
    "password": "check the user and the password in CALLHUB_LEDGER",
    "does not exist": "make that database or user, or correct CALLHUB_LEDGER",
    "permission denied": "let this user make and change tables there",
    "connection": "check that the PostgreSQL server runs and that CALLHUB_LEDGER is right",
    "shutting down": "check that the PostgreSQL server runs and that CALLHUB_LEDGER is right",
    "starting up": "the PostgreSQL server isn't ready yet; try again",
}

DRIVERS = ("sqlite3", "psycopg", "psycopg_binary", "psycopg_c", "sqlalchemy")
_IN_EACH_OTHERS_WAY = ("40001", "40P01")  # serialization failure, deadlock: the server has undone it
_UNRESOLVED = ("08007", "40003")
_UNDONE = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CONSTRAINT}
_PRIMARY = 0xFF  # the part of SQLite's codes that names the kind


class Undone(Exception):
    """A transaction of which nothing was committed, and that may fare better if it is run again."""


class Unsure(Exception):
    """A transaction whose commit nobody has confirmed: it may stand, or not."""


def dead(connection: Any) -> bool:
    """Tell whether the server has hung up; SQLite has none."""
    return bool(getattr(connection, "closed", False))


def may_be_run_again(connection: Any, error: BaseException) -> bool:
    """Tell whether a transaction that broke off before its commit may fare better a second time."""
    return dead(connection) or getattr(error, "sqlstate", None) in _IN_EACH_OTHERS_WAY


def may_be_committed(connection: Any, error: Exception) -> bool:
    """Tell whether a commit that failed may have come through all the same."""
    if isinstance(error, sqlite3.Error):
        return (getattr(error, "sqlite_errorcode", 0) & _PRIMARY) not in _UNDONE
    return dead(connection) or getattr(error, "sqlstate", None) in _UNRESOLVED


def reason(error: BaseException) -> str:
    """Say what is wrong and what to do, without what the error may quote."""
    if type(error).__module__.partition(".")[0] not in DRIVERS:
        return f"it holds, or was given, what can't be kept ({type(error).__name__})"
    said = str(getattr(error, "orig", None) or error).strip().splitlines()
    text = said[0] if said else type(error).__name__
    what = next((what for sign, what in ADVICE.items() if sign in text.lower()), "")
    return f"{text}; {what}" if what else text
