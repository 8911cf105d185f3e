"""Defects of blocks, triplets, batches, pairings and candidates."""

from functools import partial
from typing import Any

import polars as pl

from benchmarks.data_defects.planting import (
    Defect,
    World,
    again,
    cell,
    extended,
    first_row,
    lost,
    some_like,
    with_cells,
    with_members,
)


def _first_ten(table: str, world: World) -> dict[str, Any]:
    return {table: world[table][:10]}


def _block(change):
    def plant(world: World) -> dict[str, Any]:
        return {"user_blocks": change(world, world["user_blocks"])}

    return plant


def _negative(position: int, pick):
    """A defect that replaces one negative of the first block by what `pick(world, block)` finds."""

    def change(world: World, blocks: pl.DataFrame) -> pl.DataFrame:
        found = pick(world, blocks.row(0, named=True))
        return with_members(blocks, "negatives", lambda m: [*m[:position], found, *m[position + 1 :]])

    return _block(change)


def _liked_in(split: str):
    def change(world: World, blocks: pl.DataFrame) -> pl.DataFrame:
        pair = some_like(world, split, blocks["user"])
        row = first_row(blocks, (pl.col("user") == pair["user"]) & (pl.col("positive") != pair["playlist"]))
        return with_members(blocks, "negatives", lambda m: [pair["playlist"], *m[1:]], row)

    return _block(change)


def _owned_negative(world: World, blocks: pl.DataFrame) -> pl.DataFrame:
    owned = world["playlist_ownership"].filter(pl.len().over("owner") > 1).row(0, named=True)
    row = first_row(blocks, (pl.col("user") == owned["owner"]) & (pl.col("positive") != owned["playlist"]))
    return with_members(blocks, "negatives", lambda m: [owned["playlist"], *m[1:]], row)


def _exchange_halves(world: World, blocks: pl.DataFrame) -> pl.DataFrame:
    return with_members(blocks, "negatives", lambda m: [*m[2:], *m[:2]])


def _test_positive(world: World, blocks: pl.DataFrame) -> pl.DataFrame:
    pair = some_like(world, "test", blocks["user"])
    return with_cells(blocks, first_row(blocks, pl.col("user") == pair["user"]), positive=pair["playlist"])


def _sorted_triplets(world: World) -> dict[str, Any]:
    return {"triplets": world["triplets"].sort("user", "positive", "negative")}


def _contradiction(world: World) -> dict[str, Any]:
    twice = (
        world["triplets"].group_by("user").agg(pl.col("positive").unique()).filter(pl.col("positive").list.len() > 1)
    )
    user, (one, other, *_) = twice.sort("user").row(0)
    return {"triplets": extended(world["triplets"], user=user, positive=one, negative=other)}


def _liked_in_batch(world: World) -> dict[str, Any]:
    batches = world["validation_batches"]
    pair = some_like(world, "train", batches["user"])
    row = first_row(batches, pl.col("user") == pair["user"])
    return {"validation_batches": with_members(batches, "negatives", lambda m: [pair["playlist"], *m[1:]], row)}


def _likes_everything(world: World) -> dict[str, Any]:
    first = world["splits"].head(1)
    every = first.drop("playlist").join(
        pl.DataFrame({"playlist": range(world["n_playlists"])}, schema={"playlist": pl.UInt32}), how="cross"
    )
    return {"splits": pl.concat([world["splits"], every.select(world["splits"].columns)])}


def _popular_negatives(world: World, table: str = "validation_batches") -> dict[str, Any]:
    batches = world[table]
    held = [([5, *(n for n in m if n != 5)])[:50] for m in batches["negatives"].to_list()]
    return {table: batches.with_columns(pl.Series("negatives", held, dtype=batches.schema["negatives"]))}


def _train_positive(world: World, table: str = "test_batches") -> dict[str, Any]:
    batches = world[table]
    pair = some_like(world, "train", batches["user"])
    row = first_row(batches, pl.col("user") == pair["user"])
    return {table: with_cells(batches, row, positive=pair["playlist"])}


def _shuffled_neighbours(world: World) -> dict[str, Any]:
    pairs = world["user_pairings"]
    size = pl.len().over("user").cast(pl.UInt32)
    return {"user_pairings": pairs.with_columns(rank=size - 1 - pl.col("rank"))}


def _idle_neighbour(world: World) -> dict[str, Any]:
    owners = set(world["playlist_ownership"]["owner"])
    idle = next(u for u in range(world["n_users"]) if u not in owners)
    user = 0 if idle else 1
    row = first_row(world["user_pairings"], pl.col("user") == user)
    return {"user_pairings": with_cells(world["user_pairings"], row, neighbour=idle)}


