"""The one place that opens input: by content, whatever the name, and every failure of a codec is an `InputFault`.

A member's content comes as UTF-8 or as bytes of an unknown code page (`codepages`), its compressions undone; what could
be decoded comes before the fault.
"""

import codecs
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from buddies_assets.sources.inputs.codepages import to_utf8
from buddies_assets.sources.inputs.decompress import inflate
from buddies_assets.sources.inputs.faults import InputFault
from buddies_assets.sources.inputs.formats import HEAD_BYTES, foreign_format, stream_format, text_encoding
from buddies_assets.sources.inputs.listing import (
    Listing,
    Member,
    Unread,
    is_document,
    is_notice,
    is_system_file,
    list_inputs,
    not_read,
)
from buddies_assets.sources.inputs.zips import span_content
from buddies_core.errors import SourceNotFoundError

_CHUNK = 1 << 16
_MOST_LAYERS = 4
_LONGEST_LINE = 64 << 20
MOST_WHOLE = 2 << 30
"""Bytes of a file that is held in memory as a whole; a slice of MPD has 35 MB."""


def parts_of(source: str, path: Path, variable: str) -> Listing:
    """The parts of a source that is one file, or an archive of files that are read one after the other.

    Raises:
        SourceNotFoundError: it is absent, a folder, or nothing in it can be read; the message names the variable.
    """
    if not path.exists():
        raise SourceNotFoundError(source, path, "no such file", f"Set {variable} to the file.")
    if not path.is_file():
        raise SourceNotFoundError(source, path, "a folder, not a file,", f"Set {variable} to the file itself.")
    listing = list_inputs(path)
    members = [one for one in listing.members if one.span is None or _may_be_data(one.name)]
    others = [not_read(one, "a document beside the data") for one in listing.members if one not in members]
    if not members:
        fault = listing.unread[0].fault if listing.unread else InputFault("unread_file", "no data in it", "")
        raise SourceNotFoundError(source, path, f"{fault.what},", f"{fault.remedy} Set {variable} to the file.".strip())
    return Listing(sorted(members, key=lambda one: _natural(one.name)), listing.unread + others)


def _may_be_data(name: str) -> bool:
    text = name.lower().endswith((".txt", ".csv", ".tsv"))
    return not is_system_file(name) and (not is_document(name) or (text and not is_notice(name)))


def _natural(name: str) -> list[str | int]:
    """A key by which `part10` comes after `part9`."""
    return [int(piece) if piece.isdigit() else piece for piece in re.split(r"([0-9]{1,18})", name)]


def content(member: Member) -> Iterator[bytes]:
    """The content of a member in chunks: decompressed, and UTF-8 where it was UTF-16 or UTF-32.

    Raises:
        InputFault: after everything that could be read.
    """
    try:
        with member.path.open("rb") as stream:
            raw = iter(lambda: stream.read(_CHUNK), b"") if member.span is None else span_content(stream, member.span)
            try:
                yield from _as_text(_inflated(raw))
            except InputFault as fault:
                begin = member.span.offset if member.span else 0
                fault.unread_bytes = max(member.size - (stream.tell() - begin) + _CHUNK, 1)
                fault.unread_bytes = min(fault.unread_bytes, member.size)
                raise
    except OSError as error:
        raise InputFault(
            "undecodable_file", f"unreadable ({error.strerror})", "Check the file and its mode."
        ) from error


def beside(member: Member, what: str) -> Unread:
    """A member that its source does not take by its name: with what it is where its content tells, and else `what`."""
    unread = not_read(member, what)
    if unread.is_data:
        try:
            next(content(member), b"")
        except InputFault as fault:
            return Unread(member.name, member.size, InputFault("unread_file", fault.what, fault.remedy))
    return unread


