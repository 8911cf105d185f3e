"""Songs: what lists are worth beside peers and the reference's recipe, and what fitting and ranking cost.

`--scale real`: BUDDIES_REAL_DATA/entp with song text and MPD playlists; of three listeners in ten a half is hidden by
the hash of (listener, song). Where BUDDIES_SONG_HALVES names a folder, plays, hidden halves and text are its files
`train.tsv`, `heldout.tsv` and `songs.csv`. `small`: the synthetic sample of dated plays, split by date. `tenth`,
`full`, `3%`: drawn plays of that share of the Taste Profile's size, from plays to a published version
(`songs_at_size`).
"""

import os
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from scipy.sparse import csr_array, csr_matrix
from threadpoolctl import threadpool_limits

from benchmarks.measure import Report
from benchmarks.songs_at_size import LISTENERS, SONGS, at_size, timed
from buddies_assets.sources.dated_plays import read_dated
from buddies_assets.sources.synthetic.dated_plays import write_dated_plays
from buddies_assets.systems.songs.catalogue import CanonicalPlays, canonical, no_text, read_text, with_texts
from buddies_assets.systems.songs.evaluation import REFERENCE, evaluated
from buddies_assets.systems.songs.peers import ALS_PEER, RECTOOLS_PEER, SANSA_PEER, peers_missing
from buddies_assets.systems.songs.reading import read_tracks
from buddies_assets.systems.songs.recommender import Material, fit, material
from buddies_assets.systems.songs.splits import part_of, seen_plays, split_plays
from buddies_assets.systems.songs.stored import hidden_of, holders, lists_by_user, proposed_by
from buddies_core.evaluation.song_lists import evaluate_songs, paired_songs
from buddies_core.interactions.text_hash import hashed_share
from buddies_core.recommenders.weighted_als import AlsConfig, WeightedAls
from buddies_core.songs.config import SongsConfig
from buddies_core.songs.histories import Histories
from buddies_core.songs.model import SongsModel

SEED = 20_250_514
_OTHERS = {"reference": REFERENCE, "implicit": ALS_PEER, "sansa": SANSA_PEER, "rectools": RECTOOLS_PEER}
_ALS = AlsConfig(factors=64, alpha=1.0, ridge=0.05, sweeps=15)


def run(scale: str) -> Report:
    """See the module's text."""
    report = Report("songs")
    if scale not in ("small", "real"):
        share = {"full": 1.0, "tenth": 0.1}.get(scale) or float(scale.rstrip("%")) / 100
        at_size(report, int(LISTENERS * share), int(SONGS * np.sqrt(share)))
        return report
    halves = os.environ.get("BUDDIES_SONG_HALVES")
    found, splits, catalogue = _small() if scale == "small" else _halves(Path(halves)) if halves else _real()
    model = timed(
        report, "fit", "everything", found.plays.matrix.nnz, "plays", lambda: fit(found, SongsConfig(seed=SEED))
    )
    hidden = hidden_of(splits, "test")
    proposals = {
        source.name: proposed_by(source, found, hidden, model.config) for source, _ in model.models
    }  # fmt: skip
    frame = evaluated(model, found, splits, proposals, catalogue)
    shown = frame.filter(
        (pl.col("segment") == "all") & pl.col("metric").is_in(["map500", "ndcg", "precision", "recall500"])
    )
    with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_width_chars=160, fmt_str_lengths=60, float_precision=4):
        report.notes.append(str(shown.pivot("metric", index="system", values="value")))
        for metric in ("map500", "ndcg", "precision", "recall500"):
            lead = shown.filter(pl.col("metric") == metric).drop("segment", "listeners")
            report.notes.append(str(lead))
    _said(report)
    _narrow(report, model, found, hidden)
    _said(report)
    for metric in ("map500", "ndcg"):
        for name, peer in (
            ("reference", REFERENCE),
            ("implicit", ALS_PEER),
            ("sansa", SANSA_PEER),
            ("rectools", RECTOOLS_PEER),
        ):
            theirs = _value(frame, peer, metric)
            if theirs:
                report.ratios[f"songs_{metric}_over_{name}"] = _value(frame, "ranker", metric) / theirs
    report.notes += [f"{peer} is skipped, because: {why}" for peer, why in peers_missing().items()]
    _als(report, found.histories.known)
    _ranking(report, model, found)
    return report


def _said(report: Report) -> None:
    """What has been found, on stderr, so that it stands when a run is stopped."""
    print(report.to_text(), file=sys.stderr, flush=True)


def _narrow(report: Report, dense: SongsModel, found: Material, hidden: dict[str, set[str]]) -> None:
    """What it costs that only named songs are scored, as of many listeners and songs: the same listeners, paired."""
    config = SongsConfig(seed=SEED).at_size(10**6, 10**6)
    narrow = timed(report, "fit", "named songs alone", found.plays.matrix.nnz, "plays", lambda: fit(found, config))
    rows = holders(found, hidden)
    one, other = (evaluate_songs(lists_by_user(model, found, rows), hidden) for model in (dense, narrow))
    less = paired_songs(one, other)
    for metric in ("map500", "ndcg", "precision", "recall100", "recall500"):
        alone, apart = other.figures[metric], less[metric]
        report.notes.append(
            f"named songs alone, {metric}: {alone.value:.4f} ({alone.low:.4f} to {alone.high:.4f}), "
            f"every song less that {apart.value:.4f} ({apart.low:.4f} to {apart.high:.4f})"
        )


