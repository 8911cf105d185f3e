"""Links of playlists and songs: GraphSAGE beside popularity, ALS and the reference's model, and what the graphs cost.

`--scale real`: the slices of BUDDIES_REAL_DATA/mpd; a sixth of the playlists is kept from every training and continued.
`small`: every eighth slice of them. `full`: 150,000 drawn playlists and 50 epochs, against the clock.
"""

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import polars as pl

from benchmarks.measure import PeakMemory, Report, Row, cpu_seconds, progress
from benchmarks.real_playlists import SEED, real_playlists, table_text
from buddies_core.graph.additive import train_additive
from buddies_core.graph.evaluation import AlsBaseline, PairScorer, continuation_table, link_table, sage_scorers
from buddies_core.graph.links import TEST, TRAIN, VALIDATION, chosen_rows, judged_links, parts_of_links
from buddies_core.graph.projection import bipartite, co_occurrence
from buddies_core.graph.sage import PlaylistGraph
from buddies_core.graph.sage_config import SageConfig
from buddies_core.graph.sage_training import Epoch, train_sage
from buddies_core.kernels.randomness import SPLIT, uniform
from buddies_core.sequences.corpus import Sequences

_SIZES = (446, 893, 1_787, 3_574)
_FULL = (150_000, 850_000, 67)
"""Playlists, songs and songs of a playlist, as in the reference."""


def run(scale: str) -> Report:
    """See the module's text."""
    report = Report("links")
    if scale in ("full", "tenth"):
        _at_size(report, 1.0 if scale == "full" else 0.1)
        return report
    train, unseen, songs = real_playlists(every=1 if scale == "real" else 8)
    artist_of = songs.artist_of
    parts = parts_of_links(train, seed=SEED)
    validation, test = (judged_links(train, parts, part, seed=SEED) for part in (VALIDATION, TEST))
    graph = graph_of(chosen_rows(train, parts == TRAIN), artist_of)
    degree = np.bincount(graph.songs, minlength=graph.n_songs).astype(np.float32)
    progress("ALS")
    als, _ = _timed(report, "fit", "ALS-64", graph, lambda: AlsBaseline.fit(graph, seed=SEED))
    progress("GraphSAGE")
    sage, _ = _timed(
        report, "fit", "GraphSAGE", graph, lambda: train_sage(graph, SageConfig(seed=SEED), validation=validation)
    )
    progress("the reference's model")
    additive, _ = _timed(report, "fit", "the reference's model", graph, lambda: train_additive(graph, seed=SEED))
    pairs, continued = sage_scorers(sage, graph)
    systems = {
        "popularity": lambda _, songs: degree[songs],
        "the reference's model as written (additive)": additive.scores,
        "ALS-64": als.pairs,
        "GraphSAGE": pairs,
    }
    progress("links judged")
    edgeless = float((test.degree == 0).mean())
    report.notes.append(f"{len(train):,} playlists, {len(test):,} test links, {edgeless:.0%} of them without an edge")
    report.notes.append(table_text(link_table(systems, validation, test, seed=SEED)))
    progress("playlists continued")
    popular = {"popularity": lambda _: degree, "ALS-64": als.scores, "GraphSAGE": continued}
    report.notes.append(table_text(continuation_table(popular, unseen, seed=SEED, of_each=500)))
    progress("fewer playlists")
    report.notes.append(table_text(_by_size(train, artist_of)))
    for name, size in (("bipartite", bipartite(train)), ("co-occurrence", co_occurrence(train))):
        report.notes.append(
            f"{name}: {size.edges:,} edges, {size.bytes / 2**20:,.1f} MiB, "
            f"{size.seconds_to_add * 1e6:,.0f} us to add a playlist"
        )
    return report


def graph_of(sequences: Sequences, artist_of: np.ndarray) -> PlaylistGraph:
    """Edges of playlists and the songs of the vocabulary."""
    known = sequences.songs < len(artist_of)
    kept = chosen_rows(sequences, known)
    followers = np.zeros(len(kept), np.float32)
    return PlaylistGraph(kept.indptr, kept.songs.astype(np.int32), artist_of, followers, int(artist_of.max()) + 1)


