"""Continuation: the graph, links hidden from it, GraphSAGE, titles, a ranker, what both are worth, what is served."""

from pathlib import Path

import dagster as dg
import numpy as np
import polars as pl

from buddies_assets.metadata import OWNERS, table
from buddies_assets.plots import lines
from buddies_assets.resources.pipeline import Pipeline
from buddies_assets.sources import sequence_outputs as outputs
from buddies_assets.sources.answer_findings import SERVED
from buddies_core.storage.code_version import code_version
from buddies_core.storage.dataset import Dataset

GROUP = "continuation"
KINDS = {"parquet", "polars"}
_CODE = code_version("buddies_assets.systems.continuation.steps", "buddies_assets.sources.steps.sequence_models")
TASK = "continuation"


@dg.asset(group_name=GROUP, kinds=KINDS, owners=OWNERS, code_version=_CODE)
def playlist_graph(
    context: dg.AssetExecutionContext,
    pipeline: dg.ResourceParam[Pipeline],
    playlist_sequences: Dataset,
    sequence_splits: Dataset,
) -> dg.Output[Dataset]:
    """One row an edge of a training playlist: `playlist, song`; the same by song is in its parts."""
    from buddies_assets.sources.steps.sequences import read_corpus
    from buddies_assets.systems.continuation import steps

    corpus = read_corpus(playlist_sequences)
    edges = steps.graph_frame(corpus, sequence_splits.frame())
    inputs = {"playlist_sequences": playlist_sequences, "sequence_splits": sequence_splits}
    writer = pipeline.writer(context, "playlist_graph", inputs, {})
    indptr, playlists = steps.by_song(edges, len(corpus.songs))
    writer.write_part("indptr", indptr)
    writer.write_part("playlists", playlists)
    dataset = writer.commit([writer.write_shard(0, edges)])
    return dg.Output(dataset, metadata={"edges": edges.height, "songs with an edge": int((np.diff(indptr) > 0).sum())})


@dg.asset(group_name=GROUP, kinds=KINDS, owners=OWNERS, code_version=_CODE)
def link_splits(
    pipeline: dg.ResourceParam[Pipeline], playlist_sequences: Dataset, sequence_splits: Dataset
) -> dg.Output[pl.DataFrame]:
    """One row an edge: `playlist, song, part`, 70 / 15 / 15 in a playlist; what is judged has two negatives.

    `uniform` is drawn evenly from all songs, `matched` among those in as many playlists (`degree`, of train).
    """
    from buddies_assets.sources.steps.sequences import read_corpus
    from buddies_assets.systems.continuation.steps import links_frame

    frame = links_frame(read_corpus(playlist_sequences), sequence_splits.frame(), seed=pipeline.settings.seed)
    test = frame.filter(pl.col("part") == "test")
    edgeless = test.filter(pl.col("degree") == 0).height / max(test.height, 1)
    return dg.Output(
        frame, metadata={"parts": table(frame.group_by("part").len()), "test links without an edge": edgeless}
    )


@dg.asset(group_name=GROUP, kinds={"torch"}, owners=OWNERS, code_version=_CODE)
def graphsage_checkpoint(
    context: dg.AssetExecutionContext,
    pipeline: dg.ResourceParam[Pipeline],
    playlist_sequences: Dataset,
    link_splits: Dataset,
) -> dg.Output[Dataset]:
    """GraphSAGE of the train links, one row an epoch: `epoch, loss, auc, precision, recall, f1` on validation.

    Its arrays are parts. A run that stops goes on after its last epoch; `graphsage.html` under the home's `cards` is
    the curve to point at.
    """
    from buddies_assets.sources.steps.sequences import read_corpus
    from buddies_assets.systems.continuation.curve import write_curve
    from buddies_assets.systems.continuation.steps import orders, trained
    from buddies_core.graph.sage_config import SageConfig

    settings = pipeline.settings
    config = SageConfig(seed=settings.seed, threads=settings.worker_threads)
    home = Path(settings.local_home)
    state = home / "scratch" / f"graphsage-{link_splits.fingerprint}.pt"
    state.parent.mkdir(parents=True, exist_ok=True)
    corpus = read_corpus(playlist_sequences)
    model, curve = trained(
        corpus, link_splits.frame(), config, state,
        lambda epoch: context.log.info(f"epoch {epoch.number}: loss {epoch.loss:.3f}, {epoch.validation}"),
    )  # fmt: skip
    inputs = {"playlist_sequences": playlist_sequences, "link_splits": link_splits}
    writer = pipeline.writer(context, "graphsage_checkpoint", inputs, config.model_dump())
    for name, array in model.arrays().items():
        writer.write_part(name, array)
    writer.write_part("orders", orders(corpus, model))
    dataset = writer.commit([writer.write_shard(0, curve)], extra={"threshold": float(model.threshold)})
    state.unlink()
    page = write_curve(home / "cards" / "graphsage.html", curve)
    shown = lines(curve, "epoch", ["auc", "precision", "recall", "f1"], "GraphSAGE on validation links")
    return dg.Output(dataset, metadata={"curve": shown, "page": str(page.relative_to(home))})