def _candidate(pick):
    def plant(world: World) -> dict[str, Any]:
        user, playlist = pick(world)
        row = first_row(world["candidates"], pl.col("user") == user)
        return {"candidates": with_members(world["candidates"], "playlists", lambda m: [playlist, *m[1:]], row)}

    return plant


def _unowned_playlist(world: World) -> tuple[int, int]:
    owned = set(world["playlist_ownership"]["playlist"])
    liked = set(world["splits"].filter(pl.col("user") == 0)["playlist"])
    return 0, next(p for p in range(world["n_playlists"]) if p not in owned and p not in liked)


def _liked_candidate(world: World) -> tuple[int, int]:
    pair = some_like(world, "train")
    return pair["user"], pair["playlist"]


def _own_candidate(world: World) -> tuple[int, int]:
    owned = world["playlist_ownership"].row(0, named=True)
    return owned["owner"], owned["playlist"]


def _hard_in_the_easy_half(world: World, blocks: pl.DataFrame) -> pl.DataFrame:
    rich = world["scores"].filter(pl.col("hard").list.len() >= 8, pl.col("easy").list.len() >= 4)
    at, hard = blocks.with_row_index("at").join(rich, on="user").sort("at").select("at", "hard").row(0)
    return with_members(blocks, "negatives", lambda m: [*m[:2], *[p for p in hard if p not in m][:2]], at)


def _many_neighbours(world: World) -> dict[str, Any]:
    pairs = world["user_pairings"]
    more = pl.concat([pairs[:1]] * 70).with_columns(neighbour=pl.int_range(pl.len(), dtype=pl.UInt32))
    return {"user_pairings": pl.concat([pairs, more])}


def _few_candidates(world: World) -> dict[str, Any]:
    lists = world["candidates"]["playlists"].to_list()
    kept = [members if row % 3 == 0 else [] for row, members in enumerate(lists)]
    column = pl.Series("playlists", kept, dtype=world["candidates"].schema["playlists"])
    return {"candidates": world["candidates"].with_columns(column)}


