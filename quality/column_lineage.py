"""From which columns each column of an asset comes, by the schemas of it and of what it is made of.

A column that points into a table (a user, a playlist, a song) comes from the columns upstream that point into the same;
any other from the column of the same name and type, where one upstream asset alone has one. What a step computes anew
has no such column, and none is guessed.
"""

from collections.abc import Mapping, Sequence

from quality.dataset_spec import Field
from quality.registry import spec_of

Source = tuple[str, str]
"""An asset and a column of it."""


def column_lineage(asset: str, made_of: Sequence[str]) -> dict[str, tuple[Source, ...]]:
    """The sources of each column that has any.

    Args:
        made_of: the assets that it is made of.
    """
    table = spec_of(asset).schema
    if table is None:
        return {}
    upstream = {name: schema.fields for name in made_of if (schema := spec_of(name).schema) is not None}
    found = {column: _sources(column, field, upstream) for column, field in table.fields.items()}
    return {column: sources for column, sources in found.items() if sources}


def _sources(column: str, field: Field, upstream: Mapping[str, Mapping[str, Field]]) -> tuple[Source, ...]:
    if field.index is None:
        named = [
            (asset, column)
            for asset, fields in upstream.items()
            if column in fields and (fields[column].dtype, fields[column].index) == (field.dtype, None)
        ]
        return tuple(named) if len(named) == 1 else ()
    found: list[Source] = []
    for asset, fields in upstream.items():
        same = [name for name, other in fields.items() if other.index == field.index]
        found += [(asset, name) for name in ([column] if column in same else same)]
    return tuple(found)
