"""Requests made of stored playlists and what is answered: what checks of a served model look at."""

import numpy as np
import polars as pl

from buddies_assets.sources.steps.sequences import Corpus
from buddies_core.sequences.answers import IMITATION, ServedSequences
from buddies_core.sequences.neighbours import postings
from buddies_core.sequences.wish import Named, Wish

_REQUESTS, _SHOWN, _NAMED = 40, 5, 20


def golden_answers(served: ServedSequences, corpus: Corpus, task: str) -> pl.DataFrame:
    """One row an answer: `request, place, song, artist, shown, imitation, reasoned, true_reason`.

    Requests are the first five songs of playlists spread over all. `shown`: the song is one of them. `reasoned`: the
    reason names another song and playlists; `true_reason`: a stored playlist has both as the reason says.
    """
    sequences = corpus.sequences
    where = postings(sequences.indptr, sequences.songs, sequences.n_known)
    song_of = dict(corpus.uris.iter_rows())
    chosen = np.unique(np.linspace(0, len(sequences) - 1, min(_REQUESTS, len(sequences))).astype(np.int64))
    rows = []
    for request, i in enumerate(chosen.tolist()):
        shown = sequences.playlist(i)[0][:_SHOWN].tolist()
        _, named = served.answer(task, Wish([served.uri(song) for song in shown], n=_NAMED))
        for place, one in enumerate(named):
            song = song_of[one.uri]
            reasoned = one.why.kind in ("follows", "together")
            rows.append(
                {
                    "request": request,
                    "place": place,
                    "song": song,
                    "artist": int(corpus.songs.artist_of[song]),
                    "shown": song in shown,
                    "imitation": IMITATION.search(f"{one.title} {one.artist}") is not None,
                    "reasoned": reasoned,
                    "true_reason": not reasoned or _true(corpus, where, one, song_of),
                }
            )
    counts = dict.fromkeys(("request", "place", "song", "artist"), pl.Int64)
    return pl.DataFrame(
        rows, schema=counts | dict.fromkeys(("shown", "imitation", "reasoned", "true_reason"), pl.Boolean)
    )


def _true(corpus: Corpus, where, named: Named, song_of: dict[str, int]) -> bool:  # type: ignore[no-untyped-def]
    song, of = song_of[named.uri], song_of[named.why.of]
    one, other = (where.playlists[where.indptr[s] : where.indptr[s + 1]] for s in (song, of))
    shared = np.intersect1d(one, other).tolist()
    if named.why.kind == "together":
        return bool(shared)
    for playlist in shared:
        row = corpus.sequences.playlist(playlist)[0]
        place = int(np.flatnonzero(row == of)[0]) + 1
        if place < len(row) and row[place] == song:
            return True
    return False
