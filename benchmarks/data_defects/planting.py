"""What a planted defect is, and small ways to spoil a frame."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

World = Mapping[str, Any]
Plant = Callable[[World], dict[str, Any]]


@dataclass(frozen=True)
class Defect:
    """One kind of damage: where it is done, how, and the check that must name it (`asset.rule`)."""

    name: str
    caught_by: str
    plant: Plant

    @property
    def asset(self) -> str:
        """The asset whose check must catch it."""
        return self.caught_by.partition(".")[0]


def repeated(frame: pl.DataFrame, row: int = 0) -> pl.DataFrame:
    """The frame with one row a second time at its end."""
    return pl.concat([frame, frame[row : row + 1]])


def without(frame: pl.DataFrame, row: int = 0) -> pl.DataFrame:
    """The frame without one row."""
    return pl.concat([frame[:row], frame[row + 1 :]])


def with_cells(frame: pl.DataFrame, row: int = 0, **cells: Any) -> pl.DataFrame:
    """The frame with some cells of one row replaced; types stay."""
    changed = {name: frame[name].to_list() for name in cells}
    for name, value in cells.items():
        changed[name][row] = value
    return frame.with_columns(
        pl.Series(name, values, dtype=frame.schema[name], strict=False) for name, values in changed.items()
    )


def with_members(
    frame: pl.DataFrame, column: str, change: Callable[[list[Any]], list[Any]], row: int = 0
) -> pl.DataFrame:
    """The frame with one row's list changed."""
    members = frame[column].to_list()[row]
    return with_cells(frame, row, **{column: change(list(members))})


def extended(frame: pl.DataFrame, **cells: Any) -> pl.DataFrame:
    """The frame with one row added: a copy of the last with some cells replaced."""
    return with_cells(pl.concat([frame, frame[-1:]]), frame.height, **cells)


def first_row(frame: pl.DataFrame, where: pl.Expr) -> int:
    """Position of the first row that fulfils a condition."""
    return int(frame.with_row_index("at").filter(where)["at"][0])


def some_like(world: World, split: str, users: pl.Series | None = None) -> dict[str, Any]:
    """Some pair of a split, of one of `users` when given."""
    found = world["splits"].filter(pl.col("split") == split)
    if users is not None:
        found = found.join(users.to_frame("user").unique(), on="user", how="semi")
    return found.row(0, named=True)


def cell(table: str, row: int = 0, **cells: Any) -> Plant:
    """A defect that replaces cells of one row of a table."""
    return lambda world: {table: with_cells(world[table], row, **cells)}


def again(table: str) -> Plant:
    """A defect that repeats the first row of a table."""
    return lambda world: {table: repeated(world[table])}


def cell_where(table: str, where: pl.Expr, **cells: Any) -> Plant:
    """A defect that replaces cells of the first row of a table that fulfils a condition."""
    return lambda world: {table: with_cells(world[table], first_row(world[table], where), **cells)}


def column(table: str, **values: Any) -> Plant:
    """A defect that gives every row of a table the same values; types stay."""

    def plant(world: World) -> dict[str, Any]:
        frame = world[table]
        return {table: frame.with_columns(**{name: pl.lit(v).cast(frame.schema[name]) for name, v in values.items()})}

    return plant


def lost(table: str, row: int = 0) -> Plant:
    """A defect that takes a row from a table."""
    return lambda world: {table: without(world[table], row)}
