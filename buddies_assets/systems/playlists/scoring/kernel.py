"""The scoring kernel: one user at a time, one thread, no GIL. `scoring.score_shard` is the way in."""

import numpy as np
from numba import njit

from buddies_assets.systems.playlists.scoring.cells import EASY_PAIR, HARD_PAIR, classify, cut_numbers, order_cells
from buddies_assets.systems.playlists.scoring.pairs import (
    clear_counts,
    count_cells,
    count_matches,
    distribute_repeated,
    distribute_single,
    resolve_mixed,
)
from buddies_core.kernels.buffers import grown
from buddies_core.kernels.randomness import EASY, HARD, TIE, stream_key
from buddies_core.kernels.selection import keep_smallest, sampling_limit, sort_few

_EVERY_HASH = np.uint64(0xFFFFFFFFFFFFFFFF)


@njit(nogil=True, cache=True)
def _score_user(
    counts, songs, e, root_songs, key_hard, key_easy, key_tie, song_indptr, song_numbers, song_pids, run_indptr,
    run_ranks, run_sizes, original, pids, coarse_rank, first_numbers, root_lengths, log_table, liked_per_mille,
    hard_per_mille, pool_size, repeated, cells, ordering, pools, mixed, values, statistics, row, packed_liked,
    liked_scores, base,
):  # fmt: skip
    """Scores one user with `counts`, which is left clear.

    Returns:
        (pairs, liked, members of the hard pool kept, of the easy pool, the two buffers of liked pairs).
    """
    n_ranks = len(root_lengths)
    cell_counts, cell_class, cell_group = cells
    scores, spare_scores, ordered, spare, sizes, runs, group_start, cursor = ordering
    matches, n_repeated = count_matches(counts, songs, song_indptr, song_numbers, repeated)
    if matches == 0:
        return 0, 0, 0, 0, packed_liked, liked_scores
    surplus, most = count_cells(
        counts, songs, run_indptr, run_ranks, run_sizes, repeated, n_repeated, coarse_rank, first_numbers, cell_counts
    )
    n = matches - surplus
    gain = (1.0 - e) * log_table[: most + 1] + e
    n_cells = order_cells(
        cell_counts, most, n_ranks, gain, root_songs, root_lengths, scores, ordered, sizes, spare_scores, spare, runs
    )  # fmt: skip
    n_liked = max(1, (n * liked_per_mille + 999) // 1000)
    n_hard_pool = ((n - n_liked) * hard_per_mille + 999) // 1000
    n_groups, mixed_liked, mixed_hard = classify(
        scores, ordered, sizes, n_cells, n, n_liked, n_hard_pool, cell_class, cell_group, group_start, statistics, row
    )
    stretches = cut_numbers(ordered, n_cells, cell_class, first_numbers)
    packed_liked, liked_scores = grown(packed_liked, base + n_liked), grown(liked_scores, base + n_liked)
    liked = packed_liked[base : base + n_liked]
    n_easy_pool = n - n_liked - n_hard_pool
    keys, limits, filled = np.zeros(5, np.uint64), np.empty(5, np.uint64), np.empty(4, np.int64)
    keys[HARD_PAIR], keys[EASY_PAIR] = key_hard, key_easy
    limits[HARD_PAIR], limits[EASY_PAIR] = (
        sampling_limit(n_hard_pool, pool_size),
        sampling_limit(n_easy_pool, pool_size),
    )
    while True:
        filled[:] = 0
        cursor[:n_groups] = group_start[:n_groups]
        distribute_single(
            counts, songs, song_indptr, song_numbers, song_pids, stretches, original, coarse_rank, first_numbers,
            cell_class, cell_group, cursor, keys, limits, key_tie, liked, pools, mixed, filled, values,
        )  # fmt: skip
        distribute_repeated(
            counts, repeated, n_repeated, original, pids, coarse_rank, first_numbers, cell_class, cell_group, cursor,
            keys, limits, key_tie, liked, pools, mixed, filled,
        )  # fmt: skip
        resolve_mixed(
            mixed[0, : filled[2]],
            mixed_liked,
            n_liked,
            n_hard_pool,
            counts,
            original,
            pids,
            keys,
            limits,
            liked,
            pools,
            filled,
        )
        resolve_mixed(
            mixed[1, : filled[3]],
            mixed_hard,
            n_liked,
            n_hard_pool,
            counts,
            original,
            pids,
            keys,
            limits,
            liked,
            pools,
            filled,
        )
        # The limits pass a few more than needed but for one user in millions; that one is done again in full.
        if filled[EASY_PAIR] >= min(pool_size, n_easy_pool) and filled[HARD_PAIR] >= min(pool_size, n_hard_pool):
            break
        limits[:] = _EVERY_HASH
    clear_counts(counts, songs, matches, song_indptr, song_numbers)
    for group in range(n_groups):
        if group_start[group] >= n_liked:
            break
        sort_few(liked[group_start[group] : min(group_start[group + 1], n_liked)])
    # The liked are the beginning of the ordered cells, so their scores are those of the cells.
    position = 0
    for i in range(n_cells):
        if position >= n_liked:
            break
        last = min(position + sizes[i], n_liked)
        liked_scores[base + position : base + last] = scores[i]
        position = last
    hashes, members = pools
    n_hard = _keep_pool(hashes[HARD_PAIR], members[HARD_PAIR], filled[HARD_PAIR], pool_size, original)
    n_easy = _keep_pool(hashes[EASY_PAIR], members[EASY_PAIR], filled[EASY_PAIR], pool_size, original)
    return n, n_liked, n_hard, n_easy, packed_liked, liked_scores


@njit(nogil=True, cache=True)
def _keep_pool(hashes, members, n, wanted, original):
    """Keeps the numbers of the smallest hashes, as playlists in order, at the front of `members`; returns how many."""
    n = keep_smallest(hashes[:n], members[:n], wanted)
    for i in range(n):
        members[i] = original[members[i]]
    members[:n].sort()
    return n


@njit(nogil=True, cache=True)
def score_users(
    user_indptr, user_songs, start, stop, exploration, user_keys, root_songs, song_indptr, song_numbers, song_pids,
    run_indptr, run_ranks, run_sizes, original, pids, coarse_rank, first_numbers, root_lengths, log_table,
    liked_per_mille, hard_per_mille, pool_size, seed, wide,
):  # fmt: skip
    """Scores users [start, stop).

    Args:
        wide: zeros, uint16 [n_playlists], for users who may share more than 255 songs with a playlist; uint8 [0] where
            nobody may, so that the kernel of wide counts is compiled only for those who need it.

    Returns:
        (statistics [5, n], liked offsets, liked as playlist << 16 | matches, liked scores, hard offsets, hard, easy
        offsets, easy, pairs), as `ScoreShard` has them.
    """
    n_users, n_playlists, n_ranks = stop - start, len(original), len(root_lengths)
    most_possible = len(log_table) - 1
    n_cells = most_possible * n_ranks
    n_occupied = min(n_cells, n_playlists)
    narrow = np.zeros(n_playlists, np.uint8)
    repeated = np.empty(n_playlists + 1, np.uint32)
    cells = (np.zeros(n_cells, np.int64), np.zeros(n_cells, np.uint8), np.zeros(n_cells, np.int32))
    ordering = (
        np.empty(n_occupied),
        np.empty(n_occupied),
        np.empty(n_occupied, np.int64),
        np.empty(n_occupied, np.int64),
        np.empty(n_occupied, np.int64),
        np.empty(most_possible + 2, np.int64),
        np.empty(n_occupied + 1, np.int64),
        np.empty(n_occupied + 1, np.int64),
    )
    pools = (np.empty((2, n_playlists), np.uint64), np.empty((2, n_playlists), np.uint32))
    mixed = np.empty((2, n_playlists), np.uint64)
    values = np.empty(512, np.uint64)

    statistics = np.full((5, n_users), np.nan)
    pairs = np.zeros(n_users, np.uint32)
    liked_offsets = np.zeros(n_users + 1, np.int64)
    hard_offsets, easy_offsets = np.zeros(n_users + 1, np.int64), np.zeros(n_users + 1, np.int64)
    packed_liked, liked_scores = np.empty(1024, np.uint64), np.empty(1024, np.float32)
    hard_members, easy_members = np.empty(1024, np.uint32), np.empty(1024, np.uint32)
    for row in range(n_users):
        user = start + row
        songs = user_songs[user_indptr[user] : user_indptr[user + 1]]
        # Cast by hand: an always-inlined function is typed by its arguments, whatever its signature says.
        key_hard = stream_key(seed, np.uint64(HARD), user_keys[row])
        key_easy = stream_key(seed, np.uint64(EASY), user_keys[row])
        key_tie = stream_key(seed, np.uint64(TIE), user_keys[row])
        if most_possible <= 255 or len(songs) <= 255:
            n, n_liked, n_hard, n_easy, packed_liked, liked_scores = _score_user(
                narrow, songs, exploration[row], root_songs[row], key_hard, key_easy, key_tie, song_indptr,
                song_numbers, song_pids, run_indptr, run_ranks, run_sizes, original, pids, coarse_rank, first_numbers,
                root_lengths, log_table, liked_per_mille, hard_per_mille, pool_size, repeated, cells, ordering, pools,
                mixed, values, statistics, row, packed_liked, liked_scores, liked_offsets[row],
            )  # fmt: skip
        else:
            n, n_liked, n_hard, n_easy, packed_liked, liked_scores = _score_user(
                wide, songs, exploration[row], root_songs[row], key_hard, key_easy, key_tie, song_indptr,
                song_numbers, song_pids, run_indptr, run_ranks, run_sizes, original, pids, coarse_rank, first_numbers,
                root_lengths, log_table, liked_per_mille, hard_per_mille, pool_size, repeated, cells, ordering, pools,
                mixed, values, statistics, row, packed_liked, liked_scores, liked_offsets[row],
            )  # fmt: skip
        pairs[row] = n
        liked_offsets[row + 1] = liked_offsets[row] + n_liked
        hard_offsets[row + 1] = hard_offsets[row] + n_hard
        hard_members = grown(hard_members, hard_offsets[row + 1])
        hard_members[hard_offsets[row] : hard_offsets[row + 1]] = pools[1][HARD_PAIR, :n_hard]
        easy_offsets[row + 1] = easy_offsets[row] + n_easy
        easy_members = grown(easy_members, easy_offsets[row + 1])
        easy_members[easy_offsets[row] : easy_offsets[row + 1]] = pools[1][EASY_PAIR, :n_easy]
    return (
        statistics,
        liked_offsets,
        packed_liked[: liked_offsets[-1]].copy(),
        liked_scores[: liked_offsets[-1]].copy(),
        hard_offsets,
        hard_members[: hard_offsets[-1]].copy(),
        easy_offsets,
        easy_members[: easy_offsets[-1]].copy(),
        pairs,
    )
