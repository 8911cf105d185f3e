"""What the history keeps of a check evaluation, a materialisation and a retraining."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Evaluation:
    """One verdict of one check in one run; `storage_id` is the event's id in Dagster's log, None when it has none."""

    at: datetime
    asset: str
    check_name: str
    run_id: str
    severity: str
    passed: bool
    value: float | None = None
    low: float | None = None
    high: float | None = None
    offending: int = 0
    total: int = 0
    sample: list[dict[str, Any]] | None = None
    partition: str | None = None
    storage_id: int | None = None
    rule: str = ""
    blocking: bool = False


@dataclass(frozen=True)
class Materialisation:
    """One materialisation of one asset (or partition), with the plain part of its metadata."""

    at: datetime
    asset: str
    run_id: str
    partition: str | None = None
    row_count: int | None = None
    bytes: int | None = None
    fingerprint: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    storage_id: int | None = None


@dataclass(frozen=True)
class Retraining:
    """One version of the model: when, by which run, with what metrics, epoch by epoch."""

    version: str
    at: datetime
    run_id: str
    metrics: dict[str, float] = field(default_factory=dict)
    epochs: list[dict[str, Any]] = field(default_factory=list)
    configuration: dict[str, Any] = field(default_factory=dict)
