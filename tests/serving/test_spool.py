"""The spool: what an append returned for survives; what was refused or cut short does not come back."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buddies_serving.errors import SpoolError
from buddies_serving.feedback_types import Session
from buddies_serving.spool import Spool


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
    lines[1] = lines[1].replace(b'"user_id":2', b'"user_id":7')
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
