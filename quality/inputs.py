"""What rules compare with besides the datasets themselves, made of bare tables: for worlds that no store holds.

A figure of a whole dataset (blocks a user, likers a playlist) is counted a shard at a time, in the memory of the table
that it gives. A rule over such a table is judged once, and exactly, however large the dataset is.
"""

from collections.abc import Mapping
from typing import Any

from quality.dataset_spec import Counted, Derived, Input, Parameter
from quality.registry import named_inputs


def derived_inputs() -> dict[str, Derived]:
    """How each named input is made of other inputs, where bare tables are enough."""
    made = {name: _of_frames(dataset, how) for name, (dataset, how) in named_inputs().items()}
    return {name: derived for name, derived in made.items() if derived is not None}


def _of_frames(dataset: str, how: Input) -> Derived | None:
    if isinstance(how, Derived):
        return how
    if isinstance(how, Counted):
        return Derived((dataset,), lambda **frames: how.of(frames.values()))
    if isinstance(how, Parameter):
        return Derived((), lambda: how.default)
    return how.of_frames


def with_derived(base: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs and everything that can be derived from them; what is given already is kept."""
    known = dict(base)
    for name, derived in derived_inputs().items():
        if name not in known and all(need in known for need in derived.needs):
            known[name] = derived.make(**{need: known[need] for need in derived.needs})
    return known
