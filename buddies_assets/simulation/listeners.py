"""Simulated listeners: which of the playlists they are shown they like, or none.

A multinomial logit: each shown playlist has a utility (how its songs fit the listener's, a taste of the day, a bias
towards the top of the list), nothing has a fixed one, and the choice is by chance in proportion to exp(utility).
"""

from dataclasses import dataclass, field

import numpy as np

from buddies_assets.simulation.tastes import Affinity
from buddies_core.interactions.csr import Library
from buddies_core.kernels.randomness import uniform

TREND, CHOICE, PICK, MOMENT = 0x4643_01, 0x4643_02, 0x4643_03, 0x4643_04


@dataclass(frozen=True)
class Preferences:
    """What a population of listeners likes.

    Attributes:
        users, playlists: their songs.
        pull: weight of the true score, standardised over random pairs.
        trend_pull: weight of a playlist's part in the season `trend`; 0 is no season.
        position_bias: utility lost at rank r is this times ln r.
        nothing: utility of liking none of those shown.
        affinity: what stands for the true score; unset: the overlap of the songs, which likes are computed from too.
    """

    users: Library
    playlists: Library
    seed: int
    pull: float = 1.0
    trend: int = 0
    trend_pull: float = 0.0
    position_bias: float = 0.3
    nothing: float = 3.0
    affinity: Affinity | None = None
    _scale: tuple[float, float] = field(init=False, repr=False, default=(0.0, 1.0))

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        users = rng.integers(0, self.users.n_rows, 500)
        shown = rng.integers(0, self.playlists.n_rows, (500, 1))
        found = np.concatenate([self._raw(int(u), row) for u, row in zip(users, shown, strict=True)])
        object.__setattr__(self, "_scale", (float(found.mean()), float(found.std()) or 1.0))

    def utilities(self, user: int, playlists: np.ndarray) -> np.ndarray:
        """Utility of each shown playlist (rows of the library, in the order shown), without noise."""
        centre, spread = self._scale
        fit = (self._raw(user, playlists) - centre) / spread
        draw = uniform(self.seed, TREND, self.trend, playlists)
        season = np.sqrt(12.0) * (draw - 0.5)
        return (
            self.pull * np.minimum(fit, 4.0)
            + self.trend_pull * season
            - self.position_bias * np.log(np.arange(1, len(playlists) + 1))
        )

    def choose(self, user: int, playlists: np.ndarray, draw: float) -> int | None:
        """Place in the list of the playlist that is liked, or None; `draw` uniform in (0, 1)."""
        weights = np.exp(self.utilities(user, playlists))
        bounds = np.cumsum(weights) / (weights.sum() + np.exp(self.nothing))
        place = int(np.searchsorted(bounds, draw))
        return place if place < len(playlists) else None

    def expected_rate(self, user: int, playlists: np.ndarray) -> float:
        """Probability that one of the shown playlists is liked."""
        total = float(np.exp(self.utilities(user, playlists)).sum())
        return total / (total + float(np.exp(self.nothing)))

    def _raw(self, user: int, playlists: np.ndarray) -> np.ndarray:
        if self.affinity is not None:
            return self.affinity(user, playlists)
        songs = self.users.row(user)
        matches = np.array([np.isin(self.playlists.row(int(j)), songs).sum() for j in playlists], np.float64)
        lengths = np.array([max(1, len(self.playlists.row(int(j)))) for j in playlists], np.float64)
        return np.log1p(matches) / np.sqrt(lengths)


@dataclass(frozen=True)
class Chance:
    """Listeners as the reference simulated them: always one of the five, each equally likely."""

    def choose(self, user: int, playlists: np.ndarray, draw: float) -> int | None:
        """Place of the liked playlist; None only when nothing was shown."""
        return int(draw * len(playlists)) if len(playlists) else None
