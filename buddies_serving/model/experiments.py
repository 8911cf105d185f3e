"""Artifacts of a system under the home, by the name of the experiment: opened when asked for, changed when refitted."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from buddies_core.artifact.errors import ServedModelError
from buddies_core.artifact.named_arrays import Artifact, check_name, read_artifact
from buddies_serving.http.problems import Problem, invalid, unavailable

T = TypeVar("T")


class Experiments(Generic[T]):
    """What is served of a system. A name that is not on the disk costs nothing and leaves nothing behind.

    Args:
        root: folder of the experiments, one folder each.
        opened: what a route wants of an artifact.
        poll_seconds: how long an experiment is served before its folder is looked at again.
        default: served where none is named; without it the only one there is.
        made_by: the command that makes one, for whoever asks too early.
    """

    def __init__(
        self,
        root: Path,
        opened: Callable[[Artifact], T],
        *,
        poll_seconds: float,
        default: str,
        made_by: str = "buddies fit FILE",
    ) -> None:
        self._root = root
        self._opened = opened
        self._poll_seconds = poll_seconds
        self._default = default
        self._made_by = made_by
        self._known: dict[str, tuple[float, str, T]] = {}

    def names(self) -> list[str]:
        """Experiments that are fitted."""
        return sorted(path.parent.name for path in self._root.glob("*/current.json"))

    def get(self, name: str | None) -> T:
        """An experiment, the newest version of it.

        Raises:
            Problem: 404 where nothing is fitted under the name, 422 for a name that none can have, 503 where the
                files cannot be read.
        """
        wanted = self._default if name is None else name
        known = self._known.get(wanted)
        now = time.monotonic()
        if known is not None and now < known[0]:
            return known[2]
        try:
            check_name(wanted)
        except ServedModelError as error:
            raise invalid("experiment", str(error)) from error
        current = self._root / wanted / "current.json"
        if not current.is_file():
            self._known.pop(wanted, None)
            return self._only(name)
        try:
            version = json.loads(current.read_bytes())["version"]
            if known is None or known[1] != version:
                artifact = read_artifact(self._root / wanted)
                version, fitted = artifact.version, self._opened(artifact)
            else:
                fitted = known[2]
        except (ServedModelError, OSError, ValueError, KeyError) as error:
            if known is not None:
                return known[2]
            raise unavailable(f"The experiment {wanted!r} cannot be read; fit it again.", 5) from error
        self._known[wanted] = (now + self._poll_seconds, version, fitted)
        return fitted

    def _only(self, name: str | None) -> T:
        names = self.names()
        if name is None and len(names) == 1 and names[0] != self._default:
            return self.get(names[0])
        there = f"There are {', '.join(names)}." if names else f"None is fitted yet: run `{self._made_by}`."
        raise Problem(404, f"No experiment is called {name or self._default!r}. {there}")
