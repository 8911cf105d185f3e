"""The choice of playlists by its definition: at each place the greatest gain of all playlists, computed anew."""

import numpy as np


def chosen(
    chance: np.ndarray, known: set[int], playlists: list[set[int]], own: set[int], *, most: int, shrink: float,
    variety: float, covered: float, lots: list[int],
) -> tuple[list[int], list[float]]:  # fmt: skip
    """Playlists of one user, best first, and their gains; equal ones by the lower lot."""
    held: set[int] = set()
    by_lot = sorted(range(len(playlists)), key=lambda p: lots[p])
    offered = [p for p in by_lot if p not in own and any(chance[s] > 0 for s in playlists[p] - known)]
    taken: list[int] = []
    gains: list[float] = []
    while offered and len(taken) < most:
        values = []
        for playlist in offered:
            new = playlists[playlist] - known
            mean = sum(chance[s] * (covered if s in held else 1) for s in new) / (len(new) + shrink)
            values.append(mean + variety * sum(chance[s] for s in new - held))
        best = int(np.argmax(np.round(values, 12)))
        gains.append(values[best])
        taken.append(offered.pop(best))
        held |= playlists[taken[-1]]
    return taken, gains
