"""Why a playlist is in a list: who owns it, how close they are to the listener, and which songs they share."""

import math
from collections import Counter

import numpy as np

from buddies_serving.model.opt_out import OwnerOptOut
from buddies_serving.model.served_model import ServedModel
from buddies_serving.types.api import PlaylistCard, Song, Why

SHOWN_SONGS = 3
SHOWN_ARTISTS = 3
LOOKED_AT = 1_000
"""Songs of a library that its taste is told by."""


def card(model: ServedModel, playlist: int, why: Why | None = None) -> PlaylistCard:
    """A playlist (by index) as it is shown; 0 followers means that the number is unknown."""
    followers = int(model.arrays["playlist_followers"][playlist])
    return PlaylistCard(
        playlist=int(model.pids[playlist]),
        name=model.playlist_names[playlist],
        tracks=int(model.arrays["playlist_tracks"][playlist]),
        followers=followers or None,
        why=why,
    )


def song(model: ServedModel, row: int) -> Song:
    """A song by its text."""
    return Song(title=model.song_titles[row], artist=model.song_artists[row])


def taste(model: ServedModel, user: int, most: int = SHOWN_ARTISTS) -> list[str]:
    """The artists of whom a user plays most songs, those of more songs first; of a large library, its first songs."""
    played = Counter(model.song_artists[int(row)] for row in model.row("user_library", user)[:LOOKED_AT])
    return [artist for artist, _ in played.most_common(most)]


def reason(model: ServedModel, user: int | None, playlist: int, opt_out: OwnerOptOut) -> Why:
    """Why `playlist` (an index) is in the list of `user`; most-liked where it is not one of their candidates.

    An owner is named by number alone, and not at all when they opted out. Of a playlist that nobody owns the listener
    is named whom it fits best of all others.
    """
    if model.is_cold(user) or user is None or playlist not in model.ranked(user)[0]:
        return Why(kind="most-liked")
    shared = np.intersect1d(model.row("user_library", user), model.row("playlist_library", playlist))
    songs = [song(model, int(row)) for row in shared[:SHOWN_SONGS]]
    owner = int(model.arrays["playlist_owner"][playlist])
    kind, buddy = ("buddy", owner) if owner >= 0 else ("fits", fits_best(model, user, playlist, opt_out))
    if opt_out.hides(model, buddy):
        return Why(kind="songs", shared_songs=len(shared), songs=songs)
    similarity = round(closeness(model, user, buddy), 4)
    return Why(kind=kind, buddy=buddy, similarity=similarity, shared_songs=len(shared), songs=songs)


def fits_best(model: ServedModel, user: int, playlist: int, opt_out: OwnerOptOut) -> int:
    """The listener, other than `user`, whom a playlist that nobody owns fits best and who may be shown; -1: nobody."""
    if "playlist_fits" not in model.arrays:
        return -1
    fits = (int(other) for other in model.arrays["playlist_fits"][playlist])
    return next((other for other in fits if other != user and not opt_out.hides(model, other)), -1)


def like_what_you_liked(model: ServedModel, playlist: int, known: np.ndarray) -> Why:
    """Why `playlist` is in a list made of the songs `known` of a listener for whom nothing was published."""
    shared = np.intersect1d(known, model.row("playlist_library", playlist))
    songs = [song(model, int(row)) for row in shared[:SHOWN_SONGS]]
    return Why(kind="likes", shared_songs=len(shared), songs=songs)


def closeness(model: ServedModel, user: int, other: int) -> float:
    """Cosine of the libraries of two users: as stored if they are neighbours, else worked out."""
    neighbours, similarities = model.neighbours(user)
    places = np.flatnonzero(neighbours == other)
    if len(places):
        return float(similarities[places[0]])
    mine, theirs = model.row("user_library", user), model.row("user_library", other)
    if not len(mine) or not len(theirs):
        return 0.0
    return len(np.intersect1d(mine, theirs)) / math.sqrt(len(mine) * len(theirs))
