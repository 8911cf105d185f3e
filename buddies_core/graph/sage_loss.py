"""The loss of GraphSAGE's negatives as one operation of torch's graph, whose forward pass is a kernel.

Scores of targets and negatives are products of vectors, and what popularity and songs by the same artist say.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from buddies_core.kernels.sampled_softmax import shared_softmax

_NEVER = np.float32(-1e9)


@dataclass(frozen=True)
class Shared:
    """Negatives that all targets of a step share.

    Attributes:
        starts: int64 [playlists + 1], the targets of each playlist; `mine` int64 [targets], the playlist of each.
        held: bool [playlists, n], songs that are no negatives of the playlist.
        same: int64 [playlists, n], row of the table of `same` for each pair.
        log_share: float32 [n], logarithm of how often each is expected to be drawn.
        picked: int64 [targets], the one negative of each target that links are told from.
    """

    starts: np.ndarray
    mine: np.ndarray
    held: np.ndarray
    same: np.ndarray
    log_share: np.ndarray
    picked: np.ndarray


def shared_loss(p: Any, h: Any, level: Any, same: Any, asked: Any, shared: Shared) -> tuple[Any, Any]:
    """Mean of -log of a target's share beside all negatives, and the score of the picked one, [targets].

    Args:
        p, h: tensors [targets, d] and [n, d] whose products are scored.
        level: [n], added for each negative; `same` [8], added by `shared.same`.
        asked: [targets], score of the target less the logarithm of its share.
        shared: what is no tensor.
    """
    loss, one = _operation().apply(p, h, level, same, asked, shared)
    return loss, one


@cache
def _operation() -> Any:
    import torch

    class SharedLoss(torch.autograd.Function):
        """See `shared_loss`; gradients are made in the forward pass, since the shares are at hand there."""

        @staticmethod
        def forward(ctx: Any, p: Any, h: Any, level: Any, same: Any, asked: Any, shared: Shared) -> Any:
            products = (p.detach() @ h.detach().T).numpy()
            added = level.detach().numpy() + same.detach().numpy()[shared.same]
            added[shared.held] = _NEVER
            targets = np.arange(len(products))
            one = products[targets, shared.picked] + added[shared.mine, shared.picked]
            added -= shared.log_share
            losses, rest, sums = np.empty(len(products), np.float32), np.empty(len(products), np.float32), added.copy()
            scale = np.float32(1 / len(products))
            shared_softmax(products, shared.starts, added, asked.detach().numpy(), scale, losses, rest, sums)
            ctx.save_for_backward(p, h)
            ctx.shares, ctx.rest, ctx.sums, ctx.shared = products, rest * -scale, sums, shared
            return torch.tensor(losses.mean(dtype=np.float64), dtype=torch.float32), torch.from_numpy(one)

        @staticmethod
        def backward(ctx: Any, d_loss: Any, d_one: Any) -> Any:
            p, h = ctx.saved_tensors
            shared, by, one = ctx.shared, np.float32(d_loss.item()), d_one.numpy()
            if by != 1:
                ctx.shares *= by
            ctx.shares[np.arange(len(one)), shared.picked] += one
            shares = torch.from_numpy(ctx.shares)
            kind = shared.same[shared.mine, shared.picked]
            level = by * ctx.sums.sum(0) + np.bincount(shared.picked, one, len(h))
            same = by * np.bincount(shared.same.ravel(), ctx.sums.ravel(), 8) + np.bincount(kind, one, 8)
            return (
                shares @ h, shares.T @ p, torch.from_numpy(level.astype(np.float32)),
                torch.from_numpy(same.astype(np.float32)), torch.from_numpy(by * ctx.rest), None,
            )  # fmt: skip

    return SharedLoss
