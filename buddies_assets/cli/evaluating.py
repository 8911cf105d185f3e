"""`buddies evaluate playlists`: what the likes say of each system, and what listeners say."""

from pathlib import Path

import polars as pl
from rich.console import Console
from rich.table import Table

from buddies_assets.cli.tables import lists_note
from buddies_core import json_text
from buddies_core.errors import BuddiesError
from buddies_core.settings import Settings
from buddies_core.storage.datasets import DatasetStore


class FilesOfPlaysError(BuddiesError):
    """One of the two files is named and the other is not."""


def evaluate_playlists(console: Console, visible: Path | None, hidden: Path | None, *, as_json: bool) -> None:
    """Print both tables; the listeners' by the home's own hidden plays, or by two files.

    Raises:
        FilesOfPlaysError: only one file is named.
    """
    if (visible is None) != (hidden is None):
        raise FilesOfPlaysError(
            "Name both files or neither: --visible is what the home was made from, --hidden what it never saw."
        )
    settings = Settings()
    store = DatasetStore.at(settings.home)
    listeners, judged = _by_listeners(store, settings, visible, hidden)
    likes = _by_likes(store)
    if as_json:
        found = {"users_judged": judged, "listeners": _named(listeners), "likes": _named(likes)}
        console.print(json_text.dumps(found), soft_wrap=True, markup=False, highlight=False)
        return
    console.print(listeners_table(listeners, judged))
    console.print(_likes_table(likes))


def _by_listeners(
    store: DatasetStore, settings: Settings, visible: Path | None, hidden: Path | None
) -> tuple[pl.DataFrame, int]:
    from buddies_assets.systems.playlists.listeners import listener_table, plays_from_file, plays_library
    from buddies_core.interactions.labelled import load_library
    from buddies_core.registry.checkpoints import CheckpointStore

    users, songs = (
        store.open("user_library").frame(["user", "user_id"]),
        store.open("songs").frame(["song", "song_ids"]),
    )
    checkpoints = CheckpointStore.at(settings.home)
    version = store.open("ranked_candidates").manifest.params["version"]
    if visible is not None and hidden is not None:
        seen = plays_library(plays_from_file(visible), users, songs)
        unseen = plays_library(plays_from_file(hidden), users, songs)
    else:
        seen = load_library(store.open("user_library"))
        unseen = plays_library(store.open("hidden_plays").frame(["user_id", "song_id"]), users, songs)
    return listener_table(store, checkpoints.factors(version), seen, unseen, seed=settings.seed)


def _by_likes(store: DatasetStore) -> pl.DataFrame:
    frame = store.open("bpr_evaluation").frame().filter(pl.col("split") == "test")
    lists = [name for name in ("shown_precision_5", "served_recall") if name in frame.columns]
    return frame.select("system", "users", "mrr", "mrr_low", "mrr_high", "hit_1", "hit_5", "hit_10", *lists)


def _named(frame: pl.DataFrame) -> dict[str, dict]:
    rows = {}
    for row in frame.iter_rows(named=True):
        rows[str(row.pop("system"))] = row
    return rows


def listeners_table(frame: pl.DataFrame, judged: int) -> Table:
    """Precision and hits with their 95 % intervals."""
    table = Table("system", title=f"Hidden plays: of the songs that five playlists bring new ({judged:,} listeners)")
    for head in ("precision (95 %)", "hits (95 %)", "listeners with a hit", "playlists with a known song"):
        table.add_column(head, justify="right")
    for row in frame.iter_rows(named=True):
        precision = f"{row['precision']:.4f} ({row['precision_low']:.4f}–{row['precision_high']:.4f})"
        hits = f"{row['hits']:.3f} ({row['hits_low']:.3f}–{row['hits_high']:.3f})"
        table.add_row(row["system"], precision, hits, f"{row['any']:.3f}", f"{row['common']:.3f}")
    return table


def _likes_table(frame: pl.DataFrame) -> Table:
    table = Table("system", title="Held-out likes: one among 50 negatives", caption=lists_note(frame))
    for head in ("MRR (95 %)", "Hit@1", "Hit@5", "Hit@10"):
        table.add_column(head, justify="right")
    for row in frame.iter_rows(named=True):
        spread = f"{row['mrr']:.3f} ({row['mrr_low']:.3f}–{row['mrr_high']:.3f})"
        table.add_row(row["system"], spread, *(f"{row[name]:.3f}" for name in ("hit_1", "hit_5", "hit_10")))
    return table
