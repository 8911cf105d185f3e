import os
import stat
import subprocess
import sys
from pathlib import Path
from threading import Barrier, Thread

import pytest
from upath import UPath

from buddies_core.storage import durable
from buddies_core.storage.durable import (
    PRIVATE,
    abandoned,
    publishing,
    replacing,
    sync_folder,
    synced,
    write_durably,
    write_first,
)
from buddies_core.storage.files import write_atomically


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the disk is told, in order: files synced by name, folders with a slash, and renames."""
    calls: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def noted_fsync(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").resolve()
        calls.append(f"sync {path.name}/" if path.is_dir() else "sync content")
        fsync(descriptor)

    def noted_replace(path: Path, target: Path) -> Path:
        calls.append(f"rename to {Path(target).name}")
        return replace(path, target)

    monkeypatch.setattr(durable.os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    return calls


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_content_is_on_the_disk_before_its_name_and_the_name_when_the_call_returns(tmp_path: Path, told: list[str]):
    write_durably(tmp_path / "home" / "a", b"new")
    assert told == ["sync content", "rename to a", "sync home/"]
    assert (tmp_path / "home" / "a").read_bytes() == b"new"


def test_a_store_writes_its_files_the_same_way_whichever_kind_of_path_names_them(tmp_path: Path, told: list[str]):
    for path in (tmp_path / "a", UPath(tmp_path / "a"), UPath(f"file://{tmp_path}/a")):
        told.clear()
        write_atomically(path, memoryview(b"bytes"))
        assert told == ["sync content", "rename to a", f"sync {tmp_path.name}/"]
        assert (tmp_path / "a").read_bytes() == b"bytes"
    write_atomically(UPath("memory://store/a"), memoryview(b"remote"))
    assert UPath("memory://store/a").read_bytes() == b"remote"
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("step", ["write", "fsync", "replace"])
def test_a_write_that_fails_at_any_step_leaves_the_old_file_and_no_other(tmp_path: Path, step: str, monkeypatch):
    target = tmp_path / "manifest.json"
    write_durably(target, b"old")

    def refuse(*_args: object) -> None:
        raise OSError("no space left")

    content: object = b"new and longer"
    if step == "write":
        content = 5
    elif step == "fsync":
        monkeypatch.setattr(durable.os, "fsync", refuse)
    else:
        monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises((OSError, TypeError), match=r"no space left|bytes-like"):
        write_durably(target, content)
    assert names(tmp_path) == ["manifest.json"]
    assert target.read_bytes() == b"old"


def test_a_process_that_is_killed_while_it_writes_leaves_the_old_file_and_what_it_left_is_found(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"old")
    dies = (
        "import os, sys; from pathlib import Path; from buddies_core.storage.durable import replacing\n"
        "with replacing(Path(sys.argv[1])) as file: file.write(b'half'); file.flush(); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", dies, tmp_path / "a"], check=False).returncode == 9
    assert (tmp_path / "a").read_bytes() == b"old"
    (left,) = abandoned(tmp_path)
    assert left.read_bytes() == b"half"
    assert names(tmp_path) == sorted(["a", left.name])


def test_what_a_living_process_writes_is_not_abandoned(tmp_path: Path):
    theirs = tmp_path / f".a.0123abcd.{os.getppid()}.partial"
    theirs.touch()
    (tmp_path / "a.partial").touch()
    assert abandoned(tmp_path) == []
    with replacing(tmp_path / "b"):
        assert [path.name[:3] for path in abandoned(tmp_path)] == [".b."]


def test_threads_that_write_one_file_at_once_leave_the_whole_of_one(tmp_path: Path):
    contents = [bytes([65 + k]) * 50_000 for k in range(6)]
    together = Barrier(len(contents))

    def write(content: bytes) -> None:
        together.wait()
        write_durably(tmp_path / "a", content)

    threads = [Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() in contents


def test_a_private_file_is_never_open_to_others_not_even_half_written(tmp_path: Path):
    with replacing(tmp_path / "key", PRIVATE) as file:
        assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


def test_the_first_to_write_a_file_wins_and_the_others_are_told(tmp_path: Path):
    path = tmp_path / "keys" / "signing"
    assert write_first(path, b"first", PRIVATE)
    assert not write_first(path, b"second", PRIVATE)
    assert path.read_bytes() == b"first"
    assert names(path.parent) == ["signing"]


def test_a_folder_is_there_in_full_or_not_at_all(tmp_path: Path, told: list[str]):
    with publishing(tmp_path / "v1") as folder:
        with synced(folder / "a") as file:
            file.write(b"1")
        assert not (tmp_path / "v1").exists()
    assert told == ["sync content", told[1], "rename to v1", f"sync {tmp_path.name}/"]
    assert told[1].startswith("sync .v1.")
    assert (tmp_path / "v1" / "a").read_bytes() == b"1"

    with pytest.raises(RuntimeError, match="in the middle"), publishing(tmp_path / "v2") as folder:
        (folder / "a").touch()
        raise RuntimeError("in the middle")
    assert names(tmp_path) == ["v1"]


def test_a_folder_that_was_published_is_not_replaced(tmp_path: Path):
    (tmp_path / "v1").mkdir()
    (tmp_path / "v1" / "a").write_bytes(b"first")
    with pytest.raises(FileExistsError, match="v1 exists already"), publishing(tmp_path / "v1") as folder:
        (folder / "a").write_bytes(b"second")
    assert names(tmp_path) == ["v1"]
    assert (tmp_path / "v1" / "a").read_bytes() == b"first"


def test_a_folder_that_is_not_there_cannot_be_synced(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        sync_folder(tmp_path / "none")


def test_no_module_renames_or_syncs_by_itself():
    """One way to write a file that lasts: a rename or fsync elsewhere is a second one.

    The spool appends to files that it keeps open, and torch's and MLflow's own files are theirs.
    """
    root = Path(durable.__file__).parents[2]
    may = {"buddies_core/storage/durable.py", "buddies_serving/feedback/spool.py"}
    marks = ("os.fsync(", "os.replace(", "os.rename(", "os.link(", "partial.replace(", "partial.rename(", "mkstemp(")
    found = {
        str(path.relative_to(root))
        for package in ("buddies_core", "buddies_assets", "buddies_serving", "quality", "benchmarks")
        for path in (root / package).rglob("*.py")
        if any(mark in path.read_text(encoding="utf-8") for mark in marks)
    }
    assert found == may
