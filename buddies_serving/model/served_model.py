"""A served model opened for reading: memory-mapped arrays and the look-ups that the service answers from.

Opening touches the headers and the ends of the row pointers only, so a model of a gigabyte is ready in milliseconds
and costs the pages that requests touch.
"""

from datetime import datetime
from operator import itemgetter
from pathlib import Path

import numpy as np

from buddies_core.artifact.errors import ArrayMismatchError
from buddies_core.artifact.format import ARRAYS, Manifest, check_ends, check_shapes
from buddies_core.artifact.fragments import fill
from buddies_core.artifact.store import read_manifest
from buddies_core.artifact.texts import TextColumn

Arrays = dict[str, np.ndarray]
_LARGEST_BITMAP = 1 << 24


class KnownPids:
    """The pids of a model, for the question whether one exists.

    MPD pids stay under a million, so a byte for each answers in 50 ns, where a binary search takes 3 µs.
    """

    def __init__(self, pids: np.ndarray) -> None:
        self._pids = pids
        self._bitmap = b""
        if len(pids) and int(pids[-1]) < _LARGEST_BITMAP:
            bitmap = np.zeros(int(pids[-1]) + 1, dtype=np.uint8)
            bitmap[pids] = 1
            self._bitmap = bitmap.tobytes()

    def __contains__(self, pid: int) -> bool:
        if self._bitmap:
            return 0 <= pid < len(self._bitmap) and self._bitmap[pid] == 1
        return _find(self._pids, pid) is not None


