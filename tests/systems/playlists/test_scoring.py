"""The scoring kernel against its twin, and against numbers worked out by hand."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.scoring import Given, score_user

from buddies_assets.systems.playlists.scoring.exploration import exploration_coefficients
from buddies_assets.systems.playlists.scoring.playlist_index import PlaylistTooLongError, index_playlists
from buddies_assets.systems.playlists.scoring.score import (
    RETAIN_ALL,
    ScoreShard,
    ScoringInputError,
    ScoringRules,
    score_shard,
)
from buddies_core.interactions.csr import Library
from buddies_core.kernels.randomness import TIE, hash_pairs

SEED = 11


def library(rows: list[list[int]], n_columns: int) -> Library:
    lengths = [len(row) for row in rows]
    columns = np.array([c for row in rows for c in row], np.int64)
    return Library.from_pairs(np.repeat(np.arange(len(rows)), lengths), columns, len(rows), n_columns)


def random_library(generator: np.random.Generator, n_rows: int, n_columns: int, density: float) -> Library:
    rows, columns = np.nonzero(generator.random((n_rows, n_columns)) < density)
    return Library.from_pairs(rows, columns, n_rows, n_columns)


def listed(shard: ScoreShard, name: str, row: int) -> list:
    offsets = getattr(shard, f"{name.split('_')[0]}_offsets")
    values = getattr(shard, f"{name}_playlists" if name == "liked" else name)
    return values[offsets[row] : offsets[row + 1]].tolist()


def given_of(users: Library, playlists: Library, more: int = 0) -> Given:
    """Libraries with ids that are not their rows; everybody counts up to `more` songs that the other side lacks."""
    keys = hash_pairs(1, 99, np.arange(users.n_rows))
    pids = np.arange(playlists.n_rows, dtype=np.uint32) * 5 + 2
    counted = (side.lengths + np.arange(side.n_rows) * 7 % (more + 1) for side in (users, playlists))
    return Given(users, playlists, keys, pids, *counted)


def scored(given: Given, exploration: np.ndarray, **options) -> ScoreShard:
    index = index_playlists(given.playlists, given.pids, given.playlist_songs)
    bounds = options.pop("bounds", (0, given.users.n_rows))
    ids = {"keys": given.keys, "songs": given.user_songs}
    return score_shard(given.users, index, exploration, *bounds, **ids, **{"seed": SEED, **options})


def assert_matches_the_twin(given: Given, exploration: np.ndarray, rules: ScoringRules, seed: int = SEED) -> None:
    shard = scored(given, exploration, seed=seed, rules=rules)
    for user in range(given.users.n_rows):
        twin = score_user(given, user, exploration[user], seed, rules)
        assert shard.pairs[user] == len(twin.playlists)
        assert listed(shard, "liked", user) == twin.playlists[: twin.n_liked].tolist()
        assert listed(shard, "liked_matches", user) == twin.matches[: twin.n_liked].tolist()
        assert listed(shard, "liked_scores", user) == twin.scores[: twin.n_liked].astype(np.float32).tolist()
        assert listed(shard, "hard", user) == twin.hard.tolist()
        assert listed(shard, "easy", user) == twin.easy.tolist()
        nothing, s = float("nan"), twin.scores
        expected = {
            "liked_cut": s[twin.n_liked - 1] if len(s) else nothing,
            "hard_cut": s[twin.n_liked + twin.n_hard - 1] if twin.n_hard else nothing,
            "score_min": s[-1] if len(s) else nothing,
            "score_median": np.median(s) if len(s) else nothing,
            "score_max": s[0] if len(s) else nothing,
        }
        for name, value in expected.items():
            np.testing.assert_equal(getattr(shard, name)[user], value, err_msg=name)


@settings(deadline=None, max_examples=60)
@given(
    generator=st.integers(0, 2**32).map(np.random.default_rng),
    n_users=st.integers(1, 6),
    n_playlists=st.integers(1, 70),
    n_songs=st.integers(1, 40),
    more=st.sampled_from([0, 3, 40]),
    densities=st.tuples(*[st.sampled_from([0.02, 0.2, 0.6, 1.0])] * 2),
    exploration=st.sampled_from([0.0, 1.0, 0.25]),
    rules=st.builds(
        ScoringRules,
        st.sampled_from([0, 15, 150, 1000]),
        st.sampled_from([0, 200, 1000]),
        st.sampled_from([0, 1, 3, 256]),
    ),
)
def test_scores_cuts_and_samples_are_those_of_the_twin(
    generator, n_users, n_playlists, n_songs, more, densities, exploration, rules
):
    users = random_library(generator, n_users, n_songs, densities[0])
    playlists = random_library(generator, n_playlists, n_songs, densities[1])
    assert_matches_the_twin(given_of(users, playlists, more), np.full(n_users, exploration), rules)


def test_a_score_worked_out_by_hand():
    users = library([[0, 1, 2, 3]], 10)
    playlists = library([[0, 1, 8, 9], [3], [9]], 10)
    shard = scored(given_of(users, playlists), np.array([0.25]), rules=RETAIN_ALL)
    # (0.75 ln 3 + 0.25) / (2 x 2) and (0.75 ln 2 + 0.25) / (2 x 1); playlist 2 shares nothing.
    assert listed(shard, "liked", 0) == [1, 0]
    assert listed(shard, "liked_matches", 0) == [1, 2]
    assert shard.score_max[0] == pytest.approx(0.3849302, abs=1e-7)
    assert shard.score_min[0] == pytest.approx(0.2684898, abs=1e-7)
    assert shard.score_median[0] == pytest.approx((0.3849302 + 0.2684898) / 2, abs=1e-7)


def test_songs_that_the_other_side_lacks_count_in_the_lengths_and_not_in_the_matches():
    users, playlists = library([[0, 1, 2, 3]], 4), library([[0, 1]], 4)
    given = replace(given_of(users, playlists), user_songs=np.array([9]), playlist_songs=np.array([16]))
    # (0.75 ln 3 + 0.25) / (3 x 4)
    assert scored(given, np.array([0.25])).score_max[0] == pytest.approx(0.0894966, abs=1e-7)


def test_among_equal_scores_a_lot_decides_who_is_liked_then_hard_then_easy():
    n = 200
    given = given_of(library([[0]], 1), library([[0]] * n, 1))
    shard = scored(given, np.array([0.3]))
    lots = hash_pairs(SEED, TIE, given.keys[0], given.pids) >> np.uint64(32)
    order = np.argsort(lots)
    # ceil(0.015 x 200) = 3 liked, ceil(0.2 x 197) = 40 hard, 157 easy; listed by playlist.
    assert listed(shard, "liked", 0) == sorted(order[:3].tolist())
    assert listed(shard, "hard", 0) == sorted(order[3:43].tolist())
    assert listed(shard, "easy", 0) == sorted(order[43:].tolist())


def test_the_lot_favours_nobody():
    """Everybody likes 3 of 200 equal playlists: each playlist by about 3 % of 4,000 users, whatever its row."""
    n_users, n = 4_000, 200
    shard = scored(given_of(library([[0]] * n_users, 1), library([[0]] * n, 1)), np.full(n_users, 0.3))
    counts = np.bincount(shard.liked_playlists, minlength=n)
    # 60 each, with a standard deviation of 7.7.
    assert counts == pytest.approx(60, abs=5 * 7.7)


@pytest.mark.parametrize(("pairs", "liked"), [(1, 1), (66, 1), (67, 2), (133, 2), (134, 3), (1000, 15), (1001, 16)])
def test_the_liked_share_is_rounded_up_exactly(pairs, liked):
    users, playlists = library([[0]], 1), library([[0]] * pairs, 1)
    shard = scored(given_of(users, playlists), np.array([0.3]))
    assert len(shard.liked_playlists) == liked


def test_more_than_255_matches_do_not_overflow_the_narrow_counts():
    songs = list(range(700))
    users = library([songs, songs[:300], songs[:255], songs[:3]], 700)
    playlists = library([songs, songs[:255], songs[:256], songs[100:500], songs[:1]], 700)
    assert_matches_the_twin(given_of(users, playlists), np.full(4, 0.1), RETAIN_ALL)


def test_scores_equal_across_different_matches_are_one_group():
    # Without exploration ln(1 + 3) / √4p = ln(1 + 1) / √p: equal scores are listed by playlist, not by matches.
    users = library([[0, 1, 2]], 50)
    playlists = library([[0, 1, 2, *range(10, 15)], [0, 20], [0, 1, 2, *range(20, 25)], [1, 30]], 50)
    shard = scored(given_of(users, playlists), np.array([0.0]), rules=RETAIN_ALL)
    assert listed(shard, "liked", 0) == [0, 1, 2, 3]
    assert listed(shard, "liked_matches", 0) == [3, 1, 3, 1]


def test_a_user_with_an_empty_library_has_no_pairs_and_no_statistics():
    shard = scored(given_of(library([[], [0]], 1), library([[0]], 1)), np.zeros(2))
    frame = shard.to_frame()
    assert frame["pairs"].to_list() == [0, 1]
    assert frame["liked_cut"].to_list()[0] is None and frame["liked"].to_list() == [[], [0]]


def test_results_do_not_depend_on_shards_or_threads():
    generator = np.random.default_rng(3)
    users, playlists = random_library(generator, 40, 120, 0.2), random_library(generator, 900, 120, 0.1)
    given = given_of(users, playlists, 9)
    exploration = exploration_coefficients(given.keys, SEED)

    def part_of(start: int, stop: int):
        return scored(given, exploration, bounds=(start, stop), rules=ScoringRules(pool_size=20)).to_frame()

    whole = part_of(0, 40)
    with ThreadPoolExecutor(2) as pool:
        parts = list(pool.map(part_of, range(0, 40, 7), [min(s + 7, 40) for s in range(0, 40, 7)]))
    for part in parts:
        assert part.equals(whole.slice(part["user"][0], part.height))


def test_a_large_pool_is_sampled_exactly_through_the_hash_limit():
    users, playlists = library([[0, 1]], 2), library([[0, 1]] * 300 + [[0]] * 4_000 + [[1]] * 3_000, 2)
    assert_matches_the_twin(given_of(users, playlists), np.array([0.3]), ScoringRules(pool_size=64))


def test_exploration_has_the_published_quantiles():
    sample = exploration_coefficients(np.arange(200_000), SEED)
    assert np.quantile(sample, [0.25, 0.5, 0.75]) == pytest.approx([0.129, 0.250, 0.406], abs=0.004)
    assert sample.mean() == pytest.approx(0.283, abs=0.003)
    assert np.array_equal(sample[5:9], exploration_coefficients(np.arange(5, 9), SEED))


def test_libraries_over_different_songs_are_refused():
    with pytest.raises(ScoringInputError, match="2 songs, playlists over 3"):
        scored(given_of(library([[0]], 2), library([[0]], 3)), np.zeros(1))


def test_a_coefficient_outside_its_range_is_refused():
    given = given_of(library([[0]], 1), library([[0]], 1))
    for bad in (np.array([1.5]), np.array([np.nan]), np.zeros(2)):
        with pytest.raises(ScoringInputError, match="exploration coefficients"):
            scored(given, bad)


def test_ids_or_counts_that_do_not_fit_the_library_are_refused():
    given = given_of(library([[0]], 1), library([[0]], 1))
    with pytest.raises(ScoringInputError, match="2 keys for 1 users"):
        scored(replace(given, keys=np.zeros(2, np.uint64)), np.zeros(1))
    with pytest.raises(ScoringInputError, match="user 0 counts fewer songs than the library holds"):
        scored(replace(given, user_songs=np.zeros(1)), np.zeros(1))


def test_a_playlist_too_long_to_count_is_refused():
    long = Library(np.array([0, 65_536]), np.arange(65_536, dtype=np.uint32), 65_536)
    with pytest.raises(PlaylistTooLongError, match="65536 songs"):
        index_playlists(long, np.zeros(1), long.lengths)


def test_the_frame_has_the_columns_of_the_dataset():
    shard = scored(given_of(library([[0]], 1), library([[0]], 1)), np.zeros(1))
    names = {field.name for field in dataclasses.fields(shard)}
    assert shard.to_frame().columns == [
        *("user", "songs", "pairs", "exploration", "liked_cut", "hard_cut", "score_min", "score_median", "score_max"),
        *("liked", "liked_matches", "liked_scores", "hard", "easy"),
    ]
    assert {"liked_offsets", "hard_offsets", "easy_offsets"} <= names
