"""A served model of the published size, made of random numbers: what serving costs does not depend on their meaning."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from buddies_core.artifact.store import publish, write_version
from buddies_core.artifact.texts import pack_texts

CANDIDATES, DIMENSION = 75, 128


@dataclass(frozen=True)
class ServedWorld:
    """Sizes of a world; `full` gives a model of about a gigabyte."""

    users: int
    playlists: int
    songs: int

    @classmethod
    def at(cls, scale: str) -> "ServedWorld":
        """The world of a scale; tenth and full are the published 101,713 users with 75 candidates."""
        return cls(5_000, 20_000, 5_000) if scale == "small" else cls(101_713, 946_000, 120_000)

    def write(self, root: Path, reference: Path | None = None) -> int:
        """Writes and publishes the model, and the reference's arrays beside it; the model's bytes."""
        generator = np.random.default_rng(7)
        users, playlists, songs = self.users, self.playlists, self.songs
        user_factors = generator.standard_normal((users, DIMENSION), dtype=np.float32)
        playlist_factors = generator.standard_normal((playlists, DIMENSION), dtype=np.float32)
        candidates = generator.integers(0, playlists, (users, CANDIDATES)).astype(np.int64)
        scores = np.empty((users, CANDIDATES), dtype=np.float32)
        for start in range(0, users, 2_000):
            part = slice(start, start + 2_000)
            scores[part] = np.einsum("ucd,ud->uc", playlist_factors[candidates[part]], user_factors[part])
        order = np.argsort(-scores, axis=1, kind="stable")
        ranked = np.take_along_axis(candidates, order, axis=1)
        pids = np.sort(generator.permutation(playlists + playlists // 20)[:playlists])
        neighbours = 20
        arrays: dict[str, np.ndarray] = {
            "ranked_indptr": np.arange(users + 1) * CANDIDATES,
            "ranked_playlists": ranked.ravel(),
            "ranked_scores": np.take_along_axis(scores, order, axis=1).ravel(),
            "user_ids": np.array([f"{user:040x}" for user in range(users)], dtype="S40"),
            "user_order": np.arange(users, dtype=np.uint32),
            "cold": np.zeros(users, dtype=bool),
            "playlist_pids": pids,
            **pack_texts("playlist_names", (f"playlist {row}" for row in range(playlists))),
            "playlist_tracks": generator.integers(5, 250, playlists),
            "playlist_followers": generator.integers(0, 50, playlists),
            "playlist_owner": generator.integers(0, users, playlists),
            "most_liked": np.arange(1_000),
            "neighbour_indptr": np.arange(users + 1) * neighbours,
            "neighbour_users": generator.integers(0, users, users * neighbours),
            "neighbour_similarity": generator.random(users * neighbours, dtype=np.float32),
            **_library("user_library", users, songs, 40, generator),
            **_library("playlist_library", playlists, songs, 60, generator),
            **pack_texts("song_titles", (f"title {row}" for row in range(songs))),
            **pack_texts("song_artists", (f"artist {row % 997}" for row in range(songs))),
            **pack_texts("song_keys", (f"title {row:07d}\tartist {row % 997}" for row in range(songs))),
            "song_ids": np.array([f"SO{row:016d}" for row in range(songs)], dtype="S18"),
            "song_id_songs": np.arange(songs),
            "liked_indptr": np.zeros(users + 1, dtype=np.int64),
            "liked_playlists": np.zeros(0, dtype=np.uint32),
            "user_factors": user_factors,
            "playlist_factors": playlist_factors,
            "song_vectors": generator.standard_normal((songs, DIMENSION), dtype=np.float32),
            "fold_in_bounds": np.array([2, 6, 20]),
            "fold_in_maps": generator.standard_normal((4, DIMENSION + 3, DIMENSION + 1), dtype=np.float32),
            "fold_in_popularity": generator.standard_normal(playlists, dtype=np.float32),
        }
        folder = write_version(root, "v1", arrays)
        publish(root, "v1")
        if reference is not None:
            reference.mkdir(parents=True)
            for name, array in (
                ("users", user_factors),
                ("playlists", playlist_factors),
                ("candidates", candidates),
                ("pids", pids.astype(np.int64)),
            ):
                np.save(reference / f"{name}.npy", array)
        return sum(path.stat().st_size for path in folder.iterdir())


def _library(name: str, rows: int, songs: int, length: int, generator: np.random.Generator) -> dict[str, np.ndarray]:
    return {
        f"{name}_indptr": np.arange(rows + 1, dtype=np.int64) * length,
        f"{name}_indices": generator.integers(0, songs, rows * length, dtype=np.uint32),
    }
