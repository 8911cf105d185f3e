"""Nearest users the plain way: a dense product, fractions instead of floats, and sorting."""

from fractions import Fraction

import numpy as np

from buddies_core.interactions.csr import Library


def nearest_of(users: Library, user: int, most: int) -> list[tuple[int, int]]:
    """(neighbour, shared songs) by (−cosine, neighbour)."""
    own = set(users.row(user).tolist())
    shared = {other: len(own & set(users.row(other).tolist())) for other in range(users.n_rows) if other != user}
    lengths = users.lengths
    # cosine² = shared² / (own songs x other's songs); the own songs are the same for all.
    order = sorted(
        (other for other, count in shared.items() if count),
        key=lambda other: (-Fraction(shared[other] ** 2, int(lengths[other])), other),
    )
    return [(other, shared[other]) for other in order[:most]]


def take_owners(neighbours: list[int], owned: np.ndarray, most: int, enough: int) -> list[int]:
    """The neighbours to follow, by the stop rule."""
    kept: list[int] = []
    for neighbour in neighbours:
        if len(kept) >= most and sum(owned[k] for k in kept) >= enough:
            break
        if owned[neighbour]:
            kept.append(neighbour)
    return kept
