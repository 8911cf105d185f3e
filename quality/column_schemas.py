"""The columns of the tables as Dagster shows them: type, nulls, range, what indexes point into, where each is from."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from quality.column_lineage import column_lineage
from quality.dataset_spec import Field
from quality.registry import spec_of

COLUMN_SCHEMA = "dagster/column_schema"
"""Key under which Dagster's UI looks for the columns of an asset."""
COLUMN_LINEAGE = "dagster/column_lineage"
"""Key under which it looks, in a materialisation, for the columns that these come from."""


def with_column_schemas(spec: dg.AssetSpec) -> dg.AssetSpec:
    """The spec with the columns of its table; as it is where no schema describes it."""
    schema = column_schema(spec.key.to_user_string())
    return spec if schema is None else spec.merge_attributes(metadata={COLUMN_SCHEMA: schema})


def column_schema(asset: str) -> dg.TableSchema | None:
    """The columns of an asset's table, by the schema that its check holds; None where there is none."""
    table = spec_of(asset).schema
    if table is None:
        return None
    columns = [
        dg.TableColumn(
            name,
            str(field.dtype),
            description=_meaning(field) or None,
            constraints=dg.TableColumnConstraints(nullable=field.nullable, unique=field.unique, other=_limits(field)),
        )
        for name, field in table.fields.items()
    ]
    key = [f"key: {', '.join(table.key)}"] if table.key else []
    return dg.TableSchema(columns=columns, constraints=dg.TableConstraints(other=key))


def _meaning(field: Field) -> str:
    parts = [f"row of {field.index}"] if field.index else []
    return ", ".join([*parts, *(["may be absent"] if field.optional else [])])


def _limits(field: Field) -> list[str]:
    named = ((field.low, "at least"), (field.high, "at most"), (field.pattern, "matches"))
    return [f"{words} {limit}" for limit, words in named if limit is not None]


def lineage_metadata(asset: str, made_of: Sequence[str]) -> dict[str, Any]:
    """The lineage as metadata of a materialisation, which Dagster's UI draws; nothing where nothing is known."""
    found = column_lineage(asset, made_of)
    if not found:
        return {}
    deps = {
        column: [dg.TableColumnDep(dg.AssetKey(name), source) for name, source in sources]
        for column, sources in found.items()
    }
    return {COLUMN_LINEAGE: dg.TableColumnLineage(deps)}
