"""Negatives drawn for training: from where, how often, and independent of how the work is cut."""

import numpy as np
import pytest

from buddies_core.evaluation.ranks import popularity
from buddies_core.interactions.csr import Library
from buddies_core.recommenders.bpr.config import NegativeMix, TrainingConfig
from buddies_core.recommenders.bpr.data import NO_PLAYLIST, Blocks
from buddies_core.recommenders.bpr.negatives import NegativeSampler


def sampler_of(world, mix: NegativeMix, **changes) -> NegativeSampler:
    config = TrainingConfig(negatives=mix, **changes)
    return NegativeSampler(
        config, likes=world.train, popularity=popularity(world.train), hard=world.data.hard, easy=world.data.easy
    )


def packed(library: Library) -> set[tuple[int, int]]:
    rows = np.repeat(np.arange(library.n_rows), library.lengths)
    return set(zip(rows.tolist(), library.indices.tolist(), strict=True))


def test_each_slot_is_filled_from_its_source_and_never_with_a_train_like(world):
    blocks = world.data.load(0)
    drawn = sampler_of(world, NegativeMix(hard=1, easy=1, uniform=1, popular=1)).replace(blocks, 1).negatives
    liked, hard, easy = packed(world.train), packed(world.data.hard), packed(world.data.easy)
    for user, row in zip(blocks.users.tolist(), drawn.tolist(), strict=True):
        assert (user, row[0]) in hard
        assert (user, row[1]) in easy
        assert not {(user, playlist) for playlist in row} & liked


def test_popular_negatives_come_in_proportion_to_the_power_of_popularity(world):
    blocks = world.data.load(0)
    sampler = sampler_of(world, NegativeMix(popular=8, alpha=1.0))
    drawn = np.concatenate([sampler.replace(blocks, epoch).negatives.ravel() for epoch in range(5)])
    counts = np.bincount(drawn, minlength=world.data.n_playlists)
    likers = popularity(world.train)
    assert counts[likers == 0].sum() == 0
    head = np.argsort(-likers)[:20]
    # Users who like a playlist never get it, so the share falls by about the share of users who like it.
    expected = likers[head] / likers.sum() * len(drawn) * (1 - likers[head] / (world.train.lengths > 0).sum())
    np.testing.assert_allclose(counts[head], expected, rtol=0.25)


def test_uniform_negatives_are_drawn_from_the_whole_catalogue(world):
    drawn = sampler_of(world, NegativeMix(uniform=8)).replace(world.data.load(0), 1).negatives
    counts = np.bincount(drawn.ravel(), minlength=world.data.n_playlists)
    assert (counts > 0).mean() > 0.99


@pytest.mark.parametrize("threads", [1, 2])
def test_a_draw_does_not_depend_on_shards_order_or_threads(world, threads):
    blocks = world.data.load(0)
    mix = NegativeMix(uniform=2, popular=2)
    whole = sampler_of(world, mix).replace(blocks, 3).negatives
    some = np.random.default_rng(0).permutation(len(blocks))[:500]
    part = Blocks(blocks.users[some], blocks.positives[some], blocks.negatives[some])
    np.testing.assert_array_equal(sampler_of(world, mix, threads=threads).replace(part, 3).negatives, whole[some])


def test_epochs_differ_when_drawn_anew_and_do_not_otherwise(world):
    blocks = world.data.load(0)
    anew, once = (sampler_of(world, NegativeMix(uniform=4, resample=resample)) for resample in (True, False))
    assert (anew.replace(blocks, 1).negatives != anew.replace(blocks, 2).negatives).mean() > 0.9
    np.testing.assert_array_equal(once.replace(blocks, 1).negatives, once.replace(blocks, 2).negatives)


def test_negatives_that_were_shown_and_not_liked_are_never_replaced(world):
    blocks = world.data.load(0)
    shown = Blocks(blocks.users, blocks.positives, blocks.negatives, explicit=True)
    assert sampler_of(world, NegativeMix(uniform=4)).replace(shown, 1) is shown


def test_a_user_who_likes_everything_gets_no_negative():
    likes = Library.from_pairs(np.zeros(5, int), np.arange(5), 1, 5)
    blocks = Blocks(np.zeros(5, np.uint32), np.arange(5, dtype=np.uint32), np.zeros((5, 4), np.uint32))
    sampler = NegativeSampler(
        TrainingConfig(negatives=NegativeMix(uniform=2)),
        likes=likes,
        popularity=popularity(likes),
        hard=None,
        easy=None,
    )
    assert (sampler.replace(blocks, 1).negatives == NO_PLAYLIST).all()
