"""The model as MLflow serves it: rows of (user, playlist) in, scores out.

MLflow runs this file by itself ("models from code"), so that the logged model holds no pickle: only safetensors.
"""

from typing import Any

import numpy as np
from mlflow.models.model import set_model  # noqa: TID253 (run by MLflow alone)
from mlflow.pyfunc.model import PythonModel  # noqa: TID253


class PlaylistRanking(PythonModel):
    """Dot products of the logged factors."""

    def load_context(self, context: Any) -> None:
        """Read the factors."""
        from safetensors.numpy import load_file

        tensors = load_file(context.artifacts["factors"])
        self._users, self._playlists = tensors["users"], tensors["playlists"]

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        """Score of each row of `user` and `playlist` indices, float32."""
        users = self._users[model_input["user"].to_numpy()]
        playlists = self._playlists[model_input["playlist"].to_numpy()]
        return np.einsum("nd,nd->n", users, playlists)


set_model(PlaylistRanking())
