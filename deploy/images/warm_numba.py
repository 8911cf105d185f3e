"""Compiles the kernels into a folder by making the whole graph once, on a world of a few hundred listeners.

    warm_numba.py KEPT CACHE

A new container begins with a copy of CACHE. Kernels are compiled for the machine that builds: one with another
processor compiles its own, as it would have without this. KEPT outlives a build: kernels whose sources have not changed
are taken from there. Numba looks at the file of a kernel alone, so what is kept goes by all of ours that kernels are
made of.
"""

import ast
import hashlib
import os
import platform
import shutil
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("buddies_core", "buddies_assets", "buddies_serving", "quality")


def imported(path: Path, root: Path) -> set[Path]:
    """Files of ours that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    places = [root.joinpath(*name.split(".")) for name in names if name.split(".")[0] in PACKAGES]
    return {file for place in places for file in (place.with_suffix(".py"), place / "__init__.py") if file.exists()}


def key(root: Path) -> str:
    """A digest of the files that name numba, of all that these import, and of what compiles them."""
    left = [
        path
        for name in PACKAGES
        for path in (root / name).rglob("*.py")
        if "import numba" in (text := path.read_text()) or "from numba" in text
    ]
    files = set(left)
    while left:
        new = imported(left.pop(), root) - files
        files |= new
        left += new
    digest = hashlib.sha256(platform.python_version().encode())
    for name in ("numba", "llvmlite", "numpy"):
        digest.update(f"{name} {version(name)}\n".encode())
    for path in sorted(files):
        digest.update(f"{path.relative_to(root)} {path.stat().st_size}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def make_the_graph() -> bool:
    """Whether the graph could be made."""
    import dagster as dg

    from buddies_assets.definitions import build_definitions
    from buddies_core.settings import Settings

    with tempfile.TemporaryDirectory() as home, dg.DagsterInstance.ephemeral() as instance:
        settings = Settings(
            home=home,
            synthetic_users=400,
            synthetic_playlists=2_000,
            shard_users=200,
            threads=2,
            search_trials=0,
            track=False,
        )
        job = build_definitions(settings).resolve_job_def("materialise_all_job")
        quiet = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}
        return job.execute_in_process(instance=instance, run_config=quiet, raise_on_error=False).success


def main() -> int:
    """Compile, or take what is kept; the exit code."""
    kept, cache = Path(sys.argv[1]), Path(sys.argv[2])
    import buddies_core

    folder = kept / key(Path(buddies_core.__file__).parents[1])
    for other in kept.iterdir():
        if other != folder:
            shutil.rmtree(other)
    folder.mkdir(exist_ok=True)
    before = sum(1 for _ in folder.rglob("*.nbc"))
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    made = make_the_graph()
    shutil.copytree(folder, cache)
    compiled = sum(1 for _ in folder.rglob("*.nbc"))
    sys.stdout.write(f"{compiled} kernels, {before} of them kept; the graph {'was made' if made else 'FAILED'}\n")
    return 0 if made and compiled else 1


if __name__ == "__main__":
    sys.exit(main())
