"""What every `Recommender` does, whatever it is: on a checkerboard the right answer is known.

Users and items of even number belong together, and so do those of odd number; each user lacks one item of their kind.
"""

import numpy as np
import pytest
from scipy.sparse import csr_array

from buddies_core.recommenders.artist_items import ArtistItems
from buddies_core.recommenders.blend import Blend, BlendConfig
from buddies_core.recommenders.bpr.errors import TrainingError
from buddies_core.recommenders.bpr_factors import BprConfig, BprFactors
from buddies_core.recommenders.catalogue import recommender_classes
from buddies_core.recommenders.content import Content
from buddies_core.recommenders.dual_ease import DualEase, DualEaseConfig
from buddies_core.recommenders.ease import Ease, EaseConfig
from buddies_core.recommenders.item2item import Item2Item, Item2ItemConfig
from buddies_core.recommenders.item_knn import ItemKnn, ItemKnnConfig
from buddies_core.recommenders.logistic_mf import LogisticMf, LogisticMfConfig
from buddies_core.recommenders.popular import Popular
from buddies_core.recommenders.protocol import Recommender
from buddies_core.recommenders.pure_svd import PureSvd, PureSvdConfig
from buddies_core.recommenders.random_walk import RandomWalk
from buddies_core.recommenders.ranker import Ranker, RankerConfig
from buddies_core.recommenders.source import Source
from buddies_core.recommenders.user_knn import UserKnn, UserKnnConfig
from buddies_core.recommenders.weighted_als import AlsConfig, WeightedAls

SIZE = 20
MODELS = {
    "EASE": lambda: Ease(EaseConfig(ridge=2.0)),
    "EASE, sparse": lambda: Ease(EaseConfig(ridge=2.0, exact_items=0, neighbours=SIZE - 1)),
    "item neighbours": lambda: ItemKnn(ItemKnnConfig(neighbours=SIZE - 1)),
    "EASE by its dual": lambda: DualEase(DualEaseConfig(ridge=2.0)),
    "ALS": lambda: WeightedAls(AlsConfig(factors=4, ridge=1.0)),
    "logistic MF": lambda: LogisticMf(LogisticMfConfig(factors=4, absent=2, sweeps=40)),
    "BPR": lambda: BprFactors(BprConfig(factors=4, epochs=60)),
    "PureSVD": lambda: PureSvd(PureSvdConfig(factors=2)),
    "random walk": RandomWalk,
    "user neighbours": lambda: UserKnn(UserKnnConfig(neighbours=SIZE // 2)),
    "item2item": lambda: Item2Item(Item2ItemConfig(factors=4)),
    "content": Content,
    "blend": lambda: Blend(BlendConfig(sources=SOURCES)),
    "ranker": lambda: Ranker(RankerConfig(sources=SOURCES, candidates=8, trees=5, leaves=3, fewest=5, folds=3)),
    "popularity": Popular,
    "items of artists": ArtistItems,
}
SOURCES = (
    Source(model="DualEase", config={"ridge": 2.0}),
    Source(model="WeightedAls", config={"factors": 4, "ridge": 1.0}),
)
IMPERSONAL = ("popularity", "items of artists")
"""Models that give everybody the same list, at least without side information."""


def checkerboard() -> csr_array:
    rows, columns = np.indices((SIZE, SIZE))
    return csr_array(((rows + columns) % 2 == 0) & (rows != columns), dtype=np.float32)


@pytest.fixture(params=MODELS, ids=str, scope="module")
def model(request) -> Recommender:
    return MODELS[request.param]().fit(checkerboard())


@pytest.fixture
def personal(model, request) -> Recommender:
    if request.node.callspec.params["model"] in IMPERSONAL:
        pytest.skip("gives everybody the same list")
    return model


def test_every_recommender_of_the_package_is_held_to_the_contract():
    assert {type(make()) for make in MODELS.values()} == set(recommender_classes().values())


def test_it_is_a_recommender(model):
    assert isinstance(model, Recommender)
    assert model.n_items == SIZE


def test_the_one_item_of_a_listeners_kind_that_they_lack_comes_first(personal):
    board = checkerboard()
    scores = personal.scores(board)
    assert scores.dtype == np.float32
    scores[board.toarray() > 0] = -np.inf
    assert scores.argmax(1).tolist() == list(range(SIZE))


def test_a_stranger_has_finite_scores_and_a_listener_is_scored_alone_as_among_others(model):
    board = checkerboard()
    assert np.isfinite(model.scores(csr_array((1, SIZE), dtype=np.float32))).all()
    assert np.array_equal(model.scores(board[[3]])[0], model.scores(board)[3])


def test_an_item_is_most_similar_to_itself_and_then_to_those_of_its_kind(personal):
    similar = personal.similar(np.array([4, 7]))
    assert similar.argmax(1).tolist() == [4, 7]
    assert set(np.argsort(-similar[0])[:10]) == set(range(0, SIZE, 2))


def test_its_arrays_give_the_same_model_to_the_bit(model):
    again = type(model).from_arrays(model.config, dict(model.arrays()))
    assert np.array_equal(again.scores(checkerboard()), model.scores(checkerboard()))
    assert again.n_items == SIZE


def test_two_fits_are_equal_to_the_bit(model):
    again = type(model)(model.config).fit(checkerboard())
    assert np.array_equal(again.scores(checkerboard()), model.scores(checkerboard()))


@pytest.mark.parametrize("kind", MODELS)
def test_nothing_to_learn_from_is_a_named_error(kind):
    with pytest.raises(TrainingError, match="no interaction"):
        MODELS[kind]().fit(csr_array((3, SIZE), dtype=np.float32))
