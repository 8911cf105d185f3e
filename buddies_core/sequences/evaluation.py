"""How good models of sequences are on playlists they have not seen, each beside the baselines, as one table."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from buddies_core.sequences.corpus import Sequences
from buddies_core.sequences.features import Candidates
from buddies_core.sequences.metrics import (
    ANSWERS,
    CONTINUATION,
    NEXT_TRACK,
    continuation_metrics,
    interval,
    next_track_metrics,
    rank_of,
)
from buddies_core.sequences.models import CONTINUE, NEXT, SequenceModels
from buddies_core.sequences.tasks import continuation_questions, next_track_questions

Scorer = Callable[[Candidates], np.ndarray]

ORDER_FREE = {
    "most popular": "log_popularity",
    "artist co-occurrence x share": "artist_with_share",
    "item-kNN (near, no order)": "near_songs",
    "playlist-kNN, idf": "knn",
    "EASE (dual, on the most like playlists)": "ridge",
    "ALS, 64 columns": "als_all",
    "ALS, 128 columns": "wide_all",
}
ORDERED = {
    "artists within 8 steps x share": "artist_near_share",
    "successors, 1 step": "next_last",
    "neighbours within 20 steps": "near_recent",
    "STAN": "stan",
    "ALS, by recency": "als_recent",
    "skip-gram, last 5, in-out": "skip_gram",
}
OF_TITLES = {"title words -> playlists": "title_knn", "title words in ALS": "title_als"}
"""Baselines by the feature that is their score. Each names its own best among the candidates, so its first answers
are those of a ranking of the whole vocabulary."""


@dataclass(frozen=True)
class Report:
    """What was measured: `rows` has one row a model and kind, with each metric, its interval and the queries."""

    rows: pl.DataFrame

    def value(self, model: str, kind: str, metric: str) -> float:
        """One figure."""
        row = self.rows.filter((pl.col("model") == model) & (pl.col("kind") == kind))
        return float(row[metric].item())


def by_feature(name: str) -> Scorer:
    """A baseline that goes by one feature."""
    return lambda candidates: candidates.column(name)


def evaluate_next_track(
    models: SequenceModels, test: Sequences, *, seed: int, more: Mapping[str, Callable[..., Any]] | None = None
) -> Report:
    """Hit and reciprocal rank of the song that follows, shown all but the last song, and shown a random prefix.

    Args:
        models: fitted on other playlists.
        test: playlists that the models have not seen, over their vocabulary.
        seed: of the random prefixes.
        more: further rankings by name: from a query to songs, best first.
    """
    answerer = models.answerer(NEXT)
    found: dict[tuple[str, str], list[Any]] = {}
    for question in next_track_questions(test, seed=seed):
        right = int(question.right[0])
        candidates, own = answerer.ranked(question.query)
        scores = {name: candidates.column(feature) for name, feature in (ORDER_FREE | ORDERED).items()}
        for name, values in (scores | {"blend (served)": own}).items():
            rank = rank_of(candidates.songs, values, right)
            if rank is not None and values is not own and values[np.searchsorted(candidates.songs, right)] <= 0:
                rank = None
            found.setdefault((name, question.kind), []).append((question.playlist, *next_track_metrics(rank)))
        for name, ranking in (more or {}).items():
            place = np.flatnonzero(ranking(question.query) == right)
            rank = int(place[0]) + 1 if len(place) else None
            found.setdefault((name, question.kind), []).append((question.playlist, *next_track_metrics(rank)))
    return _report(found, NEXT_TRACK)


def evaluate_continuation(
    models: SequenceModels,
    test: Sequences,
    artist_of: np.ndarray,
    *,
    seed: int,
    of_each: int = 220,
    more: Mapping[str, Callable[..., Any]] | None = None,
) -> Report:
    """Precision, NDCG, clicks and recall of 500 answers in eight categories, and their mean as the kind `mean`."""
    answerer = models.answerer(CONTINUE)
    found: dict[tuple[str, str], list[Any]] = {}
    for question in continuation_questions(test, seed=seed, of_each=of_each):
        songs, artists = test.playlist(question.playlist)
        right_artists = np.unique(artists[np.isin(songs, question.right)])
        candidates, own = answerer.ranked(question.query)
        scores = {name: candidates.column(feature) for name, feature in (ORDER_FREE | ORDERED | OF_TITLES).items()} | {
            "two stages (served)": own
        }
        popularity = candidates.column("log_popularity")
        answers = {name: _best(candidates.songs, values, popularity) for name, values in scores.items()}
        answers |= {name: ranking(question.query)[:ANSWERS] for name, ranking in (more or {}).items()}
        for name, answer in answers.items():
            metrics = continuation_metrics(answer, question.right, artist_of[answer], right_artists)
            found.setdefault((name, question.kind), []).append((question.playlist, *metrics))
    return _report(found, CONTINUATION, mean=True)


def _best(songs: np.ndarray, scores: np.ndarray, popularity: np.ndarray) -> np.ndarray:
    """The best answers; of equal ones the most popular, so that a scorer with nothing to go by is the popular list."""
    return songs[np.lexsort((-popularity, -scores))[:ANSWERS]]


def _report(found: Mapping[tuple[str, str], Sequence[Any]], metrics: tuple[str, ...], *, mean: bool = False) -> Report:
    rows = []
    models = dict.fromkeys(model for model, _ in found)
    for model in models:
        kinds = {kind: np.array(values) for (name, kind), values in found.items() if name == model}
        for kind, values in kinds.items():
            rows.append(_row(model, kind, values, metrics))
        if mean:
            weighted = np.mean([values[:, 1:].mean(0) for values in kinds.values()], axis=0)
            row = _row(model, "mean", np.concatenate(list(kinds.values())), metrics)
            rows.append(row | dict(zip(metrics, weighted.tolist(), strict=True)))
    return Report(pl.DataFrame(rows))


def _row(model: str, kind: str, values: np.ndarray, metrics: tuple[str, ...]) -> dict[str, object]:
    row: dict[str, object] = {"model": model, "kind": kind, "queries": len(values)}
    for column, metric in enumerate(metrics, 1):
        low, high = interval(values[:, column], values[:, 0])
        row |= {metric: float(values[:, column].mean()), f"{metric}_low": low, f"{metric}_high": high}
    return row
