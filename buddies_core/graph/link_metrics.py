"""How well links are told from what is none: AUC, and precision, recall and F1 at a threshold chosen elsewhere."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class LinkQuality:
    """Figures of some positives beside as many negatives."""

    auc: float
    loss: float
    precision: float
    recall: float
    f1: float


def auc(positives: np.ndarray, negatives: np.ndarray) -> float:
    """Chance that a positive stands above a negative; ties count half. NaN where either is empty."""
    if not len(positives) or not len(negatives):
        return float("nan")
    order = np.sort(negatives)
    below, through = (np.searchsorted(order, positives, side=side) for side in ("left", "right"))
    return float((below + through).mean() / 2 / len(negatives))


def best_threshold(positives: np.ndarray, negatives: np.ndarray) -> float:
    """The score from which on everything is called a link, chosen for the greatest F1; the highest of equal ones."""
    scores = np.concatenate([positives, negatives])
    right = np.concatenate([np.ones(len(positives)), np.zeros(len(negatives))])
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(right[order])
    last = np.append(scores[order][1:] != scores[order][:-1], True)
    f1 = 2 * hits / (np.arange(1, len(scores) + 1) + len(positives))
    return float(scores[order][last][f1[last].argmax()])


def quality(positives: np.ndarray, negatives: np.ndarray, threshold: float) -> LinkQuality:
    """Figures of logits; `loss` is the mean cross-entropy of links and others, each as often."""
    hits, wrong = int((positives >= threshold).sum()), int((negatives >= threshold).sum())
    precision, recall = hits / max(hits + wrong, 1), hits / max(len(positives), 1)
    loss = (np.logaddexp(0, -positives).mean() + np.logaddexp(0, negatives).mean()) / 2
    f1 = 2 * precision * recall / max(precision + recall, 1e-12)
    return LinkQuality(auc(positives, negatives), float(loss), precision, recall, f1)
