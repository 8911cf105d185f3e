"""The songs system on drawn plays of the size of the Taste Profile: every step from plays to a published version.

`python -m benchmarks songs --scale tenth` runs all of it. One source at a time, at any share of the size:

    python -m benchmarks.songs_at_size --share 1 --only ALS --only "item neighbours"

ALS beside implicit's, the same settings and threads in turns, judged on plays hidden from both:

    python -m benchmarks.songs_at_size --share 0.1 --beside-implicit

A step is said as soon as it is measured, so that what was measured stands when a run is stopped.
"""

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import polars as pl
from numba import get_num_threads
from scipy.sparse import csr_array, csr_matrix

from benchmarks.measure import MIB, Report, Row
from buddies_assets.systems.songs.recommender import Material
from buddies_assets.systems.songs.served import publish
from buddies_core.interactions.labelled_plays import LabelledPlays
from buddies_core.kernels.simd_rows import padded
from buddies_core.recommenders.weighted_als import AlsConfig, WeightedAls
from buddies_core.songs.config import SongsConfig
from buddies_core.songs.facts import SongFacts
from buddies_core.songs.features import FeatureWorld
from buddies_core.songs.histories import Histories
from buddies_core.songs.lessons import folds
from buddies_core.songs.mixing import average_precision
from buddies_core.songs.model import SongsModel
from buddies_core.songs.source_list import NARROW
from buddies_core.songs.sources import fitted_sources

LISTENERS, SONGS, PLAYS = 1_019_318, 384_546, 48
"""Of the Taste Profile; the last is songs a listener."""
_PLAYLISTS, _TRACKS = 0.25, 30
"""Playlists a listener, and shared songs of each: a quarter of a million at full size."""
_TASTES, _OF_TASTE, _SKEW = 200, 0.5, 3
_SEED = 20_250_514
_BLOCK = 100_000
T = TypeVar("T")


def at_size(report: Report, listeners: int, songs: int, plays: int = PLAYS, *, only: Sequence[str] = ()) -> None:
    """Every step on drawn plays; or the fits of the sources named in `only` alone."""
    found = timed(report, "draw plays", "", listeners, "listeners", lambda: drawn(listeners, songs, plays))
    config = SongsConfig(seed=_SEED).at_size(listeners, songs)
    config = config if config.narrow else config.at_size(10**6, 10**6)
    report.notes.append(
        f"{listeners:,} listeners, {songs:,} songs, {found.histories.plays.nnz:,} plays, "
        f"{found.facts.playlists.shape[0]:,} playlists; rankers learn from {config.listeners:,} listeners at most, "
        f"drawn by hash, and rank {config.candidates} songs"
    )
    model, count = SongsModel(config), found.histories.plays.nnz
    if not only:
        arguments = (found.histories, found.facts, found.user_hashes, found.song_hashes)
        timed(report, "learn rankers (all sources once)", "ours", count, "plays", lambda: model.learn(*arguments))
        report.notes.append(f"recall of the candidates on hidden plays {model.learning.recall:.3f}")
    models = []
    for source in [one for one in NARROW if not only or one.name in only]:
        work = timed(
            report, "fit", source.name, count, "plays",
            lambda source=source: fitted_sources((source,), found.histories, found.facts, half_life=60.0),  # type: ignore[misc]
        )  # fmt: skip
        models += work if not only else []
    if not only:
        world = timed(
            report, "count features", "ours", count, "plays", lambda: FeatureWorld.of(found.histories, found.facts)
        )
        model.with_models(models, world)
        with tempfile.TemporaryDirectory(prefix="buddies-songs-") as home:
            catalogue = _catalogue(found)
            timed(
                report, "lists of everybody, songs like each song, published", "ours", listeners, "listeners",
                lambda: publish(Path(home), model, found, catalogue, {}),
            )  # fmt: skip
    whole = sum(row.cpu_seconds or 0.0 for row in report.rows)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    report.notes.append(f"{whole:,.0f} s of processor time in all, {most:,.0f} MiB at most")


