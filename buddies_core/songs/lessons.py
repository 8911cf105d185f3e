"""Plays hidden from their own listeners: what rankers learn from and are judged by, out of fold.

Listeners fall into folds by the hash of their ids. For each fold the sources are fitted without a half of the songs
of its listeners, so no score, no popularity and no neighbour has seen what it is asked for.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from buddies_core.kernels.randomness import SONG_FOLD, SONG_HIDDEN, hash_pairs, uniform
from buddies_core.songs.histories import Histories

FEWEST_SONGS = 6
"""Listeners with fewer songs hide none of them."""
LATE = 0.25
"""Share of the pairs that are hidden where plays have dates: those that were met last, by anybody."""

FEW_ASKED = 0.1
"""Share of the listeners up to which all folds hide at once: what models miss of the others' plays is then little, and
one fit serves every fold."""


@dataclass(frozen=True, slots=True)
class Fold:
    """One fold: what may be seen of everybody, and of its own listeners what is asked for.

    Attributes:
        seen: plays of everybody without the hidden ones.
        listeners: int64, rows of those who hide something.
        hidden: plays of everybody that are hidden.
    """

    seen: Histories
    listeners: np.ndarray
    hidden: Histories


def folds(
    histories: Histories, user_hashes: np.ndarray, song_hashes: np.ndarray, *,
    count: int, share: float, most: int, seed: int,
) -> Iterator[Fold]:  # fmt: skip
    """The folds in order.

    Args:
        user_hashes, song_hashes: uint64, of the ids, so that a new listener changes nobody's hidden plays.
        share: of a listener's songs that is hidden; where plays have dates it is `LATE` of all.
        most: listeners in all folds together, those of the smallest hashes.
    """
    lengths = histories.lengths
    able = np.flatnonzero(lengths >= FEWEST_SONGS)
    able = np.sort(able[np.argsort(user_hashes[able], kind="stable")[:most]])
    fold_of = np.full(len(lengths), -1)
    fold_of[able] = hash_pairs(seed, SONG_FOLD, user_hashes[able]) % np.uint64(count)
    row = np.repeat(np.arange(len(lengths)), lengths)
    if histories.met is not None:
        yield from _by_date(histories, row, fold_of, count)
        return
    asked = _asked(histories, row, fold_of, user_hashes, song_hashes, share=share, seed=seed)
    if len(able) <= FEW_ASKED * len(lengths):
        hidden = asked & (fold_of[row] >= 0)
        seen = histories.only(~hidden)
        for fold in range(count):
            mine = hidden & (fold_of[row] == fold)
            if mine.any():
                yield Fold(seen, np.unique(row[mine]), histories.only(mine))
        return
    for fold in range(count):
        hidden = asked & (fold_of[row] == fold)
        listeners = np.unique(row[hidden])
        if len(listeners):
            yield Fold(histories.only(~hidden), listeners, histories.only(hidden))


def _by_date(histories: Histories, row: np.ndarray, fold_of: np.ndarray, count: int) -> Iterator[Fold]:
    """Folds of dated plays: nobody's first plays of the last days are seen, and each fold asks its own listeners."""
    assert histories.met is not None
    cut = float(np.quantile(histories.met, LATE))
    late = histories.met < cut
    before = np.bincount(row[~late], minlength=len(fold_of))
    seen, hidden = histories.only(~late).as_of(cut), histories.only(late)
    for fold in range(count):
        listeners = np.unique(row[late & (fold_of[row] == fold) & (before[row] > 0)])
        if len(listeners):
            yield Fold(seen, listeners, hidden)


def _asked(
    histories: Histories, row: np.ndarray, fold_of: np.ndarray, user_hashes: np.ndarray, song_hashes: np.ndarray, *,
    share: float, seed: int,
) -> np.ndarray:  # fmt: skip
    """Which plays of those in a fold would be hidden, bool [nnz]; every listener keeps at least one."""
    places = np.flatnonzero(fold_of[row] >= 0)
    mine, lengths = row[places], histories.lengths
    draws = uniform(seed, SONG_HIDDEN, user_hashes[mine], song_hashes[histories.plays.indices[places]])
    order = np.lexsort((draws, mine))
    firsts = np.searchsorted(mine, mine)
    most = np.minimum(np.floor(lengths[mine] * share), lengths[mine] - 1)
    asked = np.zeros(len(row), bool)
    asked[places[order]] = np.arange(len(order)) - firsts < most
    return asked
