"""Songs that stand near the playlist's own in other playlists, and those that come just after its last ones."""

import numpy as np

from buddies_core.sequences.index import SequenceIndex, rows_of
from buddies_core.sequences.scorers.scorer import Found, Shown
from buddies_core.sequences.scorers.tally import Tally

_LATE, _FALL = 3, np.float32(0.6)
"""Songs at the end that others are expected to follow, and what each step back is worth."""


class NearSongs:
    """By the rows `near_*`, `next_*` and `forward_*` of the index; `per_scorer` songs of each kind are proposed."""

    def __init__(self, index: SequenceIndex, per_scorer: int) -> None:
        self._index, self._per_scorer = index, per_scorer
        self._near, self._forward, self._after, self._beside = (Tally(index.n_songs) for _ in range(4))
        self._known = 0

    def propose(self, shown: Shown) -> list[np.ndarray]:
        """Songs near all of the playlist's, near the late ones, and after or beside the last one where it is known."""
        index, songs = self._index, shown.known
        self._known = len(songs)
        if not len(songs):
            return []
        entries, owner = rows_of(index.near_ptr, songs)
        weights = index.near_weights[entries]
        near = self._near.of(index.near_songs[entries])
        near.add("near_recent", weights * shown.recent[owner])
        near.add("near_all", weights)
        near.add("near_songs")
        near.greatest("near_best", weights)
        late = songs[-_LATE:]
        steps, turn = rows_of(index.forward_ptr, late)
        fall = _FALL ** np.arange(len(late) - 1, -1, -1, dtype=np.float32)
        self._forward.of(index.forward_songs[steps]).add("forward", index.forward_weights[steps] * fall[turn])
        pools = [near.best(name, self._per_scorer) for name in ("near_recent", "near_all")]
        pools.append(self._forward.best("forward", self._per_scorer))
        if shown.age[-1] > 0:
            return pools
        last = songs[-1]
        part = slice(index.next_ptr[last], index.next_ptr[last + 1])
        after = self._after.of(index.next_songs[part])
        after.add("next_last", index.next_weights[part])
        after.add("next_last_count", index.next_counts[part])
        part = slice(index.near_ptr[last], index.near_ptr[last + 1])
        self._beside.of(index.near_songs[part]).add("near_last", index.near_weights[part])
        return [*pools, after.items, index.near_songs[part][: self._per_scorer]]

    def scores(self, found: Found) -> dict[str, np.ndarray]:
        """Sums of weights; `near_songs` is the share of the playlist's songs that a song is near to."""
        said = self._near.at(found.songs, ("near_recent", "near_all", "near_songs", "near_best"))
        said |= self._forward.at(found.songs, ("forward",))
        said |= self._after.at(found.songs, ("next_last", "next_last_count"))
        said |= self._beside.at(found.songs, ("near_last",))
        return said | {"near_songs": said["near_songs"] / max(self._known, 1)}

    def clear(self) -> None:
        """Forget the playlist."""
        for tally in (self._near, self._forward, self._after, self._beside):
            tally.clear()
