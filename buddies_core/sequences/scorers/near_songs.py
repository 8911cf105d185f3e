"""Songs that stand near the playlist's own in other playlists, and those that come just after its last ones."""

import numpy as np

from buddies_core.sequences.index import SequenceIndex, rows_of
from buddies_core.sequences.scorers.scorer import Found, Shown
from buddies_core.sequences.scorers.table import Table

_LATE, _FALL = 3, np.float32(0.6)
"""Songs at the end that others are expected to follow, and what each step back is worth."""


class NearSongs:
    """By the rows `near_*`, `next_*` and `forward_*` of the index; `per_scorer` songs of each kind are proposed."""

    def __init__(self, index: SequenceIndex, per_scorer: int) -> None:
        self._index, self._per_scorer = index, per_scorer
        names = (
            *("near_recent", "near_all", "near_songs", "near_best"),
            *("forward", "next_last", "next_last_count", "near_last"),
        )
        self._tables = {name: Table(index.n_songs) for name in names}
        self._known = 0

    def propose(self, shown: Shown) -> list[np.ndarray]:
        """Songs near all of the playlist's, near the late ones, and after or beside the last one where it is known."""
        index, tables, songs = self._index, self._tables, shown.known
        self._known = len(songs)
        if not len(songs):
            return []
        entries, owner = rows_of(index.near_ptr, songs)
        items, weights = index.near_songs[entries], index.near_weights[entries]
        tables["near_recent"].add(items, weights * shown.recent[owner])
        tables["near_all"].add(items, weights)
        tables["near_songs"].count(items)
        tables["near_best"].raise_to(items, weights)
        late = songs[-_LATE:]
        steps, turn = rows_of(index.forward_ptr, late)
        fall = _FALL ** np.arange(len(late) - 1, -1, -1, dtype=np.float32)
        tables["forward"].add(index.forward_songs[steps], index.forward_weights[steps] * fall[turn])
        pools = [tables[name].best(self._per_scorer) for name in ("near_recent", "near_all", "forward")]
        if shown.age[-1] > 0:
            return pools
        last = songs[-1]
        after = slice(index.next_ptr[last], index.next_ptr[last + 1])
        tables["next_last"].add(index.next_songs[after], index.next_weights[after])
        tables["next_last_count"].add(index.next_songs[after], index.next_counts[after])
        beside = slice(index.near_ptr[last], index.near_ptr[last + 1])
        tables["near_last"].add(index.near_songs[beside], index.near_weights[beside])
        return [*pools, index.next_songs[after], index.near_songs[beside][: self._per_scorer]]

    def scores(self, found: Found) -> dict[str, np.ndarray]:
        """Sums of weights; `near_songs` is the share of the playlist's songs that a song is near to."""
        said = {name: table.values[found.songs] for name, table in self._tables.items()}
        return said | {"near_songs": said["near_songs"] / max(self._known, 1)}

    def clear(self) -> None:
        """Forget the playlist."""
        for table in self._tables.values():
            table.clear()
