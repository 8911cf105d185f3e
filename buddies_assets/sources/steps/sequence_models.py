"""Models of sequences as datasets: fitted, stored as arrays, judged, and published for the service."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from buddies_assets.sources.steps.golden_answers import golden_answers
from buddies_assets.sources.steps.sequences import Corpus, unknown_to
from buddies_core.artifact.named_arrays import write_artifact
from buddies_core.sequences.answers import SYSTEM, ServedSequences, served_arrays
from buddies_core.sequences.catalogue import catalogue_of
from buddies_core.sequences.evaluation import Report, evaluate_continuation, evaluate_next_track
from buddies_core.sequences.fit import SequenceConfig
from buddies_core.sequences.models import NEXT, SequenceModels
from buddies_core.sequences.skipgram import SkipGramConfig
from buddies_core.sequences.training import ModelsConfig, fit_models
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.dataset_writer import DatasetWriter

LEARNT = ("events", "mpd_tracks")
"""Of what `playlist_sequences` tells, the events that were read and the digest of the playlists' rows."""


def fitted(corpus: Corpus, splits: pl.DataFrame, task: str, config: ModelsConfig, *, workers: int) -> SequenceModels:
    """The models of one task, from the training playlists alone."""
    train = corpus.of_parts(splits, "train")
    return fit_models(train, catalogue_of(corpus.songs), config, tasks=(task,), workers=workers)


def write_models(writer: DatasetWriter, models: SequenceModels, task: str, config: ModelsConfig) -> Dataset:
    """Store models: arrays as parts, and one row `task, songs, playlists, config`."""
    for name, array in models.arrays().items():
        writer.write_part(name, array)
    row = pl.DataFrame(
        {
            "task": [task],
            "songs": [models.index.n_songs],
            "playlists": [models.index.n_playlists],
            "config": [config.model_dump_json()],
        }
    )
    return writer.commit([writer.write_shard(0, row)])


def read_models(dataset: Dataset) -> SequenceModels:
    """The stored models; answers are equal to the bit."""
    names = [name.removesuffix(".npy") for name in dataset.manifest.parts if name.endswith(".npy")]
    return SequenceModels.from_arrays({name: dataset.array(name) for name in names})


def config_for(seed: int, skip_gram: SkipGramConfig | None = None) -> ModelsConfig:
    """The configuration that a graph fits models with."""
    index = SequenceConfig(skip_gram=skip_gram or SkipGramConfig(), seed=seed)
    return ModelsConfig(index=index, seed=seed)


def config_of(dataset: Dataset) -> ModelsConfig:
    """What stored models were fitted with."""
    return ModelsConfig.model_validate_json(dataset.frame()["config"][0])


def judged(
    corpus: Corpus, splits: pl.DataFrame, models: SequenceModels, task: str, *, seed: int, workers: int
) -> pl.DataFrame:
    """Every model and baseline on the test playlists: `model, kind, queries`, each metric with its interval."""
    train = corpus.of_parts(splits, "train")
    test = unknown_to(corpus.of_parts(splits, "test"), train)
    report: Report
    if task == NEXT:
        from buddies_core.sequences import tutorial

        more = {"tutorial, sg=1 (skip-gram, last song, cosine)": tutorial.as_meant(train, seed)}
        report = evaluate_next_track(models, test, seed=seed, more=more, workers=workers)
    else:
        report = evaluate_continuation(models, test, seed=seed, workers=workers)
    return report.rows


def published(
    writer: DatasetWriter,
    home: Path,
    corpus: Corpus,
    task: str,
    config: ModelsConfig,
    facts: Mapping[str, object],
    learnt: Mapping[str, Any],
    *,
    workers: int,
) -> Dataset:
    """Fit on every playlist and store what the service answers from: one row, and answers to requests as a part.

    `learnt` says what the playlists were made of: sensors compare it with what there is by then.
    """
    models = fit_models(corpus.sequences, catalogue_of(corpus.songs), config, tasks=(task,), workers=workers)
    columns = {name: corpus.songs.table[name].to_list() for name in ("key", "uri", "title", "artist")}
    uris = dict(corpus.uris.iter_rows())
    arrays = served_arrays(models, columns, corpus.songs.artists.to_list(), uris, _playlists(corpus))
    about = {"system": SYSTEM, "experiment": task, "songs": len(corpus.songs), "playlists": len(corpus.sequences)}
    version = write_artifact(home / SYSTEM / task, arrays, {**about, **facts})
    writer.write_part("answers", golden_answers(ServedSequences(arrays), corpus, task))
    row = (task, version, len(corpus.songs), len(corpus.sequences))
    schema = {"experiment": pl.String, "version": pl.String, "songs": pl.Int64, "playlists": pl.Int64}
    shard = writer.write_shard(0, pl.DataFrame([row], schema=schema, orient="row"))
    return writer.commit([shard], extra={name: learnt[name] for name in LEARNT if name in learnt})


def _playlists(corpus: Corpus) -> tuple[np.ndarray, list[str]]:
    return corpus.sequences.pids, corpus.sequences.titles