class ServedModel:
    """One version of the model. Users go by their numbers; playlists are indexes inside and MPD pids outside."""

    def __init__(self, manifest: Manifest, arrays: Arrays) -> None:
        self.manifest = manifest
        self.arrays = arrays
        self.version = manifest.version
        self.created_at = datetime.fromisoformat(manifest.created_at).timestamp()
        self.users = len(arrays["user_ids"])
        self.playlists = len(arrays["playlist_pids"])
        self.songs = manifest.counts["songs"]
        self.pids = arrays["playlist_pids"]
        self.cold = arrays["cold"]
        self.playlist_names = TextColumn(arrays["playlist_names_offsets"], arrays["playlist_names_bytes"])
        self.song_titles = TextColumn(arrays["song_titles_offsets"], arrays["song_titles_bytes"])
        self.song_artists = TextColumn(arrays["song_artists_offsets"], arrays["song_artists_bytes"])
        self.song_keys = TextColumn(arrays["song_keys_offsets"], arrays["song_keys_bytes"])
        self.popular = arrays["most_liked"].tolist()
        self.popular_pids = self.pids[arrays["most_liked"]].tolist()
        self.known_pids = KnownPids(self.pids)
        self._offsets = arrays["contract_offsets"]
        self._bytes = arrays["contract_bytes"].data
        self._first_ids: np.ndarray | None = None
        self._fragments: list[bytes | None] = [None] * self.users

    @classmethod
    def open(cls, folder: Path) -> "ServedModel":
        """The version in `folder`; raises ServedModelError naming the file or array that is not as it should be.

        Looks at shapes only: `store.verify` says whether the content is what was written.
        """
        manifest = read_manifest(folder)
        arrays = {name: _map(folder / f"{name}.npy", name) for name in manifest.arrays}
        for name in ARRAYS:
            if ARRAYS[name].group == "contract" and name not in arrays:
                raise ArrayMismatchError(name, f"is missing in {folder}; write the version with write_version")
        for name, (dtype, shape) in manifest.arrays.items():
            if arrays[name].dtype.str != dtype or arrays[name].shape != tuple(shape):
                found = f"{arrays[name].dtype.str} {arrays[name].shape}"
                raise ArrayMismatchError(name, f"is {found} in {folder}, its manifest says {dtype} {tuple(shape)}")
        check_shapes(arrays)
        check_ends(arrays)
        return cls(manifest, arrays)

    def fragment(self, user: int) -> bytes:
        """The ready-made part of an answer for a user in range; IndexError beyond it."""
        found = self._fragments[user]
        if found is None:
            found = self._fragments[user] = bytes(self._bytes[self._offsets[user] : self._offsets[user + 1]])
        return found

    def fragments(self, users: list[int]) -> tuple[bytes, ...]:
        """The ready-made parts for two users or more; IndexError if one is out of range.

        One pass in C over parts that were read before: half of what slicing the mapped file each time would cost.
        """
        get = itemgetter(*users)
        found = get(self._fragments)
        if None in found:
            for user in users:
                self.fragment(user)
            found = get(self._fragments)
        return found

    def find_user(self, user_id: str) -> int | None:
        """The number of a 40-hex user id, or None."""
        ids, order = self.arrays["user_ids"], self.arrays.get("user_order")
        wanted = user_id.encode("ascii", errors="replace")
        if order is None or len(wanted) != ids.dtype.itemsize:
            return _find(ids, wanted)
        place = int(np.searchsorted(ids, np.array(wanted, ids.dtype), sorter=order))
        return int(order[place]) if place < len(ids) and ids[order[place]] == wanted else None

    def user_id(self, user: int) -> str:
        """The 40-hex id of a user's number in range."""
        return bytes(self.arrays["user_ids"][user]).decode("ascii")

    def find_playlist(self, pid: int) -> int | None:
        """The index of an MPD pid, or None."""
        return _find(self.pids, pid) if 0 <= pid <= 0xFFFFFFFF else None

    def find_song_id(self, song_id: str) -> int | None:
        """The song of an Echo Nest song id, or None."""
        row = _find(self.arrays["song_ids"], song_id.encode("ascii", errors="replace"))
        return None if row is None else int(self.arrays["song_id_songs"][row])

    def song_id(self, row: int) -> str | None:
        """The first of the Echo Nest ids of a song; None where it has none."""
        if self._first_ids is None:
            rows = self.arrays["song_id_songs"]
            first = np.full(self.songs, -1, np.int64)
            first[rows[::-1]] = np.arange(len(rows) - 1, -1, -1)
            self._first_ids = first
        place = int(self._first_ids[row])
        return bytes(self.arrays["song_ids"][place]).decode("ascii") if place >= 0 else None

    def find_named(self, song_id: str | None, key: str | None) -> int | None:
        """The song of an Echo Nest id or of a canonical key, whichever this model knows."""
        row = None if song_id is None else self.find_song_id(song_id)
        return self.song_keys.find(key) if row is None and key is not None else row

    def is_cold(self, user: int | None) -> bool:
        """Whether nothing personal is published for a user: an unknown one, or one without candidates."""
        if user is None or not 0 <= user < self.users:
            return True
        indptr = self.arrays["ranked_indptr"]
        return bool(indptr[user] == indptr[user + 1])

    def ranked(self, user: int) -> tuple[np.ndarray, np.ndarray]:
        """A user's candidates, best first, and their scores."""
        start, end = self.arrays["ranked_indptr"][user], self.arrays["ranked_indptr"][user + 1]
        return self.arrays["ranked_playlists"][start:end], self.arrays["ranked_scores"][start:end]

    def row(self, name: str, row: int) -> np.ndarray:
        """One row of a CSR pair `<name>_indptr` and its indices (`liked`, `user_library`, `playlist_library`)."""
        indptr = self.arrays[f"{name}_indptr"]
        indices = self.arrays["liked_playlists" if name == "liked" else f"{name}_indices"]
        return indices[indptr[row] : indptr[row + 1]]

    def neighbours(self, user: int) -> tuple[np.ndarray, np.ndarray]:
        """A user's nearest users, nearest first, and their cosine similarities."""
        indptr = self.arrays["neighbour_indptr"]
        start, end = indptr[user], indptr[user + 1]
        return self.arrays["neighbour_users"][start:end], self.arrays["neighbour_similarity"][start:end]

    def top(self, user: int | None, length: int, hidden: frozenset[int] | set[int] = frozenset()) -> list[int]:
        """The pids for a user, best first: own candidates, then the most liked; never a liked or a `hidden` pid."""
        if user is None or not 0 <= user < self.users:
            return [pid for pid in self.popular_pids if pid not in hidden][:length]
        ranked, _ = self.ranked(user)
        own = [pid for pid in self.pids[ranked[: length + len(hidden)]].tolist() if pid not in hidden][:length]
        if len(own) == length:
            return own
        known = hidden.union(self.pids[self.row("liked", user)].tolist())
        return fill(own, [pid for pid in self.popular_pids if pid not in known], length)


def _map(path: Path, name: str) -> np.ndarray:
    if not path.is_file():
        raise ArrayMismatchError(name, f"{path} is missing though the manifest names it; write the version again")
    try:
        # np.asarray drops the memmap subclass, whose slicing costs several times an array's
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except ValueError as error:
        if path.stat().st_size > 0 and "empty" in str(error):
            return np.load(path, allow_pickle=False)
        raise ArrayMismatchError(name, f"{path} cannot be mapped: {error}; it may be cut short") from error


def _find(values: np.ndarray, wanted: int | bytes) -> int | None:
    if isinstance(wanted, bytes) and len(wanted) != values.dtype.itemsize:
        return None
    row = int(np.searchsorted(values, np.array(wanted, dtype=values.dtype)))
    return row if row < len(values) and values[row] == wanted else None
