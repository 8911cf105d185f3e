"""The store of served artifacts: what is pushed is pulled whole or not at all, from a folder and from S3's protocol."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from buddies_core.artifact.errors import DamagedModelError
from buddies_core.artifact.named_arrays import read_artifact, write_artifact
from buddies_core.artifact.shared import SharedStore, SharedStoreError
from buddies_core.artifact.store import CURRENT, Challenger, publish, read_channels, verify, write_version


@pytest.fixture
def small_model(small_world: dict[str, np.ndarray]) -> Callable[[Path, str], None]:
    """Writes a version of the small world into a folder, and publishes it."""

    def make(root: Path, version: str) -> None:
        write_version(root, version, small_world)
        publish(root, version)

    return make


@pytest.fixture
def home(tmp_path: Path, small_model) -> Path:
    """A home that serves version `a` and an experiment of artists."""
    root = tmp_path / "pipeline"
    small_model(root / "served_model", "a")
    write_artifact(root / "artists" / "lastfm", {"lists": np.arange(6)}, {"system": "artists"})
    return root


def pulled(store: SharedStore, home: Path) -> list[str]:
    published = store.published()
    assert published is not None
    return store.pull(published, home)


@pytest.mark.parametrize("kind", ["folder", "s3"])
def test_what_is_pushed_is_served_elsewhere(kind: str, home: Path, tmp_path: Path, request) -> None:
    store = SharedStore(str(tmp_path / "store") if kind == "folder" else request.getfixturevalue("s3_home"))
    assert store.published() is None
    version = read_artifact(home / "artists/lastfm").version
    assert store.push(home) == ["served_model/a", f"artists/lastfm/{version}"]
    assert store.push(home) == []
    pod = tmp_path / "pod"
    assert sorted(name.rpartition("/")[0] for name in pulled(store, pod)) == ["artists/lastfm", "served_model"]
    assert read_channels(pod / "served_model") == read_channels(home / "served_model")
    assert verify(pod / "served_model/versions/a").version == "a"
    assert read_artifact(pod / "artists/lastfm").arrays["lists"].tolist() == list(range(6))
    assert pulled(store, pod) == []


def test_versions_that_nothing_names_leave_the_store_and_later_the_services(
    home: Path, tmp_path: Path, small_model
) -> None:
    store, pod = SharedStore(str(tmp_path / "store")), tmp_path / "pod"
    for version in ("a", "b", "c"):
        if version != "a":
            small_model(home / "served_model", version)
        store.push(home)
        pulled(store, pod)
    assert [path.name for path in (tmp_path / "store/served_model/versions").iterdir()] == ["c"]
    assert sorted(path.name for path in (pod / "served_model/versions").iterdir()) == ["b", "c"]


@pytest.mark.parametrize("damage", ["a changed byte", "a missing file", "a file cut short", "another manifest"])
def test_damage_in_the_store_leaves_what_was_served_before(
    damage: str, home: Path, tmp_path: Path, small_model
) -> None:
    store, pod = SharedStore(str(tmp_path / "store")), tmp_path / "pod"
    store.push(home)
    pulled(store, pod)
    small_model(home / "served_model", "b")
    store.push(home)
    folder = tmp_path / "store/served_model/versions/b"
    array = folder / "ranked_scores.npy"
    if damage == "a changed byte":
        content = bytearray(array.read_bytes())
        content[-1] ^= 1
        array.write_bytes(content)
    elif damage == "a missing file":
        array.unlink()
    elif damage == "a file cut short":
        array.write_bytes(array.read_bytes()[:-4])
    else:
        shutil.copy(tmp_path / "pipeline/served_model/versions/a/manifest.json", folder / "manifest.json")
    with pytest.raises((DamagedModelError, SharedStoreError)):
        pulled(store, pod)
    assert read_channels(pod / "served_model").champion == "a"
    assert [path.name for path in (pod / "served_model/versions").iterdir()] == ["a"]


def test_a_manifest_cannot_name_a_file_outside_its_folder(home: Path, tmp_path: Path) -> None:
    store = SharedStore(str(tmp_path / "store"))
    store.push(home)
    (manifest,) = (tmp_path / "store/artists/lastfm/versions").glob("*/manifest.json")
    manifest.write_text(manifest.read_text().replace("000.npy", "../../../../escaped.npy"))
    with pytest.raises(DamagedModelError, match="which is no array's file"):
        pulled(store, tmp_path / "pod")


@pytest.mark.parametrize("content", [b"", b"{", b'{"series":{"../x":{"current":"","versions":[]}},"digest":""}'])
def test_a_list_that_nobody_wrote_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "published.json").write_bytes(content)
    with pytest.raises(DamagedModelError, match=r"published\.json"):
        SharedStore(str(tmp_path)).published()


def test_an_empty_home_empties_no_store_and_gets_everything_back(home: Path, tmp_path: Path) -> None:
    store, empty = SharedStore(str(tmp_path / "store")), tmp_path / "new-disk"
    (home / "served_model/rejected.json").write_text('["3"]')
    store.push(home)
    before = store.published()
    empty.mkdir()
    assert store.push(empty) == [] and store.published() == before
    assert before is not None
    store.pull(before, empty, with_state=True)
    assert (empty / "served_model/rejected.json").read_text() == '["3"]'
    assert (empty / "served_model" / CURRENT).read_bytes() == (home / "served_model" / CURRENT).read_bytes()


def test_challenger_and_champion_are_both_pulled(home: Path, tmp_path: Path, small_model) -> None:
    small_model(home / "served_model", "b")
    publish(home / "served_model", "a", challenger=Challenger("b", 0.2))
    store = SharedStore(str(tmp_path / "store"))
    store.push(home)
    pulled(store, tmp_path / "pod")
    assert sorted(path.name for path in (tmp_path / "pod/served_model/versions").iterdir()) == ["a", "b"]
