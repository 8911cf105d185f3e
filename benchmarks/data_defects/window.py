"""Defects of the window of sessions that a training learns from."""

from datetime import timedelta
from typing import Any

import polars as pl

from benchmarks.data_defects.planting import Defect, World, again, cell, column, with_cells


def _trained_on(world: World, likes: pl.DataFrame) -> dict[str, Any]:
    """The window with the first of these likes in its first train session."""
    window = world["training_window"].with_row_index("place")
    place = window.filter(pl.col("split") == "train")["place"][0]
    user, playlist = likes.select("user", "playlist").row(0)
    return {"training_window": with_cells(window.drop("place"), place, user=user, positive=playlist)}


DEFECTS: tuple[Defect, ...] = (
    Defect(
        "a session twice in the window",
        "training_window.window_sessions_are_unique",
        again("training_window"),
    ),
    Defect(
        "an old session in the window",
        "training_window.window_sessions_are_recent",
        lambda w: {"window_from": w["window_from"] + timedelta(days=3)},
    ),
    Defect(
        "a test like trained on",
        "training_window.window_trains_on_no_held_out_like",
        lambda w: _trained_on(w, w["splits"].filter(pl.col("split").cast(pl.String) == "test")),
    ),
    Defect(
        "a like of a cold user trained on",
        "training_window.window_trains_on_no_like_of_a_cold_user",
        lambda w: _trained_on(w, w["liked_playlists"].join(w["cold_users"].select("user"), on="user", how="semi")),
    ),
    Defect(
        "a window trained on whole",
        "training_window.window_train_share_is_as_set",
        column("training_window", split="train"),
    ),
    Defect(
        "a session of tomorrow in the window",
        "training_window.window_sessions_are_in_the_past",
        lambda w: cell("training_window", created_at=w["now_at"] + timedelta(days=1))(w),
    ),
    Defect(
        "a session that counts for nothing",
        "training_window.window_trains_on_what_counts",
        column("training_window", copies=0),
    ),
)
