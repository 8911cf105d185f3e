"""Tags as side information: one row a tag over the items, tf-idf, so that items of one taste support each other."""

import numpy as np
import polars as pl
from scipy.sparse import csr_array


def tag_rows(tags: pl.DataFrame, items: list[str], *, fewest: int) -> csr_array:
    """Rows of tags, float32 [n_tags, n_items]; every item with a tag has length one.

    log(1 + times given) x log(items / items with the tag).

    Args:
        tags: `item, tag`, a row for each time that a tag was given; items that are not in the catalogue are left out.
        fewest: times that a tag must have been given, or it says too little.
    """
    place = {item: at for at, item in enumerate(items)}
    counts = tags.filter(pl.col("item").is_in(items)).group_by("tag", "item").len()
    used = counts.group_by("tag").agg(uses=pl.col("len").sum(), holders=pl.len()).filter(pl.col("uses") >= fewest)
    names = used.sort("tag")["tag"].to_list()
    rows = {name: at for at, name in enumerate(names)}
    kept = counts.filter(pl.col("tag").is_in(names)).sort("tag", "item")
    row = np.array([rows[name] for name in kept["tag"].to_list()], np.int64)
    column = np.array([place[name] for name in kept["item"].to_list()], np.int64)
    holders = np.bincount(row, minlength=len(names))
    values = np.log1p(kept["len"].to_numpy()) * np.log(len(items) / np.maximum(holders, 1))[row]
    lengths = np.sqrt(np.bincount(column, weights=values**2, minlength=len(items)))
    values = np.divide(values, lengths[column], out=np.zeros(len(values)), where=lengths[column] > 0)
    order = np.lexsort((column, row))
    indptr = np.concatenate([[0], np.cumsum(holders)])
    rows_of = csr_array((values[order].astype(np.float32), column[order], indptr), shape=(len(names), len(items)))
    rows_of.eliminate_zeros()
    return rows_of
