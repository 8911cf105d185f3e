"""Next track: transitions counted, vectors searched and trained, a ranker, what it is worth, what is served, a map."""

import dagster as dg
import polars as pl

from buddies_assets import plots
from buddies_assets.metadata import OWNERS, plain, table
from buddies_assets.resources.pipeline import Pipeline
from buddies_assets.sources import sequence_outputs as outputs
from buddies_assets.sources.answer_findings import SERVED
from buddies_core.storage.code_version import code_version
from buddies_core.storage.dataset import Dataset

GROUP = "next_track"
KINDS = {"parquet", "polars"}
_CODE = code_version("buddies_assets.systems.next_track.steps", "buddies_assets.sources.steps.sequence_models")
TASK = "next_track"


@dg.asset(group_name=GROUP, kinds=KINDS, owners=OWNERS, code_version=_CODE)
def song_successors(playlist_sequences: Dataset, sequence_splits: Dataset) -> dg.Output[pl.DataFrame]:
    """One row a pair of songs of which one follows the other in train: `song, next, weight, playlists`."""
    from buddies_assets.sources.steps.sequences import read_corpus
    from buddies_assets.systems.next_track.steps import successors

    frame = successors(read_corpus(playlist_sequences).of_parts(sequence_splits.frame(), "train"))
    return dg.Output(frame, metadata={"most often": table(frame.sort("playlists", descending=True))})


@dg.asset(group_name=GROUP, kinds=KINDS, owners=OWNERS, code_version=_CODE)
def artist_transitions(playlist_sequences: Dataset, sequence_splits: Dataset) -> dg.Output[pl.DataFrame]:
    """One row a pair of artists of which one follows the other in train: `artist, next, weight, playlists`."""
    from buddies_assets.sources.steps.sequences import read_corpus
    from buddies_assets.systems.next_track import steps

    frame = steps.artist_transitions(read_corpus(playlist_sequences).of_parts(sequence_splits.frame(), "train"))
    return dg.Output(frame, metadata={"most often": table(frame.sort("playlists", descending=True))})


@dg.asset(group_name=GROUP, kinds={"numpy"}, owners=OWNERS, code_version=_CODE)
def track2vec_search(
    pipeline: dg.ResourceParam[Pipeline], playlist_sequences: Dataset, sequence_splits: Dataset
) -> dg.Output[pl.DataFrame]:
    """One row a configuration of skip-gram: `number, cosine, in_out, config`; hit ratio of 100 on validation."""
    from buddies_assets.sources.steps.sequences import read_corpus
    from buddies_assets.systems.next_track.steps import searched

    frame = searched(read_corpus(playlist_sequences), sequence_splits.frame(), seed=pipeline.settings.seed)
    return dg.Output(frame, metadata={"tried": table(frame)})


@dg.asset(group_name=GROUP, kinds={"numpy"}, owners=OWNERS, code_version=_CODE)
def track2vec(
    context: dg.AssetExecutionContext,
    pipeline: dg.ResourceParam[Pipeline],
    playlist_sequences: Dataset,
    sequence_splits: Dataset,
    track2vec_search: Dataset,
) -> dg.Output[Dataset]:
    """Vectors of songs by the best configuration, from train: `song, playlists`; `inputs` and `outputs` are parts."""
    import numpy as np

    from buddies_assets.sources.steps.sequences import read_corpus
    from buddies_assets.systems.next_track.steps import best_config
    from buddies_core.sequences.skipgram import train_skip_gram

    config = best_config(track2vec_search.frame())
    train = read_corpus(playlist_sequences).of_parts(sequence_splits.frame(), "train")
    vectors = train_skip_gram(train.indptr, train.songs, train.n_known, config)
    inputs = {"sequence_splits": sequence_splits, "track2vec_search": track2vec_search}
    writer = pipeline.writer(context, "track2vec", inputs, config.model_dump())
    writer.write_part("inputs", vectors.inputs)
    writer.write_part("outputs", vectors.outputs)
    counts = np.bincount(train.songs, minlength=train.n_known).astype(np.uint32)
    frame = pl.DataFrame({"song": np.arange(train.n_known, dtype=np.uint32), "playlists": counts})
    dataset = writer.commit([writer.write_shard(0, frame)], extra={"least": config.least})
    return dg.Output(dataset, metadata=plain(config.model_dump()))


@dg.asset(group_name=GROUP, kinds={"torch", "lightgbm"}, owners=OWNERS, code_version=_CODE)
def next_track_ranker(
    context: dg.AssetExecutionContext,
    pipeline: dg.ResourceParam[Pipeline],
    playlist_sequences: Dataset,
    sequence_splits: Dataset,
    track2vec_search: Dataset,
) -> dg.Output[Dataset]:
    """Scorers and rankers fitted on train, rankers out of fold: `task, songs, playlists, config`; arrays are parts."""
    from buddies_assets.sources.steps.sequence_models import config_for
    from buddies_assets.systems.next_track.steps import best_config

    config = config_for(pipeline.settings.seed, best_config(track2vec_search.frame()))
    inputs = {
        "playlist_sequences": playlist_sequences,
        "sequence_splits": sequence_splits,
        "track2vec_search": track2vec_search,
    }
    return outputs.fitted_ranker(context, pipeline, TASK, config, inputs)


