"""Known songs by what is typed: equal to a look at every song."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from buddies_core.artifact.texts import TextColumn, pack_texts
from buddies_serving.model.song_search import SongSearch


def column(texts: list[str]) -> TextColumn:
    arrays = pack_texts("t", texts)
    return TextColumn(arrays["t_offsets"], np.asarray(arrays["t_bytes"]))


def search(songs: list[tuple[str, str]]) -> SongSearch:
    return SongSearch(column([title for title, _ in songs]), column([artist for _, artist in songs]))


SONGS = [("Rain", "The Beatles"), ("November Rain", "Guns N' Roses"), ("Trains", "Porcupine Tree"), ("Hello", "Rain")]


def test_what_begins_with_it_comes_first_then_artists_then_words():
    assert search(SONGS).find("rain", 9) == [0, 3, 1, 2]
    assert search(SONGS).find("RAIN – the", 9) == [0]
    assert search(SONGS).find("rain - the", 9) == [0]
    assert search(SONGS).find("no such song", 9) == []


def test_without_words_the_first_songs_come():
    assert search(SONGS).find("  ", 2) == [0, 1]
    assert search([]).find("", 2) == []


@settings(max_examples=80, deadline=None)
@given(
    songs=st.lists(st.tuples(st.text("ab \n", max_size=5), st.text("abü", max_size=4)), max_size=8),
    typed=st.text("abü", min_size=1, max_size=3),
)
def test_every_song_that_has_it_is_found(songs: list[tuple[str, str]], typed: str):
    by_hand = {row for row, (title, artist) in enumerate(songs) if typed in f"{title} – {artist}".casefold()}
    assert set(search(songs).find(typed, 99)) == by_hand
