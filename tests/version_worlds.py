"""Versions of the served model by ids: small worlds in which what each listener is shown is written down."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from buddies_core.artifact.store import write_version
from buddies_core.artifact.texts import pack_texts

SONGS = [f"SO{n:016d}" for n in range(60)]


def csr(rows: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.cumsum([0, *map(len, rows)]).astype("<i8"), np.array([c for r in rows for c in sorted(r)], "<u4")


@dataclass
class World:
    """A version by ids: what users play, what playlists hold, and the playlists that each user is shown."""

    plays: dict[str, set[str]]
    playlists: dict[int, set[str]]
    shown: dict[str, list[int]]
    cold: set[str] = field(default_factory=set)
    titles: Mapping[int, str] = field(default_factory=dict)

    def write(self, root: Path, name: str, songs: Sequence[str], users: Sequence[str]) -> None:
        place, pids = {song: n for n, song in enumerate(songs)}, sorted(self.playlists)
        row_of = {pid: row for row, pid in enumerate(pids)}
        texts = [song.lower() for song in songs]
        order = np.argsort(np.array(songs, "S18"))
        ranked = csr([[]] * len(users))
        lists = [[row_of[p] for p in self.shown[u]] for u in users]
        user_csr = csr([[place[s] for s in self.plays[u]] for u in users])
        playlist_csr = csr([[place[s] for s in self.playlists[p]] for p in pids])
        nothing = csr([[]] * len(users))
        ids = np.array(users, "S40")
        arrays = {
            "ranked_indptr": np.cumsum([0, *map(len, lists)]).astype("<i8"),
            "ranked_playlists": np.array([p for one in lists for p in one], "<u4"),
            "ranked_scores": np.zeros(sum(map(len, lists)), "<f4"),
            "user_ids": ids,
            "user_order": ids.argsort().astype("<u4"),
            "cold": np.array([user in self.cold for user in users]),
            "playlist_pids": np.array(pids, "<u4"),
            **pack_texts("playlist_names", [self.titles.get(pid, "mine") for pid in pids]),
            "playlist_tracks": np.zeros(len(pids), "<u4"),
            "playlist_followers": np.zeros(len(pids), "<u4"),
            "playlist_owner": np.full(len(pids), -1, "<i4"),
            "most_liked": np.arange(len(pids), dtype="<u4"),
            "neighbour_indptr": ranked[0],
            "neighbour_users": ranked[1],
            "neighbour_similarity": np.zeros(0, "<f4"),
            "user_library_indptr": user_csr[0],
            "user_library_indices": user_csr[1],
            "playlist_library_indptr": playlist_csr[0],
            "playlist_library_indices": playlist_csr[1],
            **pack_texts("song_titles", texts),
            **pack_texts("song_artists", texts),
            **pack_texts("song_keys", texts),
            "song_ids": np.array(songs, "S18")[order],
            "song_id_songs": order.astype("<u4"),
            "liked_indptr": nothing[0],
            "liked_playlists": nothing[1],
        }
        write_version(root, name, arrays)


def plays_of(hidden: Mapping[str, set[str]]) -> pl.DataFrame:
    pairs = [(user, song) for user, songs in hidden.items() for song in sorted(songs)]
    return pl.DataFrame(pairs, schema={"user_id": pl.String, "song_id": pl.String}, orient="row")