@dg.asset(group_name=GROUP, kinds=KINDS, owners=OWNERS, code_version=_CODE)
def link_evaluation(
    context: dg.AssetExecutionContext,
    pipeline: dg.ResourceParam[Pipeline],
    playlist_sequences: Dataset,
    sequence_splits: Dataset,
    link_splits: Dataset,
    graphsage_checkpoint: Dataset,
) -> dg.Output[Dataset]:
    """One row a system on the test links: AUC, precision, recall, F1, against even and equally popular negatives.

    Parts: `continued`, R-precision of test playlists from 1, 10 and 25 songs; `graphs`, what either form costs.
    """
    from buddies_assets.sources.steps.sequences import read_corpus
    from buddies_assets.systems.continuation import steps

    told, continued, costs = steps.evaluated(
        read_corpus(playlist_sequences), sequence_splits.frame(), link_splits.frame(),
        steps.read_sage(graphsage_checkpoint), seed=pipeline.settings.seed,
    )  # fmt: skip
    inputs = {"link_splits": link_splits, "graphsage_checkpoint": graphsage_checkpoint}
    writer = pipeline.writer(context, "link_evaluation", inputs, {})
    writer.write_part("continued", continued)
    writer.write_part("graphs", costs)
    dataset = writer.commit([writer.write_shard(0, told)])
    return dg.Output(dataset, metadata={"links": table(told), "continued": table(continued), "graphs": table(costs)})


@dg.asset(group_name=GROUP, kinds={"torch", "lightgbm"}, owners=OWNERS, code_version=_CODE)
def continuation_ranker(
    context: dg.AssetExecutionContext,
    pipeline: dg.ResourceParam[Pipeline],
    playlist_sequences: Dataset,
    sequence_splits: Dataset,
) -> dg.Output[Dataset]:
    """Scorers and rankers fitted on train, rankers out of fold: `task, songs, playlists, config`; arrays are parts."""
    from buddies_assets.sources.steps.sequence_models import config_for

    inputs = {"playlist_sequences": playlist_sequences, "sequence_splits": sequence_splits}
    return outputs.fitted_ranker(context, pipeline, TASK, config_for(pipeline.settings.seed), inputs)


@dg.asset(group_name=GROUP, kinds=KINDS, owners=OWNERS, code_version=_CODE)
def title_neighbours(playlist_sequences: Dataset, continuation_ranker: Dataset) -> dg.Output[pl.DataFrame]:
    """One row a word of titles: `word, playlists, near`, the ten words whose playlists hold the most alike songs."""
    from buddies_assets.sources.steps.sequence_models import read_models
    from buddies_assets.systems.continuation import steps

    titles = playlist_sequences.part("playlists")["name"].fill_null("").to_list()
    frame = steps.title_neighbours(read_models(continuation_ranker), titles)
    return dg.Output(frame, metadata={"commonest": table(frame)})


@dg.asset(group_name=GROUP, kinds=KINDS, owners=OWNERS, code_version=_CODE)
def continuation_evaluation(
    pipeline: dg.ResourceParam[Pipeline],
    playlist_sequences: Dataset,
    sequence_splits: Dataset,
    continuation_ranker: Dataset,
) -> dg.Output[pl.DataFrame]:
    """One row a model and category on the test playlists: R-precision, NDCG, clicks, recall, each with its interval."""
    frame = outputs.judged(pipeline, TASK, playlist_sequences, sequence_splits, continuation_ranker)
    shown = frame.filter(pl.col("kind") == "mean").select("model", "queries", "r_precision", "ndcg@500", "clicks")
    return dg.Output(frame, metadata={"mean": table(shown.sort("ndcg@500"), 40)})


@dg.asset(group_name=GROUP, kinds={"numpy"}, owners=OWNERS, code_version=_CODE)
def served_continuation(
    context: dg.AssetExecutionContext,
    pipeline: dg.ResourceParam[Pipeline],
    playlist_sequences: Dataset,
    continuation_ranker: Dataset,
    continuation_evaluation: Dataset,
) -> dg.Output[Dataset]:
    """Fitted on every playlist and published to the service: `experiment, version, songs, playlists`.

    It is made once the checks of what it was chosen by have passed. Its part `answers` are answers to requests made of
    stored playlists.
    """
    frame = continuation_evaluation.frame()
    figures = frame.filter((pl.col("model") == SERVED[TASK]) & (pl.col("kind") == "mean"))
    facts = {name: figures[name][0] for name in ("r_precision", "ndcg@500", "clicks")} if figures.height else {}
    chosen_by = {"continuation_ranker": continuation_ranker, "continuation_evaluation": continuation_evaluation}
    return outputs.published(context, pipeline, TASK, playlist_sequences, chosen_by, facts)


@dg.asset(group_name=GROUP, kinds={"markdown"}, owners=OWNERS, code_version=_CODE)
def continuation_card(
    pipeline: dg.ResourceParam[Pipeline],
    playlist_sequences: Dataset,
    continuation_evaluation: Dataset,
    served_continuation: Dataset,
) -> dg.Output[pl.DataFrame]:
    """The model card: data, figures, sample answers, limits; a row, and a file under the home: `card, path`."""
    return outputs.card(pipeline, TASK, playlist_sequences, continuation_evaluation, served_continuation)
