"""The latent map where openTSNE has no wheel."""

import sys

import numpy as np
import pytest

from buddies_core.sequences.latent_map import latent_map


def test_without_opentsne_songs_lie_along_their_two_main_axes_and_the_log_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "openTSNE", None)
    # points of the unit circle in the plane of the last two of four directions
    angles = np.linspace(0, 1.5, 300)
    vectors = np.zeros((300, 4), np.float32)
    vectors[:, 2], vectors[:, 3] = np.cos(angles), np.sin(angles)
    found = latent_map(vectors, np.ones(300), np.full(300, -1), seed=1)
    assert "openTSNE is not installed here" in caplog.text
    assert found.songs.tolist() == list(range(300))
    # two axes keep all of a plane: every distance is as it was
    apart = np.linalg.norm(found.places[0] - found.places[-1])
    assert apart == pytest.approx(np.linalg.norm(vectors[0] - vectors[-1]), rel=1e-5)
