"""Plays that nothing learns from, kept to judge what is served."""

import dagster as dg
import polars as pl

from buddies_assets.metadata import OWNERS, SONGS
from buddies_assets.resources.pipeline import Pipeline
from buddies_core.storage.code_version import code_version
from buddies_core.storage.dataset import Dataset


@dg.asset(
    group_name=SONGS,
    kinds={"parquet", "polars"},
    owners=OWNERS,
    code_version=code_version("buddies_assets.sources.steps.hidden"),
)
def hidden_plays(
    context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline], entp_plays: Dataset
) -> dg.Output[Dataset]:
    """Plays hidden by a hash of user and song: `user_id, song_id`; no song, library, like or model knows of them.

    `BUDDIES_HIDDEN_SHARE` of all plays; `listener_evaluation` asks with them what listeners make of the lists.
    """
    from buddies_assets.sources.steps.hidden import HiddenPlays

    settings = pipeline.settings
    hidden = HiddenPlays(settings.seed, settings.hidden_share)
    params = {"seed": hidden.seed, "share": hidden.share}
    writer = pipeline.writer(context, "hidden_plays", {"entp_plays": entp_plays}, params)
    parts = [hidden.hidden(shard) for shard in entp_plays.shards(["user_id", "song_id"])]
    dataset = writer.commit([writer.write_shard(0, pl.concat(parts))])
    found = {"share asked for": hidden.share, "share hidden": dataset.manifest.rows / max(entp_plays.manifest.rows, 1)}
    return dg.Output(dataset, metadata={"plays hidden": dataset.manifest.rows, **found})