DEFECTS: tuple[Defect, ...] = (
    Defect("a block twice", "user_blocks.one_block_per_positive", again("user_blocks")),
    Defect("a block without positive", "user_blocks.every_block_has_a_positive", cell("user_blocks", positive=None)),
    Defect(
        "the positive among the negatives",
        "user_blocks.positive_is_not_among_the_negatives",
        _negative(0, lambda w, block: block["positive"]),
    ),
    Defect(
        "a negative twice", "user_blocks.negatives_are_distinct", _negative(1, lambda w, block: block["negatives"][0])
    ),
    Defect("a negative missing", "user_blocks.negatives_are_in_full", _negative(3, lambda w, block: None)),
    Defect("a train like as negative", "user_blocks.negatives_are_not_liked", _liked_in("train")),
    Defect("a validation like as negative", "user_blocks.negatives_are_not_liked", _liked_in("validation")),
    Defect("a test like as negative", "user_blocks.negatives_are_not_liked", _liked_in("test")),
    Defect("an owned playlist as negative", "user_blocks.negatives_are_not_owned", _block(_owned_negative)),
    Defect("an unknown playlist", "user_blocks.block_playlists_exist", _negative(2, lambda w, block: 4_000_000)),
    Defect("an unknown user", "user_blocks.block_users_exist", cell("user_blocks", user=4_000_000)),
    Defect(
        "a cold user trained on",
        "user_blocks.blocks_hold_no_cold_user",
        lambda w: {"user_blocks": with_cells(w["user_blocks"], 0, user=w["cold_users"]["user"][0])},
    ),
    Defect("a test positive trained on", "user_blocks.positives_are_train_likes", _block(_test_positive)),
    Defect("halves exchanged: easy first", "user_blocks.first_half_is_hard", _block(_exchange_halves)),
    Defect(
        "a train like without a block",
        "user_blocks.every_train_like_has_a_block",
        lost("user_blocks"),
    ),
    Defect("no block at all", "user_blocks.blocks_are_not_empty", lambda w: {"user_blocks": w["user_blocks"].clear()}),
    Defect("triplets not shuffled", "triplets.triplets_are_shuffled", _sorted_triplets),
    Defect("a triplet twice", "triplets.triplets_are_unique", again("triplets")),
    Defect("a triplet lost", "triplets.triplets_are_the_blocks_exploded", lost("triplets")),
    Defect("a triplet that contradicts another", "triplets.triplets_do_not_contradict", _contradiction),
    Defect("a liked playlist in a batch", "validation_batches.negatives_are_not_liked", _liked_in_batch),
    Defect(
        "49 negatives",
        "validation_batches.batches_are_full",
        lambda w: {"validation_batches": with_members(w["validation_batches"], "negatives", lambda m: [*m[:-1], None])},
    ),
    Defect(
        "a user who likes all playlists",
        "validation_batches.everybody_leaves_enough_to_draw_from",
        _likes_everything,
    ),
    Defect(
        "a user who likes all playlists, in test",
        "test_batches.everybody_leaves_enough_to_draw_from",
        _likes_everything,
    ),
    Defect("one negative in every batch", "validation_batches.negatives_come_from_everywhere", _popular_negatives),
    Defect("a train positive in the test", "test_batches.test_positives_are_of_this_split", _train_positive),
    Defect(
        "a user their own neighbour",
        "user_pairings.nobody_neighbours_themselves",
        lambda w: {"user_pairings": with_cells(w["user_pairings"], 0, neighbour=w["user_pairings"]["user"][0])},
    ),
    Defect("the furthest first", "user_pairings.neighbours_are_nearest_first", _shuffled_neighbours),
    Defect("a neighbour who owns nothing", "user_pairings.neighbours_own_a_playlist", _idle_neighbour),
    Defect(
        "a similarity of another pair",
        "user_pairings.similarity_is_the_cosine",
        cell("user_pairings", similarity=0.999),
    ),
    Defect(
        "a candidate twice",
        "candidates.candidates_are_distinct",
        lambda w: {"candidates": with_members(w["candidates"], "playlists", lambda m: [*m, m[0]])},
    ),
    Defect(
        "a candidate nobody near owns", "candidates.candidates_are_owned_by_neighbours", _candidate(_unowned_playlist)
    ),
    Defect("a liked playlist as candidate", "candidates.candidates_are_new_to_the_user", _candidate(_liked_candidate)),
    Defect("an own playlist as candidate", "candidates.candidates_are_not_owned", _candidate(_own_candidate)),
    Defect("hard negatives in the easy half", "user_blocks.second_half_is_easy", _block(_hard_in_the_easy_half)),
    Defect(
        "every second block lost",
        "user_blocks.blocks_per_user_match_the_likes",
        lambda w: {"user_blocks": w["user_blocks"][::2]},
    ),
    Defect(
        "a user with most of the blocks",
        "user_blocks.no_user_dominates_the_blocks",
        lambda w: {"user_blocks": pl.concat([w["user_blocks"], *[w["user_blocks"][:1]] * 1_600])},
    ),
    Defect(
        "a triplet of one playlist",
        "triplets.triplet_sides_differ",
        lambda w: {"triplets": with_cells(w["triplets"], 0, negative=w["triplets"]["positive"][0])},
    ),
    *(
        Defect(
            f"ten likes to judge by ({split})",
            f"{split}_batches.there_are_likes_to_evaluate_by",
            partial(_first_ten, f"{split}_batches"),
        )
        for split in ("validation", "test")
    ),
    Defect(
        "a train positive in the validation",
        "validation_batches.positives_are_of_this_split",
        lambda w: _train_positive(w, "validation_batches"),
    ),
    Defect(
        "one negative in every test batch",
        "test_batches.negatives_come_from_everywhere",
        lambda w: _popular_negatives(w, "test_batches"),
    ),
    Defect("a neighbour twice", "user_pairings.neighbours_are_distinct", again("user_pairings")),
    Defect("a rank left out", "user_pairings.neighbour_ranks_are_complete", cell("user_pairings", rank=700)),
    Defect("seventy neighbours", "user_pairings.neighbours_are_at_most_fifty", _many_neighbours),
    Defect("an unknown neighbour", "user_pairings.neighbours_exist", cell("user_pairings", neighbour=4_000_000)),
    Defect("a neighbour of no song", "user_pairings.neighbours_share_a_song", cell("user_pairings", shared=0)),
    Defect("candidates of a user twice", "candidates.users_have_one_row_of_candidates", again("candidates")),
    Defect(
        "more candidates than are drawn",
        "candidates.candidates_are_at_most_those_drawn",
        cell("candidates", playlists=list(range(80))),
    ),
    Defect("an unknown candidate", "candidates.candidates_exist", cell("candidates", playlists=[10**6])),
    Defect("few users with candidates", "candidates.most_users_have_candidates", _few_candidates),
)
