"""Values of MPD's unneeded fields as their columns want them: what can be read is, and what cannot becomes null."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from types import NoneType
from typing import Any

_U32, _I64 = 2**32 - 1, 2**63 - 1
_TRUTH = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}


@dataclass(frozen=True)
class Field:
    """A column that is not needed: how one value is read, and which values need no reading.

    Attributes:
        read: a value as the column wants it, None where it cannot be read.
        plain: type of values that the column takes as they are.
        least, most: of plain numbers.
    """

    read: Callable[[Any], Any]
    plain: type
    least: int = 0
    most: int = 0

    def column(self, values: list[Any]) -> tuple[list[Any], int]:
        """The values as the column wants them, and how many were there that could not be read."""
        if set(map(type, values)) <= {self.plain, NoneType} and self._in_range(values):
            return values, 0
        found = [None if value is None else self.read(value) for value in values]
        return found, sum(one is None and value is not None for one, value in zip(found, values, strict=True))

    def _in_range(self, values: list[Any]) -> bool:
        if self.plain is not int:
            return self.plain is str
        there = [value for value in values if value is not None]
        return not there or (min(there) >= self.least and max(there) <= self.most)


def count(value: Any) -> int | None:
    """A number of things: 0 to 2³² − 1, also written as `7.0` or `"7"`."""
    return _whole(value, 0, _U32)


def duration(value: Any) -> int | None:
    """Milliseconds: 0 to 2⁶³ − 1."""
    return _whole(value, 0, _I64)


def epoch(value: Any) -> int | None:
    """Seconds since 1970, also written with decimals or as an ISO 8601 time (UTC where it names no zone)."""
    if isinstance(value, str) and "-" in value.strip()[1:]:
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    if isinstance(value, float) and math.isfinite(value):
        value = math.floor(value)
    return _whole(value, -(2**63), _I64)


def truth(value: Any) -> bool | None:
    """`true` or `false`, as JSON has them or as text in any case."""
    if value in ("true", "false"):
        return value == "true"
    return _TRUTH.get(str(value).strip().lower()) if isinstance(value, str | bool | int) else None


def text(value: Any) -> str | None:
    """Text; a number is the text that it is written as."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return str(value) if math.isfinite(value) else None


def _whole(value: Any, least: int, most: int) -> int | None:
    if isinstance(value, str):
        try:
            value = float(value) if "." in value else int(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and not value.is_integer():
        return None
    return int(value) if least <= value <= most else None


_COUNT = Field(count, int, 0, _U32)
FIELDS: dict[str, Field] = {
    "name": Field(text, str),
    "description": Field(text, str),
    "collaborative": Field(truth, bool),
    "modified_at": Field(epoch, int, -(2**63), _I64),
    **dict.fromkeys(["num_tracks", "num_albums", "num_artists", "num_followers", "num_edits"], _COUNT),
    "duration_ms": Field(duration, int, 0, _I64),
}
"""The columns of a playlist that no step needs."""
