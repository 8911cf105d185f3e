"""Zip archives by their bytes: where each member lies, even where the list of members at the end is lost."""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from buddies_assets.sources.inputs.decompress import DEFLATED, STORED, unpack
from buddies_assets.sources.inputs.faults import InputFault

_LOCAL = struct.Struct("<4s5H3I2H")
_SIGNATURE = b"PK\x03\x04"
_ENCRYPTED, _SIZES_BEHIND, _UTF8 = 1, 8, 0x800
_CHUNK = 1 << 16
_FETCH = "Fetch the archive again."


@dataclass(frozen=True)
class Span:
    """Where the data of a member lie in its archive.

    Attributes:
        offset, size: the bytes of the data as they are packed.
        method: of compression, by its number in a zip archive; 0 is none.
        checksum: CRC-32 of the content, None where it is not known.
        encrypted: nothing of it can be read.
    """

    offset: int
    size: int
    method: int = STORED
    checksum: int | None = None
    encrypted: bool = False


@dataclass(frozen=True)
class Zip:
    """What an archive holds.

    Attributes:
        members: (name, place) of its files, folders left out.
        lost: (name, size, fault) of what it says it holds and does not, the archive's own name being "".
    """

    members: list[tuple[str, Span]]
    lost: list[tuple[str, int, InputFault]]


def list_zip(stream: BinaryIO) -> Zip:
    """The members of an archive, by the list at its end or, where that is damaged, by walking from one to the next."""
    size = stream.seek(0, 2)
    stream.seek(0)
    if stream.read(4) == b"PK\x07\x08":
        return Zip([], [("", size, _split())])
    try:
        entries = zipfile.ZipFile(stream).infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError, struct.error, UnicodeError) as error:
        if "multiple disks" in str(error):
            return Zip([], [("", size, _split())])
        members = list(_walked(stream, size))
        end = max((span.offset + span.size for _, span in members), default=0)
        what = f"the archive's list of members is damaged ({error}); {len(members)} were found without it"
        return Zip(members, [("", max(size - end, 1), InputFault("undecodable_file", what, _FETCH))])
    members, lost = [], []
    for entry in entries:
        name = entry.filename.replace("\\", "/")
        if name.endswith("/"):
            continue
        stream.seek(entry.header_offset)
        header = stream.read(_LOCAL.size)
        if len(header) < _LOCAL.size or not header.startswith(_SIGNATURE):
            fault = InputFault("undecodable_file", "no member where the archive's list says one is", "Fetch it again.")
            lost.append((name, entry.compress_size, fault))
            continue
        *_, name_length, extra_length = _LOCAL.unpack(header)
        start = entry.header_offset + _LOCAL.size + name_length + extra_length
        encrypted = bool(entry.flag_bits & _ENCRYPTED)
        members.append((name, Span(start, entry.compress_size, entry.compress_type, entry.CRC, encrypted)))
    return Zip(members, lost)


def span_content(stream: BinaryIO, span: Span) -> Iterator[bytes]:
    """The content of a member, in chunks.

    Raises:
        InputFault: after everything that could be decoded.
    """
    if span.encrypted:
        raise InputFault("unreadable_archive", "encrypted with a password", "Unpack it with the password.")
    checksum = 0
    for chunk in unpack(span.method, _packed(stream, span)):
        checksum = zlib.crc32(chunk, checksum)
        yield chunk
    if span.checksum is not None and checksum != span.checksum:
        raise InputFault("undecodable_file", "its checksum is wrong: bytes were changed", _FETCH)


def _packed(stream: BinaryIO, span: Span) -> Iterator[bytes]:
    stream.seek(span.offset)
    left = span.size
    while left and (chunk := stream.read(min(left, _CHUNK))):
        left -= len(chunk)
        yield chunk
    if left:
        raise InputFault("undecodable_file", f"the archive ends {left:,} bytes before it does", _FETCH)


def _split() -> InputFault:
    return InputFault(
        "unreadable_archive", "one part of a zip in several parts", "Join them: `zip -s 0 in.zip --out whole.zip`."
    )


def _walked(stream: BinaryIO, size: int) -> Iterator[tuple[str, Span]]:
    at = 0
    while at < size:
        stream.seek(at)
        header = stream.read(_LOCAL.size)
        if len(header) < _LOCAL.size or not header.startswith(_SIGNATURE):
            return
        _, _, flags, method, _, _, checksum, packed, unpacked, name_length, extra_length = _LOCAL.unpack(header)
        name = stream.read(name_length).decode("utf-8" if flags & _UTF8 else "cp437", "replace").replace("\\", "/")
        if packed == 0xFFFFFFFF:
            packed = _long_size(stream.read(extra_length), unpacked)
        start = at + _LOCAL.size + name_length + extra_length
        behind = bool(flags & _SIZES_BEHIND) and packed == 0
        if behind:
            packed = _packed_size(stream, start, size, method)
        known = None if behind else checksum
        if not name.endswith("/"):
            yield name, Span(start, packed, method, known, bool(flags & _ENCRYPTED))
        at = start + packed
        if behind:
            stream.seek(at)
            descriptor = stream.read(64).find(_SIGNATURE)
            if descriptor < 0:
                return
            at += descriptor


def _long_size(extra: bytes, unpacked: int) -> int:
    """The packed size in the extra field of a zip64 member; 0 where it is not there."""
    while len(extra) >= 4:
        kind, length = struct.unpack("<2H", extra[:4])
        if kind == 1:
            held = extra[4 : 4 + length]
            at = 8 if unpacked == 0xFFFFFFFF else 0
            return int.from_bytes(held[at : at + 8], "little")
        extra = extra[4 + length :]
    return 0


def _packed_size(stream: BinaryIO, start: int, size: int, method: int) -> int:
    """Bytes of a member whose size stands behind it: as far as its compressed stream goes."""
    if method != DEFLATED:
        return size - start
    stream.seek(start)
    decoder, read = zlib.decompressobj(wbits=-15), 0
    while chunk := stream.read(_CHUNK):
        read += len(chunk)
        try:
            decoder.decompress(chunk)
        except zlib.error:
            break
        if decoder.eof:
            return read - len(decoder.unused_data)
    return size - start
