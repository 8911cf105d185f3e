"""Weighted interactions with the ids of their rows and columns: who has what, and how much."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from scipy.sparse import csr_array


@dataclass(frozen=True)
class LabelledPlays:
    """A sparse matrix of users x items together with its ids.

    Attributes:
        users, items: ids as text, each once; whole numbers in order of number, anything else in order of text.
        matrix: float32 csr [n_users, n_items], weights above 0, columns ascending within a row.
    """

    users: list[str]
    items: list[str]
    matrix: csr_array

    @classmethod
    def of(cls, frame: pl.DataFrame, items: list[str] | None = None) -> "LabelledPlays":
        """The matrix of a frame `user, item, weight`; a pair that occurs more than once is summed.

        Args:
            items: the catalogue, where it is more than what was played; it must hold every item of the frame.
        """
        summed = frame.group_by("user", "item").agg(pl.col("weight").cast(pl.Float64).sum())
        users = in_order(summed["user"].unique().to_list())
        names = in_order(summed["item"].unique().to_list()) if items is None else items
        rows, columns = places(users, summed["user"].to_list()), places(names, summed["item"].to_list())
        order = np.lexsort((columns, rows))
        indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(users)))])
        values = np.minimum(summed["weight"].to_numpy()[order], np.finfo(np.float32).max).astype(np.float32)
        return cls(users, names, csr_array((values, columns[order], indptr), shape=(len(users), len(names))))

    @cached_property
    def user_place(self) -> dict[str, int]:
        """Row of each user."""
        return {user: place for place, user in enumerate(self.users)}

    @cached_property
    def item_place(self) -> dict[str, int]:
        """Column of each item."""
        return {item: place for place, item in enumerate(self.items)}


def in_order(ids: list[str]) -> list[str]:
    """Ids in order of number when all are whole numbers, else of text."""
    return sorted(ids, key=int) if all(name.isascii() and name.isdigit() for name in ids) else sorted(ids)


def places(known: list[str], wanted: list[str]) -> np.ndarray:
    """Place of each wanted id among the known, int64; a KeyError names one that is not known."""
    place = {name: at for at, name in enumerate(known)}
    return np.array([place[name] for name in wanted], np.int64)
