"""The latent map as a table and as a picture."""

from typing import Any

import numpy as np
import polars as pl

from buddies_assets.sources.steps.sequence_models import read_models
from buddies_core.sequences.genres import GENRES
from buddies_core.sequences.latent_map import latent_map
from buddies_core.storage.dataset import Dataset

_SHOWN = 6_000
_GENRES_SHOWN = 10


def map_frame(
    models: Dataset, labels: pl.DataFrame, last: pl.DataFrame | None, *, seed: int, threads: int
) -> pl.DataFrame:
    """`song, x, y, genre, in_space, in_plane` of ALS vectors; it starts from the last map, where there is one."""
    index = read_models(models).index
    names = list(GENRES)
    label = np.full(index.n_songs, -1, np.int64)
    label[labels["song"].to_numpy()] = [names.index(genre) for genre in labels["genre"].to_list()]
    start = None
    if last is not None and last.height:
        start = last["song"].to_numpy(), last.select("x", "y").to_numpy()
    found = latent_map(index.song_factors, index.popularity, label, seed=seed, start=start, threads=threads)
    genre = [names[k] if k >= 0 else None for k in label[found.songs].tolist()]
    return pl.DataFrame(
        {
            "song": found.songs.astype(np.uint32),
            "x": found.places[:, 0],
            "y": found.places[:, 1],
            "genre": pl.Series(genre, dtype=pl.String),
            "in_space": np.full(len(found.songs), found.in_space),
            "in_plane": np.full(len(found.songs), found.in_plane),
        }
    )


def picture(frame: pl.DataFrame) -> Any:
    """An Altair chart of the labelled songs, the genres with most songs in colour."""
    import altair as alt

    told = frame.filter(pl.col("genre").is_not_null())
    most = told.group_by("genre").len().sort("len", "genre", descending=[True, False])["genre"].head(_GENRES_SHOWN)
    shown = told.filter(pl.col("genre").is_in(most.implode())).head(_SHOWN).select("x", "y", "genre")
    axis = alt.Axis(title=None, labels=False, ticks=False, grid=False, domain=False)
    return (
        alt.Chart(alt.Data(values=shown.to_dicts()))
        .mark_circle(size=9, opacity=0.6)
        .encode(
            x=alt.X("x:Q", axis=axis), y=alt.Y("y:Q", axis=axis),
            color=alt.Color("genre:N", title="genre", scale=alt.Scale(scheme="tableau10")),
        )
    )  # fmt: skip
