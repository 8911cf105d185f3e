"""The tutorial's recipe: neighbours of the last song, never the playlist's own, and something for a song unknown."""

import numpy as np
import pytest

from buddies_core.sequences.query import Query
from buddies_core.sequences.tutorial import as_meant, as_written


@pytest.mark.parametrize("recipe", [as_meant, as_written])
def test_the_recipe_asks_by_the_last_song_alone_and_leaves_out_the_playlist(corpus, recipe):
    if recipe is as_written:
        pytest.importorskip("gensim")
    songs, sequences = corpus
    ranking = recipe(sequences, 1)
    held, artists = sequences.playlist(0)
    answer = ranking(Query(held[:4], artists[:4]))
    assert not np.isin(answer, held[:4]).any()
    assert len(set(answer.tolist())) == len(answer)
    alone = ranking(Query(held[3:4], artists[3:4]))
    assert answer.tolist() == [song for song in alone.tolist() if song not in held[:4]]
    unknown = Query(np.array([len(songs) + 1]), np.array([0]))
    assert np.array_equal(ranking(unknown), ranking(unknown))
    assert len(ranking(unknown)) > 0
