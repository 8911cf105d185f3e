"""Skip-gram by this project's kernel beside gensim's at equal settings, and on as many rows as the Million Playlists.

`--scale real`: the playlists of `next_track` to learn from, 20 epochs on one thread and 5 on two; the ratios are
gensim's processor time by ours, the notes have the hit ratios of both models asked in the same way. `small`: an eighth
of the playlists. `full`: 66.3 million drawn rows over 2,262,291 songs, five epochs of ours alone; `tenth`: a tenth.
"""

import time
from collections.abc import Iterator

import numpy as np
import polars as pl

from benchmarks.measure import PeakMemory, Report, Row, cpu_seconds, progress
from benchmarks.real_playlists import SEED, real_playlists, table_text
from buddies_core.sequences.corpus import Sequences
from buddies_core.sequences.metrics import next_track_metrics
from buddies_core.sequences.skipgram import SkipGram, SkipGramConfig, train_skip_gram
from buddies_core.sequences.tasks import next_track_questions

_EQUAL = SkipGramConfig(dimension=64, window=10, learning_rate=0.025, seed=SEED)
_AT_SIZE = SkipGramConfig(dimension=64, window=10, negatives=5, epochs=5, learning_rate=0.025, threads=2, seed=SEED)
_PLAYLISTS, _SONGS, _ROWS = 1_000_000, 2_262_291, 66_346_428
"""Of the Million Playlist Dataset: playlists, distinct songs, rows."""


def run(scale: str) -> Report:
    """See the module's text."""
    report = Report("skip_gram")
    if scale in ("full", "tenth"):
        _at_size(report, 1.0 if scale == "full" else 0.1)
        return report
    train, judged, _ = real_playlists(every=1 if scale == "real" else 8)
    train_skip_gram(train.indptr[:3], train.songs[: train.indptr[2]], train.n_known, _EQUAL)
    quality = []
    for threads, epochs in ((1, 20), (2, 5)):
        taken = {}
        config = _EQUAL.model_copy(update={"threads": threads, "epochs": epochs})
        for name, work in (("this project's kernel", _ours), ("gensim", _gensim)):
            progress(f"{name}, {epochs} epochs, {threads} threads")
            started, used = time.perf_counter(), time.process_time()
            found = work(train, config)
            seconds, taken[name] = time.perf_counter() - started, time.process_time() - used
            words = len(train.songs) * epochs
            step = f"skip-gram, {epochs} epochs"
            report.add(Row(step, name, threads, seconds, words / seconds, "words", None, taken[name]))
            kinds = {f"hit@100, {kind}": ratio for kind, ratio in _hit_ratios(found, judged)}
            quality.append({"kernel": name, "threads": threads, "epochs": epochs, **kinds})
        name = "sgns_vs_gensim" if threads == 1 else "sgns_vs_gensim_on_two_threads"
        report.ratios[name] = taken["gensim"] / taken["this project's kernel"]
    report.notes.append(table_text(pl.DataFrame(quality)))
    return report


def _ours(train: Sequences, config: SkipGramConfig) -> SkipGram:
    return train_skip_gram(train.indptr, train.songs, train.n_known, config)


def _gensim(train: Sequences, config: SkipGramConfig) -> SkipGram:
    from gensim.models import Word2Vec

    model = Word2Vec(
        [train.playlist(i)[0].tolist() for i in range(len(train))], sg=1, vector_size=config.dimension,
        window=config.window, negative=config.negatives, epochs=config.epochs, min_count=1, workers=config.threads,
        sample=0, alpha=config.learning_rate, seed=SEED, ns_exponent=config.exponent,
    )  # fmt: skip
    order = np.array(model.wv.index_to_key, np.int64)
    inputs, outputs = (np.zeros((train.n_known, config.dimension), np.float32) for _ in range(2))
    inputs[order], outputs[order] = model.wv.vectors, model.syn1neg
    return SkipGram(inputs, outputs)


def _hit_ratios(model: SkipGram, judged: Sequences) -> Iterator[tuple[str, float]]:
    """Of the next song within 100, asked by the last five songs' input vectors with all output vectors, by kind."""
    hits: dict[str, list[float]] = {}
    for question in next_track_questions(judged, seed=SEED):
        songs, right = question.query.songs[question.query.songs < len(model.inputs)], int(question.right[0])
        hit = 0.0
        if len(songs) and right < len(model.inputs):
            scores = model.outputs @ model.inputs[songs[-5:]].mean(0)
            own = scores[right]
            scores[songs] = -np.inf
            hit = next_track_metrics(int((scores >= own).sum()))[1]
        hits.setdefault(question.kind, []).append(hit)
    return ((kind, float(np.mean(found))) for kind, found in hits.items())


def _said(epoch: int) -> None:
    progress(f"epoch {epoch + 1} done, {cpu_seconds():.0f} s of processors in all")


def _at_size(report: Report, share: float) -> None:
    """Drawn rows; the n-th most popular song has a share of (n + 430)^-1.3, which fits the first's and the last's."""
    playlists, rows = int(_PLAYLISTS * share), int(_ROWS * share)
    rng = np.random.default_rng(SEED)
    ends = np.cumsum(np.clip(rng.exponential(_ROWS / _PLAYLISTS, playlists), 5, 250))
    indptr = np.concatenate([np.zeros(1, np.int64), np.rint(ends * (rows / ends[-1])).astype(np.int64)])
    songs = np.empty(rows, np.int32)
    tail = (1 + _SONGS / 430) ** -0.3
    for first in range(0, rows, 1 << 22):
        part = songs[first : first + (1 << 22)]
        part[:] = np.minimum(430 * ((1 - rng.random(len(part)) * (1 - tail)) ** (-1 / 0.3) - 1), _SONGS - 1)
    progress(f"{len(songs):,} rows of {playlists:,} playlists, {_AT_SIZE.epochs} epochs")
    train_skip_gram(indptr[:3], songs[: indptr[2]] % 10, 10, _AT_SIZE.model_copy(update={"epochs": 1}))
    with PeakMemory() as memory:
        started, used = time.perf_counter(), time.process_time()
        train_skip_gram(indptr, songs, _SONGS, _AT_SIZE, progress=_said)
        seconds, cpu = time.perf_counter() - started, time.process_time() - used
    step = f"{len(songs):,} rows, {_AT_SIZE.epochs} epochs"
    rate = len(songs) * _AT_SIZE.epochs / seconds
    report.add(Row(step, "this project's kernel", _AT_SIZE.threads, seconds, rate, "words", memory.peak_mib, cpu))
    report.notes.append(f"rows: {songs.nbytes / 2**20:,.0f} MiB before, not among the peak")
