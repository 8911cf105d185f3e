"""Input is opened by its content: whatever is decoded is kept, and every failure of a codec is a named fault."""

import bz2
import gzip
import io
import lzma
import random
import struct
import zipfile
import zlib
from pathlib import Path

import inflate64
import pytest
from backports import zstd

from buddies_assets.sources.inputs.faults import InputFault
from buddies_assets.sources.inputs.listing import list_inputs
from buddies_assets.sources.inputs.opening import content, line_blocks, whole

LINES = b"".join(b"%08d a line of text that packs well\n" % n for n in range(20_000))


def zipped(data: bytes, name: str = "a.txt", method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr(name, data)
    return out.getvalue()


def zip_of_method(method: int, packed: bytes, data: bytes, flags: int = 0) -> bytes:
    """A zip with one member of any method, which the standard library cannot write."""
    sizes = (zlib.crc32(data), len(packed), len(data), 5, 0)
    local = struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, flags, method, 0, 0, *sizes) + b"a.txt" + packed
    central = struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 20, 20, flags, method, 0, 0, *sizes, 0, 0, 0, 0, 0) + b"a.txt"
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, len(central), len(local), 0)
    return local + central + end


def deflate64(data: bytes) -> bytes:
    packer = inflate64.Deflater()
    return packer.deflate(data) + packer.flush()


def read(folder: Path, data: bytes) -> tuple[bytes, InputFault | None]:
    path = folder / "input"
    path.write_bytes(data)
    (member,) = list_inputs(path).members
    return whole(member)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("plain", LINES),
        ("gzip", gzip.compress(LINES)),
        ("gzip of several members", gzip.compress(LINES[:50_000]) + gzip.compress(LINES[50_000:])),
        ("gzip padded with zeros", gzip.compress(LINES) + b"\x00" * 512),
        ("bzip2", bz2.compress(LINES)),
        ("xz", lzma.compress(LINES)),
        ("zstd", zstd.compress(LINES)),
        ("gzip in gzip", gzip.compress(gzip.compress(LINES))),
        ("zip", zipped(LINES)),
        ("zip, stored", zipped(LINES, method=zipfile.ZIP_STORED)),
        ("zip, bzip2", zipped(LINES, method=zipfile.ZIP_BZIP2)),
        ("zip, Deflate64", zip_of_method(9, deflate64(LINES), LINES)),
        ("zip, zstd", zip_of_method(93, zstd.compress(LINES), LINES)),
        ("zip of a gzip", zipped(gzip.compress(LINES))),
        ("UTF-8 with a mark", b"\xef\xbb\xbf" + LINES),
        ("UTF-16, little", LINES.decode().encode("utf-16")),
        ("UTF-16, big", b"\xfe\xff" + LINES.decode().encode("utf-16-be")),
        ("UTF-16 without a mark", LINES.decode().encode("utf-16-le")),
        ("UTF-32", LINES.decode().encode("utf-32")),
        ("gzip of UTF-16", gzip.compress(LINES.decode().encode("utf-16"))),
    ],
)
def test_every_packing_gives_the_same_bytes(tmp_path: Path, name: str, data: bytes):
    assert read(tmp_path, data) == (LINES, None)


@pytest.mark.parametrize(
    ("name", "data", "reason", "said"),
    [
        ("SQLite", b"SQLite format 3\x00" + b"\x00" * 600, "foreign_format", "SQLite"),
        ("Parquet", b"PAR1" + b"\x15" * 600, "foreign_format", "Parquet"),
        ("HDF5", b"\x89HDF\r\n\x1a\n" + b"\x01" * 600, "foreign_format", "HDF5"),
        ("7z", b"7z\xbc\xaf\x27\x1c" + b"\x01" * 600, "foreign_format", "7z"),
        ("RAR", b"Rar!\x1a\x07\x00" + b"\x01" * 600, "foreign_format", "RAR"),
        ("a web page", b"<!DOCTYPE html><html>log in</html>", "foreign_format", "web page"),
        ("a pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:1", "foreign_format", "git lfs pull"),
        ("zeros", b"\x00" * 4096, "foreign_format", "Binary data"),
        ("encrypted", zip_of_method(8, b"\x01" * 40, LINES, flags=1), "unreadable_archive", "password"),
        ("PPMd", zip_of_method(98, b"\x01" * 40, LINES), "unreadable_archive", "PPMd"),
        ("gzip of a zip", gzip.compress(zipped(LINES)), "foreign_format", "archive inside an archive"),
    ],
)
def test_what_cannot_be_read_says_what_it_is_and_what_to_do(tmp_path: Path, name, data, reason, said):
    found, fault = read(tmp_path, data)
    assert found == b""
    assert fault is not None
    assert (fault.reason, said in str(fault)) == (reason, True)
    assert 0 < fault.unread_bytes <= len(data)


