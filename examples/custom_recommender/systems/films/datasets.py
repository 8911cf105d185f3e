"""What is told of the films: columns for the schema's check and Dagster's UI, and a figure to draw."""

import polars as pl

from quality.dataset_spec import Chart, DatasetSpec, Field, TableSchema
from quality.statistics import rows_per_value

_TEXT = Field(pl.String)

DATASETS = (
    DatasetSpec(
        "film_ratings",
        schema=TableSchema({"user": _TEXT, "item": _TEXT, "weight": Field(pl.Float64, low=0)}, ("user", "item")),
        figures=rows_per_value(films_per_user="user"),
        charts={"films": Chart("films_per_user", "Films per user", "films", "users")},
        drift={"films_per_user": "psi"},
    ),
    DatasetSpec("film_evaluation", schema=TableSchema({"metric": _TEXT, "value": Field(pl.Float64)}, ("metric",))),
    DatasetSpec("served_films", schema=TableSchema({"version": _TEXT, "ndcg": Field(pl.Float64, low=0, high=1)})),
)
