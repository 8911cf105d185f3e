"""Continuation on real playlists in eight categories, beside every baseline; scales as in `next_track`.

Two rows are graph networks: GraphSAGE, and the reference's model as written, which has one order for every playlist.
"""

import time
from collections.abc import Callable

import numpy as np
import polars as pl

from benchmarks.links import graph_of
from benchmarks.measure import Report, Row, cpu_seconds, progress
from benchmarks.real_playlists import SEED, real_playlists, table_text
from benchmarks.sequence_requests import request_times
from buddies_core.graph.additive import train_additive
from buddies_core.graph.sage_config import SageConfig
from buddies_core.graph.sage_training import train_sage
from buddies_core.sequences.catalogue import catalogue_of
from buddies_core.sequences.corpus import Sequences, Songs
from buddies_core.sequences.evaluation import evaluate_continuation
from buddies_core.sequences.metrics import ANSWERS
from buddies_core.sequences.models import CONTINUE
from buddies_core.sequences.query import Query
from buddies_core.sequences.tasks import continuation_questions
from buddies_core.sequences.training import ModelsConfig, fit_models
from buddies_core.settings import Settings

SHOWN = (
    *("model", "kind", "queries", "r_precision", "r_precision_low", "r_precision_high", "r_precision_official"),
    *("ndcg@500", "ndcg@500_low", "ndcg@500_high", "clicks", "clicks_low", "clicks_high", "recall@500"),
)
_ALL_KINDS = "two stages (served)"


def run(scale: str) -> Report:
    """See the module's text."""
    report = Report("continuation")
    train, judged, songs = real_playlists(every=1 if scale in ("real", "full") else 8)
    workers = Settings().worker_threads
    started, used = time.perf_counter(), cpu_seconds()
    models = fit_models(
        train, catalogue_of(songs), ModelsConfig(seed=SEED), tasks=(CONTINUE,), workers=workers, progress=progress
    )
    seconds, cpu = time.perf_counter() - started, cpu_seconds() - used
    report.add(Row("fit", "two stages", workers, seconds, len(train.songs) / seconds, "rows", None, cpu))
    progress("requests timed")
    request_times(report, models, CONTINUE, continuation_questions(judged, seed=SEED, of_each=50))
    more = graph_networks(report, train, songs)
    progress(f"questions of {len(judged):,} playlists asked")
    found = evaluate_continuation(models, judged, seed=SEED, more=more, workers=workers).rows
    shown = found.filter(pl.col("kind").is_in(["0", "mean"]) | (pl.col("model") == _ALL_KINDS))
    report.notes.append(table_text(shown.select(SHOWN).sort("kind", "ndcg@500")))
    return report


def graph_networks(report: Report, train: Sequences, songs: Songs) -> dict[str, Callable[[Query], np.ndarray]]:
    """Rankings, from a playlist to songs, of networks that see the playlists to learn from as a graph."""
    graph = graph_of(train, songs.artist_of)
    started, used = time.perf_counter(), cpu_seconds()
    progress("GraphSAGE")
    sage = train_sage(graph, SageConfig(seed=SEED))
    seconds = time.perf_counter() - started
    report.add(Row("fit", "GraphSAGE", 1, seconds, len(graph.songs) / seconds, "edges", None, cpu_seconds() - used))
    progress("the reference's model as written")
    order = train_additive(graph, seed=SEED).songs
    return {
        "GraphSAGE": lambda query: _best(sage.all_scores(query.songs, query.artists), query),
        "the reference's model as written (additive)": lambda query: _best(order, query),
    }


def _best(scores: np.ndarray, query: Query) -> np.ndarray:
    """The 500 songs of greatest scores that the playlist lacks, best first."""
    scores = scores.copy()
    scores[query.songs[query.songs < len(scores)]] = -np.inf
    best = np.argpartition(-scores, min(ANSWERS, len(scores) - 1))[:ANSWERS]
    best = best[scores[best] > -np.inf]
    return best[np.argsort(-scores[best], kind="stable")]
