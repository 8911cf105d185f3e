"""Songs and artists that a playlist's title names."""

import numpy as np
import polars as pl
from oracles.playlists import rows_of
from small_sequences import SMALL

from buddies_core.sequences.catalogue import catalogue_of
from buddies_core.sequences.corpus import encoded, keyed_rows, vocabulary
from buddies_core.sequences.features import Featuriser
from buddies_core.sequences.fit import fit_index
from buddies_core.sequences.query import Query
from buddies_core.sequences.titles import title_words

PLAYLISTS = {
    0: [("Jingle Bells", "Choir"), ("White Winter", "Ana Banana")],
    1: [("Silent Bells", "Choir"), ("Summer", "Ana Banana")],
    2: [("Summer", "Ana Banana"), ("White Winter", "Ana Banana"), ("Other", "Nobody")],
}


def asked(title: str) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Songs offered to a title alone, whether each has a word of it, and whether it names the artist."""
    rows = keyed_rows(rows_of(PLAYLISTS))
    songs = vocabulary(rows)
    names = pl.DataFrame({"pid": np.arange(3, dtype=np.uint32), "name": ["a", "b", "c"]})
    index = fit_index(encoded(rows, names, songs), catalogue_of(songs), SMALL)
    nothing = np.empty(0, np.int64)
    found = Featuriser(index).candidates(Query(nothing, nothing, title))
    return songs.table["title"].gather(found.songs).to_list(), found.column("named_song"), found.column("named_artist")


def test_a_title_finds_songs_that_have_its_words_and_the_rarer_word_counts_more():
    titles, named, _ = asked("winter bells")
    by_title = dict(zip(titles, named.tolist(), strict=True))
    assert by_title["White Winter"] > by_title["Jingle Bells"] == by_title["Silent Bells"] > by_title["Summer"] == 0


def test_a_title_finds_the_artist_whose_whole_name_it_holds_and_not_one_of_whom_it_has_a_word():
    titles, _, artist = asked("Best of Ana Banana!")
    assert {title for title, there in zip(titles, artist, strict=True) if there} == {"White Winter", "Summer"}
    assert not asked("banana bread")[2].any()


def test_a_title_is_known_by_its_words_their_pairs_the_whole_and_pieces():
    words = title_words("My Road-Trip")
    assert {"my", "road", "trip", "road+-", "=my road - trip", "~road", "~yroa"} <= set(words)
    assert title_words("") == []
