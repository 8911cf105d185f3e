"""Compiled trees beside the libraries that grew them, and by hand."""

import numba
import numpy as np
import pytest

from buddies_core.songs.forest import Forest
from buddies_core.songs.trees import KINDS, Kind, Lesson, Predictor, grown


def lesson(rows: int, *, missing: bool) -> Lesson:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(rows, 6)).astype(np.float32)
    if missing:
        features[rng.random(features.shape) < 0.1] = np.nan
    filled = np.nan_to_num(features)
    hits = filled[:, 0] + filled[:, 1] * filled[:, 2] + np.isnan(features[:, 3]) + 0.3 * rng.normal(size=rows) > 1.0
    return Lesson(features, hits, np.ones(rows, np.float32), np.full(rows // 100, 100))


def of_library(predictor: Predictor, features: np.ndarray) -> np.ndarray:
    if predictor.kind == "lambdarank":
        return predictor._model.predict(features, raw_score=True)
    return predictor._model.predict(features, prediction_type="RawFormulaVal")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("missing", [False, True])
def test_margins_are_those_of_the_library_also_of_values_that_are_missing(kind: Kind, missing: bool):
    predictor = Predictor(kind, grown(kind, lesson(3_000, missing=missing), trees=30, seed=1, threads=1))
    asked = np.random.default_rng(2).normal(size=(777, 6)).astype(np.float32)  # more than a block, and not whole ones
    asked[::5, 3], asked[::7, 0], asked[3] = np.nan, np.nan, 0.0
    np.testing.assert_allclose(predictor.margins(asked), of_library(predictor, asked), rtol=1e-12, atol=1e-12)
    assert predictor.margins(asked).std() > 0
    assert np.array_equal(predictor.margins(asked, 2), predictor.margins(asked, 1))


@pytest.mark.parametrize("kind", KINDS)
def test_a_value_at_a_limit_falls_where_the_library_lets_it_fall(kind: Kind):
    predictor = Predictor(kind, grown(kind, lesson(3_000, missing=False), trees=10, seed=1, threads=1))
    forest = predictor._forest
    for step in (-np.inf, np.inf):
        asked = np.zeros((len(forest.limits), 6), np.float32)
        asked[np.arange(len(asked)), forest.features] = np.nextafter(forest.limits, np.float32(step))
        exact = asked.copy()
        exact[np.arange(len(asked)), forest.features] = forest.limits
        for rows in (asked, exact):
            np.testing.assert_allclose(predictor.margins(rows), of_library(predictor, rows), rtol=1e-12, atol=1e-12)


def test_a_tree_of_two_tests_gives_the_leaf_that_walking_it_gives():
    leaf = [{"leaf_value": value} for value in (1.0, 10.0, 100.0)]
    inner = {"split_feature": 1, "threshold": 5.0, "default_left": True, "missing_type": "NaN",
             "left_child": leaf[0], "right_child": leaf[1]}  # fmt: skip
    root = {"split_feature": 0, "threshold": -1.0, "default_left": True, "missing_type": "None",
            "left_child": inner, "right_child": leaf[2]}  # fmt: skip
    forest = Forest.of_lightgbm({"tree_info": [{"tree_structure": root}]})
    rows = np.array([[-1, 5], [-1, 6], [0, 5], [-2, np.nan], [np.nan, 0]], np.float32)
    # where training met no missing value it counts as 0, which is above -1
    assert forest.margins(rows).tolist() == [1.0, 10.0, 100.0, 1.0, 100.0]


def test_a_tree_of_too_many_leaves_is_refused():
    tree = {"leaf_value": 0.0}
    for _ in range(32):
        tree = {"split_feature": 0, "threshold": 0.0, "default_left": True, "missing_type": "None",
                "left_child": {"leaf_value": 1.0}, "right_child": tree}  # fmt: skip
    with pytest.raises(ValueError, match="33 leaves"):
        Forest.of_lightgbm({"tree_info": [{"tree_structure": tree}]})


def test_the_threads_of_the_callers_other_kernels_stay_as_they_were():
    before = numba.get_num_threads()
    predictor = Predictor("classifier", grown("classifier", lesson(500, missing=False), trees=3, seed=1, threads=1))
    predictor.margins(np.zeros((1, 6), np.float32), threads=1)
    assert numba.get_num_threads() == before
