"""Great Expectations as Dagster checks: a second opinion on user-blocks and on feedback, and suites that users bring.

They never block: the rules have decided already, and importing Great Expectations alone takes six seconds.
"""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from quality.check_metadata import NOTE, SAMPLE, CheckFigures
from quality.drift_checks import NO_DATABASE
from quality.finite_metadata import finite_metadata
from quality.rules.verdict import SAMPLE_ROWS
from quality.suite_files import SuiteFile, SuiteFileError, checked_files

OPINION, OWN = "great_expectations_hold", "its_suite_holds"
NO_FEEDBACK = "There is no feedback yet, so there is nothing to expect of it."


def build_expectation_checks() -> list[dg.AssetChecksDefinition]:
    """`great_expectations_hold` on `user_blocks` (a frame) and `user_feedback` (SQL); `its_suite_holds` by files."""

    @dg.asset_check(
        asset="user_blocks",
        name=OPINION,
        description="Great Expectations' suite of the training blocks holds; its results are on the page Expectations.",
        required_resource_keys={"pipeline"},
        additional_deps=["splits", "user_library", "playlist_library"],
    )
    def blocks_opinion(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        from quality.expectations import Expectations, blocks_frame

        pipeline: Any = context.resources.pipeline
        store = pipeline.store
        blocks = store.open("user_blocks")
        frame = blocks_frame(blocks, store.open("splits"))
        sizes = [store.open(name).manifest.rows for name in ("user_library", "playlist_library")]
        found = Expectations(pipeline.settings.local_home).validate_blocks(
            frame,
            n_users=sizes[0],
            n_playlists=sizes[1],
            negatives=blocks.manifest.params["negatives"],
            of=blocks.manifest.rows,
        )
        return _opinion([found])

    @dg.asset_check(
        asset="user_feedback",
        name=OPINION,
        description="Great Expectations' suites of the feedback tables hold; results are on the page Expectations.",
        required_resource_keys={"pipeline"},
    )
    def feedback_opinion(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        from buddies_core.postgres.database import feedback_database
        from quality.expectations import Expectations
        from quality.sessions import has_sessions

        settings = context.resources.pipeline.settings
        url = feedback_database(settings)
        if url is None:
            return dg.AssetCheckResult(passed=True, metadata={NOTE: NO_DATABASE})
        if not has_sessions(settings):
            return dg.AssetCheckResult(passed=True, metadata={NOTE: NO_FEEDBACK})
        return _opinion(Expectations(settings.local_home).validate_feedback(url))

    return [blocks_opinion, feedback_opinion, *(_of_file(file) for file in checked_files())]


def _of_file(file: SuiteFile) -> dg.AssetChecksDefinition:
    """`its_suite_holds`: what a user's file expects of an asset."""

    @dg.asset_check(
        asset=file.asset,
        name=OWN,
        description=f"The suite {file.path.name} holds: Great Expectations' results are on the page Expectations.",
        required_resource_keys={"pipeline"},
    )
    def own_suite(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        from quality.expectations import MOST_ROWS, Expectations, built
        from quality.profiles import sample_of

        pipeline: Any = context.resources.pipeline
        try:
            expectations = built(file.path)
        except SuiteFileError as error:
            return _no_suite(str(error))
        dataset = pipeline.store.open(file.asset)
        frame = sample_of(dataset, MOST_ROWS)
        runner = Expectations(pipeline.settings.local_home)
        found = runner.validate_table(file.result, frame, expectations, of=dataset.manifest.rows)
        wrong = any(not one.holds and one.severity == "critical" for one in found.expectations)
        return _opinion([found], dg.AssetCheckSeverity.ERROR if wrong else dg.AssetCheckSeverity.WARN)

    return own_suite


def _no_suite(told: str) -> dg.AssetCheckResult:
    metadata = {**CheckFigures(1.0, None, 0.0, 1, 1).metadata(), NOTE: told}
    metadata[SAMPLE] = dg.MetadataValue.table([dg.TableRecord({"wrong": told})])
    return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.ERROR, metadata=finite_metadata(metadata))


def _opinion(found: Sequence[Any], severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.WARN) -> dg.AssetCheckResult:
    failures = [f"{result.suite}: {failure}" for result in found for failure in result.failures]
    evaluated = sum(len(result.expectations) for result in found)
    metadata = CheckFigures(float(len(failures)), None, 0.0, len(failures), evaluated).metadata()
    metadata[NOTE] = "; ".join(f"{result.suite}: {result.looked_at}" for result in found)
    if failures:
        records = [dg.TableRecord({"expectation": failure}) for failure in failures[:SAMPLE_ROWS]]
        metadata[SAMPLE] = dg.MetadataValue.table(records)
    passed = all(result.passed for result in found)
    return dg.AssetCheckResult(passed=passed, severity=severity, metadata=finite_metadata(metadata))
