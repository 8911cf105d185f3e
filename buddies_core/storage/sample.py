"""Whether what is stored was made of a sample (`BUDDIES_SAMPLE`): said wherever a figure of it is shown."""

from collections.abc import Iterable

from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.manifest import Manifest

SAMPLED = ("mpd_playlists", "entp_plays")
"""The datasets that are read in part."""


def sample_of(store: DatasetStore) -> float:
    """The share of playlists and users that was read; 1 where all were, or nothing is stored yet."""
    return sample_in(store.open(name).manifest for name in SAMPLED if store.has(name))


def sample_in(manifests: Iterable[Manifest]) -> float:
    """The share that datasets were read of, by their manifests; those that are not of files say nothing of it."""
    return min((float(manifest.extra.get("sample", 1.0)) for manifest in manifests), default=1.0)


def sample_note(share: float) -> str:
    """What tables and pages say of a sample; empty where there is none."""
    return "" if share >= 1 else f"a sample: {share:.2%} of playlists and users (BUDDIES_SAMPLE={share:g})"
