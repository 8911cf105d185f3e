"""Defects of scores, splits and ownership."""

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


def _leak(world: World) -> dict[str, Any]:
    pair = some_like(world, "train")
    return {"splits": extended(world["splits"], **(pair | {"split": "test"}))}


def _cold_pair(world: World) -> dict[str, Any]:
    liked = world["liked_playlists"].join(world["cold_users"].select("user"), on="user", how="semi").row(0, named=True)
    cells = {"user": liked["user"], "playlist": liked["playlist"], "split": "train", "score": liked["score"]}
    return {"splits": extended(world["splits"], **cells)}


def _few_in_test(world: World) -> dict[str, Any]:
    splits = world["splits"]
    one = splits.with_columns(n=pl.len().over("user")).filter(pl.col("n") >= 5).row(0, named=True)["user"]
    kept = splits.filter((pl.col("user") != one) | (pl.int_range(pl.len()).over("user") < 2))
    row = first_row(kept, pl.col("user") == one)
    return {"splits": with_cells(kept, row, split="validation")}


def _unrounded(world: World) -> dict[str, Any]:
    splits = world["splits"]
    user = splits.filter(pl.len().over("user") >= 5)["user"][0]
    first = pl.int_range(pl.len()).over("user") == 0
    held = pl.lit("validation").cast(splits.schema["split"])
    return {
        "splits": splits.with_columns(split=pl.when((pl.col("user") == user) & ~first).then(held).otherwise("split"))
    }


def _all_train(world: World) -> dict[str, Any]:
    everything = pl.lit("train").cast(world["splits"].schema["split"])
    return {"splits": world["splits"].with_columns(split=everything)}


def _stranger_owner(world: World) -> dict[str, Any]:
    owned = world["playlist_ownership"]
    row = first_row(owned, pl.col("likers") > 0)
    playlist = owned["playlist"][row]
    likers = set(world["splits"].filter(pl.col("playlist") == playlist)["user"])
    cold = set(world["cold_users"]["user"])
    stranger = next(u for u in range(world["n_users"]) if u not in likers and u not in cold)
    return {"playlist_ownership": with_cells(owned, row, owner=stranger)}


def _owner_of_a_positive(world: World) -> dict[str, Any]:
    held = world["splits"].filter(pl.col("split") == "test").row(0, named=True)
    row = first_row(world["playlist_ownership"], pl.col("playlist") == held["playlist"])
    return {"playlist_ownership": with_cells(world["playlist_ownership"], row, owner=held["user"])}


def _second_bidder(world: World) -> dict[str, Any]:
    train = world["splits"].filter(pl.col("split") == "train").join(world["user_sizes"], on="user")
    train = train.with_columns(bid=pl.col("score").cast(pl.Float64) / pl.col("length").sqrt())
    contested = train.filter(pl.len().over("playlist") > 1).sort("playlist", "bid")
    playlist = contested["playlist"][0]
    lowest = contested.filter(pl.col("playlist") == playlist).row(0, named=True)
    row = first_row(world["playlist_ownership"], pl.col("playlist") == playlist)
    cells = {"owner": lowest["user"], "priority": lowest["bid"]}
    return {"playlist_ownership": with_cells(world["playlist_ownership"], row, **cells)}


def _hoarder(world: World) -> dict[str, Any]:
    one = world["playlist_ownership"]["owner"][0]
    return {"playlist_ownership": world["playlist_ownership"].with_columns(owner=pl.lit(one).cast(pl.UInt32))}


def _scored(column: str, change):
    return lambda world: {"scores": with_members(world["scores"], column, change, _rich(world["scores"]))}


def _rich(scores: pl.DataFrame) -> int:
    """Row of a user who likes three playlists or more, with different scores, and has both pools filled."""
    lists = [pl.col(c).list.len() >= 3 for c in ("liked", "hard", "easy")]
    return first_row(scores, pl.all_horizontal(*lists, pl.col("liked_scores").list.n_unique() >= 3))