@dg.asset(group_name=GROUP, kinds=KINDS, owners=OWNERS, code_version=_CODE)
def next_track_evaluation(
    pipeline: dg.ResourceParam[Pipeline],
    playlist_sequences: Dataset,
    sequence_splits: Dataset,
    next_track_ranker: Dataset,
) -> dg.Output[pl.DataFrame]:
    """One row a model and kind of question on the test playlists: hit ratios, MRR, each with its interval."""
    frame = outputs.judged(pipeline, TASK, playlist_sequences, sequence_splits, next_track_ranker)
    shown = frame.select("model", "kind", "queries", "hit@10", "hit@100", "mrr@100").sort("kind", "hit@100")
    return dg.Output(frame, metadata={"test": table(shown, 40)})


@dg.asset(group_name=GROUP, kinds={"numpy"}, owners=OWNERS, code_version=_CODE)
def track_index(
    context: dg.AssetExecutionContext,
    pipeline: dg.ResourceParam[Pipeline],
    playlist_sequences: Dataset,
    next_track_ranker: Dataset,
    next_track_evaluation: Dataset,
) -> dg.Output[Dataset]:
    """Fitted on every playlist and published to the service: `experiment, version, songs, playlists`.

    It is made once the checks of what it was chosen by have passed. Its part `answers` are answers to requests made of
    stored playlists.
    """
    figures = next_track_evaluation.frame().filter(pl.col("model") == SERVED[TASK])
    facts = {f"hit@100 {kind}": value for kind, value in figures.select("kind", "hit@100").iter_rows()}
    chosen_by = {"next_track_ranker": next_track_ranker, "next_track_evaluation": next_track_evaluation}
    return outputs.published(context, pipeline, TASK, playlist_sequences, chosen_by, facts)


@dg.asset(group_name=GROUP, kinds=KINDS, owners=OWNERS, code_version=_CODE)
def genre_labels(playlist_sequences: Dataset, sequence_splits: Dataset) -> dg.Output[pl.DataFrame]:
    """One row a song that playlists with one genre in their title agree on: `song, genre`; by train alone."""
    from buddies_assets.sources.steps.sequences import read_corpus
    from buddies_core.sequences.genres import GENRES, genres_of_songs

    train = read_corpus(playlist_sequences).of_parts(sequence_splits.frame(), "train")
    labels = genres_of_songs(train, train.titles)
    songs = pl.Series("song", range(len(labels)), dtype=pl.UInt32)
    names = pl.Series(
        "genre", [list(GENRES)[label] if label >= 0 else None for label in labels.tolist()], dtype=pl.String
    )
    frame = pl.DataFrame([songs, names]).filter(pl.col("genre").is_not_null())
    return dg.Output(
        frame, metadata={"songs of each": table(frame.group_by("genre").len().sort("len", descending=True))}
    )


@dg.asset(group_name=GROUP, kinds=KINDS, owners=OWNERS, code_version=_CODE)
def latent_map(
    pipeline: dg.ResourceParam[Pipeline], next_track_ranker: Dataset, genre_labels: Dataset, playlist_sequences: Dataset
) -> dg.Output[pl.DataFrame]:
    """One row a song, the most popular ones, in the plane: `song, x, y, genre, in_space, in_plane`.

    The last two are the share of ten neighbours of the same genre, the same in every row: openTSNE keeps most of it.
    """
    from buddies_assets.systems.next_track.picture import map_frame, picture

    settings, store = pipeline.settings, pipeline.store
    last = store.open("latent_map").frame(["song", "x", "y"]) if store.has("latent_map") else None
    frame = map_frame(
        next_track_ranker, genre_labels.frame(), last, seed=settings.seed, threads=settings.worker_threads
    )
    facts = {name: frame[name][0] if frame.height else None for name in ("in_space", "in_plane")}
    return dg.Output(
        frame, metadata={**plain(facts), "map": plots.image(picture(frame), "Songs in the plane", width=520)}
    )


@dg.asset(group_name=GROUP, kinds=KINDS, owners=OWNERS, code_version=_CODE)
def artist_popularity(playlist_sequences: Dataset) -> dg.Output[pl.DataFrame]:
    """One row a bin of artists by how often they stand in playlists; a power law beside a log-normal in metadata."""
    return _popularity(playlist_sequences, "artist")


@dg.asset(group_name=GROUP, kinds=KINDS, owners=OWNERS, code_version=_CODE)
def song_popularity(playlist_sequences: Dataset) -> dg.Output[pl.DataFrame]:
    """One row a bin of songs by how often they stand in playlists; a power law beside a log-normal in metadata."""
    return _popularity(playlist_sequences, "song")


def _popularity(playlist_sequences: Dataset, column: str) -> dg.Output[pl.DataFrame]:
    from buddies_assets.systems.next_track.steps import histogram, popularity

    counts = playlist_sequences.frame([column])[column].value_counts()["count"].to_numpy()
    fit = popularity(counts)
    better = "log-normal" if fit.ratio < 0 else "power law"
    facts = {"alpha": fit.alpha, "xmin": fit.xmin, "log-likelihood ratio": fit.ratio, "p": fit.p, "fits better": better}
    frame = histogram(counts).with_columns(**{name: pl.lit(value) for name, value in facts.items()})
    return dg.Output(frame, metadata=plain(facts) | {"histogram": table(frame, 40)})


@dg.asset(group_name=GROUP, kinds={"markdown"}, owners=OWNERS, code_version=_CODE)
def next_track_card(
    pipeline: dg.ResourceParam[Pipeline],
    playlist_sequences: Dataset,
    next_track_evaluation: Dataset,
    track_index: Dataset,
) -> dg.Output[pl.DataFrame]:
    """The model card: data, figures, sample answers, limits; a row, and a file under the home: `card, path`."""
    return outputs.card(pipeline, TASK, playlist_sequences, next_track_evaluation, track_index)
