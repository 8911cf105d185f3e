"""The datasets and rules of the code location, found by where they lie.

A room of `buddies_assets` or a system's folder may hold `datasets` (whose `DATASETS` are its `DatasetSpec`s) and
`rules` (its `Rule`s), each a module or a package of modules. They are found by these names, so that rules, history and
dashboard import no definitions; nothing of Dagster's graph is loaded for it.
"""

import importlib
from collections.abc import Mapping
from functools import lru_cache
from types import ModuleType

from buddies_core.discovery import modules_named, packages_in
from buddies_core.errors import BuddiesError
from quality.dataset_spec import DatasetSpec, Input

CODE_LOCATION = "buddies_assets"
SYSTEMS = f"{CODE_LOCATION}.systems"


class DuplicateDatasetError(BuddiesError, ValueError):
    """Two rooms describe a dataset of one name."""


def rooms() -> list[str]:
    """The packages that may hold datasets and rules: those that systems share, then the systems that can run here."""
    shared = [f"{CODE_LOCATION}.{name}" for name, missing in packages_in(CODE_LOCATION).items() if not missing]
    systems = [f"{SYSTEMS}.{name}" for name, missing in packages_in(SYSTEMS).items() if not missing]
    return [*sorted(set(shared) - {SYSTEMS}, reverse=True), *systems]


def where() -> tuple[str, ...]:
    """The folders in which systems are looked for: a cache by them is right while they stay."""
    return tuple(importlib.import_module(SYSTEMS).__path__)


def dataset_specs() -> Mapping[str, DatasetSpec]:
    """Every dataset that is described, by name.

    Raises:
        DuplicateDatasetError: two descriptions have one name.
    """
    return _specs(where())


def rule_modules() -> list[ModuleType]:
    """The modules of rules."""
    return modules_named("rules", rooms())


def spec_of(name: str) -> DatasetSpec:
    """What is known of a dataset; of one that nobody describes, its name."""
    return dataset_specs().get(name) or DatasetSpec(name)


def named_inputs() -> Mapping[str, tuple[str, Input]]:
    """Inputs that rules may ask for beside datasets, by name: the dataset that has it, and how it is had."""
    return _inputs(where())


@lru_cache(maxsize=8)
def _specs(folders: tuple[str, ...]) -> dict[str, DatasetSpec]:
    found: dict[str, DatasetSpec] = {}
    for module in modules_named("datasets", rooms()):
        for spec in module.DATASETS:
            if found.setdefault(spec.name, spec) is not spec:
                raise DuplicateDatasetError(f"the dataset {spec.name!r} is described twice; the second: {module}")
    return found


@lru_cache(maxsize=8)
def _inputs(folders: tuple[str, ...]) -> dict[str, tuple[str, Input]]:
    return {name: (spec.name, made) for spec in _specs(folders).values() for name, made in spec.inputs.items()}