def _cut(members: list[Any]) -> list[Any]:
    return members[:-1]


def _first_twice(members: list[Any]) -> list[Any]:
    return [members[0], members[0], *members[2:]]


def _unliked_pair(world: World) -> dict[str, Any]:
    user = world["splits"]["user"][0]
    liked = set(world["liked_playlists"].filter(pl.col("user") == user)["playlist"])
    return {"splits": extended(world["splits"], user=user, playlist=next(p for p in range(9_999) if p not in liked))}


def _nothing_to_train(world: World) -> dict[str, Any]:
    splits = world["splits"]
    held = pl.lit("validation").cast(splits.schema["split"])
    mine = pl.col("user") == splits["user"][0]
    return {"splits": splits.with_columns(split=pl.when(mine).then(held).otherwise("split"))}


def _without_split(name: str):
    def plant(world: World) -> dict[str, Any]:
        splits = world["splits"]
        train = pl.lit("train").cast(splits.schema["split"])
        moved = pl.when(pl.col("split").cast(pl.String) == name).then(train).otherwise("split")
        return {"splits": splits.with_columns(split=moved)}

    return plant


DEFECTS: tuple[Defect, ...] = (
    Defect(
        "scores of an older library",
        "scores.is_made_of_what_is_stored_now",
        cell("lineage:scores", stored="beef"),
    ),
    Defect("a user scored twice", "scores.scores_have_one_row_per_user", again("scores")),
    Defect("a user not scored", "scores.every_user_is_scored", lost("scores")),
    Defect("a NaN score", "scores.score_figures_are_finite", cell("scores", score_max=float("nan"))),
    Defect(
        "one liked too few",
        "scores.the_liked_are_the_best_share",
        lambda w: {
            "scores": with_cells(
                w["scores"],
                0,
                **{c: w["scores"][c][0].to_list()[:-1] for c in ("liked", "liked_matches", "liked_scores")},
            )
        },
    ),
    Defect(
        "scores without exploration",
        "scores.liked_scores_follow_the_formula",
        lambda w: {"scores": w["scores"].with_columns(pl.col("liked_scores").list.eval(pl.element() * 0.9))},
    ),
    Defect(
        "a liked playlist among the negatives",
        "scores.pools_hold_no_liked_playlist",
        lambda w: {"scores": with_members(w["scores"], "hard", lambda m: [w["scores"]["liked"][0][0], *m[1:]])},
    ),
    Defect("another user's coefficient", "scores.scores_use_the_drawn_coefficient", cell("scores", exploration=0.987)),
    Defect("a rank left out", "liked_playlists.liked_ranks_are_complete", cell("liked_playlists", rank=99)),
    Defect(
        "a like that was not scored",
        "liked_playlists.liked_pairs_are_those_scored",
        lost("liked_playlists"),
    ),
    Defect("a pair in train and test", "splits.pairs_are_in_one_split", _leak),
    Defect("a cold user in train", "splits.cold_users_are_not_split", _cold_pair),
    Defect("a user of two likes in validation", "splits.few_likes_stay_in_train", _few_in_test),
    Defect("a user with nearly all likes in validation", "splits.every_share_is_rounded", _unrounded),
    Defect("everything in train", "splits.train_share_is_as_set", _all_train),
    Defect("a like lost in the split", "splits.liked_pairs_are_split", lost("splits")),
    Defect(
        "half of all users cold",
        "cold_users.cold_share_is_as_set",
        lambda w: {
            "cold_users": pl.DataFrame(
                {
                    "user": range(120),
                    "number": range(120),
                    "user_id": w["user_rows"]["user_id"][:120],
                    "songs": [9] * 120,
                    "liked": [3] * 120,
                },
                schema=w["cold_users"].schema,
            )
        },
    ),
    Defect(
        "a cold user's id of another user",
        "cold_users.cold_users_exist",
        lambda w: {"cold_users": with_cells(w["cold_users"], 0, user_id=w["cold_users"]["user_id"][1][::-1])},
    ),
    Defect("a playlist with two owners", "playlist_ownership.playlists_have_one_owner", again("playlist_ownership")),
    Defect("an owner who does not like it", "playlist_ownership.likers_come_before_others", _stranger_owner),
    Defect(
        "an owner whose positive it is",
        "playlist_ownership.owners_hold_no_positive_of_their_own",
        _owner_of_a_positive,
    ),
    Defect("an owner who was outbid", "playlist_ownership.owners_outbid_all_likers_with_room", _second_bidder),
    Defect("one user owns everything", "playlist_ownership.owners_hold_at_most_the_cap", _hoarder),
    Defect(
        "a playlist left without owner",
        "playlist_ownership.every_liked_playlist_is_owned",
        lost("playlist_ownership"),
    ),
    Defect("a median above the maximum", "scores.score_figures_are_ordered", cell("scores", score_median=1e6)),
    Defect(
        "a liked playlist without its matches", "scores.liked_lists_have_equal_lengths", _scored("liked_matches", _cut)
    ),
    Defect("a playlist liked twice", "scores.liked_playlists_are_distinct", _scored("liked", _first_twice)),
    Defect("the least liked first", "scores.liked_scores_fall_to_the_cut", _scored("liked_scores", lambda m: m[::-1])),
    Defect(
        "more songs in common than a playlist has",
        "scores.matches_fit_the_libraries",
        _scored("liked_matches", lambda m: [9_999, *m[1:]]),
    ),
    Defect(
        "a library counted wrongly",
        "scores.songs_count_the_library",
        lambda w: {"scores": with_cells(w["scores"], 0, songs=w["scores"]["songs"][0] + 1)},
    ),
    Defect("a playlist twice in a pool", "scores.pools_hold_distinct_playlists", _scored("hard", _first_twice)),
    Defect("an empty pool", "scores.pools_are_filled", cell("scores", easy=[])),
    Defect(
        "a pool with an unknown playlist",
        "scores.scored_playlists_exist",
        _scored("easy", lambda m: [10**6, *m[1:]]),
    ),
    Defect("a liked pair twice", "liked_playlists.liked_pairs_are_unique", again("liked_playlists")),
    Defect(
        "a rank above its score", "liked_playlists.liked_ranks_follow_the_scores", cell("liked_playlists", score=0.0)
    ),
    Defect("a pair split that nobody likes", "splits.split_pairs_are_liked", _unliked_pair),
    Defect("a user without a train pair", "splits.every_user_trains", _nothing_to_train),
    Defect("a pair of no split", "splits.split_names_are_known", cell("splits", split=None)),
    Defect("a pair with another's score", "splits.split_scores_are_the_liked_scores", cell("splits", score=9.0)),
    Defect("no validation", "splits.validation_share_is_as_set", _without_split("validation")),
    Defect("no test", "splits.test_share_is_as_set", _without_split("test")),
    Defect("a cold user twice", "cold_users.cold_users_are_unique", again("cold_users")),
    Defect(
        "a cold owner",
        "playlist_ownership.owners_are_not_cold",
        lambda w: {"playlist_ownership": with_cells(w["playlist_ownership"], 0, owner=w["cold_users"]["user"][0])},
    ),
    Defect(
        "a priority that nobody bid",
        "playlist_ownership.priorities_are_those_bid",
        lambda w: {"playlist_ownership": w["playlist_ownership"].with_columns(pl.col("priority") * 2)},
    ),
    Defect(
        "a liker who was not counted",
        "playlist_ownership.likers_are_counted",
        lambda w: {
            "playlist_ownership": with_cells(
                w["playlist_ownership"], 0, likers=w["playlist_ownership"]["likers"][0] + 1
            )
        },
    ),
    Defect(
        "one owner of nearly everything",
        "playlist_ownership.ownership_is_spread",
        cell("owned_counts", owned=100_000),
    ),
)