def _by_size(train: Sequences, artist_of: np.ndarray) -> pl.DataFrame:
    """AUC of popularity and of GraphSAGE as playlists become more; the popularity list's grows by itself."""
    rows = []
    order = np.argsort(uniform(SEED, SPLIT, train.pids, 1), kind="stable")
    for size in _SIZES:
        if size > len(train):
            break
        some = train.take(np.sort(order[:size]))
        held, numbered = np.unique(some.songs, return_inverse=True)
        some = Sequences(
            some.indptr, numbered.astype(np.int32), some.artists, some.pids, some.titles, len(held),
            some.n_known_artists,
        )  # fmt: skip
        parts = parts_of_links(some, seed=SEED)
        validation, test = (judged_links(some, parts, part, seed=SEED) for part in (VALIDATION, TEST))
        graph = graph_of(chosen_rows(some, parts == TRAIN), artist_of[held])
        degree = np.bincount(graph.songs, minlength=graph.n_songs).astype(np.float32)
        pairs, _ = sage_scorers(train_sage(graph, SageConfig(seed=SEED)), graph)
        scorers: dict[str, PairScorer] = {"popularity": partial(_degrees, degree), "GraphSAGE": pairs}
        table = link_table(scorers, validation, test, seed=SEED)
        rows.append(table.select(pl.lit(size).alias("playlists"), "system", "auc", "auc_edge", "matched_auc"))
    return pl.concat(rows) if rows else pl.DataFrame()


def _degrees(degree: np.ndarray, _playlists: np.ndarray, songs: np.ndarray) -> np.ndarray:
    """Scores of pairs by the songs' playlists alone."""
    return degree[songs]


def _at_size(report: Report, share: float) -> None:
    """A drawn graph of the reference's size: popularity falls as in playlists, artists hold songs of one kind."""
    playlists, songs, length = int(_FULL[0] * share), int(_FULL[1] * share), _FULL[2]
    rng = np.random.default_rng(SEED)
    kind = np.repeat(rng.integers(0, 64, playlists), length)
    place = (songs // 64 * rng.random(playlists * length) ** 3).astype(np.int64)
    drawn = np.where(rng.random(len(place)) < 0.8, place * 64 + kind, rng.integers(0, songs, len(place)))
    pairs = np.unique(np.repeat(np.arange(playlists), length) << 32 | drawn)
    owner, found = pairs >> 32, (pairs & 0xFFFFFFFF).astype(np.int32)
    indptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.bincount(owner, minlength=playlists))])
    artist_of = (np.arange(songs) % 64 + 64 * (np.arange(songs) // 640)).astype(np.int32)
    sequences = Sequences(
        indptr, found, artist_of[found], np.arange(playlists), [""] * playlists, songs, int(artist_of.max()) + 1
    )
    parts = parts_of_links(sequences, seed=SEED)
    test, validation = (judged_links(sequences, parts, part, seed=SEED) for part in (TEST, VALIDATION))
    graph = graph_of(chosen_rows(sequences, parts == TRAIN), artist_of)
    config = SageConfig(seed=SEED, epochs=50, playlists=512, targets=8, negatives=512, threads=2)
    progress(f"{len(graph.songs):,} edges of {playlists:,} playlists and {songs:,} songs; ALS first")
    step = f"fit, {len(graph.songs):,} edges, {config.epochs} epochs"
    with PeakMemory() as memory:
        sage, _ = _timed(report, step, "GraphSAGE", graph, lambda: train_sage(graph, config, progress=_said()), 2)
    report.notes.append(f"GraphSAGE: {memory.peak_mib:,.0f} MiB more than the graph")
    degree = np.bincount(graph.songs, minlength=graph.n_songs).astype(np.float32)
    systems = {"popularity": lambda _, s: degree[s], "GraphSAGE": sage_scorers(sage, graph)[0]}
    report.notes.append(table_text(link_table(systems, validation, test, seed=SEED)))


def _said() -> Callable[[Epoch], None]:
    """Says of each epoch what it took of all processors, and of the thread that leads."""
    used = [cpu_seconds(), time.thread_time()]

    def say(epoch: Epoch) -> None:
        now = [cpu_seconds(), time.thread_time()]
        took, lead = (after - before for after, before in zip(now, used, strict=True))
        used[:] = now
        progress(f"epoch {epoch.number + 1}: loss {epoch.loss:.3f}, {took:.1f} s of processors, {lead:.1f} s led")

    return say


def _timed(report: Report, step: str, system: str, graph: PlaylistGraph, work, threads=1):  # type: ignore[no-untyped-def]
    started, used = time.perf_counter(), time.process_time()
    found = work()
    seconds, cpu = time.perf_counter() - started, time.process_time() - used
    row = Row(step, system, threads, seconds, len(graph.songs) / seconds, "edges", None, cpu)
    return found, report.add(row)
