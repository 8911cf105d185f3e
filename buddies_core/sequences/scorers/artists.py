"""Songs by the playlist's artists, and by artists that stand beside them in other playlists."""

import numpy as np

from buddies_core.sequences.index import SequenceIndex, rows_of
from buddies_core.sequences.scorers.scorer import Found, Shown
from buddies_core.sequences.scorers.tally import Tally

_ARTISTS = 60
"""Artists of each kind whose songs are proposed."""
_OF_ANOTHER, _OF_ITS_OWN, _OF_THE_LAST = 8, 60, 240
"""Songs of an artist beside the playlist's, of one of its own, and of the last one."""


class Artists:
    """By the rows `artist_next_*`, `artist_near_*` and `artist_with_*` of the index."""

    def __init__(self, index: SequenceIndex) -> None:
        self._index = index
        self._tallies = {name: Tally(index.n_artists) for name in ("next", "near", "with", "own")}
        self._length = 0

    def propose(self, shown: Shown) -> list[np.ndarray]:
        """The most popular songs of the artists of greatest weight."""
        index, ids = self._index, shown.singers
        self._length = len(shown.artists)
        if not len(ids):
            return []
        self._tallies["own"].of(ids).add("all")
        self._tallies["own"].add("recent", shown.singers_recent)
        entries, owner = rows_of(index.artist_near_ptr, ids)
        near = index.artist_near_weights[entries] * shown.singers_recent[owner]
        self._tallies["near"].of(index.artist_near_items[entries]).add("near", near)
        entries, _ = rows_of(index.artist_with_ptr, ids)
        self._tallies["with"].of(index.artist_with_items[entries]).add("with", index.artist_with_weights[entries])
        entries, _ = rows_of(index.artist_next_ptr, ids[-1:])
        self._tallies["next"].of(index.artist_next_items[entries]).add("next", index.artist_next_weights[entries])
        pools = [
            index.top_songs(self._tallies[name].best(name, _ARTISTS), _OF_ANOTHER) for name in ("next", "near", "with")
        ]
        own = self._tallies["own"].best("recent", _ARTISTS)
        return [*pools, index.top_songs(own, _OF_ITS_OWN), index.top_songs(ids[-1:], _OF_THE_LAST)]

    def scores(self, found: Found) -> dict[str, np.ndarray]:
        """What is said of a song's artist, and that times the song's share of the artist."""
        names = {"next": ("next",), "near": ("near",), "with": ("with",), "own": ("recent", "all")}
        said = {
            f"artist_{column}": values
            for name, columns in names.items()
            for column, values in self._tallies[name].at(found.artist, columns).items()
        }
        shares = {f"artist_{name}_share": said[f"artist_{name}"] * found.share for name in ("next", "near", "with")}
        return said | shares | {"artist_all": said["artist_all"] / max(self._length, 1)}

    def clear(self) -> None:
        """Forget the playlist."""
        for tally in self._tallies.values():
            tally.clear()
