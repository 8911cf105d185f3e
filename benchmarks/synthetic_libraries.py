"""Libraries of the synthetic world at the scales that benchmarks name, straight into memory."""

from dataclasses import dataclass

import numpy as np

from buddies_assets.sources.synthetic.world import SyntheticWorld
from buddies_core.interactions.csr import Library

SCALES = {"small": (10_000, 100_000), "tenth": (101_713, 1_000_000), "full": (1_019_318, 1_000_000)}
"""Users and playlists of each scale; some playlists keep no shared song and drop out."""

_BLOCK = 20_000


@dataclass(frozen=True)
class SyntheticLibraries:
    """Who has played what and what each playlist holds, over one index of shared songs."""

    world: SyntheticWorld
    n_songs: int

    @classmethod
    def at(cls, scale: str, *, seed: int = 1) -> "SyntheticLibraries":
        """The world of a scale."""
        if scale not in SCALES:
            raise ValueError(f"this benchmark has the scales {', '.join(SCALES)}, not {scale!r}")
        users, playlists = SCALES[scale]
        world = SyntheticWorld(users=users, playlists=playlists, seed=seed)
        return cls(world, int(world.shared_of_work.max()) + 1)

    def users(self, n: int | None = None) -> Library:
        """Library of the first `n` users (all by default)."""
        return self._gathered(self.world.user_library, self.world.users if n is None else n)

    def playlists(self) -> Library:
        """Songs of every playlist that keeps at least one."""
        library = self._gathered(self.world.playlist_library, self.world.playlists)
        lengths = library.lengths
        kept = np.concatenate([[0], np.cumsum(lengths[lengths > 0])])
        return Library(kept, library.indices, self.n_songs)

    def _gathered(self, read, n: int) -> Library:
        parts = [read(start, min(start + _BLOCK, n)) for start in range(0, n, _BLOCK)]
        lengths = np.concatenate([np.diff(part.indptr) for part in parts])
        indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        return Library(indptr, np.concatenate([part.indices for part in parts]), self.n_songs)
