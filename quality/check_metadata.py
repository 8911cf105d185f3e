"""What a check's result carries in Dagster's metadata: written and read here alone, so that no renamed key is lost."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

VALUE, LOW, HIGH, OFFENDING, TOTAL, SHARE, SEVERITY, SAMPLE, RULE, NOTE = (
    *("value", "low", "high", "offending", "looked at", "share", "severity", "sample", "rule", "note"),
)
"""The keys, as Dagster's UI shows them."""


@dataclass(frozen=True)
class CheckFigures:
    """A value with its band, how many rows offend of how many looked at, and up to ten of those rows."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    offending: int = 0
    total: int = 0
    sample: Sequence[Mapping[str, Any]] | None = None

    def metadata(self) -> dict[str, Any]:
        """As Dagster's metadata, without the sample; a figure that is not finite is left out."""
        figures = {VALUE: self.value, LOW: self.low, HIGH: self.high}
        finite = {name: float(f) for name, f in figures.items() if f is not None and math.isfinite(f)}
        return {OFFENDING: int(self.offending), TOTAL: int(self.total), **finite}

    @classmethod
    def read(cls, metadata: Mapping[str, Any]) -> "CheckFigures":
        """From the metadata of a result; what another writer left out is None or 0."""
        facts = {name: getattr(entry, "value", None) for name, entry in metadata.items()}
        table = metadata.get(SAMPLE)
        return cls(
            value=_number(facts.get(VALUE)),
            low=_number(facts.get(LOW)),
            high=_number(facts.get(HIGH)),
            offending=int(facts.get(OFFENDING) or 0),
            total=int(facts.get(TOTAL) or 0),
            sample=[dict(row.data) for row in table.records] if isinstance(table, dg.TableMetadataValue) else None,
        )


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None
