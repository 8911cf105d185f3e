"""Drift as Dagster checks: each asset's numbers against the history of its earlier versions.

They never block: a number that moved may be right. Where no database was ever started there is nothing to compare with,
and they pass and say so.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import dagster as dg

from quality.dataset_spec import DatasetSpec
from quality.drift_watch import observe
from quality.finite_metadata import finite_metadata
from quality.registry import spec_of
from quality.rules.verdict import SAMPLE_ROWS

DRIFT = "has_not_drifted"
NO_DATABASE = "There is no database here, so there is no history to compare with."


def build_drift_checks(assets: Sequence[str]) -> dg.AssetChecksDefinition:
    """One check `has_not_drifted` on each of the assets: rows, and distributions where they are watched."""
    watched = {asset: _measures(spec_of(asset)) for asset in assets}
    texts = {asset: f"Near earlier versions: {', '.join(measures)}." for asset, measures in watched.items()}
    specs = [
        dg.AssetCheckSpec(DRIFT, asset=asset, description=text.replace("_", " "), metadata={"severity": "warn"})
        for asset, text in texts.items()
    ]

    @dg.multi_asset_check(
        name="drift_checks", specs=specs, can_subset=True, required_resource_keys={"pipeline"}, description=__doc__
    )
    def drift_checks(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        from buddies_core.postgres.connecting import connect
        from buddies_core.postgres.database import feedback_database
        from quality.history.sync import sync

        pipeline: Any = context.resources.pipeline
        wanted = sorted(key.asset_key.to_user_string() for key in context.selected_asset_check_keys)
        url = feedback_database(pipeline.settings)
        if url is None:
            for asset in wanted:
                yield dg.AssetCheckResult(
                    asset_key=asset, check_name=DRIFT, passed=True, metadata={"note": NO_DATABASE}
                )
            return
        # Not a transaction for the block: bringing the schema up to date opens and ends its own.
        with closing(connect(url)) as connection:
            sync(context.instance, connection)
            found = observe(connection, pipeline.store, wanted)
        for asset in wanted:
            drifts = [drift for drift in found if drift.asset == asset]
            failed = [drift for drift in drifts if not drift.passed]
            records = [
                dg.TableRecord(
                    {
                        "measure": d.measure,
                        "method": d.method,
                        "value": d.finding.value,
                        "low": d.finding.low or 0.0,
                        "high": d.finding.high or 0.0,
                    }
                )
                for d in sorted(drifts, key=lambda d: (d.passed, -d.strain))[:SAMPLE_ROWS]
            ]
            worst = max(drifts, key=lambda d: (not d.passed, d.strain), default=None)
            metadata: dict[str, Any] = {"looked at": len(drifts), "offending": len(failed), "severity": "warn"}
            if worst is not None:
                figures = {"value": worst.finding.value, "low": worst.finding.low, "high": worst.finding.high}
                metadata |= {name: float(figure) for name, figure in figures.items() if figure is not None}
            if failed:
                metadata["sample"] = dg.MetadataValue.table(records)
            yield dg.AssetCheckResult(
                asset_key=asset,
                check_name=DRIFT,
                passed=not failed,
                severity=dg.AssetCheckSeverity.WARN,
                description=texts[asset].replace("_", " "),
                metadata=finite_metadata(metadata),
            )

    return drift_checks


def _measures(spec: DatasetSpec) -> list[str]:
    return ["rows", "columns", *spec.drift, *(["share of nulls"] if spec.nulls else [])]
