"""Artists: ten for every listener, beside implicit's models on the same splits, and what a fit of each costs.

`--scale real`: the HetRec Last.fm files of BUDDIES_LASTFM_DIR, or of BUDDIES_REAL_DATA/hetrec-lastfm-2k, split 80/20 by
row five times. `small`: the synthetic files, split twice. Each system learns from the training rows (ours from the tags
too) and is judged as the reference is, by implicit's metrics at 10: means of the splits, 95 % intervals by Student's t.
"""

import os
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy.sparse import csr_matrix
from scipy.stats import t as student
from threadpoolctl import threadpool_limits

from benchmarks.measure import Report, Row
from buddies_assets.sources.hetrec import HetRec, read_hetrec
from buddies_assets.sources.synthetic.hetrec import write_hetrec
from buddies_assets.systems.artists.config import ArtistsConfig
from buddies_assets.systems.artists.recommender import held_out_of, recommend
from buddies_core.evaluation.lists import ListReport, evaluate, paired_difference
from buddies_core.interactions.labelled_plays import LabelledPlays
from buddies_core.interactions.row_weights import rank_weights

OURS, ALONE, TUNED = "ours", "ours, without tags", "implicit's ALS as the reference tuned it"
SHOWN = ("ndcg", "precision", "map", "auc", "recall")
_SHARE, _K = 0.8, 10
Lists = Mapping[str, list[str]]


def run(scale: str) -> Report:
    """See the module's text."""
    report = Report("artists")
    with tempfile.TemporaryDirectory() as folder:
        real = scale != "small"
        data = read_hetrec(_real() if real else write_hetrec(Path(folder) / "hetrec", 200, 150, seed=1))
    found: dict[str, list[dict[str, float]]] = {}
    ahead = []
    for seed in range(5 if real else 2):
        reports = _split(report, data, seed)
        for system, figures in reports.items():
            found.setdefault(system, []).append(figures.row())
        gain = paired_difference(reports[OURS], reports[TUNED])["ndcg"]
        ahead.append(f"split {seed}: {gain.value:+.4f} ({gain.low:+.4f} to {gain.high:+.4f})")
    report.notes.append(_table(found))
    report.notes.append("NDCG of ours less that of the tuned ALS, paired by listener: " + "; ".join(ahead))
    for metric in ("ndcg", "precision", "map"):
        mine, theirs = (np.mean([row[metric] for row in found[system]]) for system in (OURS, TUNED))
        report.ratios[f"artists_{metric}_over_implicit"] = float(mine / theirs)
    return report


def _real() -> Path:
    named, data = os.environ.get("BUDDIES_LASTFM_DIR"), os.environ.get("BUDDIES_REAL_DATA")
    if named or data:
        return Path(named) if named else Path(str(data)) / "hetrec-lastfm-2k"
    raise SystemExit("BUDDIES_LASTFM_DIR is unset: it names the folder or zip of the HetRec Last.fm files")


def _split(report: Report, data: HetRec, seed: int) -> dict[str, ListReport]:
    """Every system fitted on one split's training rows and judged by the rest."""
    rows = data.plays.rows
    train = np.random.default_rng(seed).random(rows.height) < _SHARE
    plays = LabelledPlays.of(rows.filter(pl.Series(train)))
    held_out = held_out_of(rows.filter(pl.Series(~train)))
    reports = {}
    for system, lists_of in _systems(data).items():
        started, cpu = time.perf_counter(), time.process_time()
        lists = lists_of(plays)
        seconds, used = time.perf_counter() - started, time.process_time() - cpu
        report.add(
            Row(f"fit and lists, split {seed}", system, 1, seconds, plays.matrix.nnz / used, "plays", None, used)
        )
        reports[system] = evaluate(lists, held_out, n_items=rows["item"].n_unique(), k=_K)
    return reports


def _systems(data: HetRec) -> dict[str, Callable[[LabelledPlays], Lists]]:
    """By name, what makes the lists of everybody who has plays to learn from.

    The reference's tuned parameters are those that it prints; its other models are the library's defaults.
    """
    from implicit.als import AlternatingLeastSquares as Als
    from implicit.bpr import BayesianPersonalizedRanking as Bpr

    config = ArtistsConfig()

    def ours(tags: pl.DataFrame | None) -> Callable[[LabelledPlays], Lists]:
        return lambda plays: recommend(plays, tags, config, _K)[1].by_user(plays)

    def theirs(model: Callable[[], Any], power: float | None = None) -> Callable[[LabelledPlays], Lists]:
        return lambda plays: _implicit(model(), plays, power)

    tuned = {"factors": 100, "alpha": 0.5097051938957499, "regularization": 0.16799704422342204}
    weighted = {
        "factors": config.als_factors, "alpha": config.als_alpha, "regularization": config.als_ridge, "iterations": 24,
    }  # fmt: skip
    fixed = {"random_state": 0, "num_threads": 1}
    return {
        OURS: ours(data.tags.rows),
        ALONE: ours(None),
        "implicit's ALS, plays weighed as ours": theirs(lambda: Als(**weighted, **fixed), config.rank_power),
        TUNED: theirs(lambda: Als(**tuned, **fixed)),
        "implicit's ALS by default": theirs(lambda: Als(**fixed)),
        "implicit's BPR by default": theirs(lambda: Bpr(**fixed)),
    }


def _implicit(model: Any, plays: LabelledPlays, power: float | None) -> Lists:
    """Lists of a model of implicit, fitted on plays as they are, or on our weights of them."""
    matrix = csr_matrix(plays.matrix if power is None else rank_weights(plays.matrix, power))
    with threadpool_limits(1, user_api="blas"):
        model.fit(matrix, show_progress=False)
        items, scores = model.recommend(np.arange(matrix.shape[0]), matrix, N=_K, filter_already_liked_items=True)
    # Where too few items are left it fills up with what the listener has, at the lowest score there is.
    real = scores > np.finfo(np.float32).min
    return {
        user: [plays.items[item] for item in row[kept].tolist()]
        for user, row, kept in zip(plays.users, items, real, strict=True)
    }


def _table(found: Mapping[str, list[dict[str, float]]]) -> str:
    """A row for each system: the mean of the splits ± half its interval."""
    rows = []
    for system, splits in found.items():
        row = {"system": system}
        for metric in SHOWN:
            values = np.array([split[metric] for split in splits])
            half = student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
            row[f"{metric}@{_K}"] = f"{values.mean():.4f} ± {half:.4f}"
        rows.append(row)
    with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_width_chars=200, fmt_str_lengths=60):
        return str(pl.DataFrame(rows))