def _halves(folder: Path) -> tuple[Material, pl.DataFrame, pl.DataFrame]:
    """Halves of a folder, with playlists and mismatches of BUDDIES_REAL_DATA."""
    data = Path(os.environ["BUDDIES_REAL_DATA"])
    train, held = read_dated(folder / "train.tsv").plays, read_dated(folder / "heldout.tsv").plays
    text = read_text([folder / "songs.csv"], data / "msd" / "sid_mismatches.txt", strict=False)
    tracks = read_tracks(data / "mpd")
    whole = canonical(train, text, tracks)
    away = held.select("user", pl.col("item").alias("song"), split=pl.lit("test"))
    splits = pl.concat([whole.plays.select("user", "song", split=pl.lit("train")), away])
    return material(whole, tracks), splits, whole.catalogue


def _real() -> tuple[Material, pl.DataFrame, pl.DataFrame]:
    folder = os.environ.get("BUDDIES_REAL_DATA")
    if folder is None:
        raise SystemExit("BUDDIES_REAL_DATA is unset: it names a folder with entp/, msd/ and mpd/")
    data = Path(folder)
    plays = read_dated(data / "entp" / "train_triplets.txt").plays
    text = read_text([data / "msd" / "song_data.csv"], data / "msd" / "sid_mismatches.txt", strict=False)
    tracks = read_tracks(data / "mpd")
    whole = canonical(plays, text, tracks)
    users = whole.plays["user"].to_list()
    asked = hashed_share(users, ["asked"] * len(users), seed=SEED) < 0.3
    away = hashed_share(users, whole.plays["song"].to_list(), seed=SEED) < 0.5
    many = whole.plays.select(pl.len().over("user"))["len"].to_numpy() >= 10
    split = np.where(asked & away & many, "test", "train")
    splits = whole.plays.select("user", "song").with_columns(split=pl.Series(split.tolist()))
    return _train(whole, splits, tracks), splits, whole.catalogue


def _small() -> tuple[Material, pl.DataFrame, pl.DataFrame]:
    with tempfile.TemporaryDirectory() as folder:
        read = read_dated(write_dated_plays(Path(folder) / "plays.tsv", 300, 400, SEED))
    whole = canonical(read.plays, with_texts(no_text(), read.texts))
    splits = split_plays(whole.plays, seed=SEED)
    return _train(whole, splits, None), splits, whole.catalogue


def _train(whole: CanonicalPlays, splits: pl.DataFrame, tracks: pl.DataFrame | None) -> Material:
    kept = part_of(seen_plays(whole.plays, whole.events, splits), splits, "train")
    return material(CanonicalPlays(kept, whole.catalogue, whole.events), tracks)


def _als(report: Report, known: csr_array) -> None:
    """ALS beside implicit's at the same factors and sweeps, in turns."""
    from implicit.als import AlternatingLeastSquares

    def theirs() -> None:
        peer = AlternatingLeastSquares(
            factors=_ALS.factors, regularization=_ALS.ridge, alpha=_ALS.alpha, iterations=_ALS.sweeps, num_threads=1
        )
        with threadpool_limits(1, user_api="blas"):
            peer.fit(csr_matrix(known), show_progress=False)

    for _ in range(3):
        timed(report, "fit ALS", "ours", known.nnz, "plays", lambda: WeightedAls(_ALS).fit(known))
        timed(report, "fit ALS", "implicit", known.nnz, "plays", theirs)
    seconds = {name: float(np.median([r.cpu_seconds for r in report.rows if (r.step, r.system) == ("fit ALS", name)]))
               for name in ("ours", "implicit")}  # fmt: skip
    report.ratios["songs_als_over_implicit"] = seconds["implicit"] / seconds["ours"]


def _ranking(report: Report, model: SongsModel, found: Material) -> None:
    """Features and rankers of candidates, and the rankers alone."""
    rows = np.arange(min(256, len(found.plays.users)))
    mine: Histories = found.histories.of(rows)
    proposed = model.proposed(mine)
    pairs = proposed.songs.size
    values = timed(report, "features", "ours", pairs, "pairs", lambda: model.features(mine, proposed))
    flat = values.reshape(-1, values.shape[2])
    for kind, predictors in model._loaded().items():
        margins = partial(predictors[0].margins, flat, model.config.threads)
        timed(report, "rank", kind, pairs, "pairs", margins)


def _value(frame: pl.DataFrame, system: str, metric: str) -> float:
    found = frame.filter((pl.col("system") == system) & (pl.col("segment") == "all") & (pl.col("metric") == metric))
    return float(found["value"][0]) if found.height else 0.0
