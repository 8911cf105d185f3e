"""Lists for people: nothing twice, artists in turn, the same list for the same wish, and reasons that are true."""

import numpy as np
import pytest
from small_sequences import small_artifact

from buddies_core.sequences.answers import IMITATION, ServedSequences
from buddies_core.sequences.models import CONTINUE, NEXT
from buddies_core.sequences.wish import Wish


@pytest.fixture(scope="module")
def served() -> ServedSequences:
    return ServedSequences(small_artifact())


def uri(song: int, artist: int) -> str:
    return f"spotify:track:song {song}/artist {artist}"


def test_a_song_is_found_by_any_uri_and_by_any_spelling(served):
    song = served.song(uri(0, 0))
    assert served.song("spotify:track:other") == served.song(("Song 0 (Live)", "The Artist 0")) == song
    assert served.song("spotify:track:nobody") is None
    assert served.artist(("never heard", "Artist 3")) == served.artist(uri(1, 3))


def test_no_seed_no_excluded_song_and_nothing_twice_whatever_uri_they_are_given_by(served):
    wish = Wish(["spotify:track:other", uri(1, 0)], n=30, exclude=[uri(2, 0)], max_per_artist=0)
    known, named = served.answer(NEXT, wish)
    uris = [song.uri for song in named]
    assert known == [True, True]
    assert len(set(uris)) == len(uris)
    assert not {uri(0, 0), uri(1, 0), uri(2, 0)} & set(uris)


def test_what_follows_in_every_playlist_comes_first_and_says_so_with_a_true_count(served):
    _, named = served.answer(NEXT, Wish([uri(0, 2), uri(1, 2)], n=3))
    assert named[0].uri == uri(2, 2)
    assert (named[0].why.kind, named[0].why.of) == ("follows", uri(1, 2))
    index, last, song = served.index, served.song(uri(1, 2)), served.song(uri(2, 2))
    rows = [
        index.playlist_songs[a:b].tolist() for a, b in zip(index.playlist_ptr, index.playlist_ptr[1:], strict=False)
    ]
    assert named[0].why.playlists == sum([last, song] in [row[k : k + 2] for k in range(len(row))] for row in rows)


@pytest.mark.parametrize("most", [1, 2])
def test_of_any_ten_in_a_row_an_artist_has_no_more_than_allowed_while_others_are_left(served, most):
    _, named = served.answer(CONTINUE, Wish([uri(0, 2)], n=5, max_per_artist=most))
    artists = [song.artist for song in named]
    assert max(artists.count(artist) for artist in artists) <= most
    _, all_songs = served.answer(CONTINUE, Wish([uri(0, 2)], n=29, max_per_artist=most))
    assert len(all_songs) == 29, "the next best fill up what the bound leaves open"


def test_the_same_wish_gives_the_same_list_and_another_draw_another_from_the_best(served):
    wishes = [Wish([uri(0, 1)], n=5, fresh=fresh, max_per_artist=0) for fresh in (7, 7, 8, 9, 10)]
    lists = [[song.uri for song in served.answer(CONTINUE, wish)[1]] for wish in wishes]
    assert lists[0] == lists[1]
    assert len({tuple(found) for found in lists}) > 1
    best = {song.uri for song in served.answer(CONTINUE, Wish([uri(0, 1)], n=15, max_per_artist=0))[1]}
    assert all(set(found) <= best for found in lists)


def test_an_order_that_flows_holds_the_same_songs(served):
    plain, flowing = (
        [song.uri for song in served.answer(CONTINUE, Wish([uri(0, 1)], n=8, flow=flow))[1]] for flow in (False, True)
    )
    assert sorted(plain) == sorted(flowing)
    near = served.index.near_songs[served.index.near_ptr[served.song(uri(0, 1))] :]
    assert served.song(flowing[0]) == next(int(song) for song in near if served.uri(int(song)) in plain)


def test_a_title_alone_finds_the_songs_of_playlists_called_so(served):
    known, named = served.answer(CONTINUE, Wish([], "Artist 4", n=5, max_per_artist=0))
    assert known == []
    assert sum(song.artist == "artist 4" for song in named) >= 3
    assert {song.why.kind for song in named} == {"filler"}


def test_nothing_known_names_what_is_popular_as_filler(served):
    known, named = served.answer(NEXT, Wish(["spotify:track:nobody"], n=4))
    assert known == [False]
    assert [song.why.kind for song in named] == ["filler"] * 4


def test_popularity_draws_towards_what_many_playlists_hold(served):
    means = []
    for popularity in (-3.0, 0.0, 3.0):
        _, named = served.answer(CONTINUE, Wish([uri(0, 1)], n=8, popularity=popularity, max_per_artist=0))
        means.append(np.mean([served.index.popularity[served.song(song.uri)] for song in named]))
    assert means[0] < means[1] < means[2] or means[0] < means[2]


def test_imitations_are_known_by_their_names():
    for text in ("Hello (Karaoke Version)", "A Tribute to Ana", "In the Style of Ana", "Lullaby Renditions"):
        assert IMITATION.search(text)
    assert not IMITATION.search("Tributes and Lullabies of Karaokeland")
