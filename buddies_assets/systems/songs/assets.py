"""The songs' assets: plays, songs, what is hidden, what each source proposes, a ranker, its worth, what is served."""

from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from buddies_assets.metadata import OWNERS, plain, table
from buddies_assets.resources.pipeline import Pipeline
from buddies_assets.systems.songs.slugs import SLUGS
from buddies_core.songs.source_list import SOURCES, SongSource
from buddies_core.storage.code_version import code_version
from buddies_core.storage.dataset import Dataset

GROUP = "songs"
KINDS = {"parquet", "polars"}
_CODE = code_version("buddies_assets.systems.songs.stored")


@dg.asset(group_name=GROUP, kinds=KINDS, owners=OWNERS, code_version=_CODE)
def song_plays(
    context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline], listener_plays: Dataset
) -> dg.Output[Dataset]:
    """One row a (listener, canonical song): `user, song, weight`, and `time, first` (days) where plays have dates.

    Those of the file, and what listeners played, saved or liked since (`listener_plays`). Parts: `catalogue`, `tracks`
    of playlists, `events` (single plays that have a date), `told` (what was played since), `quarantine`.
    """
    from buddies_assets.systems.songs.catalogue import canonical
    from buddies_assets.systems.songs.reading import TRACKS, read_plays
    from buddies_assets.systems.songs.told_plays import told_plays, with_told

    raw = read_plays(pipeline.settings)
    told = told_plays(listener_plays.frame(), raw.plays, raw.texts, pipeline.settings.match)
    found = canonical(with_told(raw.plays, told.plays), raw.texts, raw.tracks)
    source = pipeline.settings.song_plays_file or pipeline.settings.entp_file
    params = {"source": str(source), "seed": pipeline.settings.seed}
    writer = pipeline.writer(context, "song_plays", {"listener_plays": listener_plays}, params)
    writer.write_part("told", told.plays)
    writer.write_part("catalogue", found.catalogue)
    writer.write_part("tracks", raw.tracks if raw.tracks is not None else pl.DataFrame(schema=TRACKS))
    writer.write_part("events", found.events)
    writer.write_part("quarantine", raw.quarantine)
    reasons = raw.quarantine.group_by("reason").len().sort("reason")
    if raw.quarantine.height:
        context.log.warning(f"{raw.quarantine.height:,} rows are set aside; see the part `quarantine`.")
    if told.left_out:
        context.log.warning(f"{told.left_out:,} songs played since the file are not known by their text and left out.")
    facts: dict[str, Any] = {
        "listeners": found.plays["user"].n_unique(),
        "songs": found.catalogue.height,
        "played since the file": told.plays.height,
        "left out of those": told.left_out,
        "set aside": table(reasons),
    }
    extra = {"events": listener_plays.manifest.extra.get("events", {})}
    return dg.Output(writer.commit([writer.write_shard(0, found.plays)], extra=extra), metadata=facts)


@dg.asset(group_name=GROUP, kinds=KINDS, owners=OWNERS, code_version=_CODE)
def song_catalogue(song_plays: Dataset) -> dg.Output[pl.DataFrame]:
    """One row a canonical song: ids, text, MPD tracks, popularity in both sources; mismatched ids have no text."""
    frame = song_plays.part("catalogue")
    told = {
        "songs with text": int(frame["title"].is_not_null().sum()),
        "mismatched": int(frame["mismatched"].sum()),
        "songs of several ids": int((frame["song_ids"].list.len() > 1).sum()),
        "songs in playlists": int((frame["playlists"] > 0).sum()),
    }
    return dg.Output(frame, metadata=plain(told))


@dg.asset(group_name=GROUP, kinds=KINDS, owners=OWNERS, code_version=_CODE)
def play_splits(pipeline: dg.ResourceParam[Pipeline], song_plays: Dataset) -> dg.Output[pl.DataFrame]:
    """One row a play: `user, song, split`; `test` is hidden by hash or by date, `new` listeners are set aside whole."""
    from buddies_assets.systems.songs.splits import split_plays

    frame = split_plays(song_plays.frame(), seed=pipeline.settings.seed)
    return dg.Output(frame, metadata=plain(dict(frame.group_by("split").len().iter_rows())))


def _source_asset(source: SongSource) -> dg.AssetsDefinition:
    @dg.asset(
        name=SLUGS[source.name],
        group_name=GROUP,
        kinds={"numpy"},
        owners=OWNERS,
        code_version=_CODE,
        description=f"What {source.name} ({source.source.model}) proposes alone: `user, songs`, 500 best first.",
    )
    def proposed(
        pipeline: dg.ResourceParam[Pipeline], song_plays: Dataset, song_catalogue: Dataset, play_splits: Dataset
    ) -> dg.Output[pl.DataFrame]:
        from buddies_assets.systems.songs import stored

        splits = play_splits.frame()
        hidden = stored.hidden_of(splits, "test")
        found = stored.material_of(song_plays, song_catalogue, splits)
        frame = stored.proposed_by(source, found, hidden, stored.config_of(pipeline.settings))
        row = stored.candidates_compared({source.name: frame}, hidden).row(0, named=True)
        return dg.Output(frame, metadata=plain({name: row[name] for name in ("listeners", "recall_100", "recall_500")}))

    return proposed


SOURCE_ASSETS = [_source_asset(source) for source in SOURCES]


