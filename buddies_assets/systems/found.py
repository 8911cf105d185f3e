"""The systems that lie in `buddies_assets.systems`, found by their folders.

A system is a package with `assets`, `datasets` (what is told of each: `quality.dataset_spec`) and `rules`, each a
module or a package of modules.
Its `__init__` may name in `REQUIRES` the packages that it cannot do without; where one is missing, the system is left
out and says so. `SHARED` names groups of shared assets that its job makes as well, `BESIDE` single assets that it makes
first. Other systems than playlists keep their assets in the group of their own name. A module `sensors` of theirs has
`build_sensors(settings)`.
"""

import importlib
from dataclasses import dataclass
from types import ModuleType

from buddies_assets import systems
from buddies_core.discovery import modules_named, packages_in
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
    def shared(self) -> tuple[str, ...]:
        """Groups of assets in `sources` that it is made from and shares with others: `SHARED` of its `__init__`."""
        return self._told("SHARED")

    @property
    def beside(self) -> tuple[str, ...]:
        """Assets of other groups that its job makes before its own: `BESIDE` of its `__init__`."""
        return self._told("BESIDE")

    def _told(self, name: str) -> tuple[str, ...]:
        return getattr(importlib.import_module(f"{systems.__name__}.{self.name}"), name, ())

    @property
    def asset_modules(self) -> list[ModuleType]:
        """Modules of its assets, if it has any; imports them."""
        return modules_named("assets", [f"{systems.__name__}.{self.name}"])

    @property
    def check_modules(self) -> list[ModuleType]:
        """Modules of its rules: what is an asset check of Dagster in them is loaded as such."""
        return modules_named("rules", [f"{systems.__name__}.{self.name}"])

    @property
    def sensor_modules(self) -> list[ModuleType]:
        """Modules with its sensors, if it has any."""
        return modules_named("sensors", [f"{systems.__name__}.{self.name}"])


def found_systems() -> list[System]:
    """All systems whose folder is there, in order of name; of each only its `__init__` is imported."""
    return [System(name, missing) for name, missing in packages_in(systems.__name__).items()]


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
