"""What rules compare with besides the datasets themselves: sizes and small tables derived from them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl


@dataclass(frozen=True)
class Derived:
    """An input made of other inputs."""

    needs: tuple[str, ...]
    make: Callable[..., Any]


def _sizes(library: Any, name: str) -> pl.DataFrame:
    sizes = np.diff(np.asarray(library.indptr))
    return pl.DataFrame({name: np.arange(len(sizes), dtype=np.uint32), "songs": sizes.astype(np.uint32)})


def _exploded_sessions(user_feedback: pl.DataFrame) -> pl.DataFrame:
    scored = user_feedback.with_row_index("session").explode("shown").rename({"shown": "playlist_id"})
    return scored.select(
        "created_at",
        "session",
        "user_id",
        "playlist_id",
        (pl.col("playlist_id") == pl.col("liked")).fill_null(False).cast(pl.Int8).alias("score"),
    )


DERIVED: dict[str, Derived] = {
    "n_users": Derived(("user_rows",), lambda user_rows: user_rows.height),
    "n_playlists": Derived(("playlist_rows",), lambda playlist_rows: playlist_rows.height),
    "n_likers": Derived(("scores",), lambda scores: int((scores["liked"].list.len() > 0).sum())),
    "track_counts": Derived(("mpd_tracks",), lambda mpd_tracks: mpd_tracks.group_by("pid").len("found")),
    "listed_uris": Derived(("mpd_tracks",), lambda mpd_tracks: mpd_tracks.select("track_uri").unique()),
    "n_songs": Derived(("songs",), lambda songs: songs.height),
    "user_sizes": Derived(("user_library",), lambda user_library: _sizes(user_library, "user")),
    "playlist_sizes": Derived(("playlist_library",), lambda playlist_library: _sizes(playlist_library, "playlist")),
    "owned_counts": Derived(
        ("playlist_ownership",), lambda playlist_ownership: playlist_ownership.group_by("owner").len("owned")
    ),
    "feedback_scores": Derived(("user_feedback",), _exploded_sessions),
}


def with_derived(base: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs and everything that can be derived from them; what is given already is kept."""
    known = dict(base)
    for name, derived in DERIVED.items():
        if name not in known and all(need in known for need in derived.needs):
            known[name] = derived.make(**{need: known[need] for need in derived.needs})
    return known
