"""What a search may vary of a configuration, said beside the field itself."""

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class Search:
    """Range of a numeric field that a search draws from: `Annotated[float, Search(1, 100, log=True)]`.

    `step` is the distance of the values of a whole number; `log` draws evenly on the logarithm.
    """

    low: float
    high: float
    log: bool = False
    step: int = 1


@dataclass(frozen=True, slots=True)
class Choice:
    """Values of a field that a search chooses among: `Annotated[str, Choice(("a", "b"))]`."""

    values: tuple[Any, ...]


Space = dict[str, Search | Choice]


def space_of(config: type[BaseModel]) -> Space:
    """Ranges of the fields of a configuration class, by name; fields without one stay as they are."""
    found: Space = {}
    for name, field in config.model_fields.items():
        for mark in field.metadata:
            if isinstance(mark, Search | Choice):
                found[name] = mark
    return found


def drawn(trial: Any, name: str, mark: Search | Choice) -> Any:
    """Optuna's suggestion of a field's value for a trial."""
    if isinstance(mark, Choice):
        return trial.suggest_categorical(name, list(mark.values))
    if isinstance(mark.low, int):
        return trial.suggest_int(name, mark.low, int(mark.high), step=mark.step, log=mark.log)
    return trial.suggest_float(name, mark.low, mark.high, log=mark.log)
