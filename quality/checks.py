"""The rules as Dagster asset checks: one op an asset, which reads the data once and reports every rule of the asset.

Dagster runs each `@asset_check` as a step of its own; with some two hundred rules that would cost more than the work.
A check that fails carries its evidence: counts, share, value and band, the rule's text, and a sample of the rows.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
import polars as pl

from buddies_assets.metadata import finite_metadata
from quality.evidence import NEEDS, Evidence, datasets_for
from quality.judging import judge
from quality.readers import READ_AFTER, READERS
from quality.rules.catalogue import rules_by_asset
from quality.rules.verdict import Rule, Severity, Verdict

SEVERITY = {Severity.ERROR: dg.AssetCheckSeverity.ERROR, Severity.WARN: dg.AssetCheckSeverity.WARN}


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
    reader = READERS.get(asset)
    names = {name for rule in rules for name in rule.inputs.values()}
    needed = sorted(datasets_for(sorted(names))) if reader is None else []
    after = needed if reader is None else READ_AFTER[asset]
    specs = [
        dg.AssetCheckSpec(
            rule.name,
            asset=asset,
            description=rule.text,
            blocking=rule.blocking,
            metadata={"severity": str(rule.severity)},
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
        given = {} if reader is None else reader(context.resources.pipeline.settings)
        for verdict in judge(asset, rules, Evidence(handles, given)):
            yield as_result(verdict)

    return checks


def as_result(verdict: Verdict) -> dg.AssetCheckResult:
    """A verdict as Dagster's result; the check history reads it back from this metadata."""
    rule, finding = verdict.rule, verdict.finding
    metadata: dict[str, Any] = {
        "rule": dg.MetadataValue.md(rule.text),
        "offending": int(finding.offending),
        "looked at": int(finding.total),
        "share": float(finding.share),
        "severity": str(rule.severity),
    }
    for name, figure in (("value", finding.value), ("low", finding.low), ("high", finding.high)):
        if figure is not None and math.isfinite(figure):
            metadata[name] = float(figure)
    if not verdict.passed and finding.sample.height:
        metadata["sample"] = sample_table(finding.sample)
    return dg.AssetCheckResult(
        passed=bool(verdict.passed),
        asset_key=dg.AssetKey(rule.asset),
        check_name=rule.name,
        severity=SEVERITY[rule.severity],
        description=rule.text,
        metadata=finite_metadata(metadata),
    )


def sample_table(sample: pl.DataFrame) -> dg.TableMetadataValue:
    """Rows as Dagster's table; lists and dates become text, since a table cell is a scalar."""
    scalars = sample.select(
        pl.col(name) if kind.is_numeric() or kind in (pl.Boolean, pl.String) else _text(name, kind)
        for name, kind in sample.schema.items()
    ).with_columns(pl.selectors.float().fill_nan(None))
    records = [dg.TableRecord(dict(row)) for row in scalars.iter_rows(named=True)]
    columns = [dg.TableColumn(name, str(kind)) for name, kind in sample.schema.items()]
    return dg.MetadataValue.table(records, dg.TableSchema(columns=columns))


def _text(name: str, kind: pl.DataType) -> pl.Expr:
    if isinstance(kind, (pl.List, pl.Array)):
        return pl.col(name).map_elements(lambda members: ", ".join(map(str, members)), return_dtype=pl.String)
    return pl.col(name).cast(pl.String)


def known_inputs() -> set[str]:
    """Names that a rule may ask for: datasets with rules, and everything that can be derived."""
    return {*rules_by_asset(), *NEEDS}
