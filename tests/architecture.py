"""What the budgets mean: each function measures a piece of source text or says where to find it."""

from __future__ import annotations

import ast
import io
import re
import tempfile
from math import ceil
from pathlib import Path
from statistics import median
from tokenize import COMMENT, DEDENT, ENDMARKER, INDENT, NEWLINE, NL, generate_tokens
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

ROOT = Path(__file__).parents[1]
CORE = ROOT / "callhub"
PROVIDERS = ROOT / "providers"
PURE = [*(CORE / room for room in ("model", "provider", "policy", "flows")), PROVIDERS]

IMPURE = """
    aiohttp asyncpg anyio asyncio concurrent ftplib http.client http.server httpcore httpcore2 httpx httpx2
    multiprocessing psycopg psycopg2 pymysql queue random requests sched secrets select selectors smtplib
    socket socketserver sqlalchemy sqlite3 ssl subprocess threading time trio urllib.request urllib3
    uuid.getnode uuid.uuid1 uuid.uuid4 uuid.uuid6 uuid.uuid7 uuid.uuid8
"""

Function = ast.FunctionDef | ast.AsyncFunctionDef
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
BRANCHES = (ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler)
BLANK = {COMMENT, DEDENT, ENDMARKER, INDENT, NEWLINE, NL}

INDEX = re.compile(
    r"https?://\S+/simple\b|https?://\S+/packages/\w\w/\w\w/|--(?:extra-|default-)?index(?:-url)?[ =]\S*://"
)
HOMES = r"/(?:home|Users)/\w+"


def modules(*roots: Path) -> Iterator[Path]:
    """Find the Python files below the roots."""
    for root in roots:
        yield from sorted(root.rglob("*.py"))


def functions(source: str) -> Iterator[Function]:
    """Find all functions, methods and nested ones included."""
    return (node for node in ast.walk(ast.parse(source)) if isinstance(node, Function))


def body_lines(function: Function) -> int:
    """Count the lines of a body, from the first statement after the docstring to the last."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    if not body:
        return 0
    starts: list[int] = [node.lineno for node in (body[0], *getattr(body[0], "decorator_list", ()))]
    return (body[-1].end_lineno or 0) - min(starts) + 1


def p95(sizes: Sequence[int]) -> int:
    """Give the 95th percentile by nearest rank."""
    return sorted(sizes)[ceil(0.95 * len(sizes)) - 1] if sizes else 0


def complexity(function: Function) -> int:
    """Count the independent paths (McCabe); `and`, `or` and conditions in comprehensions count too."""
    return 1 + sum(map(paths, own_nodes(function)))


def paths(node: ast.AST) -> int:
    """Tell how many paths a node adds."""
    match node:
        case ast.BoolOp():
            return len(node.values) - 1
        case ast.comprehension():
            return 1 + len(node.ifs)
        case ast.match_case(pattern=ast.MatchAs(pattern=None), guard=None):
            return 0
        case ast.match_case():
            return 1
    return int(isinstance(node, BRANCHES))


def own_nodes(function: Function) -> Iterator[ast.AST]:
    """Walk a function, but not the functions and classes in it."""
    waiting: list[ast.AST] = [*function.body]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, SCOPES):
            waiting.extend(ast.iter_child_nodes(node))


def code_lines(source: str) -> int:
    """Count the lines that hold code: neither blank nor comment nor docstring."""
    documented = (ast.Module, ast.ClassDef, *SCOPES[:2])
    docstrings = {
        (node.body[0].lineno, node.body[0].col_offset)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, documented) and ast.get_docstring(node) is not None
    }
    lines: set[int] = set()
    for token in generate_tokens(io.StringIO(source).readline):
        if token.type not in BLANK and token.start not in docstrings:
            lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines)


def imports(source: str) -> Iterator[str]:
    """Name everything imported, by whatever form and wherever it stands."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom(level=0, module=str(module)):
                yield from (module if alias.name == "*" else f"{module}.{alias.name}" for alias in node.names)
            case ast.Call(
                func=ast.Name(id="__import__" | "import_module") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield name


def impure(source: str) -> list[str]:
    """Name the imports that reach a socket, a clock, a database, a thread or chance, or a parent of these."""

    def related(name: str, banned: str) -> bool:
        return f"{name}.".startswith(f"{banned}.") or banned.startswith(f"{name}.")

    return [name for name in imports(source) if any(related(name, banned) for banned in IMPURE.split())]


def vendors() -> dict[str, Path]:
    """Give the package of every vendor in the box, by the vendor's name."""
    return {package.parent.name: package for package in sorted(PROVIDERS.glob("*/callhub_*/"))}


def vendor_size(package: Path) -> int:
    """Count the code lines of a vendor, without its sandbox."""
    sources = {path.relative_to(package).with_suffix("").parts: path.read_text() for path in modules(package)}
    return sum(code_lines(source) for parts, source in sources.items() if "sandbox" not in parts)


def naming(source: str, names: Iterable[str]) -> list[int]:
    """Give the numbers of the lines that hold one of the names, in whatever case."""
    lines = enumerate(source.lower().splitlines(), start=1)
    return [number for number, line in lines if any(name in line for name in names)]


def traces(text: str, places: Iterable[Path]) -> list[str]:
    """Find what ties a text to one machine: package indexes, home directories, the places given."""
    paths = "|".join([HOMES, *(re.escape(str(place)) for place in places)])
    return INDEX.findall(text) + re.findall(rf"(?<![\w.~/-])(?:{paths})(?![\w-])", text)


def machine_places() -> set[Path]:
    """Give the directories of this machine that no file may mention."""
    return {ROOT, ROOT.parent, Path.home()} - {Path("/"), Path(tempfile.gettempdir())}


def summary() -> str:
    """Say in a line how long function bodies are."""
    sources = [path.read_text() for path in modules(CORE, PROVIDERS)]
    sizes = [body_lines(function) for source in sources for function in functions(source)]
    middle, longest = (median(sizes), max(sizes)) if sizes else (0, 0)
    return f"callhub: {len(sizes)} functions; body lines: median {middle:g}, p95 {p95(sizes)}, max {longest}"