@dg.asset(
    group_name=GROUP, kinds=KINDS, owners=OWNERS, code_version=_CODE,
    ins={slug: dg.AssetIn() for slug in SLUGS.values()},
)  # fmt: skip
def song_candidates(play_splits: Dataset, **proposals: Dataset) -> dg.Output[pl.DataFrame]:
    """One row a source and one for the union: `source, listeners, recall_100, recall_500, alone` of what is hidden."""
    from buddies_assets.systems.songs import stored

    frames = {name: proposals[slug].frame() for name, slug in SLUGS.items()}
    frame = stored.candidates_compared(frames, stored.hidden_of(play_splits.frame(), "test"))
    return dg.Output(frame, metadata={"sources": table(frame)})


@dg.asset(group_name=GROUP, kinds={"lightgbm", "catboost"}, owners=OWNERS, code_version=_CODE)
def song_ranker(
    context: dg.AssetExecutionContext,
    pipeline: dg.ResourceParam[Pipeline],
    song_plays: Dataset,
    song_catalogue: Dataset,
    play_splits: Dataset,
) -> dg.Output[Dataset]:
    """What ranked hidden plays out of fold: `ranker, map500, served`; parts are trees, and `features` of training."""
    from buddies_assets.systems.songs import stored
    from buddies_assets.systems.songs.recommender import fit

    config = stored.config_of(pipeline.settings)
    found = stored.material_of(song_plays, song_catalogue, play_splits.frame())
    model = fit(found, config)
    inputs = {"song_plays": song_plays, "song_catalogue": song_catalogue, "play_splits": play_splits}
    writer = pipeline.writer(context, "song_ranker", inputs, config.model_dump())
    writer.write_part("features", stored.feature_rows(model, found, "training"))
    writer.write_part("popularity", stored.popularity_rows(model, found))
    dataset = stored.save_ranker(model, writer)
    used = {
        f"{kind}: used most": table(stored.most_used(shares)) for kind, shares in model.learning.importances.items()
    }
    shap = {f"{kind}: SHAP": table(stored.most_used(shares)) for kind, shares in model.learning.shap.items()}
    told: dict[str, Any] = {
        "out of fold": table(dataset.frame()),
        "recall of the candidates": float(model.learning.recall),
    }
    return dg.Output(dataset, metadata={**told, **used, **shap})


@dg.asset(group_name=GROUP, kinds=KINDS, owners=OWNERS, code_version=_CODE)
def song_features(song_ranker: Dataset) -> dg.Output[pl.DataFrame]:
    """One row a feature: `feature, unit, what`, mean, deviation, share missing in training, how much it is used."""
    return dg.Output(song_ranker.part("features"))


@dg.asset(
    group_name=GROUP, kinds=KINDS, owners=OWNERS, code_version=_CODE,
    ins={slug: dg.AssetIn() for slug in SLUGS.values()},
)  # fmt: skip
def song_evaluation(
    song_plays: Dataset, song_catalogue: Dataset, play_splits: Dataset, song_ranker: Dataset, **proposals: Dataset
) -> dg.Output[pl.DataFrame]:
    """One row a (system, segment, metric) on the hidden plays, with 95 % intervals and the ranker's lead, paired."""
    from buddies_assets.systems.songs import stored
    from buddies_assets.systems.songs.evaluation import evaluated

    splits = play_splits.frame()
    found = stored.material_of(song_plays, song_catalogue, splits)
    model = stored.refit(stored.load_ranker(song_ranker), found)
    frames = {name: proposals[slug].frame() for name, slug in SLUGS.items()}
    frame = evaluated(model, found, splits, frames, song_catalogue.frame())
    shown = frame.filter((pl.col("metric") == "map500") & (pl.col("segment") == "all"))
    return dg.Output(frame, metadata={"map500": table(shown.drop("segment", "metric", "listeners"))})


@dg.asset(group_name=GROUP, kinds={"numpy"}, owners=OWNERS, code_version=_CODE)
def served_songs(
    context: dg.AssetExecutionContext,
    pipeline: dg.ResourceParam[Pipeline],
    song_plays: Dataset,
    song_catalogue: Dataset,
    song_ranker: Dataset,
    song_features: Dataset,
    song_candidates: Dataset,
    song_evaluation: Dataset,
) -> dg.Output[Dataset]:
    """Sources refitted on every play under the judged ranker, published: `experiment, version, users, songs`.

    The part `features` has the features of what is served, as `song_features` has those of training.
    """
    from buddies_assets.systems.songs import stored

    home = Path(pipeline.settings.local_home)
    found = stored.material_of(song_plays, song_catalogue, None)
    model = stored.refit(stored.load_ranker(song_ranker), found)
    row = stored.published(home, found, model, song_catalogue.frame(), song_evaluation.frame(), song_plays.fingerprint)
    inputs = {
        "song_plays": song_plays, "song_catalogue": song_catalogue, "song_ranker": song_ranker,
        "song_features": song_features,
        "song_candidates": song_candidates, "song_evaluation": song_evaluation,
    }  # fmt: skip
    writer = pipeline.writer(context, "served_songs", inputs, {})
    writer.write_part("features", stored.feature_rows(model, found, "serving"))
    return dg.Output(writer.commit([writer.write_shard(0, row)]), metadata={"version": row["version"][0]})
