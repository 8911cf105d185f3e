"""Everything in an input folder or archive: each entry is a member to be read, or is named with why it is not."""

import os
import re
import stat
import tarfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from buddies_assets.sources.inputs import formats
from buddies_assets.sources.inputs.faults import InputFault
from buddies_assets.sources.inputs.zips import Span, Zip, list_zip


@dataclass(frozen=True)
class Member:
    """One input: a file, or a file inside an archive.

    Attributes:
        name: what the quarantine calls it: its path below the folder that was named, behind that of its archive.
        path: the file or archive on disk.
        size: bytes it takes on disk.
        span: where it lies in its archive; None for a file of its own.
    """

    name: str
    path: Path
    size: int
    span: Span | None = None


@dataclass(frozen=True)
class Unread:
    """Something that is not read.

    Attributes:
        name: as of `Member`.
        size: bytes that it takes on disk, 0 where that is unknown.
        fault: why it is not read.
        is_data: it looks like data, so that its absence may be a loss; documents and systems' own files do not.
    """

    name: str
    size: int
    fault: InputFault
    is_data: bool = True


@dataclass(frozen=True)
class Listing:
    """What lies under a path: `members` in no particular order, and whatever else there is."""

    members: list[Member]
    unread: list[Unread]


_SYSTEM = re.compile(r"(^|/)(__MACOSX/|\._|\.DS_Store$|Thumbs\.db$|desktop\.ini$|\.git/|\.gitignore$|\.~lock)", re.I)
_DOCUMENT = re.compile(r"\.(md|rst|txt|pdf|html?|py|ipynb|sh|log|md5|sha\d+)$", re.I)
_NOTICE = re.compile(r"(^|/)(readme|licen[cs]e|changelog|md5sums?|sha\d+sums?|stats)[^/]*$", re.I)
_REMEDY = "Move it out of the folder, or name it as the files of this source are named."


def list_inputs(path: Path) -> Listing:
    """Everything under a path, folders and archives gone through; nothing is left out of both lists.

    Args:
        path: a folder, a file, or an archive (zip, uncompressed tar).

    Raises:
        OSError: the path itself cannot be looked at.
    """
    members: list[Member] = []
    unread: list[Unread] = []
    if not path.is_dir():
        _add_file(path, path.name, members, unread)
        return Listing(members, unread)
    for file, name, fault in _walk(path, "", set()):
        if fault is None:
            _add_file(file, name, members, unread)
        else:
            unread.append(Unread(name, 0, fault))
    return Listing(members, unread)


def is_system_file(name: str) -> bool:
    """Whether an operating system keeps the file for itself."""
    return _SYSTEM.search(name) is not None


def is_document(name: str) -> bool:
    """Whether a file is written for people: what data sets ship beside their data."""
    return _DOCUMENT.search(name) is not None or is_notice(name)


def is_notice(name: str) -> bool:
    """Whether a file is of those that come with a data set to explain it, such as its licence."""
    return _NOTICE.search(name) is not None


def not_read(member: Member, what: str) -> Unread:
    """A member that its source does not take, with what it is."""
    quiet = is_system_file(member.name) or is_document(member.name)
    return Unread(member.name, member.size, InputFault("unread_file", what, _REMEDY), is_data=not quiet)


def _walk(folder: Path, prefix: str, above: set[tuple[int, int]]) -> Iterator[tuple[Path, str, InputFault | None]]:
    try:
        here = folder.stat()
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        what = f"a folder that cannot be looked into ({error.strerror})"
        yield folder, f"{prefix}" or folder.name, InputFault("unread_file", what, "Check its mode.")
        return
    identity = (here.st_dev, here.st_ino)
    if identity in above:
        what = "a link back to a folder above it"
        yield folder, prefix, InputFault("unread_file", what, "Remove the link.")
        return
    for entry in entries:
        name = f"{prefix}{entry.name}"
        path = Path(entry.path)
        try:
            mode = path.stat().st_mode
        except OSError as error:
            what = "a broken link" if entry.is_symlink() else f"unreadable ({error.strerror})"
            yield path, name, InputFault("unread_file", what, "Mend or remove it.")
            continue
        if stat.S_ISDIR(mode):
            yield from _walk(path, f"{name}/", above | {identity})
        elif stat.S_ISREG(mode):
            yield path, name, None
        else:
            yield path, name, InputFault("unread_file", "no file but a device, pipe or socket", "Remove it.")


def _add_file(path: Path, name: str, members: list[Member], unread: list[Unread]) -> None:
    size = path.stat().st_size
    try:
        with path.open("rb") as stream:
            head = stream.read(formats.HEAD_BYTES)
            if is_system_file(name):
                members.append(Member(name, path, size))
            elif formats.is_zip(head):
                _add_zip(list_zip(stream), path, name, members, unread)
            elif formats.is_tar(head):
                _add_tar(path, name, members, unread)
            else:
                members.append(Member(name, path, size))
    except OSError as error:
        fault = InputFault("unread_file", f"unreadable ({error.strerror})", "Check its mode.")
        unread.append(Unread(name, size, fault))
    except tarfile.TarError as error:
        fault = InputFault("undecodable_file", f"a damaged tar archive ({error})", "Fetch it again.")
        unread.append(Unread(name, size, fault))


def _add_zip(archive: Zip, path: Path, name: str, members: list[Member], unread: list[Unread]) -> None:
    names = Counter(inner for inner, _ in archive.members)
    met: Counter[str] = Counter()
    for inner, span in archive.members:
        met[inner] += 1
        nth = f"#{met[inner]}" if names[inner] > 1 else ""  # an archive may hold a name twice
        members.append(Member(f"{name}/{inner}{nth}", path, span.size, span))
    unread.extend(Unread(f"{name}/{inner}" if inner else name, size, fault) for inner, size, fault in archive.lost)


def _add_tar(path: Path, name: str, members: list[Member], unread: list[Unread]) -> None:
    end, size = 0, path.stat().st_size
    with tarfile.open(path, "r:") as archive:
        for entry in archive:
            if entry.isfile():
                span = Span(entry.offset_data, entry.size)
                members.append(Member(f"{name}/{entry.name.removeprefix('./')}", path, entry.size, span))
            end = entry.offset_data + -(-entry.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
    with path.open("rb") as stream:
        stream.seek(end)
        if stream.read(tarfile.BLOCKSIZE).strip(b"\0"):  # tarfile takes a damaged header for the end
            fault = InputFault("undecodable_file", "a header in the tar archive is damaged", "Fetch it again.")
            unread.append(Unread(name, size - end, fault))
