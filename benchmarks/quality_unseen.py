"""Quality for those whom training never saw: users set aside, and playlists that came later."""

import numpy as np

from benchmarks.worlds import World
from buddies_assets.systems.playlists.cold_users import cold_user_table
from buddies_core.evaluation.ranks import case_metrics, case_ranks, popularity, popularity_scorer, scorer_ranks
from buddies_core.evaluation.sampled_negatives import evaluation_batches
from buddies_core.interactions.ragged import Ragged
from buddies_core.kernels.drawing import Catalogue
from buddies_core.recommenders.bpr.config import BEST
from buddies_core.recommenders.bpr.data import NO_PLAYLIST, Blocks, EvaluationCases, TrainingData
from buddies_core.recommenders.bpr.trainer import train
from buddies_core.recommenders.factors import Factors, RowKeys
from buddies_core.recommenders.fold_in import fit_fold_in, select

_LATER = 0.1


def cold_users(world: World, factors: Factors, counts: np.ndarray, *, seed: int) -> list[dict[str, object]]:
    """Fold-in of the users set aside, by how many of their songs are known."""
    likes = Ragged(world.cold_likes.indptr, world.cold_likes.indices)
    everyone = np.arange(world.train.n_rows)
    catalogue = Catalogue.of(np.arange(world.train.n_columns))
    drawn = evaluation_batches(everyone, likes, likes, keys=everyone, catalogue=catalogue, seed=seed)
    fold_in = fit_fold_in(factors.playlists, world.user_songs, world.playlist_songs, world.train)
    cases = EvaluationCases(drawn.user, drawn.positive, drawn.negatives)
    rows = cold_user_table(
        fold_in,
        factors,
        world.user_songs,
        world.playlist_songs,
        world.playlist_songs.lengths,
        cases,
        counts,
        keys=RowKeys.of_rows(len(everyone), 0, world.user_songs.n_columns),
        seed=seed,
    )
    return [
        {
            "system": row["system"],
            "known songs": "-" if row["system"] == "most liked" else row["known_songs"] or "all",
            "users": row["users"],
            "mrr": f"{row['mrr']:.3f} [{row['mrr_low']:.3f}, {row['mrr_high']:.3f}]",
            "hit_5": f"{row['hit_5']:.3f} [{row['hit_5_low']:.3f}, {row['hit_5_high']:.3f}]",
        }
        for row in rows
    ]


def later_playlists(world: World, *, seed: int) -> list[dict[str, object]]:
    """One playlist in ten is kept from training; the likes of it are then ranked among 50 negatives."""
    n_users, n_playlists = world.train.n_rows, world.train.n_columns
    later = np.random.default_rng(seed).random(n_playlists) < _LATER
    number = np.full(n_playlists + 1, NO_PLAYLIST, np.uint32)
    number[:-1][~later] = np.arange(int((~later).sum()), dtype=np.uint32)
    blocks = world.data.load(0)
    kept = ~later[blocks.positives]
    negatives = number[np.minimum(blocks.negatives[kept], np.uint32(n_playlists))]
    known = Blocks(blocks.users[kept], number[blocks.positives[kept]], negatives)
    none = EvaluationCases(known.users[:1], known.positives[:1], known.negatives[:1] * 0)
    data = TrainingData.from_blocks(
        known,
        n_users=n_users,
        n_playlists=int((~later).sum()),
        validation=none,
        user_songs=world.user_songs,
    )
    trained = train(BEST, data).factors
    likes = data.train_likes()
    counts = popularity(likes)
    earlier = select(world.playlist_songs, np.flatnonzero(~later))
    fold_in = fit_fold_in(trained.playlists, world.user_songs, earlier, likes)
    playlists = np.zeros((n_playlists, trained.dimension), np.float32)
    playlists[~later] = trained.playlists
    untrained = Factors(trained.users, playlists.copy())
    playlists[later] = fold_in.playlists(select(world.playlist_songs, np.flatnonzero(later)))
    both = [_cases_of(split, later) for split in (world.data.validation, world.test_cases)]
    cases = EvaluationCases(
        *(np.concatenate([getattr(part, name) for part in both]) for name in ("users", "positives", "negatives"))
    )
    train_counts = np.zeros(n_playlists)
    train_counts[~later] = counts
    rows = []
    for name, ranks in (
        ("most liked (they have no likes yet)", scorer_ranks(popularity_scorer(train_counts), cases)),
        ("untrained row", case_ranks(untrained, cases)),
        ("fold-in from songs", case_ranks(Factors(trained.users, playlists), cases)),
    ):
        found = case_metrics(ranks)
        rows.append({"system": name, "cases": len(cases)} | {m: f"{found[m]:.3f}" for m in ("mrr", "hit_5")})
    return rows


def _cases_of(cases: EvaluationCases, later: np.ndarray) -> EvaluationCases:
    mine = later[cases.positives]
    return EvaluationCases(cases.users[mine], cases.positives[mine], cases.negatives[mine])
