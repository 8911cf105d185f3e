"""What is proven of triplets in one pass over them and one over the blocks, in whatever order they lie.

The triplets are the blocks exploded exactly when both give the same number of triples and the same two sums of their
hashes; what holds of the blocks then holds of the triplets too, and blocks lie sorted by user. Where a sum differs
nothing is proven, and the rules find the rows.
"""

from collections.abc import Mapping

import numpy as np
import polars as pl

from buddies_core.storage.dataset import Dataset
from quality.rules.members import flat, members_with_partner, rows_with_a_repeat
from quality.rules.packing import packed, repeats
from quality.rules.verdict import Finding

PROVEN = (
    "triplets_are_unique",
    "triplets_are_the_blocks_exploded",
    "triplet_sides_differ",
    "triplets_do_not_contradict",
    "matches_its_schema",
)
"""Rules of triplets that hold where the proof succeeds."""
PROVABLE = {"triplets": ("n_users", "n_playlists")}
"""Datasets of which something can be proven, and the bounds that it needs."""
_COLUMNS = ["user", "positive", "negative"]


def proven(asset: str, stored: Mapping[str, object], bounds: Mapping[str, int]) -> dict[str, Finding]:
    """Findings, all good, of the rules that the proof covers; none where it does not succeed or there is none.

    Args:
        bounds: `n_users` and `n_playlists`, below which the indexes must lie.
    """
    triplets, blocks = stored.get("triplets"), stored.get("user_blocks")
    if asset != "triplets" or not isinstance(triplets, Dataset) or not isinstance(blocks, Dataset):
        return {}
    made = _sums_of_blocks(blocks, bounds)
    if made is None or made != _sums_of_triplets(triplets, bounds):
        return {}
    rows = triplets.manifest.rows
    return {name: Finding(0.0, None, 0.0, 0, rows, counts_rows=True) for name in PROVEN}


_Sums = tuple[int, int, int]


def _sums_of_blocks(blocks: Dataset, bounds: Mapping[str, int]) -> _Sums | None:
    """Number and sums of the triples of all blocks; None unless each is a triple once, and none contradicts another.

    The shards are ranges of users, so that no block of a user lies in two of them.
    """
    from buddies_core.kernels.membership import sums_of_triples

    count, one, other, after = 0, 0, 0, -1
    for shard in blocks.shards():
        keys, lists = packed([shard], ("user", "positive")), flat(shard["negatives"])
        if keys is None or lists is None or not shard.height:
            return None
        users, positives = shard["user"].to_numpy(), shard["positive"].to_numpy()
        low, high = int(users.min()), int(users.max())
        if low <= after or not _within(high, positives, lists[1], bounds) or repeats(keys[0]):
            return None
        pairs = shard.select("user", "positive")
        inside = members_with_partner(shard, "negatives", pairs, "user", "positive")
        repeated = rows_with_a_repeat(shard, "negatives")
        if inside is None or repeated is None or inside.offending or repeated.offending:
            return None
        after = high
        found = sums_of_triples(lists[0], users, positives, lists[1])
        count, one, other = count + len(lists[1]), one + int(found[0]), other + int(found[1])
    return count, one % (1 << 64), other % (1 << 64)


def _sums_of_triplets(triplets: Dataset, bounds: Mapping[str, int]) -> _Sums | None:
    from buddies_core.kernels.membership import sums_of_triples

    count, one, other = 0, 0, 0
    for shard in triplets.shards():
        if shard.columns != _COLUMNS or set(shard.dtypes) != {pl.UInt32} or any(shard.null_count().row(0)):
            return None
        users, positives, negatives = (shard[name].to_numpy() for name in _COLUMNS)
        if len(users) and not _within(int(users.max()), positives, negatives, bounds):
            return None
        found = sums_of_triples(np.arange(len(users) + 1), users, positives, negatives)
        count, one, other = count + len(users), one + int(found[0]), other + int(found[1])
    return count, one % (1 << 64), other % (1 << 64)


def _within(user: int, positives: np.ndarray, negatives: np.ndarray, bounds: Mapping[str, int]) -> bool:
    highest = max(int(positives.max()), int(negatives.max()) if len(negatives) else 0)
    return user < bounds["n_users"] and highest < bounds["n_playlists"]
