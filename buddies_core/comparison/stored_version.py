"""A stored version of the served model as a judge reads it: who is in it, and what each of them is shown."""

from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from buddies_core.artifact.errors import DamagedModelError
from buddies_core.artifact.store import read_manifest
from buddies_core.interactions.csr import Library
from buddies_core.interactions.ragged import Ragged
from buddies_core.kernels.sorted_lookup import places_in

ARRAYS = (
    *("user_ids", "cold", "playlist_pids", "playlist_names_offsets", "playlist_names_bytes"),
    *("user_library_indptr", "user_library_indices", "playlist_library_indptr", "playlist_library_indices"),
    *("song_ids", "song_id_songs", "contract_offsets", "contract_bytes"),
)
"""What is read of a version, memory-mapped."""


class _Answer(msgspec.Struct):
    playlists: list[int]


@dataclass(frozen=True)
class StoredVersion:
    """A version by name; arrays are those of the served model's format."""

    name: str
    n_songs: int
    arrays: dict[str, np.ndarray]

    @property
    def users(self) -> Library:
        """Songs that each user is known to play."""
        return self._library("user")

    @property
    def playlists(self) -> Library:
        """Songs of each playlist."""
        return self._library("playlist")

    def _library(self, side: str) -> Library:
        indptr, indices = (self.arrays[f"{side}_library_{part}"] for part in ("indptr", "indices"))
        return Library(np.asarray(indptr), np.asarray(indices), self.n_songs)

    def rows_of(self, ids: np.ndarray) -> np.ndarray:
        """Row of each user id ("S40"), int64; -1 for who is not in the version."""
        held = np.asarray(self.arrays["user_ids"])
        order = self.arrays.get("user_order")
        found, place = places_in(held if order is None else held[order], ids)
        rows = place if order is None or not len(order) else np.asarray(order)[place].astype(np.int64)
        return np.where(found, rows, -1)

    def shown(self, users: np.ndarray) -> Ragged:
        """Rows of the playlists that each of these users is shown, best first: the answers as the service sends them.

        Raises:
            DamagedModelError: an answer names a playlist that the version does not have.
        """
        offsets, content = self.arrays["contract_offsets"], self.arrays["contract_bytes"]
        decode = msgspec.json.Decoder(_Answer).decode
        lists = [decode(content[offsets[row] : offsets[row + 1]].tobytes()).playlists for row in users.tolist()]
        pids = np.array([pid for one in lists for pid in one], np.int64)
        known, rows = places_in(np.asarray(self.arrays["playlist_pids"]).astype(np.int64), pids)
        if not known.all():
            raise DamagedModelError(f"version {self.name} shows playlist {pids[~known][0]}, which it does not have")
        return Ragged(np.cumsum([0, *map(len, lists)]), rows)


def open_version(root: Path, name: str) -> StoredVersion:
    """The version of this name under the folder of the served model.

    Raises:
        NoServedModelError: there is no such version.
        DamagedModelError: a file of it is missing or is not that of the manifest.
    """
    folder = root / "versions" / name
    manifest = read_manifest(folder)
    arrays = {}
    for array in (*ARRAYS, *(["user_order"] if "user_order" in manifest.arrays else [])):
        path = folder / f"{array}.npy"
        try:
            shape = tuple(manifest.arrays[array][1])
            arrays[array] = np.load(path, mmap_mode="r" if np.prod(shape) else None, allow_pickle=False)
        except (OSError, ValueError, KeyError) as error:
            raise DamagedModelError(f"{path} cannot be read ({type(error).__name__}); publish again") from error
        if arrays[array].shape != shape:
            raise DamagedModelError(f"{path} has not the shape that the manifest says; publish again")
    return StoredVersion(name, manifest.counts["songs"], arrays)
