"""Run statements of SQLAlchemy Core on a driver's own connection.

Each statement is compiled once for a dialect. Executing it through SQLAlchemy would cost more than
the statement itself, and a create has six of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, Table, bindparam
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import insert

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import Dialect, Executable
    from sqlalchemy.sql.compiler import SQLCompiler

DIALECTS: Mapping[str, Dialect] = {
    "sqlite": sqlite.dialect(paramstyle="named"),
    "postgresql": postgresql.psycopg.dialect(),  # type: ignore[no-untyped-call]
}


NOTHING: Mapping[str, Any] = {}  # a dict: drivers take no other mapping that is empty


class Statement:
    """A statement, compiled when it is first run on a dialect."""

    __slots__ = ("_compiled", "_core")

    def __init__(self, core: Executable) -> None:
        self._core = core
        self._compiled: dict[str, tuple[str, Mapping[str, Any]]] = {}

    def on(self, dialect: str) -> tuple[str, Mapping[str, Any]]:
        """Give the SQL text, and the values that stand in the statement itself."""
        if dialect not in self._compiled:
            self._compiled[dialect] = _text_and_constants(self._core, dialect)
        return self._compiled[dialect]


class Session:
    """One transaction on one connection. Rows are tuples, in the order of the columns asked for."""

    __slots__ = ("_execute", "dialect", "driver")

    def __init__(self, dialect: str, driver: Any) -> None:
        self.dialect = dialect
        self.driver = driver
        self._execute = driver.execute

    def all(self, statement: Statement, asked: Mapping[str, Any] = NOTHING) -> list[Any]:
        """Give every row."""
        rows: list[Any] = self._carry_out(statement, asked).fetchall()
        return rows

    def first(self, statement: Statement, asked: Mapping[str, Any] = NOTHING) -> Any:
        """Give the first row, or None."""
        return self._carry_out(statement, asked).fetchone()

    def run(self, statement: Statement, asked: Mapping[str, Any] = NOTHING) -> int:
        """Carry it out, and tell how many rows it touched."""
        count: int = self._carry_out(statement, asked).rowcount
        return count

    def select(self, query: Select[Any], asked: Mapping[str, Any] = NOTHING) -> list[Any]:
        """Give every row of a query that was made for this once, lists of values included."""
        state = _compiled(query, self.dialect).construct_expanded_state(asked)
        rows: list[Any] = self._execute(state.statement, state.parameters).fetchall()
        return rows

    def lock(self, name: str) -> None:
        """Let nobody else pass here for the same name before this transaction is over.

        SQLite's writers are alone anyway.
        """
        if self.dialect == "postgresql":
            self._execute("SELECT pg_advisory_xact_lock(hashtextextended(%(name)s, 0))", {"name": name})

    def lock_table(self, table: Table) -> None:
        """Let nobody else read or write a table before this transaction is over."""
        if self.dialect == "postgresql":
            self._execute(f"LOCK TABLE {table.name} IN ACCESS EXCLUSIVE MODE")

    def _carry_out(self, statement: Statement, asked: Mapping[str, Any]) -> Any:
        text, constants = statement.on(self.dialect)
        return self._execute(text, {**constants, **asked} if constants else asked)


def adding(table: Table, columns: Iterable[str], **computed: Any) -> Any:
    """Make an insert that does nothing where the row is there already."""
    return (
        insert(table)
        .values({name: bindparam(name) for name in columns})
        .values(computed)
        .on_conflict_do_nothing()
    )


def _text_and_constants(core: Executable, dialect: str) -> tuple[str, Mapping[str, Any]]:
    compiled = _compiled(core, dialect)
    needed = {name: name for name, bind in compiled.binds.items() if bind.required}
    state = compiled.construct_expanded_state(needed)
    constants = {name: value for name, value in state.parameters.items() if name not in needed}
    return state.statement, constants


def _compiled(core: Executable, dialect: str) -> SQLCompiler:
    compiled: Any = core.compile(dialect=DIALECTS[dialect])  # type: ignore[attr-defined]
    return compiled  # type: ignore[no-any-return]
