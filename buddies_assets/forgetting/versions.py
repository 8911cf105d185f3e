"""Served versions without a listener: each that knows them is written anew, takes the old one's place, and that goes.

A version is never changed: services map its files. The listener's number stays, since numbers are never given twice;
nobody stands behind it then, and whatever they owned is owned by nobody.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from buddies_assets.forgetting.person import Person
from buddies_assets.release.channels import publish_successors
from buddies_core.artifact.format import ARRAYS, forgotten_id
from buddies_core.artifact.store import read_manifest, versions, write_version

Arrays = dict[str, np.ndarray]
_LISTS = {
    "ranked_indptr": ("ranked_playlists", "ranked_scores"),
    "neighbour_indptr": ("neighbour_users", "neighbour_similarity"),
    "user_library_indptr": ("user_library_indices",),
    "liked_indptr": ("liked_playlists",),
}
"""Row pointers of users, and the flat arrays that they cut."""


def forget_in_versions(root: Path, person: Person) -> list[str]:
    """Names of the versions that took the place of those that knew the listener."""
    successors = {}
    for version in versions(root):
        folder = root / "versions" / version
        found = np.flatnonzero(np.load(folder / "user_ids.npy", mmap_mode="r") == person.user_id.encode())
        if len(found):
            successors[version] = _write_successor(root, version, int(found[0]))
    if successors:
        publish_successors(root, successors)
        for version in successors:
            shutil.rmtree(root / "versions" / version)
    return list(successors.values())


def without_user(arrays: Mapping[str, np.ndarray], user: int) -> Arrays:
    """The arrays of a version in which `user` (a number) has no id, no lists, no factors, and is nobody's neighbour."""
    changed = {name: array for name, array in arrays.items() if ARRAYS[name].group != "contract"}
    ids = changed["user_ids"].copy()
    ids[user] = forgotten_id(user).encode()
    changed |= {"user_ids": ids, "user_order": np.argsort(ids).astype(np.uint32)}
    changed["cold"] = changed["cold"].copy()
    changed["cold"][user] = True
    if "user_factors" in changed:
        changed["user_factors"] = changed["user_factors"].copy()
        changed["user_factors"][user] = 0
    owner = changed["playlist_owner"]
    changed["playlist_owner"] = np.where(owner == user, -1, owner).astype(owner.dtype)
    if "playlist_fits" in changed:
        fits = changed["playlist_fits"]
        changed["playlist_fits"] = np.where(fits == user, -1, fits).astype(fits.dtype)
    for pointers, flat in _LISTS.items():
        indptr = arrays[pointers]
        kept = np.ones(int(indptr[-1]), bool)
        kept[indptr[user] : indptr[user + 1]] = False
        if pointers == "neighbour_indptr":
            kept &= arrays["neighbour_users"] != user
        changed[pointers] = np.concatenate([np.zeros(1, np.int64), np.cumsum(kept)])[indptr].astype(indptr.dtype)
        changed |= {name: arrays[name][kept] for name in flat}
    return changed


def _write_successor(root: Path, version: str, user: int) -> str:
    folder = root / "versions" / version
    manifest = read_manifest(folder)
    arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in manifest.arrays}
    successor = _successor(root, version)
    write_version(
        root,
        successor,
        without_user(arrays, user),
        run_id=manifest.run_id,
        model_version=manifest.model_version,
        metrics=manifest.metrics,
        data_fingerprint=manifest.data_fingerprint,
        song_key_scheme=manifest.song_key_scheme,
        extra=manifest.extra,
    )
    return successor


def _successor(root: Path, version: str) -> str:
    """`<version>.1`, `.2` and so on: the next that is free. Its model is still told by what stands before the `-`."""
    base, _, last = version.rpartition(".")
    base, number = (base, int(last)) if base and last.isdigit() else (version, 0)
    while (root / "versions" / f"{base}.{number + 1}").exists():
        number += 1
    return f"{base}.{number + 1}"
