"""Random damages of a good world: of bytes, lines, fields, archives, encodings and names."""

import bz2
import gzip
import io
import json
import lzma
import random
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace

from benchmarks.damages.world import ENTP, MPD, MSD, World, rows_in

KINDS = ("bytes", "lines", "fields", "archives", "encodings", "names")


@dataclass(frozen=True)
class Damage:
    """A world with one file damaged.

    Attributes:
        kind, what: of `KINDS`, and what was done.
        original: path of the good file; `path`: where the damaged one lies now, None where it is gone.
        files: of the whole world, the damaged one among them; a value of None is a broken link.
        rows: rows of the damaged file, None where only those of the good file are known.
        same_text: titles must come through as they were, or be set aside.
    """

    kind: str
    what: str
    original: str
    path: str
    files: dict[str, bytes | None]
    rows: int | None
    same_text: bool = False


Maker = Callable[[random.Random, World, str], Damage]


def make(kind: str, rng: random.Random, world: World) -> Damage:
    """A random damage of a kind, of a random file."""
    slices = [path for path in world.files if path.startswith(MPD)]
    path = rng.choice(slices) if kind == "names" or rng.random() < 0.5 else rng.choice([ENTP, MSD])
    return _MAKERS[kind](rng, world, path)


def _damage(world: World, kind: str, what: str, path: str, data: bytes, **more: object) -> Damage:
    at = str(more.pop("at", path))
    files: dict[str, bytes | None] = {name: content for name, content in world.files.items() if name != path}
    return Damage(kind, what, path, at, files | {at: data}, **more)  # type: ignore[arg-type]


def _bytes(rng: random.Random, world: World, path: str) -> Damage:
    data = bytearray(world.files[path])
    start = rng.randrange(len(data))
    stop = min(len(data), start + rng.choice([1, 1, 3, 40, 400]))
    what = rng.choice(["flip", "zero", "delete", "insert", "cut", "repeat", "noise"])
    if what == "flip":
        for at in range(start, stop):
            data[at] ^= 1 << rng.randrange(8)
    elif what == "zero":
        data[start:stop] = bytes(stop - start)
    elif what == "delete":
        del data[start:stop]
    elif what == "insert":
        data[start:start] = rng.randbytes(stop - start)
    elif what == "cut":
        del data[start:]
    elif what == "repeat":
        data[start:start] = data[start:stop]
    else:
        data[start:stop] = rng.randbytes(stop - start)
    return _damage(world, "bytes", f"{what} {start}:{stop}", path, bytes(data), rows=rows_in(path, bytes(data)))


