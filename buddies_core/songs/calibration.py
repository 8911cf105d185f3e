"""From a score within a list to the chance that the song is played: logistic regression on hidden plays."""

from dataclasses import dataclass

import numpy as np

_STEPS = 30
_RIDGE = 1e-3


@dataclass(frozen=True, slots=True)
class Calibration:
    """`1 / (1 + exp(-(slope score + activity log(1 + songs known) + bias)))`, rising with the score."""

    slope: float
    activity: float
    bias: float

    @classmethod
    def of(cls, scores: np.ndarray, hits: np.ndarray, weights: np.ndarray, known: np.ndarray) -> "Calibration":
        """Fitted by Newton's method on candidates that rankers had not learnt from.

        Args:
            scores: float64 [rows]; hits: bool [rows]; weights: candidates that a row stands for; known: songs known.
        """
        inputs = np.column_stack([scores, np.log1p(known), np.ones(len(scores))])
        found = np.array([1.0, 0.0, np.log(max(float(hits.mean()), 1e-6))])
        for _ in range(_STEPS):
            chances = 1.0 / (1.0 + np.exp(-np.clip(inputs @ found, -30, 30)))
            gradient = inputs.T @ (weights * (hits - chances)) - _RIDGE * found
            curvature = (inputs * (weights * chances * (1 - chances))[:, None]).T @ inputs + _RIDGE * np.eye(3)
            step = np.linalg.solve(curvature, gradient)
            found = found + np.clip(step, -2, 2)
            if np.abs(step).max() < 1e-9:
                break
        slope, activity, bias = found.tolist()
        return cls(max(slope, 1e-3), activity, bias)

    def chances(self, scores: np.ndarray, known: int) -> np.ndarray:
        """Chances of one listener's songs, float32; of any order of scores it keeps the order."""
        odds = self.slope * scores + self.activity * np.log1p(known) + self.bias
        return (1.0 / (1.0 + np.exp(-np.clip(odds, -30, 30)))).astype(np.float32)
