"""Items of artists known, by hand."""

import numpy as np
from scipy.sparse import csr_array

from buddies_core.recommenders.artist_items import ArtistItems, ArtistItemsConfig


def test_an_item_counts_by_how_much_of_its_artist_is_known_and_by_its_listeners():
    # items 0, 1, 2 are by one artist, 3 and 4 by another, 5 by nobody known
    made = csr_array(np.array([[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 0]], np.float32))
    plays = csr_array(np.array([[1, 1, 0, 1, 0, 0], [0, 0, 1, 0, 0, 1], [0, 0, 1, 0, 1, 0]], np.float32))
    model = ArtistItems(ArtistItemsConfig(popularity_power=1.0)).fit(plays, made)
    # the first listener knows two items of the first artist and one of the second; item 2 has two listeners
    assert model.scores(plays)[0].tolist() == [2.0, 2.0, 4.0, 1.0, 1.0, 0.0]
    assert model.similar(np.array([3]))[0, [0, 2, 4]].tolist() == [0.0, 0.0, 1.0]