def _lines(rng: random.Random, world: World, path: str) -> Damage:
    lines = world.files[path].split(b"\n")
    at = rng.randrange(1, max(2, len(lines) - 1))
    what = rng.choice(["join", "twice", "blank", "half", "CR", "CRLF", "no end", "header", "quote", "SEP"])
    end = b"\n"
    if what == "join" and at + 1 < len(lines):
        lines[at : at + 2] = [lines[at] + lines[at + 1]]
    elif what == "twice":
        lines.insert(at, lines[at - 1])
    elif what == "blank":
        lines.insert(at, b"")
    elif what == "half":
        lines[at - 1] = lines[at - 1][: len(lines[at - 1]) // 2]
    elif what == "header":
        lines.insert(at, b"song_id,title,release,artist_name,year")
    elif what == "quote":
        lines[at - 1] = lines[at - 1].replace(b",", b',"', 1) if path == MSD and at > 1 else lines[at - 1] + b'"'
    elif what == "SEP":
        lines[at - 1] = lines[at - 1].replace(b" ", b"<SEP>") if at > 1 else lines[at - 1]
    elif what in ("CR", "CRLF"):
        end = b"\r" if what == "CR" else b"\r\n"
    data = end.join(lines)
    data = data.rstrip(b"\r\n") if what == "no end" else data
    return _damage(world, "lines", f"{what} at {at}", path, data, rows=rows_in(path, data))


_UNNEEDED = [("collaborative", "False"), ("collaborative", 3), ("duration_ms", -1), ("num_followers", -1),
             ("modified_at", 1493424000.5), ("modified_at", "2017-04-29"), ("name", 2014), ("name", None),
             ("num_tracks", "many"), ("num_tracks", float("nan")), ("description", {"a": 1})]  # fmt: skip
_NEEDED = [("pid", None), ("pid", "7"), ("pid", -1), ("pid", 2**31), ("tracks", None), ("tracks", "none")]
_OF_TRACKS = [("pos", 0.0), ("pos", "x"), ("pos", -1), ("track_uri", None), ("track_uri", "x"), ("track_name", 5)]
_OF_LINES = {ENTP: [b"-1", b"x", b"1.5", b"", b"99999999999", b"7 "], MSD: [b"1997.0", b"", b"-1", b"MM", b"99999"]}


def _fields(rng: random.Random, world: World, path: str) -> Damage:
    if path.startswith(MPD):
        content = json.loads(world.files[path])
        row = rng.choice(content["playlists"])
        name, value = rng.choice(_UNNEEDED + _NEEDED + _OF_TRACKS)
        if (name, value) in _OF_TRACKS:
            row = rng.choice(row["tracks"])
        row[name] = value
        data = json.dumps(content, ensure_ascii=False).encode()
        return _damage(world, "fields", f"{name}={value}", path, data, rows=rows_in(path, data))
    lines = world.files[path].split(b"\n")
    at = rng.randrange(1, len(lines) - 1)
    mark = b"\t" if path == ENTP else b","
    fields = lines[at].split(mark)
    what = rng.choice(["last", "more", "fewer", "empty"])
    if what == "last":
        fields[-1] = rng.choice(_OF_LINES[path])
    elif what == "more":
        fields.append(b"more")
    elif what == "fewer":
        fields.pop()
    else:
        fields[rng.randrange(2)] = b""
    lines[at] = mark.join(fields)
    data = b"\n".join(lines)
    return _damage(world, "fields", f"{what} of line {at + 1}", path, data, rows=rows_in(path, data))


def _zipped(name: str, data: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr(name, data)
    return out.getvalue()


def _tarred(name: str, data: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


_PACKERS: dict[str, Callable[[str, bytes], bytes]] = {
    "gzip": lambda name, data: gzip.compress(data),
    "bzip2": lambda name, data: bz2.compress(data),
    "xz": lambda name, data: lzma.compress(data),
    "zip": _zipped,
    "stored zip": lambda name, data: _zipped(name, data, zipfile.ZIP_STORED),
    "zip of Windows": lambda name, data: _zipped(f"data\\{name}", data),
    "tar": _tarred,
}


def _archives(rng: random.Random, world: World, path: str) -> Damage:
    packer = rng.choice(list(_PACKERS))
    name = path.rsplit("/", 1)[-1]
    data = bytearray(_PACKERS[packer](name, world.files[path]))
    what = rng.choice(["whole", "cut", "garbled", "encrypted", "behind"])
    if what == "cut":
        del data[rng.randrange(1, len(data)) :]
    elif what == "garbled":
        at = rng.randrange(len(data))
        data[at : at + 30] = rng.randbytes(len(data[at : at + 30]))
    elif what == "behind":
        data += b"trailing rubbish"
    elif what == "encrypted" and packer.endswith("zip"):
        for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            data[data.find(signature) + place] |= 1
    ending = rng.choice(["", ".gz", ".zip", ".bin"]) if path.startswith(MPD) else ""
    rows = rows_in(path, world.files[path]) if what == "whole" else None
    if packer == "tar" and what == "garbled" and at >= tarfile.BLOCKSIZE:  # it has no checksum of its content
        rows = rows_in(path, bytes(data[tarfile.BLOCKSIZE : tarfile.BLOCKSIZE + len(world.files[path])]))
    return _damage(world, "archives", f"{packer}, {what}", path, bytes(data), at=path + ending, rows=rows)


def _encodings(rng: random.Random, world: World, path: str) -> Damage:
    text = world.files[path].decode()
    what = rng.choice(
        ["utf-16", "utf-16-le", "utf-32", "utf-8-sig", "latin-1", "cp1252", "mac_roman", "cp437", "twice", "half"]
    )
    if what == "twice":
        data = text.encode().decode("cp1252", "replace").encode()
    elif what == "half":
        half = text.find("\n", len(text) // 2) if "\n" in text else len(text)
        data = text[:half].encode() + text[half:].encode("latin-1", "replace")
    else:
        data = text.encode(what, "replace")
    rows = rows_in(path, world.files[path])
    return _damage(world, "encodings", what, path, data, rows=rows, same_text=True)


_NAMES = (
    *("{stem} copy.json", "{stem} (1).json", "{stem}.JSON", "{stem}.json.bak", "{stem}.json.part", "{upper}.json"),
    *(
        "deep/er/{stem}.json",
        "lists-b.json",
        "{stem}",
        "{stem}.txt",
        ".{stem}.json.swp",
        "data.bin",
        "Übung {stem}.json",
    ),
)


def _names(rng: random.Random, world: World, path: str) -> Damage:
    stem = path.rsplit("/", 1)[-1].removesuffix(".json")
    pattern = rng.choice(_NAMES)
    at = f"{MPD}/{pattern.format(stem=stem, upper=stem.upper())}"
    damage = _damage(world, "names", pattern, path, world.files[path], at=at, rows=rows_in(path, world.files[path]))
    if rng.random() < 0.15:
        return replace(damage, what=f"broken link {pattern}", files=damage.files | {at: None}, rows=None)
    return damage


_MAKERS: dict[str, Maker] = {
    "bytes": _bytes,
    "lines": _lines,
    "fields": _fields,
    "archives": _archives,
    "encodings": _encodings,
    "names": _names,
}
