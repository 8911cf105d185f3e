"""Next track on real playlists beside every baseline, the tutorial's recipe among them, and what a request costs.

`--scale real`: all slices of BUDDIES_REAL_DATA/mpd, a sixth of the playlists kept to judge by; `small`: an eighth of
the playlists. Skip-gram's kernel beside gensim's is a benchmark of its own, `skip_gram`.
"""

import time

from benchmarks.measure import Report, Row, cpu_seconds, progress
from benchmarks.real_playlists import SEED, real_playlists, table_text
from benchmarks.sequence_requests import request_times
from buddies_core.sequences import tutorial
from buddies_core.sequences.catalogue import catalogue_of
from buddies_core.sequences.evaluation import evaluate_next_track
from buddies_core.sequences.metrics import NEXT_TRACK
from buddies_core.sequences.models import NEXT
from buddies_core.sequences.tasks import next_track_questions
from buddies_core.sequences.training import ModelsConfig, fit_models
from buddies_core.settings import Settings

SHOWN = ("model", "kind", "queries", *(f"{metric}{end}" for metric in NEXT_TRACK for end in ("", "_low", "_high")))


def run(scale: str) -> Report:
    """See the module's text."""
    report = Report("next_track")
    train, judged, songs = real_playlists(every=1 if scale in ("real", "full") else 8)
    workers = Settings().worker_threads
    started, used = time.perf_counter(), cpu_seconds()
    models = fit_models(
        train, catalogue_of(songs), ModelsConfig(seed=SEED), tasks=(NEXT,), workers=workers, progress=progress
    )
    seconds = time.perf_counter() - started
    rows = len(train.songs)
    cpu = cpu_seconds() - used
    report.add(Row("fit", "blend", workers, seconds, rows / seconds, "rows", None, cpu))
    progress("the tutorial's recipe, as written and with sg=1")
    more = {"tutorial as written": tutorial.as_written(train, SEED), "tutorial, sg=1": tutorial.as_meant(train, SEED)}
    progress(f"{len(judged):,} playlists asked")
    found = evaluate_next_track(models, judged, seed=SEED, more=more, workers=workers)
    report.notes.append(table_text(found.rows.select(SHOWN).sort("kind", "hit@100")))
    progress("requests timed")
    request_times(report, models, NEXT, next_track_questions(judged, seed=SEED)[:400])
    return report
