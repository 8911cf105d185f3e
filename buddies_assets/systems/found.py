"""The systems that lie in `buddies_assets.systems`, found by their folders.

A system is a package with `assets`, a module or a package of modules, and perhaps `rules`, a module of asset checks.
Its `__init__` may name in `REQUIRES` the packages that it cannot do without; where one is missing, the system is left
out and says so. Other systems than playlists keep their assets in the group of their own name.
"""

import importlib
import pkgutil
from dataclasses import dataclass
from importlib.util import find_spec
from types import ModuleType

from buddies_assets import systems
from buddies_core.errors import BuddiesError

FIRST = "playlists"
"""The system that is made where none is named."""


class NoSuchSystemError(BuddiesError, LookupError):
    """A system that was asked for and is not there, or whose packages are not installed."""


@dataclass(frozen=True, slots=True)
class System:
    """A system by name; `missing` are packages that it requires and that are not installed."""

    name: str
    missing: tuple[str, ...]

    @property
    def asset_modules(self) -> list[ModuleType]:
        """Modules of its assets; imports them."""
        return _modules(f"{systems.__name__}.{self.name}.assets")

    @property
    def check_modules(self) -> list[ModuleType]:
        """Modules of its own checks, if it has any."""
        name = f"{systems.__name__}.{self.name}.rules"
        return _modules(name) if find_spec(name) else []


def found_systems() -> list[System]:
    """All systems whose folder is there, in order of name; of each only its `__init__` is imported."""
    found = []
    for module in sorted(pkgutil.iter_modules(systems.__path__), key=lambda module: module.name):
        if module.ispkg:
            package = importlib.import_module(f"{systems.__name__}.{module.name}")
            required = getattr(package, "REQUIRES", ())
            found.append(System(module.name, tuple(name for name in required if find_spec(name) is None)))
    return found


def installed_systems() -> list[System]:
    """Systems whose packages are all there."""
    return [system for system in found_systems() if not system.missing]


def chosen_systems(name: str) -> list[System]:
    """The system of a name, or every installed one for `all`.

    Raises:
        NoSuchSystemError: there is none, or it cannot run here.
    """
    if name == "all":
        return installed_systems()
    there = {system.name: system for system in found_systems()}
    if name not in there:
        raise NoSuchSystemError(f"no system is called {name!r}; there are {', '.join(there)}, and `all`")
    if there[name].missing:
        raise NoSuchSystemError(
            f"the system {name!r} needs {', '.join(there[name].missing)}: install what it asks for, "
            "such as `pip install 'spotify-buddies[pipeline]'`"
        )
    return [there[name]]


def _modules(name: str) -> list[ModuleType]:
    module = importlib.import_module(name)
    if not hasattr(module, "__path__"):
        return [module]
    names = sorted(found.name for found in pkgutil.iter_modules(module.__path__))
    return [importlib.import_module(f"{name}.{one}") for one in names]
