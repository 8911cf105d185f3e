"""Raw input files: found or refused at once, and opened whatever their compression."""

import gzip
import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from buddies_core.errors import SourceNotFoundError

_MAGIC = {".gz": b"\x1f\x8b", ".zip": b"PK"}


def require_file(source: str, path: Path, variable: str) -> Path:
    """The path itself, when it is a readable file.

    Raises:
        SourceNotFoundError: it is absent, a folder, or unreadable; the message names the variable that sets it.
    """
    if not path.exists():
        raise SourceNotFoundError(source, path, "no such file", f"Set {variable} to the file.")
    if not path.is_file():
        raise SourceNotFoundError(source, path, "a folder, not a file,", f"Set {variable} to the file itself.")
    try:
        with path.open("rb") as stream:
            magic = stream.read(2)
    except OSError as error:
        raise SourceNotFoundError(source, path, f"unreadable file ({error.strerror})", "Check its mode.") from error
    expected = _MAGIC.get(path.suffix)
    if expected is not None and magic != expected:
        raise SourceNotFoundError(source, path, f"no {path.suffix} archive", "Fetch the file again or rename it.")
    return path


@contextmanager
def open_bytes(source: str, path: Path, suffix: str | tuple[str, ...]) -> Iterator[BinaryIO]:
    """A binary stream of a file's content; `.gz` is decompressed, and of a `.zip` its first member ending in `suffix`.

    Raises:
        SourceNotFoundError: a zip without such a member.
    """
    if path.suffix == ".gz":
        with gzip.open(path, "rb") as stream:
            yield io.BufferedReader(stream, 1 << 16)  # type: ignore[type-var]
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            members = sorted(name for name in archive.namelist() if name.endswith(suffix) and "__MACOSX" not in name)
            if not members:
                raise SourceNotFoundError(source, path, f"no member ending in {suffix}", "Name another archive.")
            with archive.open(members[0]) as stream:
                yield io.BufferedReader(stream, 1 << 16)  # type: ignore[type-var]
    else:
        with path.open("rb") as stream:
            yield stream
