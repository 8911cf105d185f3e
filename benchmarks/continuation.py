"""Continuation on real playlists in eight categories, beside every baseline; scales as in `next_track`."""

import time

import polars as pl

from benchmarks.measure import Report, Row
from benchmarks.real_playlists import SEED, real_playlists, table_text
from benchmarks.sequence_requests import request_times
from buddies_core.sequences.catalogue import catalogue_of
from buddies_core.sequences.evaluation import evaluate_continuation
from buddies_core.sequences.models import CONTINUE
from buddies_core.sequences.tasks import continuation_questions
from buddies_core.sequences.training import ModelsConfig, fit_models
from buddies_core.settings import Settings

SHOWN = ("model", "kind", "queries", "r_precision", "r_precision_official", "ndcg@500", "clicks", "recall@500")
_ALL_KINDS = "two stages (served)"


def run(scale: str) -> Report:
    """See the module's text."""
    report = Report("continuation")
    train, judged, songs = real_playlists(every=1 if scale in ("real", "full") else 8)
    workers = Settings().worker_threads
    started, used = time.perf_counter(), time.process_time()
    models = fit_models(train, catalogue_of(songs), ModelsConfig(seed=SEED), tasks=(CONTINUE,), workers=workers)
    seconds, cpu = time.perf_counter() - started, time.process_time() - used
    report.add(Row("fit", "two stages", workers, seconds, len(train.songs) / seconds, "rows", None, cpu))
    request_times(report, models, CONTINUE, continuation_questions(judged, seed=SEED, of_each=50))
    found = evaluate_continuation(models, judged, seed=SEED, workers=workers).rows
    shown = found.filter(pl.col("kind").is_in(["0", "mean"]) | (pl.col("model") == _ALL_KINDS))
    report.notes.append(table_text(shown.select(SHOWN).sort("kind", "ndcg@500")))
    return report
