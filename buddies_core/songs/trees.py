"""Trees that rank candidates: LightGBM's lambdarank and CatBoost's classifier, each in its library's own format."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from buddies_core.songs.forest import Forest

Kind = Literal["lambdarank", "classifier"]
KINDS: tuple[Kind, ...] = ("lambdarank", "classifier")
"""`lambdarank` is LightGBM's, `classifier` is `CatBoostClassifier` with logloss."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What trees learn from: candidates of n listeners, those of one listener beside each other.

    Attributes:
        features: float32 [rows, f]; hits: bool [rows], whether the song was one of those hidden.
        weights: float32 [rows], how many candidates a row stands for.
        lists: int64 [n], rows of each listener.
    """

    features: np.ndarray
    hits: np.ndarray
    weights: np.ndarray
    lists: np.ndarray


def joined(lessons: list[Lesson]) -> Lesson:
    """Several lessons as one."""
    return Lesson(
        np.concatenate([lesson.features for lesson in lessons]),
        np.concatenate([lesson.hits for lesson in lessons]),
        np.concatenate([lesson.weights for lesson in lessons]),
        np.concatenate([lesson.lists for lesson in lessons]),
    )


def grown(kind: Kind, lesson: Lesson, *, trees: int, seed: int, threads: int) -> bytes:
    """A ranker in the format of its library; the same bits for the same lesson, seed and number of threads."""
    if kind == "lambdarank":
        return _lightgbm(lesson, trees, seed, threads)
    return _catboost(lesson, trees, seed, threads)


def _lightgbm(lesson: Lesson, trees: int, seed: int, threads: int) -> bytes:
    import lightgbm

    parameters = {
        "objective": "lambdarank", "lambdarank_truncation_level": 50, "num_leaves": 15, "learning_rate": 0.05,
        "min_data_in_leaf": 100, "feature_fraction": 0.5, "lambda_l2": 5.0, "max_bin": 127, "seed": seed,
        "deterministic": True, "force_row_wise": True, "num_threads": threads, "verbose": -1,
    }  # fmt: skip
    bins = {"max_bin": 127, "verbose": -1}
    data = lightgbm.Dataset(lesson.features, lesson.hits.astype(np.int8), group=lesson.lists, params=bins)
    return lightgbm.train(parameters, data, trees).model_to_string().encode()


def _catboost(lesson: Lesson, trees: int, seed: int, threads: int) -> bytes:
    from catboost import CatBoostClassifier, Pool

    model = CatBoostClassifier(
        iterations=trees, depth=6, learning_rate=0.08, l2_leaf_reg=5.0, loss_function="Logloss", random_seed=seed,
        thread_count=threads, border_count=64, verbose=False, allow_writing_files=False,
    )  # fmt: skip
    model.fit(Pool(lesson.features, lesson.hits.astype(np.int8), weight=lesson.weights))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.cbm"
        model.save_model(str(path))
        return path.read_bytes()


class Predictor:
    """A stored ranker, loaded."""

    def __init__(self, kind: Kind, stored: bytes) -> None:
        self.kind = kind
        self._model = _loaded(kind, stored)
        # Asked by compiled code: the libraries take nine (LightGBM) and three times (CatBoost) as long for the same.
        self._forest = (
            Forest.of_lightgbm(self._model.dump_model()) if kind == "lambdarank" else Forest.of_catboost(self._model)
        )

    def margins(self, features: np.ndarray, threads: int = 1) -> np.ndarray:
        """Raw scores of rows, float64 [rows]; the classifier's are log-odds."""
        return self._forest.margins(features, threads)

    def importances(self) -> np.ndarray:
        """How much each feature is used, float64 [f], summing to 1."""
        if self.kind == "lambdarank":
            values = self._model.feature_importance("gain")
        else:
            values = self._model.get_feature_importance()
        return np.asarray(values, float) / max(float(np.sum(values)), 1e-12)

    def contributions(self, features: np.ndarray) -> np.ndarray:
        """SHAP values of rows, float64 [rows, f]: how much each feature moved the raw score."""
        if self.kind == "lambdarank":
            return np.asarray(self._model.predict(features, pred_contrib=True))[:, :-1]
        from catboost import Pool

        return np.asarray(self._model.get_feature_importance(Pool(features), type="ShapValues"))[:, :-1]


def _loaded(kind: Kind, stored: bytes) -> Any:
    if kind == "lambdarank":
        import lightgbm

        return lightgbm.Booster(model_str=stored.decode())
    from catboost import CatBoostClassifier

    return CatBoostClassifier().load_model(blob=stored)


def library_versions() -> dict[str, str]:
    """Versions of the libraries whose formats are stored."""
    from importlib.metadata import version

    return {"lightgbm": version("lightgbm"), "catboost": version("catboost")}
