"""Next track on real playlists beside every baseline, and skip-gram by this project's kernel beside gensim's.

`--scale real`: all slices of BUDDIES_REAL_DATA/mpd, a sixth of the playlists kept to judge by; `small`: every eighth
slice. The ratio `sgns_vs_gensim` is gensim's time by ours at equal settings on one thread; the notes have both
models' hit ratios, asked in the same way.
"""

import time

import numpy as np
import polars as pl

from benchmarks.measure import Report, Row, cpu_seconds
from benchmarks.real_playlists import SEED, real_playlists, table_text
from benchmarks.sequence_requests import request_times
from buddies_core.sequences import tutorial
from buddies_core.sequences.catalogue import catalogue_of
from buddies_core.sequences.corpus import Sequences
from buddies_core.sequences.evaluation import evaluate_next_track
from buddies_core.sequences.metrics import next_track_metrics
from buddies_core.sequences.models import NEXT
from buddies_core.sequences.skipgram import SkipGramConfig, train_skip_gram
from buddies_core.sequences.tasks import next_track_questions
from buddies_core.sequences.training import ModelsConfig, fit_models
from buddies_core.settings import Settings

_SETTINGS = SkipGramConfig(dimension=64, window=10, epochs=5, learning_rate=0.025, seed=SEED)
SHOWN = ("model", "kind", "queries", "hit@10", "hit@100", "hit@100_low", "hit@100_high", "mrr@100")


def run(scale: str) -> Report:
    """See the module's text."""
    report = Report("next_track")
    train, judged, songs = real_playlists(every=1 if scale in ("real", "full") else 8)
    workers = Settings().worker_threads
    started, used = time.perf_counter(), cpu_seconds()
    models = fit_models(train, catalogue_of(songs), ModelsConfig(seed=SEED), tasks=(NEXT,), workers=workers)
    seconds = time.perf_counter() - started
    rows = len(train.songs)
    cpu = cpu_seconds() - used
    report.add(Row("fit", "blend", workers, seconds, rows / seconds, "rows", None, cpu))
    more = {"tutorial as written": tutorial.as_written(train, SEED), "tutorial, sg=1": tutorial.as_meant(train, SEED)}
    found = evaluate_next_track(models, judged, seed=SEED, more=more, workers=workers)
    report.notes.append(table_text(found.rows.select(SHOWN).sort("kind", "hit@100")))
    request_times(report, models, NEXT, next_track_questions(judged, seed=SEED)[:400])
    _against_gensim(report, train, judged)
    return report


def _against_gensim(report: Report, train: Sequences, judged: Sequences) -> None:
    from gensim.models import Word2Vec

    config = _SETTINGS
    train_skip_gram(train.indptr[:3], train.songs[: train.indptr[2]], train.n_known, config)
    started = time.process_time()
    ours = train_skip_gram(train.indptr, train.songs, train.n_known, config)
    own = time.process_time() - started
    playlists = [train.playlist(i)[0].tolist() for i in range(len(train))]
    started = time.process_time()
    model = Word2Vec(
        playlists, sg=1, vector_size=config.dimension, window=config.window, negative=config.negatives,
        epochs=config.epochs, min_count=1, workers=1, sample=0, alpha=config.learning_rate, seed=SEED,
        ns_exponent=config.exponent,
    )  # fmt: skip
    theirs = time.process_time() - started
    order = np.array(model.wv.index_to_key, np.int64)
    inputs, outputs = (np.zeros((train.n_known, config.dimension), np.float32) for _ in range(2))
    inputs[order], outputs[order] = model.wv.vectors, model.syn1neg
    words = len(train.songs) * config.epochs
    for name, seconds in (("this project's kernel", own), ("gensim", theirs)):
        report.add(Row("skip-gram, 5 epochs", name, 1, seconds, words / seconds, "words", None, seconds))
    report.ratios["sgns_vs_gensim"] = theirs / own
    quality = [
        {"kernel": name, "hit@100": _hit_ratio(one, other, judged)}
        for name, one, other in (("ours", ours.inputs, ours.outputs), ("gensim", inputs, outputs))
    ]
    report.notes.append(table_text(pl.DataFrame(quality)))


def _hit_ratio(inputs: np.ndarray, outputs: np.ndarray, judged: Sequences) -> float:
    """Of the next song within 100, asked by the last five songs' input vectors with all output vectors."""
    hits = []
    for question in next_track_questions(judged, seed=SEED):
        songs, right = question.query.songs[question.query.songs < len(inputs)], int(question.right[0])
        if not len(songs) or right >= len(inputs):
            hits.append(0.0)
            continue
        scores = outputs @ inputs[songs[-5:]].mean(0)
        own = scores[right]
        scores[songs] = -np.inf
        hits.append(next_track_metrics(int((scores >= own).sum()))[1])
    return float(np.mean(hits))
