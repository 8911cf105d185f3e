"""What is found because it lies where it lies: modules of a name in the packages of a folder.

A package may name in `REQUIRES` the libraries that it cannot do without. Where one is not installed the package is left
out, and nothing of it but its `__init__` is imported.
"""

import importlib
import pkgutil
from importlib.util import find_spec
from types import ModuleType


def packages_in(name: str) -> dict[str, tuple[str, ...]]:
    """The packages that lie in a package, in order of name, each with those of its `REQUIRES` that are missing."""
    parent = importlib.import_module(name)
    found = {}
    for module in sorted(pkgutil.iter_modules(parent.__path__), key=lambda module: module.name):
        if module.ispkg:
            required = getattr(importlib.import_module(f"{name}.{module.name}"), "REQUIRES", ())
            found[module.name] = tuple(library for library in required if find_spec(library) is None)
    return found


def modules_named(name: str, packages: list[str]) -> list[ModuleType]:
    """The module of this name in each package that has one; where it is a package itself, the modules in it."""
    found = []
    for package in packages:
        if find_spec(f"{package}.{name}"):
            found += modules_of(importlib.import_module(f"{package}.{name}"))
    return found


def modules_of(module: ModuleType) -> list[ModuleType]:
    """The module itself, or the modules of a package in order of name."""
    if not hasattr(module, "__path__"):
        return [module]
    names = sorted(found.name for found in pkgutil.iter_modules(module.__path__))
    return [importlib.import_module(f"{module.__name__}.{one}") for one in names]
