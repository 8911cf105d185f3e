"""Everybody's list once a day, as a file: for those who read it instead of asking the service."""

from datetime import UTC, datetime

import dagster as dg

from buddies_assets.metadata import OWNERS, SERVING
from buddies_assets.resources.pipeline import Pipeline
from buddies_assets.systems.playlists.assets.serving import served_model, served_model_root
from buddies_core.storage.code_version import code_version

KEPT = 7


@dg.asset(
    group_name=SERVING,
    kinds={"json"},
    owners=OWNERS,
    deps=[served_model],
    code_version=code_version("buddies_serving.model.batch"),
)
def daily_recommendations(
    context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]
) -> dg.MaterializeResult:
    """One line a user: `user_id` and `playlists` (MPD pids, best first), by the champion; seven days are kept."""
    from buddies_serving.model.batch import write_daily

    folder = pipeline.settings.local_home / "daily_recommendations"
    day = datetime.now(UTC).date().isoformat()
    written = write_daily(served_model_root(pipeline.settings), folder / f"{day}.ndjson")
    for old in sorted(folder.glob("????-??-??.ndjson"))[:-KEPT]:
        old.unlink()
        context.log.info(f"{old.name} is older than {KEPT} days and was deleted")
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": written.users,
            "path": dg.MetadataValue.path(written.path),
            "bytes": written.bytes,
            "version": written.version,
            "users with a list that is not personal": written.cold,
        }
    )
