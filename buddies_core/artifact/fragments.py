"""The answers to the contract's call, one ready-made fragment of JSON for each user.

Candidates are fixed for a model version, so `{"user_id":1,"playlists":[...]}` is too: the writer renders it once and
a request joins slices of a memory-mapped file. A user without candidates gets the most liked playlists.
"""

from collections.abc import Mapping

import numpy as np

from buddies_core.artifact.format import CONTRACT_LENGTH


def render(user: int | bytes, pids: list[int]) -> bytes:
    """One user's part of an answer; `user` is an index, or a quoted JSON string for a user asked for by id."""
    name = user if isinstance(user, bytes) else b"%d" % user
    return b'{"user_id":%b,"playlists":[%b]}' % (name, b",".join([b"%d" % pid for pid in pids]))


def fill(own: list[int], others: list[int], length: int) -> list[int]:
    """`own` made up to `length` with those of `others` that it lacks."""
    if len(own) >= length:
        return own[:length]
    seen = set(own)
    return (own + [other for other in others if other not in seen])[:length]


def contract_fragments(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """`contract_offsets` int64 [users+1] and `contract_bytes` uint8: the fragments of all users, end to end.

    A list shorter than five is filled with most-liked playlists that the user does not like yet.
    """
    pids = arrays["playlist_pids"]
    indptr, ranked = arrays["ranked_indptr"], arrays["ranked_playlists"]
    liked_indptr, liked = arrays["liked_indptr"], arrays["liked_playlists"]
    popular = arrays["most_liked"]
    popular_pids = pids[popular].tolist()
    short = popular_pids[:CONTRACT_LENGTH]
    fragments = []
    for user in range(len(indptr) - 1):
        start, end = int(indptr[user]), int(indptr[user + 1])
        own = pids[ranked[start : min(end, start + CONTRACT_LENGTH)]].tolist()
        if len(own) < CONTRACT_LENGTH:
            known = liked[int(liked_indptr[user]) : int(liked_indptr[user + 1])]
            if len(known):
                unknown = popular[~np.isin(popular, known)]
                own = fill(own, pids[unknown].tolist(), CONTRACT_LENGTH)
            else:
                own = fill(own, popular_pids, CONTRACT_LENGTH) if own else short
        fragments.append(render(user, own))
    offsets = np.zeros(len(fragments) + 1, dtype=np.int64)
    np.cumsum(np.fromiter(map(len, fragments), dtype=np.int64, count=len(fragments)), out=offsets[1:])
    return {"contract_offsets": offsets, "contract_bytes": np.frombuffer(b"".join(fragments), dtype=np.uint8)}
