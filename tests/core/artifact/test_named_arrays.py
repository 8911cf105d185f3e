"""An artifact of any arrays: what is written is read, whole versions only, and never a pickle."""

import json

import numpy as np
import pytest

from buddies_core.artifact.errors import NoServedModelError, ServedModelError
from buddies_core.artifact.named_arrays import read_artifact, write_artifact

ARRAYS = {"lists": np.arange(6, dtype=np.int32).reshape(2, 3), "model/0/items": np.ones((2, 0), np.float32)}


def test_arrays_and_facts_come_back_and_the_same_content_is_the_same_version(tmp_path):
    version = write_artifact(tmp_path, ARRAYS, {"model": "Ranker"})
    found = read_artifact(tmp_path)
    assert (found.version, found.facts) == (version, {"model": "Ranker"})
    assert {name: array.tolist() for name, array in found.arrays.items()} == {
        name: array.tolist() for name, array in ARRAYS.items()
    }
    assert write_artifact(tmp_path, ARRAYS, {"model": "Ranker"}) == version
    assert write_artifact(tmp_path, ARRAYS, {"model": "Blend"}) != version


def test_only_the_newest_three_versions_are_kept(tmp_path):
    for number in range(5):
        write_artifact(tmp_path, {"x": np.array([number])}, {})
    assert read_artifact(tmp_path).arrays["x"].tolist() == [4]
    assert len(list((tmp_path / "versions").iterdir())) == 3


def test_objects_are_refused_when_written_and_pickles_when_read(tmp_path):
    with pytest.raises(ServedModelError, match="holds objects"):
        write_artifact(tmp_path, {"x": np.array([{}], dtype=object)}, {})
    version = write_artifact(tmp_path, {"x": np.array([1])}, {})
    np.save(tmp_path / "versions" / version / "000.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ServedModelError, match="cannot be read"):
        read_artifact(tmp_path)


@pytest.mark.parametrize("damage", ["missing", "shape", "format", "current"])
def test_a_damaged_artifact_is_a_named_error(tmp_path, damage):
    folder = tmp_path / "versions" / write_artifact(tmp_path, {"x": np.array([1, 2])}, {})
    if damage == "missing":
        (folder / "000.npy").unlink()
    elif damage == "shape":
        np.save(folder / "000.npy", np.array([1, 2, 3]))
    elif damage == "format":
        manifest = json.loads((folder / "manifest.json").read_text())
        (folder / "manifest.json").write_text(json.dumps(manifest | {"format": 99}))
    else:
        (tmp_path / "current.json").write_text('{"version": "../../elsewhere"}')
    with pytest.raises(ServedModelError):
        read_artifact(tmp_path)


def test_nothing_stored_is_its_own_error(tmp_path):
    with pytest.raises(NoServedModelError, match="buddies fit FILE"):
        read_artifact(tmp_path / "none")
