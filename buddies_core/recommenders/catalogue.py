"""The recommenders of this package, found by looking: a module that defines one makes it known by its class's name."""

import importlib
import inspect
import pkgutil
from functools import cache
from typing import cast

from buddies_core import recommenders
from buddies_core.errors import BuddiesError
from buddies_core.recommenders.protocol import Recommender

_PARTS = ("fit", "scores", "similar", "arrays", "from_arrays")


class UnknownRecommenderError(BuddiesError, LookupError):
    """A name that no recommender has."""


@cache
def recommender_classes() -> dict[str, type[Recommender]]:
    """Class of each recommender by its name, in order of name."""
    found: dict[str, type[Recommender]] = {}
    for module in pkgutil.iter_modules(recommenders.__path__, f"{recommenders.__name__}."):
        if module.ispkg:
            continue
        for name, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            own = kind.__module__ == module.name and kind is not Recommender
            if own and all(hasattr(kind, part) for part in _PARTS):
                found[name] = cast(type[Recommender], kind)
    return dict(sorted(found.items()))


def recommender_class(name: str) -> type[Recommender]:
    """The class of a name.

    Raises:
        UnknownRecommenderError: no recommender is called so.
    """
    classes = recommender_classes()
    if name not in classes:
        raise UnknownRecommenderError(f"no recommender is called {name!r}; there are {', '.join(classes)}")
    return classes[name]


def config_class(kind: type[Recommender]) -> type:
    """The class of a recommender's configuration, as its constructor's annotation names it."""
    return type(kind().config)