NOISE = random.Random(7).randbytes(300_000).hex().encode()  # half of it is what no packer can spare


@pytest.mark.parametrize(
    ("name", "packed"),
    [
        ("gzip", gzip.compress(NOISE)),
        ("bzip2", bz2.compress(NOISE, 1)),
        ("xz", lzma.compress(NOISE)),
        ("zstd", zstd.compress(NOISE)),
        ("zip", zipped(NOISE)),
        ("zip, stored", zipped(NOISE, method=zipfile.ZIP_STORED)),
        ("zip, Deflate64", zip_of_method(9, deflate64(NOISE), NOISE)),
    ],
)
def test_of_a_file_that_is_cut_what_can_be_decoded_is_kept(tmp_path: Path, name: str, packed: bytes):
    found, fault = read(tmp_path, packed[: len(packed) * 7 // 10])
    assert fault is not None
    assert fault.reason == "undecodable_file"
    assert NOISE.startswith(found)
    assert len(found) > 0.5 * len(NOISE)


def test_a_byte_changed_in_a_gzip_costs_only_what_stands_behind_it(tmp_path: Path):
    packed = bytearray(gzip.compress(LINES))
    half = len(packed) // 2
    packed[half : half + 64] = b"\xff" * 64
    path = tmp_path / "a.gz"
    path.write_bytes(packed)
    (member,) = list_inputs(path).members
    lines: list[bytes] = []
    with pytest.raises(InputFault, match="damaged"):
        lines.extend(line_blocks(member, 4096))
    good = LINES.splitlines(keepends=True)
    kept = b"".join(lines).splitlines(keepends=True)
    same = sum(one == two for one, two in zip(good, kept, strict=False))
    assert same > 0.4 * len(good)


def test_a_zip_without_its_list_of_members_is_walked_from_one_to_the_next(tmp_path: Path):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("a", "b", "c"):
            archive.writestr(name, NOISE)
    path = tmp_path / "cut.zip"
    path.write_bytes(out.getvalue()[: len(out.getvalue()) * 8 // 10])
    listing = list_inputs(path)
    assert [one.name for one in listing.members] == ["cut.zip/a", "cut.zip/b", "cut.zip/c"]
    assert [whole(one)[1] is None for one in listing.members] == [True, True, False]
    assert "list of members is damaged" in listing.unread[0].fault.what


def test_a_line_that_the_fault_cuts_is_not_handed_on(tmp_path: Path):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"one\ntwo\nthr", 0)[:-10])
    (member,) = list_inputs(path).members
    blocks = line_blocks(member, 1 << 20)
    assert next(blocks) == b"one\ntwo\n"
    with pytest.raises(InputFault):
        next(blocks)


def test_carriage_returns_alone_are_line_ends(tmp_path: Path):
    path = tmp_path / "mac.txt"
    path.write_bytes(b"one\rtwo\rthree")
    (member,) = list_inputs(path).members
    assert b"".join(line_blocks(member, 4)) == b"one\ntwo\nthree"


def test_a_bomb_is_unpacked_in_bounded_pieces(tmp_path: Path):
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(bytes(64 << 20)))
    (member,) = list_inputs(path).members
    with pytest.raises(InputFault, match="Binary data"):
        list(content(member))
