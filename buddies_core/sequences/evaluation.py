"""How good models of sequences are on playlists they have not seen, each beside the baselines, as one table."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from buddies_core.sequences.corpus import Sequences
from buddies_core.sequences.metrics import (
    ANSWERS,
    CONTINUATION,
    NEXT_TRACK,
    continuation_metrics,
    interval,
    next_track_metrics,
    rank_of,
)
from buddies_core.sequences.models import CONTINUE, NEXT, Answerer, SequenceModels
from buddies_core.sequences.processes import in_processes
from buddies_core.sequences.query import Candidates
from buddies_core.sequences.tasks import Question, continuation_questions, next_track_questions

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


Measured = list[tuple[str, str, int, tuple[float, ...]]]
"""Of each model and question: model, kind, playlist, metrics."""


def evaluate_next_track(
    models: SequenceModels,
    test: Sequences,
    *,
    seed: int,
    more: Mapping[str, Callable[..., Any]] | None = None,
    workers: int = 1,
) -> Report:
    """Hit and reciprocal rank of the song that follows, shown all but the last song, and shown a random prefix.

    Args:
        models: fitted on other playlists.
        test: playlists that the models have not seen, over their vocabulary.
        seed: of the random prefixes.
        more: further rankings by name: from a query to songs, best first.
        workers: processes; their number changes nothing.
    """
    measured = _measured(_Exam(models, test, NEXT, seed, 0), workers)
    for question in next_track_questions(test, seed=seed) if more else ():
        for name, ranking in (more or {}).items():
            place = np.flatnonzero(ranking(question.query) == question.right[0])
            rank = int(place[0]) + 1 if len(place) else None
            measured.append((name, question.kind, question.playlist, next_track_metrics(rank)))
    return _report(measured, NEXT_TRACK)


def evaluate_continuation(
    models: SequenceModels,
    test: Sequences,
    *,
    seed: int,
    of_each: int = 220,
    more: Mapping[str, Callable[..., Any]] | None = None,
    workers: int = 1,
) -> Report:
    """Precision, NDCG, clicks and recall of 500 answers in eight categories, and their mean as the kind `mean`."""
    measured = _measured(_Exam(models, test, CONTINUE, seed, of_each), workers)
    for question in continuation_questions(test, seed=seed, of_each=of_each) if more else ():
        for name, ranking in (more or {}).items():
            metrics = _continued(ranking(question.query)[:ANSWERS], question, test, models.index.artist_of)
            measured.append((name, question.kind, question.playlist, metrics))
    return _report(measured, CONTINUATION, mean=True)


@dataclass(frozen=True)
class _Exam:
    """All that a process needs to ask some of the questions: those of every `parts`-th playlist from `part` on."""

    models: SequenceModels
    test: Sequences
    task: str
    seed: int
    of_each: int
    part: int = 0
    parts: int = 1


def _measured(exam: _Exam, workers: int) -> Measured:
    """Figures of every question, in the order of the playlists whatever the number of processes."""
    parts = [replace(exam, part=part, parts=workers) for part in range(workers)]
    return sorted((row for rows in in_processes(_asked, parts, workers) for row in rows), key=lambda row: row[2])


def _asked(exam: _Exam) -> Measured:
    answerer = exam.models.answerer(exam.task)
    if exam.task == NEXT:
        questions = next_track_questions(exam.test, seed=exam.seed)
    else:
        questions = continuation_questions(exam.test, seed=exam.seed, of_each=exam.of_each)
    ask = _next_track_figures if exam.task == NEXT else _continuation_figures
    found: Measured = []
    for question in questions:
        if question.playlist % exam.parts == exam.part:
            for name, metrics in ask(answerer, question, exam.test, exam.models.index.artist_of):
                found.append((name, question.kind, question.playlist, metrics))
    return found


Figures = Iterator[tuple[str, tuple[float, ...]]]


def _next_track_figures(answerer: Answerer, question: Question, _test: Sequences, _artist_of: np.ndarray) -> Figures:
    right = int(question.right[0])
    candidates, own = answerer.ranked(question.query)
    yield "blend (served)", next_track_metrics(rank_of(candidates.songs, own, right))
    for name, feature in (ORDER_FREE | ORDERED).items():
        values = candidates.column(feature)
        rank = rank_of(candidates.songs, values, right)
        if rank is not None and values[np.searchsorted(candidates.songs, right)] <= 0:
            rank = None
        yield name, next_track_metrics(rank)


def _continuation_figures(answerer: Answerer, question: Question, test: Sequences, artist_of: np.ndarray) -> Figures:
    candidates, own = answerer.ranked(question.query)
    popularity = candidates.column("log_popularity")
    scores = {"two stages (served)": own}
    scores |= {name: candidates.column(feature) for name, feature in (ORDER_FREE | ORDERED | OF_TITLES).items()}
    for name, values in scores.items():
        yield name, _continued(_best(candidates.songs, values, popularity), question, test, artist_of)


def _continued(answer: np.ndarray, question: Question, test: Sequences, artist_of: np.ndarray) -> tuple[float, ...]:
    songs, artists = test.playlist(question.playlist)
    right_artists = np.unique(artists[np.isin(songs, question.right)])
    return continuation_metrics(answer, question.right, artist_of[answer], right_artists)


def _best(songs: np.ndarray, scores: np.ndarray, popularity: np.ndarray) -> np.ndarray:
    """The best answers; of equal ones the most popular, so that a scorer with nothing to go by is the popular list."""
    return songs[np.lexsort((-popularity, -scores))[:ANSWERS]]


def _report(measured: Measured, metrics: tuple[str, ...], *, mean: bool = False) -> Report:
    rows = []
    found: dict[tuple[str, str], list[Any]] = {}
    for name, kind, playlist, values in measured:
        found.setdefault((name, kind), []).append((playlist, *values))
    models = dict.fromkeys(model for model, _ in found)
    for model in models:
        kinds = {kind: np.array(values) for (name, kind), values in found.items() if name == model}
        for kind, figures in kinds.items():
            rows.append(_row(model, kind, figures, metrics))
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
