"""The rules as Dagster asset checks: one op an asset, which reads the data once and reports every rule of the asset.

Dagster runs each `@asset_check` as a step of its own; with some two hundred rules that would cost more than the work.
A check that fails carries its evidence: counts, share, value and band, the rule's text, and a sample of the rows.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
import polars as pl

from quality.check_inputs import CheckInputs, datasets_for
from quality.check_metadata import NOTE, RULE, SAMPLE, SEVERITY, SHARE, CheckFigures
from quality.finite_metadata import finite_metadata
from quality.judging import judge
from quality.registry import spec_of
from quality.rules.catalogue import rules_by_asset
from quality.rules.verdict import SAMPLE_ROWS, Rule, Severity, Verdict

NOT_JUDGED = "Not judged: too few rows, or another rule judges this."
SEVERITIES = {Severity.ERROR: dg.AssetCheckSeverity.ERROR, Severity.WARN: dg.AssetCheckSeverity.WARN}


def checked_assets() -> list[str]:
    """Assets that have rules, upstream first."""
    return list(rules_by_asset())


def build_asset_checks(
    assets: Sequence[str], partitions: Mapping[str, dg.PartitionsDefinition] | None = None
) -> list[dg.AssetChecksDefinition]:
    """The checks of the named assets, one op each.

    Assets that are stored as datasets come through the IO manager; the others (feedback, checkpoints, partitioned
    blocks) are read with the settings of the resource `pipeline`.

    Args:
        assets: assets of the graph; each must have rules (`checked_assets`).
        partitions: partitions of those assets whose checks run for one partition.
    """
    rules, known = rules_by_asset(), partitions or {}
    return [_checks_of(asset, rules[asset], known.get(asset)) for asset in assets]


def _checks_of(asset: str, rules: list[Rule], partitions: dg.PartitionsDefinition | None) -> dg.AssetChecksDefinition:
    reader = spec_of(asset).reader
    names = {name for rule in rules for name in rule.inputs.values()}
    needed = sorted(datasets_for(sorted(names))) if reader is None else []
    after = needed if reader is None else list(reader.after)
    specs = [
        dg.AssetCheckSpec(
            rule.name,
            asset=asset,
            description=rule.text,
            blocking=rule.blocking,
            metadata={SEVERITY: str(rule.severity)},
            partitions_def=partitions,
            additional_deps=[dg.AssetKey(name) for name in after if name != asset],
        )
        for rule in rules
    ]

    @dg.multi_asset_check(
        name=f"{asset}_checks",
        specs=specs,
        ins={name: dg.AssetIn(key=dg.AssetKey(name)) for name in needed},
        required_resource_keys=set() if reader is None else {"pipeline"},
        description=f"Every rule of {asset}, judged on one reading of the data.",
    )
    def checks(context: dg.AssetCheckExecutionContext, **handles: Any) -> Iterator[dg.AssetCheckResult]:
        given = {} if reader is None else reader.read(context.resources.pipeline.settings)
        for verdict in judge(asset, rules, CheckInputs(handles, given)):
            yield as_result(verdict)

    return checks


def as_result(verdict: Verdict) -> dg.AssetCheckResult:
    """A verdict as Dagster's result; the check history reads it back from this metadata."""
    rule, finding = verdict.rule, verdict.finding
    figures = CheckFigures(finding.value, finding.low, finding.high, finding.offending, finding.total)
    metadata: dict[str, Any] = {
        RULE: dg.MetadataValue.md(rule.text),
        **figures.metadata(),
        SHARE: float(finding.share),
        SEVERITY: str(rule.severity),
    }
    if finding.unjudged:
        metadata[NOTE] = NOT_JUDGED
    if not verdict.passed and finding.sample.height:
        metadata[SAMPLE] = sample_table(finding.sample)
    return dg.AssetCheckResult(
        passed=bool(verdict.passed),
        asset_key=dg.AssetKey(rule.asset),
        check_name=rule.name,
        severity=SEVERITIES[rule.severity],
        description=rule.text,
        metadata=finite_metadata(metadata),
    )


def sample_table(sample: pl.DataFrame) -> dg.TableMetadataValue:
    """Rows as Dagster's table, whose cells are scalars: whatever else a column holds becomes text."""
    rows = sample.head(SAMPLE_ROWS).iter_rows(named=True)
    records = [dg.TableRecord({name: _scalar(value) for name, value in row.items()}) for row in rows]
    columns = [dg.TableColumn(name, str(kind)) for name, kind in sample.schema.items()]
    return dg.MetadataValue.table(records, dg.TableSchema(columns=columns))


def _scalar(value: Any) -> str | int | float | bool | None:
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, pl.Series)):
        return ", ".join(map(str, value))
    return str(value)
