"""Defects of the rules that every dataset of a kind has: its schema, its lineage, and what holds for any block."""

from collections.abc import Callable, Iterator
from typing import Any

import polars as pl

from benchmarks.data_defects.planting import Defect, Plant, World, again, cell, extended, with_members
from quality.rules.catalogue import rules_by_asset
from quality.rules.verdict import Rule


def _of_another_shape(asset: str) -> Plant:
    """A last row whose first column that may not be null is null."""

    def plant(world: World) -> dict[str, Any]:
        frame = world[asset]
        named = next(name for name in frame.columns if frame[name].null_count() == 0)
        return {asset: extended(frame, **{named: None})}

    return plant


def _of_older_data(lineage: str) -> Plant:
    return lambda world: {lineage: world[lineage].with_columns(stored=pl.lit("0" * 16))}


def _schema_defects(rules: list[Rule]) -> Iterator[Defect]:
    for rule in rules:
        named = f"{rule.asset}.{rule.name}"
        if rule.name == "matches_its_schema":
            yield Defect(f"a null in the first column of {rule.asset}", named, _of_another_shape(rule.asset))
        elif rule.name == "is_made_of_what_is_stored_now":
            yield Defect(f"{rule.asset} of older data", named, _of_older_data(rule.inputs["lineage"]))


def _negative(table: str, position: int, pick: Callable[[World, dict[str, Any]], Any]) -> Plant:
    """One negative of the table's first block is what `pick(world, block)` finds."""

    def plant(world: World) -> dict[str, Any]:
        found = pick(world, world[table].row(0, named=True))
        changed = with_members(world[table], "negatives", lambda m: [*m[:position], found, *m[position + 1 :]])
        return {table: changed}

    return plant


def _partner(table: str, pairs: Callable[[World], pl.DataFrame]) -> Plant:
    """A block of somebody in `pairs` (user, playlist) that has the playlist for a negative and not for its positive."""

    def plant(world: World) -> dict[str, Any]:
        blocks = world[table].with_row_index("at")
        found = blocks.join(pairs(world), on="user").filter(pl.col("positive") != pl.col("playlist"))
        at, playlist = found.sort("at", "playlist").select("at", "playlist").row(0)
        return {table: with_members(world[table], "negatives", lambda m: [playlist, *m[1:]], at)}

    return plant


def _owned(world: World) -> pl.DataFrame:
    return world["playlist_ownership"].select("playlist", user="owner")


def _liked(world: World) -> pl.DataFrame:
    return world["splits"].select("user", "playlist")


def _trained(world: World) -> pl.DataFrame:
    return world["splits"].filter(pl.col("split").cast(pl.String) == "train").select("user", "playlist")


def _of_a_cold_user(table: str) -> Plant:
    return lambda world: cell(table, user=world["cold_users"]["user"][0])(world)


def _block_defects(table: str) -> dict[str, tuple[str, Plant]]:
    """What spoils any table of blocks, by the rule that must name it."""
    return {
        "one_block_per_positive": ("a block twice", again(table)),
        "every_block_has_a_positive": ("a block without positive", cell(table, positive=None)),
        "positive_is_not_among_the_negatives": (
            "the positive among the negatives",
            _negative(table, 0, lambda w, block: block["positive"]),
        ),
        "negatives_are_distinct": ("a negative twice", _negative(table, 1, lambda w, block: block["negatives"][0])),
        "negatives_are_not_owned": ("an owned playlist as negative", _partner(table, _owned)),
        "negatives_are_not_liked": ("a liked playlist as negative", _partner(table, _liked)),
        "feedback_negatives_are_not_train_likes": ("a train like as negative", _partner(table, _trained)),
        "blocks_hold_no_cold_user": ("a cold user's block", _of_a_cold_user(table)),
        "block_users_exist": ("an unknown user", cell(table, user=4_000_000)),
        "block_playlists_exist": ("an unknown playlist", _negative(table, 0, lambda w, block: 4_000_000)),
        "window_negatives_are_one_to_four": ("a block without negatives", cell(table, negatives=[])),
        "batches_are_full": ("a negative missing", _negative(table, 3, lambda w, block: None)),
    }


TABLES_OF_BLOCKS = ("feedback_blocks", "training_window", "validation_batches", "test_batches")


def _shared_block_defects() -> Iterator[Defect]:
    by_asset = rules_by_asset()
    for table in TABLES_OF_BLOCKS:
        spoiled = _block_defects(table)
        for rule in by_asset[table]:
            if rule.name in spoiled:
                name, plant = spoiled[rule.name]
                yield Defect(f"{name} ({table})", f"{table}.{rule.name}", plant)


DEFECTS: tuple[Defect, ...] = (
    *_schema_defects([rule for rules in rules_by_asset().values() for rule in rules]),
    *_shared_block_defects(),
)
