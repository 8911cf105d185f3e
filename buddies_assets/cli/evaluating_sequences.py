"""`buddies evaluate next_track|continuation`: fitted on the slices of BUDDIES_MPD_DIR, judged on others."""

import time
from importlib.util import find_spec
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.table import Table

from buddies_assets.cli.sequences import rows_and_names, rows_of_nowplaying, training_rows
from buddies_core.errors import SequencesError, SourceNotFoundError
from buddies_core.sequences import tutorial
from buddies_core.sequences.catalogue import catalogue_of
from buddies_core.sequences.corpus import Sequences, encoded, vocabulary
from buddies_core.sequences.evaluation import Report, evaluate_continuation, evaluate_next_track
from buddies_core.sequences.metrics import CONTINUATION, NEXT_TRACK
from buddies_core.sequences.models import NEXT
from buddies_core.sequences.splits import without_copies
from buddies_core.sequences.training import ModelsConfig, fit_models
from buddies_core.settings import Settings


def evaluate_sequences(console: Console, settings: Settings, task: str, test: Path) -> Report:
    """Fit on BUDDIES_MPD_DIR, judge on the slices of a folder, print the table and return it.

    Where BUDDIES_MPD_DIR is unset, BUDDIES_NOWPLAYING_FILE is learnt from; a `test` that is a .csv is of its form.
    Playlists of the test folder whose songs are those of a training playlist are left out, and said so.

    Raises:
        SourceNotFoundError: neither is set, or what is named holds no playlists.
        SequencesError: nothing to learn from or to judge by.
    """
    if settings.mpd_dir is None and settings.nowplaying_file is None:
        raise SourceNotFoundError(
            "training playlists", "BUDDIES_MPD_DIR", "not set",
            "Set it to the folder of slices to learn from; --test names those to judge by.",
        )  # fmt: skip
    started = time.perf_counter()
    known, names = training_rows(console, settings)
    songs = vocabulary(known)
    train = encoded(known, names, songs)
    if test.suffix.lower() == ".csv":
        rows, titles = rows_of_nowplaying(console, test, strict=settings.strict)
    else:
        rows, titles = rows_and_names(test, strict=settings.strict)
    judged = encoded(rows, titles, songs)
    kept = without_copies(judged, train)
    source = settings.mpd_dir or settings.nowplaying_file
    console.print(
        f"{len(train):,} playlists of {source} to learn from ({len(songs):,} songs); "
        f"{len(kept):,} of {test} to judge by, {len(judged) - len(kept)} copies left out.",
        soft_wrap=True,
    )
    if not len(kept):
        raise SequencesError(f"no playlist of {test} is left: each is a copy of one to learn from. Give other slices.")
    config = ModelsConfig(seed=settings.seed)
    models = fit_models(
        train, catalogue_of(songs), config, tasks=(task,), workers=settings.worker_threads,
        progress=lambda step: console.print(f"{time.perf_counter() - started:6.0f} s  {step}", highlight=False),
    )  # fmt: skip
    if task == NEXT:
        more = _tutorial(console, train, settings.seed)
        report = evaluate_next_track(models, kept, seed=settings.seed, more=more, workers=settings.worker_threads)
    else:
        report = evaluate_continuation(models, kept, seed=settings.seed, workers=settings.worker_threads)
    for table in tables(report, task):
        console.print(table)
    console.print(f"{time.perf_counter() - started:.0f} s in all.")
    return report


def tables(report: Report, task: str) -> list[Table]:
    """One table a kind of question, the best model last; intervals are 95 %, by bootstrap over playlists."""
    metrics = NEXT_TRACK if task == NEXT else CONTINUATION
    found = []
    for kind in report.rows["kind"].unique(maintain_order=True):
        rows = report.rows.filter(pl.col("kind") == kind).sort(metrics[1] if task == NEXT else "ndcg@500")
        table = Table(title=f"{task}, {kind}: {rows['queries'][0]:,} queries")
        table.add_column("model")
        for metric in metrics:
            table.add_column(metric, justify="right")
        for row in rows.iter_rows(named=True):
            cells = [f"{row[m]:.3f} ({row[f'{m}_low']:.3f}-{row[f'{m}_high']:.3f})" for m in metrics]
            table.add_row(row["model"], *cells)
        found.append(table)
    return found


def _tutorial(console: Console, train: Sequences, seed: int) -> dict[str, tutorial.Ranking]:
    """The reference's recipe; as written it needs gensim, and without it the table says so."""
    rankings = {"tutorial, sg=1 (skip-gram, last song, cosine)": tutorial.as_meant(train, seed)}
    if find_spec("gensim") is None:
        console.print("The tutorial's recipe as written is left out: it needs gensim (pip install -e '.[bench]').")
        return rankings
    return {"tutorial as written (CBOW, last song, cosine)": tutorial.as_written(train, seed), **rankings}
