"""A chart that is not built yet: its builder and what the builder is given, so that equal charts are drawn once."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from buddies_core import json_text


@dataclass(frozen=True)
class Plot:
    """A builder of `buddies_core.charts` with its arguments, which are JSON values.

    Altair needs 5 to 50 ms for a chart; `key` says in microseconds whether the same one has been drawn before.
    """

    builder: Callable[..., Any]
    arguments: tuple[Any, ...]
    options: dict[str, Any]

    @property
    def key(self) -> str:
        """A digest of the builder's name and everything it is given."""
        told = json_text.dumps([self.builder.__name__, self.arguments, self.options])
        return hashlib.sha256(told.encode()).hexdigest()

    def spec(self) -> dict[str, Any]:
        """Its Vega-Lite without colours: whoever draws it brings a theme."""
        # Validation against the schema of Vega-Lite is for tests; it doubles the time.
        built: dict[str, Any] = self.builder(*self.arguments, **self.options).to_dict(validate=False)
        built.pop("config", None)
        return json_text.finite(built)


def plot(builder: Callable[..., Any], *arguments: Any, **options: Any) -> Plot:
    """The chart that `builder(*arguments, **options)` would make."""
    return Plot(builder, arguments, options)
