"""Defects of next track and continuation: lost order, leaked edges, additive models, dead vectors, bad answers."""

from typing import Any

import numpy as np
import polars as pl

from benchmarks.data_defects.planting import (
    Defect,
    Plant,
    World,
    again,
    cell,
    column,
    first_row,
    lost,
    repeated,
    with_cells,
)


def _shuffled(world: World) -> dict[str, Any]:
    """Every playlist's songs in an order that means nothing; its places are whole."""
    rows = world["playlist_sequences"]
    order = rows.with_columns(draw=pl.struct("pid", "song").hash(seed=3)).sort("pid", "draw").drop("draw")
    return {"playlist_sequences": order.with_columns(place=rows["place"])}


def _reversed(world: World) -> dict[str, Any]:
    """Every other playlist backwards: artists still stay, pairs recur against their direction as often as with it."""
    rows = world["playlist_sequences"]
    last = pl.col("place").max().over("pid")
    turned = pl.when(pl.col("pid") % 2 == 0).then(last - pl.col("place")).otherwise("place").cast(pl.UInt32)
    return {"playlist_sequences": rows.with_columns(place=turned).sort("pid", "place")}


def _twice(world: World) -> dict[str, Any]:
    rows = world["playlist_sequences"]
    return {"playlist_sequences": with_cells(rows, 5, song=rows["song"][4], artist=rows["artist"][4])}


def _copies_apart(world: World) -> dict[str, Any]:
    """A test playlist has the content of a training playlist."""
    splits = world["sequence_splits"]
    train, test = (first_row(splits, pl.col("split").cast(pl.String) == part) for part in ("train", "test"))
    return {"sequence_splits": with_cells(splits, test, content=splits["content"][train])}


def _test_of_another_world(world: World) -> dict[str, Any]:
    """Songs of test playlists have other numbers than those of train."""
    rows, splits = world["playlist_sequences"], world["sequence_splits"]
    test = splits.filter(pl.col("split").cast(pl.String) == "test")["pid"]
    moved = (
        pl.when(pl.col("pid").is_in(test.implode())).then(pl.col("song") + 100_000).otherwise("song").cast(pl.UInt32)
    )
    return {"playlist_sequences": rows.with_columns(song=moved)}


def _vectors(name: str, value: float) -> Plant:
    def plant(world: World) -> dict[str, Any]:
        spoiled = world["track2vec_vectors"][name].copy()
        spoiled[9] = value
        return {"track2vec_vectors": {**world["track2vec_vectors"], name: spoiled}}

    return plant


def _ranker_diverged(world: World) -> dict[str, Any]:
    return {"next_track_arrays": {**world["next_track_arrays"], "song_factors": np.full((2, 2), np.nan)}}


def _figure(table: str, model: str, **cells: float) -> Plant:
    def plant(world: World) -> dict[str, Any]:
        frame = world[table]
        for row in frame.with_row_index("at").filter(pl.col("model") == model)["at"].to_list():
            frame = with_cells(frame, row, **cells)
        return {table: frame}

    return plant


def _leaked(world: World) -> dict[str, Any]:
    """An edge that is judged is also one that messages run along."""
    links = world["link_splits"]
    test = first_row(links, pl.col("part").cast(pl.String) == "test")
    copy = with_cells(repeated(links, test), links.height, part="train", uniform=None, matched=None, degree=None)
    return {"link_splits": copy}


def _negative(change: str) -> Plant:
    def plant(world: World) -> dict[str, Any]:
        links = world["link_splits"]
        judged = links.with_row_index("at").filter(pl.col("part").cast(pl.String) == "test")
        first, second = judged.row(0, named=True), judged.row(1, named=True)
        value = second["song"] if change == "link" else second["uniform"]
        return {"link_splits": with_cells(links, first["at"], uniform=value)}

    return plant


def _popular_negatives(world: World) -> dict[str, Any]:
    """Matched negatives of a degree that no positive has."""
    links = world["link_splits"]
    nobody = pl.when(pl.col("matched").is_not_null()).then(pl.lit(479, pl.UInt32) + pl.col("playlist") * 0)
    return {"link_splits": links.with_columns(matched=nobody.cast(pl.UInt32))}


def _half_a_graph(world: World) -> dict[str, Any]:
    by_song = world["graph_by_song"]
    playlists = by_song["playlists"].copy()
    playlists[0] = (playlists[0] + 1) % 240
    return {"graph_by_song": {**by_song, "playlists": playlists}}


def _additive(world: World) -> dict[str, Any]:
    """One order for every playlist, as of the reference's model: a playlist adds its own number and nothing else."""
    orders = world["graphsage_orders"]
    return {"graphsage_orders": orders.with_columns(second=pl.col("first") + 2.5)}


