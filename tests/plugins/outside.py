"""Packages that are not callhub's: fake distributions on the path, and a real environment of its own."""

from __future__ import annotations

import importlib
import os
import shutil
import site
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs/example-provider"
BUILT = shutil.ignore_patterns(".*", "__pycache__")
CLI = "import sys; from callhub.cli import main; sys.exit(main(sys.argv[1:]))"
OFFLINE = ("--quiet", "--no-config", "--no-cache", "--offline", "--no-deps", "--no-build-isolation")


def distribution(
    where: Path, name: str, points: str, sources: dict[str, str] | None = None, *, metadata: bool = True
) -> None:
    """Lay what an installer would: modules, and a dist-info with these lines as entry points."""
    info = where / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "entry_points.txt").write_text(f"[callhub.providers]\n{points}\n")
    if metadata:
        (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\n")
    for module, source in (sources or {}).items():
        (where / f"{module}.py").write_text(source)
    importlib.invalidate_caches()


def environment(where: Path) -> Path:
    """Make an environment with everything that this one has, and give its Python."""
    venv.create(where, symlinks=os.name != "nt")
    python = next(path for path in where.glob("*/python*") if path.is_file())
    packages = next(where.glob("**/site-packages"))
    ours = "".join(f"import site; site.addsitedir({path!r})\n" for path in site.getsitepackages())
    (packages / "ours.pth").write_text(ours)
    return python


def install(python: Path, folder: Path) -> None:
    """Build a package and install it, without an index."""
    ran = run(sys.executable, "-m", "uv", "pip", "install", *OFFLINE, "--python", str(python), str(folder))
    assert ran.returncode == 0, ran.stderr


def variables(**given: str) -> dict[str, str]:
    """Give the environment of a program, with no setting of callhub's but these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CALLHUB_", "PYTHON"))}
    own = {"PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "100"}
    return {**kept, **own, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **given}  # an author has no plugin of ours


def run(*command: str, cwd: Path | None = None, **given: str) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    env = variables(**given)
    return subprocess.run(command, cwd=cwd, env=env, check=False, capture_output=True, text=True)
