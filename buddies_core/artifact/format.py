"""The format of a served model: which arrays it consists of, and what must hold of them.

A version is a folder of `.npy` files (never pickle) and a `manifest.json`. `user` is a row of `user_ids`, and that row
is the user's number, which is the same in every version; somebody who is no longer in the data has an empty row.
`playlist` is a row of `playlist_pids`, `song` a row of `song_keys`.
Shapes are written with names (`users`, `ranked`, ...); a name means the same number wherever it occurs.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from buddies_core.artifact.errors import ArrayMismatchError

FORMAT = 5
"""Number of the format, raised with every change of it. 4: users by their lasting numbers, digests of the files.
5: whom playlists fit best that nobody owns."""
WITHOUT_DIGESTS = 3
READ = (WITHOUT_DIGESTS, 4, FORMAT)
"""Formats that are read. In 3 the users' rows are their numbers too, and stand in the order of the ids."""

CONTRACT_LENGTH = 5
_FORGOTTEN = "forgotten-"


def forgotten_id(number: int) -> str:
    """What stands for the id of a user who was forgotten: 40 characters, no hex id, and none is there twice."""
    return f"{_FORGOTTEN}{number:030d}"


def is_forgotten(user_id: str) -> bool:
    """Whether a text stands for somebody who was forgotten."""
    return user_id.startswith(_FORGOTTEN)


class ArraySpec(msgspec.Struct, frozen=True):
    """One array of the format: dtype, shape by named lengths ("users", "users+1"), whether a model may lack it."""

    dtype: str
    shape: tuple[str, ...]
    required: bool = True
    group: str = ""


def _csr(rows: str, length: str) -> tuple[ArraySpec, ArraySpec]:
    return ArraySpec("<i8", (f"{rows}+1",)), ArraySpec("<u4", (length,))


def _text(name: str, rows: str) -> dict[str, ArraySpec]:
    return {
        f"{name}_offsets": ArraySpec("<i8", (f"{rows}+1",)),
        f"{name}_bytes": ArraySpec("|u1", (f"{name}_bytes",)),
    }


_RANKED = _csr("users", "ranked")
_NEIGHBOURS = _csr("users", "neighbours")
_USER_LIBRARY = _csr("users", "user_songs")
_PLAYLIST_LIBRARY = _csr("playlists", "playlist_songs")
_LIKED = _csr("users", "liked")

ARRAYS: dict[str, ArraySpec] = {
    # each user's candidates, best first; a cold user's row is empty
    "ranked_indptr": _RANKED[0],
    "ranked_playlists": _RANKED[1],
    "ranked_scores": ArraySpec("<f4", ("ranked",)),
    "user_ids": ArraySpec("|S40", ("users",)),
    # the users in the order of their ids, for looking up an id
    "user_order": ArraySpec("<u4", ("users",), required=False),
    "cold": ArraySpec("|b1", ("users",)),
    "playlist_pids": ArraySpec("<u4", ("playlists",)),
    **_text("playlist_names", "playlists"),
    "playlist_tracks": ArraySpec("<u4", ("playlists",)),
    "playlist_followers": ArraySpec("<u4", ("playlists",)),
    "playlist_owner": ArraySpec("<i4", ("playlists",)),
    # of playlists that nobody owns the users whom they fit best, best first; -1 for no more, and for owned ones
    "playlist_fits": ArraySpec("<i4", ("playlists", "fits"), required=False),
    "most_liked": ArraySpec("<u4", ("most_liked",)),
    "neighbour_indptr": _NEIGHBOURS[0],
    "neighbour_users": _NEIGHBOURS[1],
    "neighbour_similarity": ArraySpec("<f4", ("neighbours",)),
    "user_library_indptr": _USER_LIBRARY[0],
    "user_library_indices": _USER_LIBRARY[1],
    "playlist_library_indptr": _PLAYLIST_LIBRARY[0],
    "playlist_library_indices": _PLAYLIST_LIBRARY[1],
    **_text("song_titles", "songs"),
    **_text("song_artists", "songs"),
    **_text("song_keys", "songs"),
    "song_ids": ArraySpec("|S18", ("song_ids",)),
    "song_id_songs": ArraySpec("<u4", ("song_ids",)),
    "liked_indptr": _LIKED[0],
    "liked_playlists": _LIKED[1],
    # live ranking; both or neither
    "user_factors": ArraySpec("<f4", ("users", "dimension"), required=False, group="factors"),
    "playlist_factors": ArraySpec("<f4", ("playlists", "dimension"), required=False, group="factors"),
    # fold-in of a listener known by n songs: the mean of their song vectors, log(1 + n), 1/root n and 1, times the
    # map of the level that n falls in (levels begin at the bounds), gives factors and the weight of popularity
    "song_vectors": ArraySpec("<f4", ("songs", "song_dimension"), required=False, group="fold-in"),
    "fold_in_bounds": ArraySpec("<i8", ("fold_in_bounds",), required=False, group="fold-in"),
    "fold_in_maps": ArraySpec(
        "<f4", ("fold_in_bounds+1", "fold_in_inputs", "dimension+1"), required=False, group="fold-in"
    ),
    "fold_in_popularity": ArraySpec("<f4", ("playlists",), required=False, group="fold-in"),
    # each user's answer to the contract's call, ready to send; derived by the writer
    "contract_offsets": ArraySpec("<i8", ("users+1",), required=False, group="contract"),
    "contract_bytes": ArraySpec("|u1", ("contract_bytes",), required=False, group="contract"),
}