def _answers(table: str, spoil: str) -> Plant:
    def plant(world: World) -> dict[str, Any]:
        answers = world[table]
        if spoil == "one list":
            one = answers.filter(pl.col("request") == 0).drop("request")
            requests = answers.select("request").unique().sort("request")
            return {table: requests.join(one, how="cross").select(answers.columns)}
        if spoil == "one artist":
            return {table: answers.with_columns(artist=pl.when(pl.col("place") < 4).then(1).otherwise("artist"))}
        if spoil == "twice":
            return {table: with_cells(answers, 1, song=answers["song"][0])}
        value = spoil != "true_reason"
        return {table: with_cells(answers, 2, **{spoil: value})}

    return plant


def _of_answers(table: str, asset: str, rules: str) -> tuple[Defect, ...]:
    return tuple(
        Defect(f"{asset}: {name}", f"{asset}.{rules}_{rule}", _answers(table, spoil))
        for name, rule, spoil in (
            ("a song of the playlist named again", "are_new", "shown"),
            ("a song named twice", "are_new", "twice"),
            ("karaoke", "are_no_imitations", "imitation"),
            ("ninety per cent one artist", "vary_artists", "one artist"),
            ("a reason that no playlist shows", "have_true_reasons", "true_reason"),
            ("one list for everybody", "differ", "one list"),
        )
    )


DEFECTS: tuple[Defect, ...] = (
    Defect("playlists sorted by something else than place", "playlist_sequences.artists_stay", _shuffled),
    Defect("every other playlist backwards", "playlist_sequences.pairs_recur_forward", _reversed),
    Defect("a song lost from a playlist", "playlist_sequences.places_have_no_gap", lost("playlist_sequences", 3)),
    Defect("a song twice in a playlist", "playlist_sequences.no_song_stands_twice", _twice),
    Defect("copies on both sides of the split", "sequence_splits.contents_are_in_one_split", _copies_apart),
    Defect(
        "nothing held out of the playlists",
        "sequence_splits.contents_are_split_by_shares",
        column("sequence_splits", split="train"),
    ),
    Defect(
        "a playlist in no split",
        "sequence_splits.every_playlist_has_a_split",
        lost("sequence_splits"),
    ),
    Defect("test of another vocabulary", "sequence_splits.songs_of_test_are_known_in_part", _test_of_another_world),
    Defect("a song that follows itself", "song_successors.nothing_follows_itself", cell("song_successors", next=0)),
    Defect("vectors that diverged", "track2vec.vectors_are_finite", _vectors("inputs", np.nan)),
    Defect("a vector that was never trained", "track2vec.no_vector_is_dead", _vectors("outputs", 0.0)),
    Defect("a ranker that diverged", "next_track_ranker.arrays_of_the_ranker_are_finite", _ranker_diverged),
    Defect(
        "a next track no better than popularity",
        "next_track_evaluation.next_track_beats_popularity",
        _figure("next_track_evaluation", "blend (served)", **{"hit@10_low": 0.005}),
    ),
    Defect(
        "a next track worse than the last",
        "next_track_evaluation.next_track_keeps_up",
        _figure("next_track_evaluation", "blend (served)", **{"hit@100": 0.2}),
    ),
    Defect(
        "a next track that was seen",
        "next_track_evaluation.next_track_figures_are_plausible",
        _figure("next_track_evaluation", "blend (served)", **{"hit@10": 0.97}),
    ),
    Defect(
        "a map that shows nothing of the space",
        "latent_map.plane_keeps_the_space",
        column("latent_map", in_plane=0.2),
    ),
    Defect("an edge stored twice", "playlist_graph.matches_its_schema", again("playlist_graph")),
    Defect("a graph whose directions differ", "playlist_graph.both_directions_agree", _half_a_graph),
    Defect("a judged edge among the message edges", "link_splits.matches_its_schema", _leaked),
    Defect("a negative that is a link", "link_splits.negatives_are_no_links", _negative("link")),
    Defect("a negative drawn twice", "link_splits.negatives_are_distinct", _negative("twice")),
    Defect("negatives of another popularity", "link_splits.matched_negatives_are_as_popular", _popular_negatives),
    Defect("an additive model", "graphsage_checkpoint.playlists_order_songs_differently", _additive),
    Defect(
        "a popularity list called a network",
        "link_evaluation.links_are_told_beside_popularity",
        column("link_evaluation", matched_auc=0.5),
    ),
    Defect(
        "a continuation no better than popularity",
        "continuation_evaluation.continuation_beats_popularity",
        _figure("continuation_evaluation", "two stages (served)", **{"ndcg@500_low": 0.02}),
    ),
    Defect(
        "a continuation worse than the last",
        "continuation_evaluation.continuation_keeps_up",
        _figure("continuation_evaluation", "two stages (served)", **{"ndcg@500": 0.2}),
    ),
    Defect(
        "a continuation that was seen",
        "continuation_evaluation.continuation_figures_are_plausible",
        _figure("continuation_evaluation", "two stages (served)", r_precision=0.96),
    ),
    *_of_answers("next_track_answers", "track_index", "next_tracks"),
    *_of_answers("continuation_answers", "served_continuation", "continuations"),
)
