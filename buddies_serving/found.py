"""The systems whose routes lie in `buddies_serving.systems`: each module has a `router`, and may have `hot_routes`."""

import importlib
import pkgutil
from types import ModuleType

from buddies_serving import systems
from buddies_serving.guard import HotHandler
from buddies_serving.settings import ServingSettings

HotRoutes = dict[tuple[str, str], tuple[str, HotHandler]]


def system_modules() -> list[ModuleType]:
    """The modules, in order of name."""
    return [
        importlib.import_module(f"{systems.__name__}.{found.name}")
        for found in sorted(pkgutil.iter_modules(systems.__path__), key=lambda found: found.name)
    ]


def system_hot_routes(settings: ServingSettings) -> HotRoutes:
    """(method, path) -> (route, handler) of the calls without a query that the guard answers itself."""
    found: HotRoutes = {}
    for module in system_modules():
        if hasattr(module, "hot_routes"):
            found |= module.hot_routes(settings)
    return found
