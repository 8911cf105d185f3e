"""What the assets of next track and of continuation do alike: rankers fitted, judged and published, a card written."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import polars as pl

from buddies_assets.resources.pipeline import Pipeline
from buddies_core.storage.dataset import Dataset

if TYPE_CHECKING:
    from buddies_core.sequences.training import ModelsConfig


def fitted_ranker(
    context: dg.AssetExecutionContext,
    pipeline: Pipeline,
    task: str,
    config: "ModelsConfig",
    inputs: Mapping[str, Dataset],
) -> dg.Output[Dataset]:
    """The dataset `<task>_ranker`, of `playlist_sequences` and `sequence_splits` among the inputs."""
    from buddies_assets.sources.steps import sequence_models as models
    from buddies_assets.sources.steps.sequences import read_corpus

    corpus, splits = read_corpus(inputs["playlist_sequences"]), inputs["sequence_splits"].frame()
    fitted = models.fitted(corpus, splits, task, config, workers=pipeline.settings.worker_threads)
    writer = pipeline.writer(context, f"{task}_ranker", inputs, config.model_dump(mode="json"))
    return dg.Output(models.write_models(writer, fitted, task, config))


def judged(pipeline: Pipeline, task: str, sequences: Dataset, splits: Dataset, ranker: Dataset) -> pl.DataFrame:
    """Every model and baseline on the test playlists."""
    from buddies_assets.sources.steps import sequence_models as models
    from buddies_assets.sources.steps.sequences import read_corpus

    settings = pipeline.settings
    return models.judged(
        read_corpus(sequences), splits.frame(), models.read_models(ranker), task,
        seed=settings.seed, workers=settings.worker_threads,
    )  # fmt: skip


def published(
    context: dg.AssetExecutionContext,
    pipeline: Pipeline,
    task: str,
    sequences: Dataset,
    chosen_by: Mapping[str, Dataset],
    facts: Mapping[str, Any],
) -> dg.Output[Dataset]:
    """Fitted on every playlist with the ranker's configuration, and published.

    Args:
        chosen_by: `<task>_ranker` and `<task>_evaluation`.
        facts: figures that the artifact tells of itself.
    """
    from buddies_assets.sources.steps import sequence_models as models
    from buddies_assets.sources.steps.sequences import read_corpus

    (name,) = context.assets_def.keys
    dataset = models.published(
        pipeline.writer(context, name.to_user_string(), chosen_by, {}), Path(pipeline.settings.local_home),
        read_corpus(sequences), task, models.config_of(chosen_by[f"{task}_ranker"]), facts, sequences.manifest.extra,
        workers=pipeline.settings.worker_threads,
    )  # fmt: skip
    return dg.Output(dataset, metadata={"version": dataset.frame()["version"][0], **facts})


def card(
    pipeline: Pipeline, task: str, sequences: Dataset, evaluation: Dataset, served: Dataset
) -> dg.Output[pl.DataFrame]:
    """The model card as a row and as a file under the home: `card, path`."""
    from buddies_assets.sources.steps.sequence_card import written_card

    frame = written_card(Path(pipeline.settings.local_home), task, sequences, evaluation, served)
    return dg.Output(frame, metadata={"card": dg.MetadataValue.md(frame["card"][0])})
