"""The spool: what an append returned for survives; what was refused or cut short does not come back."""

import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buddies_serving.errors import SpoolError
from buddies_serving.feedback.spool import Spool
from buddies_serving.types.feedback import Losses, Session


def session(number: int) -> Session:
    identity = f"00000000-0000-0000-0000-{number:012d}"
    return Session(identity, 1.0, 1.0, number, None, 130, (130, 110), "v1", "champion")


def waiting(spool: Spool) -> list[int]:
    return [found.user_id for path in spool.closed() for found in spool.read(path)]


def test_sessions_come_back_in_order_after_a_restart(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append([session(1), session(2)])
    spool.append([session(3)])
    spool.close()
    again = Spool(tmp_path)
    again.append([session(4)])
    assert waiting(again) == [1, 2, 3, 4]


def test_a_replayed_segment_is_gone_and_new_ones_follow_it(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append([session(1)])
    for path in spool.closed():
        spool.remove(path)
    assert (waiting(spool), spool.size) == ([], 0)
    spool.append([session(2)])
    assert waiting(spool) == [2]


def test_a_second_service_cannot_use_the_folder(tmp_path: Path) -> None:
    first = Spool(tmp_path)
    with pytest.raises(SpoolError, match="in use"):
        Spool(tmp_path)
    first.close()
    Spool(tmp_path)


def test_a_damaged_line_is_set_apart_and_the_rest_read(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append([session(1), session(2), session(3)])
    (path,) = spool.closed()
    lines = path.read_bytes().split(b"\n")
    lines[2] = lines[2].replace(b'"user_id":2', b'"user_id":7')
    path.write_bytes(b"\n".join(lines))
    assert waiting(spool) == [1, 3]
    assert b'"user_id":7' in (tmp_path / "damaged.txt").read_bytes()


def test_a_full_spool_refuses_and_keeps_what_it_has(tmp_path: Path) -> None:
    spool = Spool(tmp_path, max_bytes=400)
    spool.append([session(1)])
    with pytest.raises(SpoolError, match="full"):
        spool.append([session(2), session(3)])
    assert waiting(spool) == [1]


def test_a_write_that_fails_half_way_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path)
    spool.append([session(1)])
    real_write, calls = os.write, []

    def half_write(descriptor: int, data: memoryview) -> int:
        calls.append(1)
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        return real_write(descriptor, data[: len(data) // 2 + 40])

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", half_write)
        with pytest.raises(SpoolError, match="No space left"):
            spool.append([session(2), session(3)])
    spool.append([session(4)])
    assert waiting(spool) == [1, 4]


@settings(deadline=None, max_examples=40)
@given(data=st.data(), batches=st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_a_crash_at_any_byte_loses_nothing_that_was_acknowledged(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, batches: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    spool, number, acknowledged = Spool(folder), 0, [0]
    for size in batches:
        spool.append([session(number + place) for place in range(size)])
        number += size
        acknowledged.append(spool.size)
    (path,) = spool.closed()
    spool.close()
    content = path.read_bytes()
    cut = data.draw(st.integers(0, len(content)))
    path.write_bytes(content[:cut])
    complete = sum(size for size, end in zip(batches, acknowledged[1:], strict=True) if end <= cut)
    survived = waiting(Spool(folder))
    assert survived == list(range(len(survived)))
    assert len(survived) >= complete


def test_damage_and_truncation_are_counted_once_and_stay_counted(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append([session(number) for number in range(1, 7)])
    (path,) = spool.closed()
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2].replace(b'"user_id":2', b'"user_id":7')
    path.write_bytes(b"".join(lines[:5]))
    for _ in range(2):
        assert waiting(spool) == [1, 3, 4]
        assert spool.losses == Losses(damaged=1, missing=2)
    spool.close()
    assert Spool(tmp_path).losses == Losses(damaged=1, missing=2)


def test_a_segment_that_a_crash_left_open_is_not_called_truncated(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append([session(1)])
    spool.append([session(2), session(3)])
    (path,) = tmp_path.glob("*.spool")
    content = path.read_bytes()
    spool.close()
    path.write_bytes(content[:-20])
    again = Spool(tmp_path)
    assert waiting(again) == [1, 2]
    assert not again.losses
    path.write_bytes(content[: len(content) // 3])
    assert waiting(again) == []
    # the append before the last was known to be on disk when the last one was
    assert again.losses == Losses(missing=1)


def test_files_that_are_not_the_spools_are_left_alone(tmp_path: Path) -> None:
    for name in ("notes.spool", "1.spool", "x.txt", "00000000000a.spool"):
        (tmp_path / name).write_text("mine")
    (tmp_path / "000000000007.spool").mkdir()
    spool = Spool(tmp_path)
    spool.append([session(1)])
    assert waiting(spool) == [1]
    assert (tmp_path / "notes.spool").read_text() == "mine"


def test_a_segment_without_a_count_is_read_as_before(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append([session(1), session(2)])
    (path,) = spool.closed()
    path.write_bytes(path.read_bytes().partition(b"\n")[2])
    assert waiting(spool) == [1, 2]
    assert not spool.losses


def test_a_large_spool_is_read_a_line_at_a_time(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for start in range(0, 20_000, 1_000):
        spool.append([session(number) for number in range(start, start + 1_000)])
    (path,) = spool.closed()
    tracemalloc.start()
    count = sum(1 for _ in spool.read(path))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (count, most < 2**20) == (20_000, True)
