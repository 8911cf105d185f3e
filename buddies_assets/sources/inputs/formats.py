"""What a file is by its first bytes: compressed streams, archives, encodings of text, and formats of other programs."""

from dataclasses import dataclass
from typing import Literal

HEAD_BYTES = 512
"""How much of a file tells its format."""

Stream = Literal["gzip", "bzip2", "xz", "zstd"]

_STREAMS: dict[bytes, Stream] = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08", b"PK00PK\x03\x04")
_BYTE_ORDER_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
)


@dataclass(frozen=True)
class Foreign:
    """A format that holds no text of ours: what it is, and how to make text of it."""

    what: str
    remedy: str


_UNPACK = "Unpack it and name the folder or file inside."
_EXPORT = "Export its table as text."
_FETCH = "Fetch the file again: this is not the data."
_FOREIGN: dict[bytes, Foreign] = {
    b"7z\xbc\xaf\x27\x1c": Foreign("a 7z archive", _UNPACK),
    b"Rar!\x1a\x07": Foreign("a RAR archive", _UNPACK),
    b"\x04\x22\x4d\x18": Foreign("an lz4 archive", _UNPACK),
    b"SQLite format 3\x00": Foreign("an SQLite database", _EXPORT),
    b"PAR1": Foreign("a Parquet file", _EXPORT),
    b"ARROW1": Foreign("an Arrow file", _EXPORT),
    b"\x89HDF\r\n\x1a\n": Foreign("an HDF5 file", _EXPORT),
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": Foreign("an old Office document", _EXPORT),
    b"\x80\x04\x95": Foreign("a Python pickle", _EXPORT),
    b"%PDF-": Foreign("a PDF document", _FETCH),
    b"\x89PNG": Foreign("a PNG image", _FETCH),
    b"\x7fELF": Foreign("a program", _FETCH),
    b"version https://git-lfs": Foreign("a Git LFS pointer", "Fetch the file itself with `git lfs pull`."),
}
_MARKUP = (b"<!doctype", b"<html", b"<?xml", b"<head")


def stream_format(head: bytes) -> Stream | None:
    """The compression of a stream, or None where it is not compressed."""
    return next((name for magic, name in _STREAMS.items() if head.startswith(magic)), None)


def is_zip(head: bytes) -> bool:
    """Whether a zip archive begins so."""
    return head.startswith(_ZIP)


def is_tar(head: bytes) -> bool:
    """Whether a tar archive begins so."""
    return head[257:262] == b"ustar"


def foreign_format(head: bytes) -> Foreign | None:
    """The format of another program, or None where this may be text."""
    if is_zip(head):
        return Foreign("an archive inside an archive", _UNPACK)
    if is_tar(head):
        return Foreign("a compressed tar archive", "Decompress it (`gunzip`): a tar itself is read.")
    found = next((format for magic, format in _FOREIGN.items() if head.startswith(magic)), None)
    if found is None and head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_MARKUP):
        return Foreign("a web page or XML", _FETCH)
    if found is None and text_encoding(head) is None and head.count(0) * 8 > len(head):
        return Foreign("binary data", _FETCH)
    return found


def text_encoding(head: bytes) -> str | None:
    """The wide or marked encoding of a text; None for UTF-8 without a mark and for code pages of one byte."""
    for mark, name in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return name
    even, odd = head[0::2], head[1::2]
    if len(head) >= 16 and odd.count(0) * 10 > len(odd) * 6 and even.count(0) * 10 < len(even):
        return "utf-16-le"
    if len(head) >= 16 and even.count(0) * 10 > len(even) * 6 and odd.count(0) * 10 < len(odd):
        return "utf-16-be"
    return None