def whole(member: Member) -> tuple[bytes, InputFault | None]:
    """The content in one piece, and the fault that ended it early."""
    if member.span is None and member.size <= MOST_WHOLE:
        data = member.path.read_bytes()
        if _is_plain(data[:HEAD_BYTES]):
            return data, None
    parts: list[bytes] = []
    size = 0
    try:
        for chunk in content(member):
            parts.append(chunk)
            size += len(chunk)
            if size > MOST_WHOLE:
                raise InputFault("foreign_format", f"more than {MOST_WHOLE >> 30} GiB in one file", "Split the file.")
    except InputFault as fault:
        return b"".join(parts), fault
    return b"".join(parts), None


def line_blocks(member: Member, block_bytes: int) -> Iterator[bytes]:
    """The content in blocks of whole lines of about that size; only the last line may lack its line break.

    The lines of a file that has carriage returns alone are given line feeds.

    Raises:
        InputFault: after every line that came whole; a line cut by the fault is not among them.
    """
    carry: list[bytes] = []
    held, old_mac = 0, None
    try:
        for chunk in content(member):
            if old_mac is None:
                old_mac = b"\n" not in chunk and b"\r" in chunk
            if old_mac:
                chunk = chunk.replace(b"\r", b"\n")
            carry.append(chunk)
            held += len(chunk)
            if held < block_bytes:
                continue
            data = b"".join(carry)
            cut = data.rfind(b"\n") + 1
            carry, held = [data[cut:]], len(data) - cut
            if held > _LONGEST_LINE:
                raise InputFault("foreign_format", "no lines of text", "Name the file of this source.")
            if cut:
                yield data[:cut]
    except InputFault:
        data = b"".join(carry)
        if lines := data[: data.rfind(b"\n") + 1]:
            yield lines
        raise
    if data := b"".join(carry):
        yield data


def text_lines(data: bytes) -> tuple[list[str], str | None]:
    """Lines of a text without their breaks, and the code page it was in where that was not UTF-8 (`codepages`)."""
    utf8, page = to_utf8(data)
    text = utf8.decode("utf-8", "replace")
    if "\n" not in text:
        text = text.replace("\r", "\n")
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    return lines if lines[-1] else lines[:-1], page


def count_lines(data: bytes) -> int:
    """Lines of the data, by their breaks alone; the last one may lack its own."""
    end = b"\n" if b"\n" in data else b"\r"
    return data.count(end) + (bool(data) and not data.endswith(end))


def _is_plain(head: bytes) -> bool:
    return stream_format(head) is None and text_encoding(head) is None and foreign_format(head) is None


def _inflated(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Chunks with every compression round them undone."""
    for _ in range(_MOST_LAYERS):
        head, chunks = _peeked(chunks)
        format = stream_format(head)
        if format is None:
            foreign = foreign_format(head)
            if foreign is not None:
                raise InputFault("foreign_format", foreign.what, foreign.remedy)
            return chunks
        chunks = inflate(format, chunks)
    raise InputFault("unreadable_archive", f"compressed more than {_MOST_LAYERS} times over", "Unpack it.")


def _peeked(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes, and all of the chunks still; a fault that comes with them comes again behind them."""
    taken: list[bytes] = []
    try:
        while sum(map(len, taken)) < HEAD_BYTES:
            taken.append(next(chunks))
    except StopIteration:
        return b"".join(taken), iter(taken)
    except InputFault as fault:
        return b"".join(taken), chain(taken, _raising(fault))
    return b"".join(taken), chain(taken, chunks)


def _raising(fault: InputFault) -> Iterator[bytes]:
    raise fault
    yield b""


def _as_text(chunks: Iterator[bytes]) -> Iterator[bytes]:
    head, chunks = _peeked(chunks)
    encoding = text_encoding(head)
    if encoding is None:
        yield from chunks
        return
    if encoding == "utf-8-sig":
        first = next(chunks)
        while len(first) < 3:
            first += next(chunks)
        yield first[3:]
        yield from chunks
        return
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    for chunk in chunks:
        yield decoder.decode(chunk).encode("utf-8", "replace")
    yield decoder.decode(b"", final=True).encode("utf-8", "replace")
