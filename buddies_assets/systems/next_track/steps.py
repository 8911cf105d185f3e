"""What the assets of next track make, without Dagster."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from buddies_assets.sources.steps.sequences import Corpus, unknown_to
from buddies_core.errors import SequencesError
from buddies_core.sequences.corpus import Sequences
from buddies_core.sequences.metrics import next_track_metrics
from buddies_core.sequences.neighbours import Neighbours, near
from buddies_core.sequences.skipgram import SkipGram, SkipGramConfig, train_skip_gram
from buddies_core.sequences.tasks import next_track_questions

GRID = (
    {"dimension": 48, "least": 3, "epochs": 30, "learning_rate": 0.025},
    {"dimension": 48, "least": 5, "epochs": 30, "learning_rate": 0.025},
    {"dimension": 48, "least": 10, "epochs": 30, "learning_rate": 0.025},
    {"dimension": 64, "least": 1, "epochs": 20, "learning_rate": 0.05},
    {"dimension": 64, "least": 1, "epochs": 40, "learning_rate": 0.05},
    {"dimension": 64, "least": 1, "epochs": 20, "learning_rate": 0.05, "window": 20},
)
"""The tutorial's grid (its first three), and configurations that know every song."""
WAYS = ("cosine", "in_out")
BEST = "in_out"


def successors(train: Sequences) -> pl.DataFrame:
    """Songs one step on: `song, next, weight, playlists`, by song and weight."""
    found = near(train.indptr, train.songs, train.n_known, window=1, decay=1.0, backward=0.0, norm=0.25, most=200)
    return _pairs(found, "song")


def artist_transitions(train: Sequences) -> pl.DataFrame:
    """Artists one step on, the same artist left out: `artist, next, weight, playlists`."""
    found = near(
        train.indptr, train.artists, train.n_known_artists, window=1, decay=1.0, backward=0.0, norm=0.25, most=200
    )
    return _pairs(found, "artist")


def _pairs(found: Neighbours, of: str) -> pl.DataFrame:
    row = np.repeat(np.arange(len(found.indptr) - 1, dtype=np.uint32), np.diff(found.indptr))
    items = found.items.astype(np.uint32)
    return pl.DataFrame({of: row, "next": items, "weight": found.weights, "playlists": found.counts})


def searched(corpus: Corpus, splits: pl.DataFrame, *, seed: int) -> pl.DataFrame:
    """One row a configuration: `config`, and hit ratio of 100 on validation asked in two ways.

    `cosine` as the tutorial asks: the last song's nearest input vectors. `in_out`: the last five songs' input vectors
    with every output vector, which is what skip-gram was trained for. Both are 0 where training diverges.
    """
    train = corpus.of_parts(splits, "train")
    validation = unknown_to(corpus.of_parts(splits, "validation"), train)
    rows = []
    for number, fields in enumerate(GRID):
        config = SkipGramConfig(seed=seed, **fields)  # type: ignore[arg-type]
        try:
            vectors = train_skip_gram(train.indptr, train.songs, train.n_known, config)
        except SequencesError:  # what diverges hits nothing, which the search is there to find out
            ratios = dict.fromkeys(WAYS, 0.0)
        else:
            ratios = {way: _hit_ratio(vectors, validation, way, seed) for way in WAYS}
        rows.append({"number": number, **ratios, "config": config.model_dump_json()})
    return pl.DataFrame(rows)


def best_config(search: pl.DataFrame) -> SkipGramConfig:
    """The configuration of the highest hit ratio, the earliest of equal ones."""
    best = search.sort([BEST, "number"], descending=[True, False])
    return SkipGramConfig.model_validate_json(best["config"][0])


def _hit_ratio(vectors: SkipGram, judged: Sequences, way: str, seed: int) -> float:
    inputs, outputs = vectors.inputs, vectors.outputs
    units = inputs / np.maximum(np.linalg.norm(inputs, axis=1, keepdims=True), 1e-9)
    hits = []
    for question in next_track_questions(judged, seed=seed):
        songs = question.query.songs[question.query.songs < len(inputs)]
        right = int(question.right[0])
        if not len(songs) or right >= len(inputs):
            hits.append(0.0)
            continue
        last = songs[-5:]
        if way == "cosine":
            scores = units @ units[songs[-1]]
        else:
            fall = 0.8 ** np.arange(len(last) - 1, -1, -1)
            scores = outputs @ np.average(inputs[last], axis=0, weights=fall).astype(np.float32)
        own = scores[right]
        scores[songs] = -np.inf
        hits.append(next_track_metrics(int((scores >= own).sum()))[1])
    return float(np.mean(hits)) if hits else 0.0


@dataclass(frozen=True)
class Popularity:
    """How often artists or songs stand in playlists, and which law their tail follows.

    `alpha` and `xmin` are of the power law that fits best; `ratio` is its log-likelihood less that of a log-normal,
    below 0 where the log-normal is the better, and `p` how easily chance would make that difference.
    """

    counts: np.ndarray
    alpha: float
    xmin: float
    ratio: float
    p: float


def popularity(counts: np.ndarray) -> Popularity:
    """Fit of the counts above 0; NaN where fewer than ten values differ."""
    import powerlaw

    held = counts[counts > 0]
    if len(np.unique(held)) < 10:
        return Popularity(held, *(float("nan"),) * 4)
    fit = powerlaw.Fit(held, discrete=True, verbose=False)
    ratio, p = fit.distribution_compare("power_law", "lognormal", normalized_ratio=False)
    return Popularity(held, float(fit.power_law.alpha), float(fit.power_law.xmin), float(ratio), float(p))


def histogram(counts: np.ndarray) -> pl.DataFrame:
    """Things by how often they occur, in bins that double: `from, until, things, share_of_rows`."""
    edges = 2 ** np.arange(int(np.log2(max(counts.max(initial=1), 1))) + 2)
    which = np.searchsorted(edges, counts, side="right") - 1
    things = np.bincount(which, minlength=len(edges) - 1)
    rows = np.bincount(which, weights=counts, minlength=len(edges) - 1)
    return pl.DataFrame(
        {
            "from": edges[:-1],
            "until": edges[1:] - 1,
            "things": things[: len(edges) - 1],
            "share_of_rows": rows[: len(edges) - 1] / max(counts.sum(), 1),
        }
    )
