"""EASE by its dual beside the textbook's inverse of an items x items matrix."""

import numpy as np
from scipy.sparse import csr_array

from buddies_core.recommenders.dual_ease import DualEase, DualEaseConfig


def test_its_scores_are_those_of_the_inverse_with_side_rows_dropout_and_scaled_columns():
    generator = np.random.default_rng(0)
    plays, tags = (csr_array((generator.random(shape) < 0.2).astype(np.float32)) for shape in ((20, 50), (4, 50)))
    config = DualEaseConfig(ridge=3.0, popularity_power=0.2, dropout=0.3, feature_weight=0.5)
    scaled = plays.toarray() * np.maximum((plays.toarray() > 0).sum(0), 1) ** -0.2
    rows = np.vstack([scaled, tags.toarray() * 0.5])
    gram = rows.T @ rows
    inverse = np.linalg.inv(gram + np.diag(3.0 + 0.3 * np.diag(gram)))
    weights = np.eye(50) - inverse / np.diag(inverse)
    assert np.abs(np.diag(weights)).max() < 1e-12
    np.testing.assert_allclose(DualEase(config).fit(plays, tags).scores(plays), scaled @ weights, atol=1e-6)
