"""Great Expectations as Dagster checks: a second opinion on user-blocks and on feedback, by another tool.

They never block: the rules have decided already, and importing Great Expectations alone takes six seconds.
"""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from quality.drift_checks import NO_DATABASE

OPINION = "great_expectations_hold"
NO_FEEDBACK = "There is no feedback yet, so there is nothing to expect of it."


def build_expectation_checks() -> list[dg.AssetChecksDefinition]:
    """`great_expectations_hold` on `user_blocks` (as a frame) and on `user_feedback` (by SQL)."""

    @dg.asset_check(
        asset="user_blocks",
        name=OPINION,
        description="Great Expectations' suite of the training blocks holds; its results are in the Data Docs.",
        required_resource_keys={"pipeline"},
        additional_deps=["splits", "user_library", "playlist_library"],
    )
    def blocks_opinion(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        from quality.expectations import Expectations, blocks_frame

        pipeline: Any = context.resources.pipeline
        store = pipeline.store
        frame = blocks_frame(store.open("user_blocks"), store.open("splits"))
        sizes = [store.open(name).manifest.rows for name in ("user_library", "playlist_library")]
        found = Expectations(pipeline.settings.local_home).validate_blocks(
            frame, n_users=sizes[0], n_playlists=sizes[1]
        )
        return _opinion([found])

    @dg.asset_check(
        asset="user_feedback",
        name=OPINION,
        description="Great Expectations' suites of the feedback tables hold; their results are in the Data Docs.",
        required_resource_keys={"pipeline"},
    )
    def feedback_opinion(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        from buddies_core.postgres.embedded import feedback_database
        from quality.expectations import Expectations
        from quality.readers import has_sessions

        settings = context.resources.pipeline.settings
        url = feedback_database(settings)
        if url is None:
            return dg.AssetCheckResult(passed=True, metadata={"note": NO_DATABASE})
        if not has_sessions(settings):
            return dg.AssetCheckResult(passed=True, metadata={"note": NO_FEEDBACK})
        return _opinion(Expectations(settings.local_home).validate_feedback(url))

    return [blocks_opinion, feedback_opinion]


def _opinion(found: Sequence[Any]) -> dg.AssetCheckResult:
    failures = [f"{result.suite}: {failure}" for result in found for failure in result.failures]
    metadata: dict[str, Any] = {
        "looked at": sum(result.evaluated for result in found),
        "offending": len(failures),
        "value": float(len(failures)),
        "high": 0.0,
    }
    if failures:
        records = [dg.TableRecord({"expectation": failure}) for failure in failures[:10]]
        metadata["sample"] = dg.MetadataValue.table(records)
    passed = all(result.passed for result in found)
    return dg.AssetCheckResult(passed=passed, severity=dg.AssetCheckSeverity.WARN, metadata=metadata)
