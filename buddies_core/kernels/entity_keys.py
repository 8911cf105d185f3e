"""What draws know an entity by: 64 bits made of its own id, never the number of its row.

Rows are given out by sorting, so one more user or playlist moves all those behind it; a draw that hashes a row would
change for all of them. A user's key is a hash of the user's id; a playlist's is its pid. A key is made once, with the
library, and stored beside it.
"""

import numpy as np

from buddies_core.kernels.randomness import hash_pairs

_KEY = 0x4B45
"""Stream of the keys, which have no seed: a user's key is the same in every home."""


def id_keys(ids: np.ndarray) -> np.ndarray:
    """Keys of ids that are text (40 hex digits in ENTP), uint64 [n]: a chain of SplitMix64 over eight bytes at a time.

    Two of a million users get the same key with a probability of 3e-8, and would then only draw alike.

    Args:
        ids: bytes, dtype `S`; how wide the dtype is does not matter.
    """
    ids = np.asarray(ids)
    if ids.dtype.kind != "S":
        raise TypeError(f"ids are bytes, not {ids.dtype}: encode them first")
    width = -(-max(1, ids.dtype.itemsize) // 8) * 8
    words = np.ascontiguousarray(ids.astype(f"S{width}")).view("<u8").reshape(len(ids), width // 8)
    lengths = np.strings.str_len(ids).astype(np.uint64) if len(ids) else np.zeros(0, np.uint64)
    keys = hash_pairs(0, _KEY, lengths)
    for place in range(width // 8):
        # An id that ended before this word is left alone, so that the width of the dtype changes nothing.
        present = lengths > np.uint64(8 * place)
        keys = np.where(present, hash_pairs(0, _KEY, keys, words[:, place]), keys)
    return keys
