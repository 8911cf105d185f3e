"""The two backends: their gradients, what they learn, and that they learn the same."""

import numpy as np
import pytest
import torch

from buddies_core.kernels.randomness import hash_pairs
from buddies_core.recommenders.bpr import numba_backend as bpr_numba
from buddies_core.recommenders.bpr import torch_backend as bpr_torch
from buddies_core.recommenders.bpr.config import NegativeMix, TrainingConfig
from buddies_core.recommenders.bpr.data import NO_PLAYLIST, Blocks
from buddies_core.recommenders.bpr.numba_backend import NumbaBackend
from buddies_core.recommenders.bpr.torch_backend import BprModel, TorchBackend
from buddies_core.recommenders.bpr.trainer import train
from buddies_core.recommenders.factors import Factors, RowKeys, random_factors

STORED = NegativeMix(hard=2, easy=2, resample=False)
GROUP = Blocks(np.array([1], np.uint32), np.array([3], np.uint32), np.array([[0, 5, 6, 2]], np.uint32))


def factors_of(n_users=4, n_playlists=8, dimension=16, *, scale=0.7, item_bias=False) -> Factors:
    return random_factors(RowKeys.of_rows(n_users, n_playlists), dimension, scale=scale, seed=7, item_bias=item_bias)


def backend_of(kind: str, config: TrainingConfig, factors: Factors):
    if kind == "torch":
        return TorchBackend(config, factors, {})
    popularity = np.arange(len(factors.playlists))
    return NumbaBackend(config, factors, popularity=popularity, state={})


def autograd_step(factors: Factors, blocks: Blocks, rate: float) -> tuple[float, Factors]:
    model = BprModel(torch.from_numpy(factors.users.copy()), torch.from_numpy(factors.playlists.copy()))
    u, i, j = (torch.from_numpy(a.astype(np.int64)) for a in (blocks.users, blocks.positives, blocks.negatives))
    loss = model(u, i, j)
    loss.backward()
    rows = [(side.weight - rate * side.weight.grad).detach().numpy() for side in (model.users, model.playlists)]
    return loss.item(), Factors(*rows)


@pytest.mark.parametrize("kind", ["numba", "torch"])
def test_one_step_follows_the_gradient_of_autograd(kind):
    factors = factors_of()
    expected_loss, expected = autograd_step(factors, GROUP, rate=0.1)
    backend = backend_of(kind, TrainingConfig(backend=kind, dimension=16, negatives=STORED), factors)
    loss, samples = backend.epoch(GROUP, rate=0.1, seed=0)
    assert samples == 4
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    np.testing.assert_allclose(backend.factors().users, expected.users, atol=1e-6)
    np.testing.assert_allclose(backend.factors().playlists, expected.playlists, atol=1e-6)


def test_a_batch_of_torch_follows_the_gradient_of_autograd_when_rows_repeat():
    generator = np.random.default_rng(0)
    blocks = Blocks(
        generator.integers(0, 4, 50).astype(np.uint32),
        generator.integers(0, 8, 50).astype(np.uint32),
        generator.integers(0, 8, (50, 4)).astype(np.uint32),
    )
    factors = factors_of()
    expected_loss, expected = autograd_step(factors, blocks, rate=0.01)
    backend = backend_of("torch", TrainingConfig(backend="torch", dimension=16, negatives=STORED), factors)
    loss, _ = backend.epoch(blocks, rate=0.01, seed=0)
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    np.testing.assert_allclose(backend.factors().playlists, expected.playlists, atol=1e-5)


@pytest.mark.parametrize("optimiser", ["sgd", "adagrad"])
@pytest.mark.parametrize("item_bias", [False, True])
def test_the_backends_agree_on_a_step_with_penalty_bias_and_a_missing_negative(optimiser, item_bias):
    blocks = Blocks(GROUP.users, GROUP.positives, np.array([[0, NO_PLAYLIST, 6, 2]], np.uint32))
    factors = factors_of(item_bias=item_bias)
    stepped = {}
    for kind in ("numba", "torch"):
        config = TrainingConfig(
            backend=kind, dimension=16, optimiser=optimiser, l2=0.3, item_bias=item_bias, negatives=STORED
        )
        backend = backend_of(kind, config, factors)
        losses = [backend.epoch(blocks, rate=0.05, seed=0) for _ in range(3)]
        stepped[kind] = backend.factors(), losses
    assert [samples for _, samples in stepped["numba"][1]] == [3, 3, 3]
    np.testing.assert_allclose(stepped["numba"][1], stepped["torch"][1], rtol=1e-4)
    np.testing.assert_allclose(stepped["numba"][0].users, stepped["torch"][0].users, atol=1e-5)
    np.testing.assert_allclose(stepped["numba"][0].playlists, stepped["torch"][0].playlists, atol=1e-5)


def test_adam_follows_sparse_adam_of_torch():
    factors = factors_of()
    backend = TorchBackend(TrainingConfig(backend="torch", optimiser="adam", dimension=16), factors, {})
    device = backend.device
    users, playlists = (
        torch.nn.Embedding.from_pretrained(torch.from_numpy(side.copy()).to(device), freeze=False, sparse=True)
        for side in (factors.users, factors.playlists)
    )
    peer = torch.optim.SparseAdam([users.weight, playlists.weight], lr=0.01)
    u, i, j = (torch.from_numpy(a.astype(np.int64)).to(device) for a in (GROUP.users, GROUP.positives, GROUP.negatives))
    for _ in range(4):
        backend.step(u, i, j, 0.01)
        peer.zero_grad()
        margin = (users(u)[:, None, :] * (playlists(i)[:, None, :] - playlists(j))).sum(-1)
        (-torch.nn.functional.logsigmoid(margin).sum()).backward()
        peer.step()
    np.testing.assert_allclose(backend.factors().playlists, playlists.weight.detach().cpu().numpy(), atol=1e-5)


