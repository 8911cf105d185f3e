"""Artists take turns: beside the plain rule, position by position."""

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buddies_core.artifact.artist_turns import WINDOW, in_turns


def plain(songs, most, fills):
    """Each place goes to the first song left whose artist has room among the nine before it."""
    left, chosen = list(songs), []
    while left:
        recent = [artist for _, artist in chosen[-(WINDOW - 1) :]]
        ready = [song for song in left if song[1] < 0 or recent.count(song[1]) < most]
        if not ready and not fills:
            break
        chosen.append(ready[0] if ready else left[0])
        left.remove(chosen[-1])
    return [song for song, _ in chosen]


@pytest.mark.parametrize(("fills", "expected"), [(False, ["a", "c", "e"]), (True, ["a", "c", "e", "b", "d"])])
def test_one_song_an_artist_by_hand(fills, expected):
    # b and d are by the artist of a and have no room within ten; of e nobody knows the artist.
    songs = [("a", 1), ("b", 1), ("c", 2), ("d", 1), ("e", -1)]
    assert list(in_turns(songs, 1, fills=fills)) == expected


@given(artists=st.lists(st.integers(-1, 3), max_size=40), most=st.integers(1, 3), fills=st.booleans())
def test_it_is_the_plain_rule(artists, most, fills):
    songs = list(enumerate(artists))
    assert list(in_turns(songs, most, fills=fills)) == plain(songs, most, fills)


def test_no_more_is_asked_for_than_is_taken():
    asked = iter([("a", 1), ("b", 2), ("c", 3)])
    assert list(islice(in_turns(asked, 1, fills=True), 2)) == ["a", "b"]
    assert next(asked) == ("c", 3)
