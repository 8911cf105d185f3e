"""The systems whose routes lie in `buddies_serving.systems`: each module has a `router`, and may have `fast_routes`,
or `service_routes` where they ask what the service remembers.

One that knows songs which the playlists' model does not may have `find_song`.
"""

import importlib
import pkgutil
from types import ModuleType
from typing import TYPE_CHECKING

from buddies_serving import systems
from buddies_serving.http.answers import FastHandler
from buddies_serving.model.by_songs import FindSong
from buddies_serving.settings import ServingSettings

if TYPE_CHECKING:
    from buddies_serving.service import Service

FastRoutes = dict[tuple[str, str], tuple[str, FastHandler]]


def system_modules() -> list[ModuleType]:
    """The modules, in order of name."""
    return [
        importlib.import_module(f"{systems.__name__}.{found.name}")
        for found in sorted(pkgutil.iter_modules(systems.__path__), key=lambda found: found.name)
    ]


def system_fast_routes(settings: ServingSettings) -> FastRoutes:
    """(method, path) -> (route, handler) of the calls without a query that the guard answers itself."""
    found: FastRoutes = {}
    for module in system_modules():
        if hasattr(module, "fast_routes"):
            found |= module.fast_routes(settings)
    return found


def system_service_routes(service: "Service") -> FastRoutes:
    """The same of those calls that ask the service what it remembers."""
    found: FastRoutes = {}
    for module in system_modules():
        if hasattr(module, "service_routes"):
            found |= module.service_routes(service)
    return found


def system_catalogues(settings: ServingSettings) -> list[FindSong]:
    """How the systems find songs, beside the model of playlists."""
    return [module.find_song(settings) for module in system_modules() if hasattr(module, "find_song")]
