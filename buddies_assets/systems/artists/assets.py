"""The artists' assets: plays read, cut in two, a search, a model, what it is worth, and what the service serves."""

from pathlib import Path

import dagster as dg
import polars as pl

from buddies_assets.metadata import OWNERS, plain, table
from buddies_assets.resources.pipeline import Pipeline
from buddies_core.storage.code_version import code_version
from buddies_core.storage.dataset import Dataset

GROUP = "artists"
KINDS = {"parquet", "polars"}
_CODE = code_version("buddies_assets.systems.artists.stored")


@dg.asset(group_name=GROUP, kinds=KINDS, owners=OWNERS, code_version=_CODE)
def artist_plays(context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> dg.Output[Dataset]:
    """One row a (user, item): `user, item, weight`, of the HetRec Last.fm files; tags, names, quarantine are parts."""
    from buddies_assets.systems.artists import stored

    files = stored.read_files(pipeline.settings)
    writer = pipeline.writer(context, "artist_plays", {}, {"source": str(pipeline.settings.lastfm_dir)})
    for part in ("tags", "artists", "quarantine"):
        writer.write_part(part, getattr(files, part))
    dataset = writer.commit([writer.write_shard(0, files.plays)])
    reasons = files.quarantine.group_by("reason").len().sort("reason")
    if files.quarantine.height:
        context.log.warning(f"{files.quarantine.height:,} rows are set aside; see the part `quarantine`.")
    return dg.Output(dataset, metadata={"artists": files.artists.height, "set aside": table(reasons)})


@dg.asset(group_name=GROUP, kinds=KINDS, owners=OWNERS, code_version=_CODE)
def artist_splits(pipeline: dg.ResourceParam[Pipeline], artist_plays: Dataset) -> dg.Output[pl.DataFrame]:
    """One row a (user, item): `user, item, weight, split`; a fifth is `test`, by a hash of both ids."""
    from buddies_assets.systems.artists import stored

    frame = stored.split(artist_plays.frame(), seed=pipeline.settings.seed)
    return dg.Output(frame, metadata=plain(dict(frame.group_by("split").len().iter_rows())))


@dg.asset(group_name=GROUP, kinds={"optuna"}, owners=OWNERS, code_version=_CODE)
def artist_search(
    pipeline: dg.ResourceParam[Pipeline], artist_plays: Dataset, artist_splits: Dataset
) -> dg.Output[pl.DataFrame]:
    """One row a configuration tried: `trial, ndcg, seconds, error, config`; judged on a cut inside `train`."""
    from buddies_assets.systems.artists import stored

    frame = stored.searched(artist_splits.frame(), artist_plays.part("tags"), pipeline.settings)
    return dg.Output(frame, metadata={"trials": table(frame)})


@dg.asset(group_name=GROUP, kinds={"numpy", "lightgbm"}, owners=OWNERS, code_version=_CODE)
def artist_model(
    context: dg.AssetExecutionContext,
    pipeline: dg.ResourceParam[Pipeline],
    artist_plays: Dataset,
    artist_splits: Dataset,
    artist_search: Dataset,
) -> dg.Output[Dataset]:
    """The model of the best configuration, fitted on `train`: `model, config`; the arrays it declares are parts."""
    from buddies_assets.systems.artists import stored

    config = stored.best_config(artist_search.frame())
    model = stored.fitted(artist_splits.frame(), artist_plays.part("tags"), config)
    inputs = {"artist_splits": artist_splits, "artist_search": artist_search}
    writer = pipeline.writer(context, "artist_model", inputs, config.model_dump())
    for name, array in model.arrays().items():
        writer.write_part(name.replace("/", "-"), array)
    row = pl.DataFrame({"model": [type(model).__name__], "config": [config.model_dump_json()]})
    return dg.Output(writer.commit([writer.write_shard(0, row)]), metadata=plain(config.model_dump()))


@dg.asset(group_name=GROUP, kinds=KINDS, owners=OWNERS, code_version=_CODE)
def artist_evaluation(
    pipeline: dg.ResourceParam[Pipeline], artist_plays: Dataset, artist_splits: Dataset, artist_model: Dataset
) -> dg.Output[pl.DataFrame]:
    """One row a (system, metric) on `test`: `system, metric, value, low, high`; 95 %, bootstrap over users."""
    from buddies_assets.systems.artists import stored

    frame = stored.evaluated(artist_splits.frame(), artist_plays.part("tags"), artist_model)
    shown = frame.filter(pl.col("metric") == "ndcg").select("system", "value", "low", "high")
    return dg.Output(frame, metadata={"ndcg": table(shown)})


@dg.asset(group_name=GROUP, kinds={"numpy"}, owners=OWNERS, code_version=_CODE)
def served_artists(
    pipeline: dg.ResourceParam[Pipeline], artist_plays: Dataset, artist_model: Dataset, artist_evaluation: Dataset
) -> dg.Output[pl.DataFrame]:
    """The model refitted on every play, published as `lastfm`: `experiment, version, users, items`."""
    from buddies_assets.systems.artists import stored

    home = Path(pipeline.settings.local_home)
    frame = stored.published(home, artist_plays, artist_model, artist_evaluation)
    return dg.Output(frame, metadata={"version": frame["version"][0]})