def beside_implicit(report: Report, listeners: int, songs: int, plays: int = PLAYS, rounds: int = 2) -> None:
    """Our ALS and implicit's in turns, of one objective: there a play counts `alpha`, here 1 + `alpha`."""
    from implicit.als import AlternatingLeastSquares
    from threadpoolctl import threadpool_limits

    found = drawn(listeners, songs, plays)
    source = next(one.source for one in NARROW if one.name == "ALS")
    config, threads = AlsConfig(**source.config), get_num_threads()
    fold = next(iter(folds(found.histories, found.user_hashes, found.song_hashes,
                           count=2, share=0.5, most=min(2_000, listeners // 10), seed=_SEED)))  # fmt: skip
    known = fold.seen.known
    report.notes.append(f"{listeners:,} listeners, {songs:,} songs, {known.nnz:,} plays, {threads} threads, {config}")

    def theirs() -> np.ndarray:
        peer = AlternatingLeastSquares(
            factors=config.factors, regularization=config.ridge, alpha=config.alpha + 1, iterations=config.sweeps,
            num_threads=threads, random_state=_SEED,
        )  # fmt: skip
        with threadpool_limits(1, user_api="blas"):
            peer.fit(csr_matrix(known), show_progress=False)
        return np.asarray(peer.item_factors)

    def judged(items: np.ndarray) -> tuple[float, float]:
        """recall@100 and mAP@500 of items' factors; listeners are the ridge regression of what they have."""
        model = WeightedAls.from_arrays(config, {"items": padded_rows(items)})
        recall, precision = [], []
        for row in fold.listeners.tolist():
            mine, wanted = fold.seen.of(np.array([row])), fold.hidden.of(np.array([row])).plays.indices
            scores = model.scores(mine.known)[0]
            scores[mine.plays.indices] = -np.inf
            best = np.argpartition(-scores, 500)[:500]
            best = best[np.argsort(-scores[best], kind="stable")]
            hits = np.isin(best, wanted)
            recall.append(hits[:100].sum() / len(wanted))
            precision.append(average_precision(scores[best], hits, len(wanted)))
        return float(np.mean(recall)), float(np.mean(precision))

    items: dict[str, np.ndarray] = {}
    for _ in range(rounds):
        items["ours"] = timed(
            report, "fit ALS", "ours", known.nnz, "plays", lambda: WeightedAls(config).fit(known).items
        )
        items["implicit"] = timed(report, "fit ALS", "implicit", known.nnz, "plays", theirs)
    seconds = {name: float(np.median([row.cpu_seconds for row in report.rows if row.system == name])) for name in items}
    report.ratios["songs_als_over_implicit"] = seconds["implicit"] / seconds["ours"]
    for name, own in items.items():
        recall, precision = judged(own)
        report.notes.append(f"{name}: {len(fold.listeners):,} listeners, recall@100 {recall:.4f}, mAP {precision:.4f}")


def padded_rows(items: np.ndarray) -> np.ndarray:
    """Factors with columns of zeros up to whole vectors, as `WeightedAls` keeps them."""
    wide = np.zeros((len(items), padded(items.shape[1])), np.float32)
    wide[:, : items.shape[1]] = items
    return wide


def drawn(listeners: int, songs: int, plays: int) -> Material:
    """Plays whose songs are popular by a power law, half of them of two of 200 tastes, with artists and playlists."""
    rng = np.random.default_rng(_SEED)
    matrix = _drawn_rows(rng, listeners, songs, plays)
    artist = rng.permutation(songs) // 9
    facts = SongFacts(
        artist=artist.astype(np.int32),
        release=(artist * 2 + rng.integers(0, 2, songs)).astype(np.int32),
        title=np.arange(songs, dtype=np.int32),
        year=rng.integers(1960, 2011, songs).astype(np.int16),
        words=csr_array((0, songs), dtype=np.float32),
        playlists=_drawn_rows(rng, int(listeners * _PLAYLISTS), songs, _TRACKS),
    )
    users = [f"{user:040x}" for user in range(listeners)]
    labelled = LabelledPlays(users, [f"SO{song:016d}" for song in range(songs)], matrix)
    return Material(labelled, Histories(matrix), facts, np.full(songs, -1, np.int64))


def _drawn_rows(rng: np.random.Generator, rows: int, songs: int, each: int) -> csr_array:
    parts = []
    for first in range(0, rows, _BLOCK):
        n = min(_BLOCK, rows - first)
        lengths = np.maximum(rng.geometric(1 / each, n), 5)
        row = np.repeat(np.arange(n), lengths)
        song = (songs * rng.random(len(row)) ** _SKEW).astype(np.int64)
        tastes = rng.integers(0, _TASTES, (n, 2))[row, rng.integers(0, 2, len(row))]
        within = np.minimum(song - song % _TASTES + tastes, songs - 1)
        song = np.where(rng.random(len(row)) < _OF_TASTE, within, song)
        cells = np.unique(row * songs + song)
        indptr = np.searchsorted(cells, np.arange(n + 1) * songs)
        parts.append((cells % songs).astype(np.int32))
        parts.append(np.diff(indptr))
    indptr = np.concatenate([[0], np.cumsum(np.concatenate(parts[1::2]))])
    indices = np.concatenate(parts[::2])
    return csr_array((np.ones(len(indices), np.float32), indices, indptr), shape=(rows, songs))


def _catalogue(found: Material) -> pl.DataFrame:
    held = np.bincount(found.histories.plays.indices, minlength=found.facts.n_songs)
    songs = found.plays.items
    return pl.DataFrame(
        {
            "song": songs, "song_ids": [[song] for song in songs], "title": [f"Title {song[-6:]}" for song in songs],
            "artist": [f"Artist {number}" for number in found.facts.artist.tolist()],
            "release": [f"Release {number}" for number in found.facts.release.tolist()],
            "year": found.facts.year.astype(np.uint16), "track_uris": [[] for _ in songs],
            "listeners": held.astype(np.uint32),
        },
        schema_overrides={"track_uris": pl.List(pl.String)},
    )  # fmt: skip


def timed(report: Report, step: str, system: str, count: int, unit: str, work: Callable[[], T]) -> T:
    """What the work gives; its row is added, and said."""
    before = _resident()
    Path("/proc/self/clear_refs").write_text("5")
    started, cpu = time.perf_counter(), time.process_time()
    result = work()
    seconds, used = time.perf_counter() - started, time.process_time() - cpu
    peak = _resident("VmHWM") - before
    report.add(
        Row(
            step,
            system,
            get_num_threads(),
            seconds,
            count / max(used, 1e-9),
            unit,
            peak_mib=peak / MIB,
            cpu_seconds=used,
        )
    )
    print(f"{step} {system}: {used:,.1f} s of processor time, {peak / MIB:,.0f} MiB more", file=sys.stderr, flush=True)
    return result


def _resident(field: str = "VmRSS") -> float:
    """Bytes of memory of this process, now (`VmRSS`) or at most since that was last reset (`VmHWM`)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024.0 * int(next(line.split()[1] for line in lines if line.startswith(f"{field}:")))


def main() -> None:
    """Some sources at a share of the size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=0.1, help="of the listeners; songs go by its root")
    parser.add_argument("--only", action="append", default=[], choices=[one.name for one in NARROW])
    parser.add_argument("--beside-implicit", action="store_true", help="ALS beside implicit's, in turns, and no more")
    asked = parser.parse_args()
    report = Report("songs_at_size")
    size = int(LISTENERS * asked.share), int(SONGS * np.sqrt(asked.share))
    if asked.beside_implicit:
        beside_implicit(report, *size)
        print(report.to_text())
        return
    at_size(report, *size, only=asked.only)
    print(report.to_text())


if __name__ == "__main__":
    main()