@pytest.mark.parametrize("kind", ["numba", "torch"])
def test_on_a_checkerboard_every_unseen_playlist_of_the_own_colour_comes_before_the_other_colour(kind, checkerboard):
    config = TrainingConfig(
        backend=kind, dimension=8, batch_size=64, epochs=30, learning_rate=0.1, negatives=STORED, seed=5
    )
    result = train(config, checkerboard)
    order = np.argsort(-result.factors.scores(np.arange(40)), axis=1, kind="stable")
    own_first = (order[:, :30] - np.arange(40)[:, None]) % 2 == 0
    assert own_first.all()
    assert result.metrics["hit_1"] == 1.0


@pytest.mark.parametrize("optimiser", ["sgd", "adagrad"])
def test_with_one_block_a_user_and_one_group_a_batch_the_backends_walk_the_same_path(world, optimiser, monkeypatch):
    def users_alone(seed: int, stream: int, users: np.ndarray, playlists: np.ndarray) -> np.ndarray:
        return hash_pairs(seed, bpr_numba._ORDER, users)

    monkeypatch.setattr(bpr_torch, "hash_pairs", users_alone)
    blocks = world.data.load(0)
    _, first = np.unique(blocks.users, return_index=True)
    single = Blocks(blocks.users[first], blocks.positives[first], blocks.negatives[first])
    factors = factors_of(world.data.n_users, world.data.n_playlists, scale=0.1)
    walked = []
    for kind in ("numba", "torch"):
        config = TrainingConfig(backend=kind, dimension=16, batch_size=4, optimiser=optimiser, negatives=STORED)
        backend = backend_of(kind, config, factors)
        losses = [backend.epoch(single, rate=0.05, seed=seed)[0] for seed in range(2)]
        walked.append((losses, backend.factors()))
    assert walked[0][0] == pytest.approx(walked[1][0], rel=1e-4)
    np.testing.assert_allclose(walked[0][1].users, walked[1][1].users, atol=1e-4)
    np.testing.assert_allclose(walked[0][1].playlists, walked[1][1].playlists, atol=1e-4)


@pytest.mark.parametrize("start", ["random", "als"])
def test_the_backends_reach_the_same_mrr_within_a_hundredth(world, start):
    reached = {}
    for kind in ("numba", "torch"):
        config = TrainingConfig(
            backend=kind, dimension=16, batch_size=128, epochs=25, learning_rate=0.05, decay=0.95, start=start
        )
        reached[kind] = train(config, world.data).metrics["mrr"]
    assert reached["numba"] > 0.45
    assert reached["numba"] == pytest.approx(reached["torch"], abs=0.01)


def test_two_threads_reach_the_mrr_of_one(world):
    config = TrainingConfig(dimension=16, epochs=30, learning_rate=0.05, decay=0.95)
    reached = [train(config.model_copy(update={"threads": threads}), world.data).metrics["mrr"] for threads in (1, 2)]
    assert reached[0] == pytest.approx(reached[1], abs=0.02)


def test_the_bias_column_of_users_stays_one(world):
    result = train(TrainingConfig(dimension=16, epochs=2, item_bias=True), world.data)
    assert (result.factors.users[:, -1] == 1.0).all()
    assert np.abs(result.factors.playlists[:, -1]).max() > 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_replayed_steps_are_the_steps(world):
    blocks = world.data.load(0)
    factors = factors_of(world.data.n_users, world.data.n_playlists, scale=0.1)
    config = TrainingConfig(backend="torch", dimension=16, batch_size=1024, l2=0.01, negatives=STORED)
    replaying, stepping = (backend_of("torch", config, factors) for _ in range(2))
    stepping._replayed = stepping.step
    for epoch in range(2):
        losses = [backend.epoch(blocks, rate=0.05 / (1 + epoch), seed=epoch)[0] for backend in (replaying, stepping)]
        assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    np.testing.assert_allclose(replaying.factors().users, stepping.factors().users, atol=1e-3)


def test_a_shard_without_blocks_changes_nothing():
    factors = factors_of()
    empty = Blocks(np.empty(0, np.uint32), np.empty(0, np.uint32), np.empty((0, 4), np.uint32))
    for kind in ("numba", "torch"):
        backend = backend_of(kind, TrainingConfig(backend=kind, dimension=16, negatives=STORED), factors)
        assert backend.epoch(empty, rate=0.1, seed=0) == (0.0, 0)
        np.testing.assert_array_equal(backend.factors().playlists, factors.playlists)


def test_blocks_in_any_order_are_grouped_by_user(world):
    blocks = world.data.load(0)
    mixed = np.random.default_rng(0).permutation(len(blocks))
    factors = factors_of(world.data.n_users, world.data.n_playlists, scale=0.1)
    unsorted = Blocks(blocks.users[mixed], blocks.positives[mixed], blocks.negatives[mixed])
    stable = Blocks(*(column[np.argsort(unsorted.users, kind="stable")] for column in
                      (unsorted.users, unsorted.positives, unsorted.negatives)))  # fmt: skip
    trained = []
    for given in (unsorted, stable):
        backend = backend_of("numba", TrainingConfig(dimension=16, negatives=STORED), factors)
        backend.epoch(given, rate=0.05, seed=3)
        trained.append(backend.factors())
    np.testing.assert_array_equal(trained[0].users, trained[1].users)