# values that index another array, and the named length they must stay below
INDEXES = {
    "user_order": "users",
    "ranked_playlists": "playlists",
    "most_liked": "playlists",
    "neighbour_users": "users",
    "user_library_indices": "songs",
    "playlist_library_indices": "songs",
    "song_id_songs": "songs",
    "liked_playlists": "playlists",
    "playlist_owner": "users",
    "playlist_fits": "users",
}


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a version says of itself. `created_at` is ISO 8601 in UTC; `arrays` name -> [dtype, shape].

    `digests`: name -> BLAKE2b of the array's file; `digest`: that of the manifest itself with this field empty.
    """

    format: int
    version: str
    created_at: str
    model_version: str
    run_id: str | None = None
    data_fingerprint: str | None = None
    metrics: dict[str, float] = {}
    song_key_scheme: str = "canonical"
    counts: dict[str, int] = {}
    arrays: dict[str, tuple[str, tuple[int, ...]]] = {}
    extra: dict[str, Any] = {}
    digests: dict[str, str] = {}
    digest: str = ""


def check_shapes(arrays: Mapping[str, np.ndarray]) -> dict[str, int]:
    """The named lengths of a model's arrays; raises ArrayMismatchError for the first that does not fit the format."""
    lengths: dict[str, int] = {}
    for name in arrays:
        if name not in ARRAYS:
            raise ArrayMismatchError(name, "is not part of the format; leave it out or add it to model_format.ARRAYS")
    for name, spec in ARRAYS.items():
        array = arrays.get(name)
        if array is None:
            if spec.required:
                raise ArrayMismatchError(name, "is missing; every model needs it")
            continue
        if array.dtype.str != spec.dtype:
            raise ArrayMismatchError(name, f"has dtype {array.dtype.str}, the format asks for {spec.dtype}")
        if array.ndim != len(spec.shape):
            raise ArrayMismatchError(name, f"has {array.ndim} dimensions, the format asks for {len(spec.shape)}")
        for axis, symbol in enumerate(spec.shape):
            length, base = array.shape[axis], symbol.removesuffix("+1")
            if symbol != base:
                length -= 1
            if lengths.setdefault(base, length) != length:
                raise ArrayMismatchError(
                    name, f"has {array.shape[axis]} rows on axis {axis}; {symbol} = {lengths[base]} was expected"
                )
    for group in ("factors", "fold-in", "contract"):
        members = [name for name, spec in ARRAYS.items() if spec.group == group]
        present = [name for name in members if name in arrays]
        if present and len(present) < len(members):
            raise ArrayMismatchError(present[0], f"comes without {sorted(set(members) - set(present))}")
    return lengths


def check_ends(arrays: Mapping[str, np.ndarray]) -> None:
    """Raises ArrayMismatchError unless every row pointer starts at 0 and ends at the length of what it points into."""
    for name, array in arrays.items():
        targets = _targets(name)
        if targets is None:
            continue
        end = len(arrays[targets])
        if int(array[0]) != 0 or int(array[-1]) != end:
            raise ArrayMismatchError(name, f"runs from {int(array[0])} to {int(array[-1])}; 0 to {end} was expected")


def check_values(arrays: Mapping[str, np.ndarray], lengths: Mapping[str, int]) -> None:
    """Raises ArrayMismatchError unless pointers rise, indexes are in range, ids are sorted, scores finite and falling.

    Reads everything, so it is the writer's check; a reader only looks at shapes and ends.
    """
    check_ends(arrays)
    for name, array in arrays.items():
        if _targets(name) is not None and np.any(np.diff(array) < 0):
            raise ArrayMismatchError(name, "row pointers fall; they must never decrease")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ArrayMismatchError(name, "holds NaN or infinity; a NaN would rank first")
    for name, symbol in INDEXES.items():
        array = arrays.get(name, np.zeros(0, np.uint32))
        if len(array) and int(array.max()) >= lengths.get(symbol, 0):
            raise ArrayMismatchError(name, f"holds {int(array.max())}, but there are {lengths.get(symbol, 0)} {symbol}")
    for name in ("playlist_owner", "playlist_fits"):
        if name in arrays and arrays[name].size and int(arrays[name].min()) < -1:
            raise ArrayMismatchError(name, "holds less than -1; -1 means nobody")
    sorted_ids = {name: arrays[name] for name in ("playlist_pids", "song_ids")}
    sorted_ids["user_order"] = arrays["user_ids"][arrays.get("user_order", slice(None))]
    for name, array in sorted_ids.items():
        if np.any(array[1:] <= array[:-1]):
            raise ArrayMismatchError(name, "is not sorted and free of repeats; look-ups are by binary search")
    scores = arrays["ranked_scores"]
    within = np.ones(max(len(scores) - 1, 0), dtype=bool)
    starts = arrays["ranked_indptr"][1:-1]
    within[starts[(starts > 0) & (starts < len(scores))] - 1] = False
    if np.any((np.diff(scores) > 0) & within):
        raise ArrayMismatchError("ranked_scores", "rise inside a row; candidates are stored best first")


def _targets(name: str) -> str | None:
    if name.endswith("_offsets"):
        return name.removesuffix("_offsets") + "_bytes"
    if not name.endswith("_indptr"):
        return None
    return {
        "ranked_indptr": "ranked_playlists",
        "neighbour_indptr": "neighbour_users",
        "liked_indptr": "liked_playlists",
    }.get(name, name.removesuffix("_indptr") + "_indices")
