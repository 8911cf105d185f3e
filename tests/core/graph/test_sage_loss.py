"""The loss of shared negatives and the steps of rows, beside torch's own operations in the same order of meaning."""

import numpy as np
import torch

from buddies_core.graph.row_tables import Reader, RowTables
from buddies_core.graph.sage_loss import Shared, shared_loss


def _step(seed: int = 1):
    """Three playlists with 3, 1 and 2 targets, 21 negatives, of which some are songs of a playlist."""
    rng = np.random.default_rng(seed)
    mine = np.array([0, 0, 0, 1, 2, 2])
    held = rng.random((3, 21)) < 0.2
    held[1] = True
    shared = Shared(
        np.array([0, 3, 4, 6]), mine, held, rng.integers(0, 8, (3, 21)), rng.normal(size=21).astype(np.float32),
        rng.integers(0, 21, 6),
    )  # fmt: skip
    sizes = {"p": (6, 5), "h": (21, 5), "level": (21,), "same": (8,), "asked": (6,)}
    tensors = {name: torch.tensor(rng.normal(size=size), dtype=torch.float32) * 3 for name, size in sizes.items()}
    return shared, {name: tensor.requires_grad_() for name, tensor in tensors.items()}


def _by_torch(p, h, level, same, asked, shared):
    mine = torch.from_numpy(shared.mine)
    wrong = p @ h.T + level + same[torch.from_numpy(shared.same)][mine]
    wrong = wrong.masked_fill(torch.from_numpy(shared.held)[mine], -1e9)
    corrected = wrong - torch.from_numpy(shared.log_share)
    loss = (torch.logsumexp(torch.cat([asked[:, None], corrected], 1), 1) - asked).mean()
    return loss, wrong[torch.arange(len(wrong)), torch.from_numpy(shared.picked)]


def _total(loss, one, shared):
    there = torch.from_numpy(~shared.held[shared.mine, shared.picked])
    return 0.7 * loss + torch.nn.functional.softplus(one)[there].sum()


def test_the_loss_and_every_gradient_are_those_of_torchs_own_operations():
    shared, tensors = _step()
    found = shared_loss(*tensors.values(), shared)
    _total(*found, shared).backward()
    _, other = _step()
    expected = _by_torch(*other.values(), shared)
    _total(*expected, shared).backward()
    torch.testing.assert_close(found[0], expected[0])
    torch.testing.assert_close(found[1], expected[1])
    for name, tensor in tensors.items():
        torch.testing.assert_close(tensor.grad, other[name].grad, msg=name, rtol=1e-5, atol=1e-6)


def test_a_playlist_that_holds_every_negative_loses_nothing_and_far_scores_stay_finite():
    shared, tensors = _step()
    with torch.no_grad():
        tensors["level"] *= 1e4
    loss, _ = shared_loss(*tensors.values(), shared)
    loss.backward()
    assert torch.isfinite(loss) and all(torch.isfinite(tensor.grad).all() for tensor in tensors.values())
    assert tensors["asked"].grad[3] == 0


def test_rows_step_as_torchs_sparse_adagrad_and_others_stay():
    rng = np.random.default_rng(2)
    start = {"songs": rng.normal(size=(12, 19)).astype(np.float32), "artists": np.ones((4, 19), np.float32)}
    tables = RowTables({name: table.copy() for name, table in start.items()})
    twins = {name: torch.nn.Parameter(torch.from_numpy(table.copy())) for name, table in start.items()}
    adagrad = torch.optim.Adagrad(twins.values(), 0.1, initial_accumulator_value=1e-4)
    songs, artists = np.array([3, 3, 7, 0, 3]), np.array([0, 1, 1, 0, 2])
    starts, owner = np.array([0, 2, 2, 5]), np.array([0, 0, 2, 2, 2])
    weights = torch.tensor(rng.normal(size=(3, 19)), dtype=torch.float32)
    for _ in range(3):
        reader = Reader(tables.values)
        bags = reader.bags(starts, owner, ("songs", songs), ("artists", artists))
        rows = reader.gather(("songs", np.array([7, 9])))
        found = torch.autograd.grad((bags * weights).sum() ** 2 + (rows**2).sum(), reader.leaves)
        tables.step(reader.touched(found), 0.1)
        bag = torch.nn.functional.embedding_bag
        whole = bag(torch.from_numpy(songs), twins["songs"], torch.from_numpy(starts[:-1]), mode="sum", sparse=True)
        whole = whole + bag(
            torch.from_numpy(artists), twins["artists"], torch.from_numpy(starts[:-1]), mode="sum", sparse=True
        )
        taken = torch.nn.functional.embedding(torch.tensor([7, 9]), twins["songs"], sparse=True)
        adagrad.zero_grad()
        ((whole * weights).sum() ** 2 + (taken**2).sum()).backward()
        adagrad.step()
    for name, twin in twins.items():
        np.testing.assert_allclose(tables.values[name], twin.detach().numpy(), rtol=2e-4, atol=2e-5)
    assert np.array_equal(tables.values["songs"][[1, 2, 4, 5, 6, 8]], start["songs"][[1, 2, 4, 5, 6, 8]])
    assert np.array_equal(tables.values["artists"][3], start["artists"][3])
