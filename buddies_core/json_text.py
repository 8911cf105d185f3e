"""JSON that every reader takes: a number that is not finite is written as null, since JSON knows neither NaN nor inf.

Python writes them as bare words, at which PostgreSQL, browsers and most other readers stop.
"""

import json
import math
from collections.abc import Mapping
from typing import Any


def finite(value: Any) -> Any:
    """The value with None for every number in it that is not finite; mappings and sequences become dicts and lists."""
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite(held) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [finite(held) for held in value]
    if hasattr(value, "tolist"):  # an array or a number of numpy
        return finite(value.tolist())
    return value


def dumps(value: Any, **options: Any) -> str:
    """`json.dumps` of the finite value; the same options.

    Raises:
        ValueError: `default` gave a number that is not finite.
    """
    return json.dumps(finite(value), allow_nan=False, **options)
