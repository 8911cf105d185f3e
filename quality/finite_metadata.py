"""Metadata on their way to Dagster, whose UI and whose readers take no NaN and no infinity."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from buddies_core.json_text import finite


def finite_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata in which no number is NaN or infinite, in tables and JSON neither: nulls stand in their place."""
    return {name: _finite_entry(value) for name, value in metadata.items()}


def _finite_entry(entry: Any) -> Any:
    if isinstance(entry, dg.TableMetadataValue):
        records = [dg.TableRecord(finite(dict(record.data))) for record in entry.records]
        return dg.MetadataValue.table(records, schema=entry.schema)
    if isinstance(entry, dg.JsonMetadataValue):
        return dg.MetadataValue.json(finite(entry.data))
    if isinstance(entry, dg.FloatMetadataValue):
        return entry if finite(entry.value) is not None else dg.MetadataValue.null()
    return entry if isinstance(entry, dg.MetadataValue) else finite(entry)
