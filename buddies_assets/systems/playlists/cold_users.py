"""Cold users: how well a model ranks for somebody it was never trained on, by how many of their songs are known."""

from collections.abc import Sequence

import numpy as np

from buddies_core.evaluation.paired import paired_gain
from buddies_core.evaluation.ranks import (
    CaseScorer,
    case_metrics,
    case_ranks,
    intervals,
    scorer_ranks,
)
from buddies_core.interactions.csr import Library
from buddies_core.recommenders.baselines import System, song_overlap
from buddies_core.recommenders.bpr.data import EvaluationCases
from buddies_core.recommenders.factors import Factors, RowKeys
from buddies_core.recommenders.fold_in import FoldIn, first_known, only, select

KNOWN: tuple[int | None, ...] = (1, 3, 10, None)
"""Numbers of known songs to evaluate; None is the whole library."""


def cold_user_table(
    fold_in: FoldIn,
    factors: Factors,
    user_songs: Library,
    playlist_songs: Library,
    lengths: np.ndarray,
    cases: EvaluationCases,
    popularity: np.ndarray,
    *,
    known: Sequence[int | None] = KNOWN,
    keys: RowKeys,
    seed: int,
) -> list[dict[str, object]]:
    """One row a (system, number of known songs): fold-in and song overlap, after the most-liked list, which needs none.

    Columns: system, known_songs (null: all), users, cases, and mrr, hit_1, hit_5, hit_10, ndcg_10 with `_low` and
    `_high` (95 %, bootstrap over users); mrr_gain and hit_5_gain over the most-liked list on the same cases, likewise.

    Args:
        playlist_songs, lengths: libraries and lengths of all playlists, for the overlap.
        user_songs: libraries of all users; only those of the cases' users are read.
        cases: cases of cold users.
        popularity: likers of each playlist in train, for the most-liked list.
        keys: what draws know users and songs by.
    """
    users, place = np.unique(cases.users, return_inverse=True)
    own = EvaluationCases(place.astype(np.uint32), cases.positives, cases.negatives)
    judged = only(user_songs, users)
    catalogue = fold_in.catalogue(factors.playlists)
    # Equally liked playlists tie, for this list as for the others: by index it would win what the others lose.
    most_liked = scorer_ranks(lambda _, playlists: popularity[playlists].astype(np.float64), cases)
    rows = [_row("most liked", None, most_liked, most_liked, own, seed)]
    for songs in known:
        shown = judged if songs is None else first_known(judged, songs, keys=keys, seed=seed)
        known_by = select(shown, users)
        folded = Factors(fold_in.users(known_by), catalogue)
        overlap = scorer_ranks(_of_cases(song_overlap(known_by, playlist_songs, lengths)), own)
        rows.append(_row("fold-in", songs, case_ranks(folded, own), most_liked, own, seed))
        rows.append(_row("song overlap", songs, overlap, most_liked, own, seed))
    return rows


def _of_cases(system: System) -> CaseScorer:
    def score(users: np.ndarray, playlists: np.ndarray) -> np.ndarray:
        return system.scores(users.repeat(playlists.shape[1]), playlists.ravel()).reshape(playlists.shape)

    return score


def _row(
    system: str, known: int | None, ranks: np.ndarray, most_liked: np.ndarray, cases: EvaluationCases, seed: int
) -> dict[str, object]:
    spread = intervals(ranks, cases.users, seed=seed)
    row: dict[str, object] = {"system": system, "known_songs": known}
    row |= {"users": len(np.unique(cases.users)), "bags": len(cases), **case_metrics(ranks)}
    for name, figure in {"mrr": lambda rank: 1.0 / rank, "hit_5": lambda rank: rank <= 5}.items():
        gain = paired_gain(figure(ranks), figure(most_liked), cases.users, seed=seed)
        row |= {f"{name}_gain": gain.mean, f"{name}_gain_low": gain.low, f"{name}_gain_high": gain.high}
    row |= {f"{name}_low": low for name, (low, _) in spread.items()}
    return row | {f"{name}_high": high for name, (_, high) in spread.items()}
