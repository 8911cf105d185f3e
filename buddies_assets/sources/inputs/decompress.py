"""Compressed streams, decoded as far as they go: what comes before the damage is handed on, and then the fault."""

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import inflate64
from backports import zstd

from buddies_assets.sources.inputs.faults import InputFault, damaged

STORED, DEFLATED, DEFLATE64, BZIP2, LZMA, ZSTD, XZ = 0, 8, 9, 12, 14, 93, 95
"""Methods of compression by their numbers in a zip archive."""

_AT_ONCE = 1 << 20
_METHODS = {1: "Shrink", 6: "Implode", LZMA: "LZMA", 96: "JPEG", 97: "WavPack", 98: "PPMd"}


def inflate(format: str, raw: Iterable[bytes]) -> Iterator[bytes]:
    """The content of a compressed stream, of one or more members behind one another.

    Raises:
        InputFault: `undecodable_file`, after everything that could be decoded.
    """
    yield from _decoded(_DECODERS[format], raw, several=True)


def unpack(method: int, raw: Iterable[bytes]) -> Iterator[bytes]:
    """The content of a member of a zip archive.

    Raises:
        InputFault: as `inflate`; `unreadable_archive` for a method that cannot be undone here.
    """
    if method == STORED:
        yield from raw
        return
    name = {DEFLATED: "deflate", DEFLATE64: "deflate64", BZIP2: "bzip2", ZSTD: "zstd", XZ: "xz"}.get(method)
    if name is None:
        what = f"compressed by {_METHODS.get(method, f'method {method}')}, which cannot be undone here"
        raise InputFault("unreadable_archive", what, "Unpack it with the program that packed it.")
    yield from _decoded(_DECODERS[name], raw, several=False)


def _decoded(make: Callable[[], Any], raw: Iterable[bytes], *, several: bool) -> Iterator[bytes]:
    decoder, begun = make(), False
    for chunk in raw:
        while chunk:
            if decoder.eof:
                if not several or not chunk.strip(b"\x00"):
                    break
                decoder = make()
            begun = True
            try:
                yield from _pieces(decoder, chunk)
            except (zlib.error, OSError, lzma.LZMAError, zstd.ZstdError, EOFError, ValueError) as error:
                raise damaged(error) from error
            chunk = decoder.unused_data if decoder.eof else b""
    if not begun or not decoder.eof:
        raise InputFault("undecodable_file", "the compressed data end in the middle", "Fetch the file again.")


def _pieces(decoder: Any, chunk: bytes) -> Iterator[bytes]:
    """What a chunk decodes to, up to where the decoder fails; then its error."""
    if isinstance(decoder, _Deflate64):
        yield decoder.decompress(chunk)
    elif not hasattr(decoder, "copy"):  # these decode block by block, and tell a bad one when they come to it
        yield decoder.decompress(chunk, _AT_ONCE)
        while not decoder.eof and not decoder.needs_input:
            yield decoder.decompress(b"", _AT_ONCE)
    else:
        spare = decoder.copy()
        try:
            yield decoder.decompress(chunk)
        except zlib.error:
            yield _before_the_fault(spare, chunk)
            raise


def _before_the_fault(decoder: Any, chunk: bytes) -> bytes:
    """What zlib decodes of a chunk before the byte it refuses, found by halving."""
    found, low, high = b"", 0, len(chunk)
    while high - low > 1:
        half = (low + high) // 2
        attempt = decoder.copy()
        try:
            more = attempt.decompress(chunk[low:half])
        except zlib.error:
            high = half
        else:
            found, decoder, low = found + more, attempt, half
    return found


class _Deflate64:
    """Deflate64, as Windows packs what is larger than 2 GiB, in the manner of zlib's decoder."""

    def __init__(self) -> None:
        self._inflater = inflate64.Inflater()
        self.unused_data = b""

    @property
    def eof(self) -> bool:
        """Whether the stream has come to its end."""
        return bool(self._inflater.eof)

    def decompress(self, chunk: bytes) -> bytes:
        """What the chunk decodes to."""
        return bytes(self._inflater.inflate(chunk))


_DECODERS: dict[str, Callable[[], Any]] = {
    "gzip": lambda: zlib.decompressobj(wbits=31),
    "deflate": lambda: zlib.decompressobj(wbits=-15),
    "deflate64": _Deflate64,
    "bzip2": bz2.BZ2Decompressor,
    "xz": lzma.LZMADecompressor,
    "zstd": zstd.ZstdDecompressor,
}
