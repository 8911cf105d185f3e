"""Nearest users by cosine: the pairing kernel beside scikit-learn (the reference's way), implicit, sparse_dot_topn."""

import numpy as np
import scipy.sparse as sparse

from benchmarks.measure import Contender, Report, side_by_side
from benchmarks.synthetic_libraries import SyntheticLibraries
from buddies_assets.systems.playlists.pairing.nearest import NEAREST, Neighbours, nearest
from buddies_core.interactions.csr import Library

ONE_BY_ONE, IN_ONE_CALL = 30, 1_000
"""Users that scikit-learn takes, one user a call and in one call; its time is proportional to them."""


class DifferentResultsError(AssertionError):
    """Two systems that were to compute the same thing did not."""


def run(scale: str) -> Report:
    """Users a second, each against all users of the scale."""
    from implicit.nearest_neighbours import CosineRecommender
    from sklearn.neighbors import NearestNeighbors
    from sparse_dot_topn import sp_matmul_topn
    from threadpoolctl import threadpool_limits

    users = SyntheticLibraries.at(scale).users()
    n = users.n_rows
    ones = np.ones(len(users.indices))
    matrix = sparse.csr_matrix(
        (ones, users.indices.astype(np.int32), users.indptr.astype(np.int32)), (n, users.n_columns)
    )
    roots = np.repeat(np.sqrt(np.maximum(users.lengths, 1).astype(np.float64)), users.lengths)
    unit = sparse.csr_matrix((ones / roots, matrix.indices, matrix.indptr), matrix.shape)
    turned = unit.T.tocsr()
    brute = NearestNeighbors(n_neighbors=NEAREST + 1, metric="cosine", algorithm="brute").fit(matrix)
    some = np.linspace(0, n - 1, ONE_BY_ONE).astype(int)

    def topn(threads: int) -> sparse.csr_matrix:
        return sp_matmul_topn(unit, turned, top_n=NEAREST + 1, sort=True, n_threads=threads)

    def one_by_one() -> None:
        for user in some:
            brute.kneighbors(matrix[user])

    def implicit_cosine() -> None:
        CosineRecommender(K=NEAREST + 1, num_threads=2).fit(turned, show_progress=False)

    _require_equal(nearest(users, stop=min(n, 2_048)), topn(2), users)
    report = Report("pairing")
    with threadpool_limits(2):
        one, two, topn_one, topn_two, reference, *_ = side_by_side(
            report,
            f"{NEAREST} nearest of {n:,} users",
            "users",
            [
                Contender("buddies", lambda: nearest(users, threads=1), n),
                Contender("buddies", lambda: nearest(users, threads=2), n, threads=2),
                Contender("sparse_dot_topn", lambda: topn(1), n),
                Contender("sparse_dot_topn", lambda: topn(2), n, threads=2),
                Contender(f"scikit-learn, one user a call ({ONE_BY_ONE} users)", one_by_one, ONE_BY_ONE, threads=2),
                Contender(
                    f"scikit-learn, one call ({IN_ONE_CALL} users)",
                    lambda: brute.kneighbors(matrix[:IN_ONE_CALL]),
                    IN_ONE_CALL,
                    threads=2,
                ),
                Contender("implicit cosine", implicit_cosine, n, threads=2),
            ],
        )
    report.ratios = {
        "pairing_vs_reference": two.rate / reference.rate,
        "pairing_vs_sparse_dot_topn": two.rate / topn_two.rate,
        "pairing_vs_sparse_dot_topn_one_thread": one.rate / topn_one.rate,
        "pairing_two_threads": two.rate / one.rate,
    }
    report.notes.append(
        f"The reference's way, one user a call, was measured on {ONE_BY_ONE} users; all {n:,} at that rate: "
        f"{n / reference.rate / 60:.0f} minutes"
    )
    return report


def _require_equal(ours: Neighbours, theirs: sparse.csr_matrix, users: Library) -> None:
    """The similarities agree to float32 for the users of `ours`; at a tie for the last place the users may differ."""
    for user in range(len(ours.offsets) - 1):
        part = slice(theirs.indptr[user], theirs.indptr[user + 1])
        other = theirs.data[part][theirs.indices[part] != user][:NEAREST]
        own = ours.similarity[ours.offsets[user] : ours.offsets[user + 1]]
        if len(own) != len(other) or not np.allclose(own, other, rtol=1e-6, atol=0):
            raise DifferentResultsError(f"user {user}: the similarities differ from those of sparse_dot_topn")
