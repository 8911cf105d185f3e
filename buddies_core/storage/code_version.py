"""The version of a step's code: a digest of the modules that it is made of, equal while what it computes is.

Stored shards are reused while this version is the same, so it changes with everything that decides a shard and with
nothing else: comments, docstrings, layout and code that a step does not import leave it as it is.
"""

import ast
import hashlib
import importlib.util
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from buddies_core.errors import BuddiesError

CARRIERS = (
    "buddies_core.charts",
    "buddies_core.errors",
    "buddies_core.json_text",
    "buddies_core.postgres",
    "buddies_core.registry.mlflow_model",
    "buddies_core.registry.mlflow_tracking",
    "buddies_core.settings",
    "buddies_core.storage",
    "buddies_assets.metadata",
    "buddies_assets.plots",
    "buddies_assets.resources",
)
"""Modules and packages that move, name or show data and never decide them. A setting that decides is a parameter of
the step, and parameters stand in the cache key beside the version."""
CARRIED = 1
"""Raised by hand when a change of the carriers makes stored shards wrong."""


class NoSourceError(BuddiesError, LookupError):
    """A module whose source is not to be found, so that it has no version."""


@dataclass(frozen=True)
class Module:
    """What a module's code says, without what it says to readers, and the dotted names that it imports."""

    digest: str
    imported: tuple[str, ...]


@dataclass(frozen=True)
class Project:
    """The packages under `root` whose modules are followed; other libraries are not, nor are the carriers."""

    root: Path
    packages: tuple[str, ...]
    carriers: tuple[str, ...] = ()

    def version(self, *modules: str) -> str:
        """16 hex digits of the named modules and of all that they import of the project, at any depth.

        Imports inside functions count; those under `if TYPE_CHECKING` do not.

        Raises:
            NoSourceError: a named module has no source.
        """
        digest = hashlib.blake2b(str(CARRIED).encode(), digest_size=8)
        for name in sorted(self.closure(modules)):
            digest.update(f"{name}={_parsed(name, self._path(name)).digest};".encode())
        return digest.hexdigest()

    def closure(self, modules: Iterable[str]) -> set[str]:
        """The named modules and those of the project that they import, directly or not; carriers are left out."""
        found: set[str] = set()
        waiting = [module for named in modules for module in (named, *self._modules(named))]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                imported = _parsed(name, self._path(name)).imported
                waiting += [module for dotted in imported for module in self._modules(dotted)]
        return found

    def _modules(self, dotted: str) -> Iterator[str]:
        """The modules that importing a dotted name runs: its packages, and itself if it is a module."""
        parts = dotted.split(".")
        if parts[0] not in self.packages:
            return
        for length in range(1, len(parts) + 1):
            name = ".".join(parts[:length])
            if any(name == carrier or name.startswith(f"{carrier}.") for carrier in self.carriers):
                return
            if _source(self.root, name) is not None:
                yield name

    def _path(self, module: str) -> Path:
        inside = module.split(".")[0] in self.packages
        path = _source(self.root, module) if inside else _source_elsewhere(module)
        if path is None:
            raise NoSourceError(f"{module} has no source file, so the version of its code cannot be told.")
        return path


THIS = Project(Path(__file__).parents[2], ("buddies_core", "buddies_assets", "buddies_serving", "quality"), CARRIERS)


def code_version(*modules: str) -> str:
    """The version of these modules of this project; see `Project.version`."""
    return THIS.version(*modules)


@cache
def _source(root: Path, module: str) -> Path | None:
    """The file of a module or package under `root`; None where the name is neither."""
    path = root.joinpath(*module.split("."))
    for file in (path / "__init__.py", path.with_name(f"{path.name}.py")):
        if file.is_file():
            return file
    return None


def _source_elsewhere(module: str) -> Path | None:
    """The file of a module outside the project, as that of an extension's step or a test's."""
    spec = importlib.util.find_spec(module)
    return Path(spec.origin) if spec is not None and spec.origin is not None else None


@cache
def _parsed(name: str, path: Path) -> Module:
    tree = _Bare().visit(ast.parse(path.read_bytes()))
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    digest = hashlib.blake2b(ast.dump(tree).encode(), digest_size=8).hexdigest()
    return Module(digest, tuple(sorted(set(_imported(tree, package)))))


class _Bare(ast.NodeTransformer):
    """Takes away docstrings and what only a type checker reads."""

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.AST]:
        """Under TYPE_CHECKING only what is run otherwise stays."""
        self.generic_visit(node)
        return list(node.orelse) if ast.unparse(node.test).endswith("TYPE_CHECKING") else node

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        """A text that stands alone does nothing, under a `def` or under a constant."""
        alone = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if alone else node


def _imported(tree: ast.AST, package: str) -> Iterator[str]:
    """Dotted names that a module imports; each may be a module or something inside one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")
            above = parents[: len(parents) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)
