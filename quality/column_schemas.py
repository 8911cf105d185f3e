"""The columns of the tables as Dagster shows them: type, nulls, range and what each index points into."""

import dagster as dg

from quality.dataset_spec import Field
from quality.registry import spec_of

COLUMN_SCHEMA = "dagster/column_schema"
"""Key under which Dagster's UI looks for the columns of an asset."""


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
