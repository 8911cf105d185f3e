"""Served artifacts in a store that several machines read: pushed by who makes them, pulled by who serves them.

    <store>/published.json                      what is served, of every series, written last
    <store>/<series>/versions/<version>/…       the files of a version, its manifest last

A series is a folder of a home with `versions/` and `current.json`: `served_model`, and `<system>/<experiment>` of the
systems. A puller reads one small object to learn that nothing changed. A version is downloaded beside its place,
compared with the digests that its writer noted, and renamed; `current.json` is replaced in one step after that, so a
service sees a whole version or the one before it, whatever ends the puller, and whatever the store holds.

Stores are named by fsspec URLs (`s3://bucket/folder`, `file:///folder`); object stores need the extra `store`.
"""

import re
import shutil
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec

from buddies_core.artifact import named_arrays
from buddies_core.artifact.errors import DamagedModelError, ServedModelError
from buddies_core.artifact.store import CURRENT, MANIFEST, is_version_name, read_channels, read_manifest, verify
from buddies_core.storage.durable import publishing, synced, write_durably

PUBLISHED = "published.json"
SERVED_MODEL = "served_model"
STATE = ("previous", "rejected.json")
"""Files beside `current.json` by which the pipeline rolls back; a service has no use for them."""
_SERIES = re.compile(r"[a-z0-9_]{1,64}(/[A-Za-z0-9][A-Za-z0-9_.-]{0,63})?")
_FILE = re.compile(r"[a-z0-9_]{1,64}\.npy")
_PIECE = 1 << 20


class SharedStoreError(ServedModelError):
    """The store of served artifacts cannot be used, or holds what cannot be served."""


class Series(msgspec.Struct, frozen=True):
    """What is served of one series: the text of `current.json`, the versions it needs, and the pipeline's notes."""

    current: str
    versions: tuple[str, ...]
    state: dict[str, str] = {}


class Published(msgspec.Struct, frozen=True):
    """All that is served; `digest` covers the series."""

    series: dict[str, Series]
    digest: str = ""
    format: int = 1


class SharedStore:
    """A store of served artifacts, by its URL."""

    def __init__(self, url: str) -> None:
        try:
            from fsspec.core import url_to_fs
        except ImportError as error:
            raise SharedStoreError(f"{url} needs fsspec: install spotify-buddies[store]") from error
        self.url = url.rstrip("/")
        try:
            # other processes write to the store: a listing kept here would not show what they wrote
            self._fs, self._root = url_to_fs(self.url, use_listings_cache=False)
        except (ImportError, ValueError) as error:
            raise SharedStoreError(f"{url} cannot be used as a store: {error}") from error

    def published(self) -> Published | None:
        """What is served; None before the first publication.

        Raises:
            SharedStoreError: the store cannot be reached, or its list is damaged.
        """
        try:
            content = self._fs.cat_file(self._path(PUBLISHED))
        except FileNotFoundError:
            return None
        except Exception as error:
            # every protocol has errors of its own
            raise SharedStoreError(f"{self.url} cannot be read: {error}") from error
        return _read_published(content, f"{self.url}/{PUBLISHED}")

    def push(self, home: Path) -> list[str]:
        """Make the store serve what the home serves; the versions uploaded, as `<series>/<version>`.

        Versions that nothing names any more are removed from the store, so that a listener who was forgotten is
        forgotten there too. One pusher at a time: the caller holds a lock, or has the home for itself.

        Raises:
            SharedStoreError: the store cannot be written.
        """
        served = served_of(home)
        try:
            found = self.published()
        except DamagedModelError:
            found = None  # what is damaged is written anew
        # what this home has not is somebody else's: an empty home must not empty the store
        series = {**(found.series if found else {}), **served}
        wanted = Published(series, _digest(series))
        if found == wanted:
            return []
        uploaded = []
        try:
            for name, one in served.items():
                uploaded += [
                    f"{name}/{version}"
                    for version in one.versions
                    if self._upload(home / name / "versions" / version, f"{name}/versions/{version}")
                ]
            self._replace(PUBLISHED, msgspec.json.encode(wanted))
            for name, one in served.items():
                self._remove_others(name, one.versions)
        except OSError as error:
            raise SharedStoreError(f"{self.url} cannot be written: {error}") from error
        return uploaded

    def pull(
        self, published: Published, home: Path, served_model: Path | None = None, *, with_state: bool = False
    ) -> list[str]:
        """Make a folder serve what was published; the versions downloaded, as `<series>/<version>`.

        Args:
            served_model: folder of the series `served_model` where it is not that of the home.
            with_state: whether the pipeline's notes are wanted too, for a home that was lost.

        Raises:
            DamagedModelError: a file is not what its writer wrote; what was served before stays.
            SharedStoreError: the store cannot be read.
        """
        downloaded = []
        for name, series in published.series.items():
            root = served_model if name == SERVED_MODEL and served_model is not None else home / name
            for version in series.versions:
                folder = root / "versions" / version
                if not (folder / MANIFEST).is_file():
                    self._download(f"{name}/versions/{version}", folder, served=name == SERVED_MODEL)
                    downloaded.append(f"{name}/{version}")
            for file in series.state if with_state else ():
                if file in STATE:
                    write_durably(root / file, series.state[file].encode())
            _take_up(root, series)
        return downloaded

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _upload(self, folder: Path, target: str) -> bool:
        if not (folder / MANIFEST).is_file():
            raise SharedStoreError(f"{folder / MANIFEST} does not exist, though the version is served; publish another")
        if self._fs.exists(self._path(f"{target}/{MANIFEST}")):
            return False
        self._fs.makedirs(self._path(target), exist_ok=True)
        files = sorted(path for path in folder.iterdir() if path.name != MANIFEST)
        for path in [*files, folder / MANIFEST]:
            self._fs.put_file(str(path), self._path(f"{target}/{path.name}"))
        return True

    def _replace(self, name: str, content: bytes) -> None:
        """Object stores replace in one step by themselves."""
        if "file" in _protocols(self._fs):
            write_durably(Path(self._path(name)), content)
        else:
            self._fs.pipe_file(self._path(name), content)

    def _remove_others(self, name: str, versions: tuple[str, ...]) -> None:
        folder = self._path(f"{name}/versions")
        for path in self._fs.ls(folder, detail=False) if versions else ():
            if path.rstrip("/").rpartition("/")[2] not in versions:
                self._fs.rm(path, recursive=True)

    def _download(self, source: str, folder: Path, *, served: bool) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        with publishing(folder) as partial:
            self._fetch(f"{source}/{MANIFEST}", partial / MANIFEST)
            names = _files_served(partial) if served else _files_of_artifact(partial)
            for file in names:
                if not _FILE.fullmatch(file):
                    raise DamagedModelError(f"{self.url}/{source}/{MANIFEST} names {file!r}, which is no array's file")
                self._fetch(f"{source}/{file}", partial / file)
            if served:
                verify(partial, version=folder.name)
            else:
                named_arrays.verify_artifact(partial, folder.name)

    def _fetch(self, source: str, target: Path) -> None:
        try:
            with self._fs.open(self._path(source), "rb", block_size=8 * _PIECE) as remote, synced(target) as file:
                shutil.copyfileobj(remote, file, _PIECE)
        except Exception as error:
            # every protocol has errors of its own, and a version may be removed while it is read
            raise SharedStoreError(f"{self.url}/{source} cannot be read: {error}") from error


def served_of(home: Path) -> dict[str, Series]:
    """What a home serves, by series.

    Raises:
        ServedModelError: a `current.json` cannot be read.
    """
    series: dict[str, Series] = {}
    for name, root in _series_of(home):
        text = (root / CURRENT).read_text(encoding="utf-8")
        if name == SERVED_MODEL:
            channels = read_channels(root)
            state = {file: (root / file).read_text(encoding="utf-8") for file in STATE if (root / file).is_file()}
            kept = [channels.champion, channels.challenger.version if channels.challenger else "",
                    state.get("previous", "").strip()]  # fmt: skip
            versions = [version for version in kept if version and (root / "versions" / version / MANIFEST).is_file()]
            series[name] = Series(text, tuple(dict.fromkeys(versions)), state)
        else:
            series[name] = Series(text, (_artifact_version(text, str(root / CURRENT)),))
    return series


def _series_of(home: Path) -> Iterator[tuple[str, Path]]:
    for path in [home / SERVED_MODEL / CURRENT, *sorted(home.glob(f"*/*/{CURRENT}"))]:
        if path.is_file() and (path.parent / "versions").is_dir():
            yield path.parent.relative_to(home).as_posix(), path.parent


def _read_published(content: bytes, where: str) -> Published:
    try:
        found = msgspec.json.decode(content, type=Published)
    except msgspec.DecodeError as error:
        raise DamagedModelError(f"{where} cannot be read: {error}; publish a version again") from error
    if found.digest != _digest(found.series):
        raise DamagedModelError(f"{where} was changed after it was written; publish a version again")
    for name, series in found.series.items():
        if not _SERIES.fullmatch(name) or not all(map(is_version_name, series.versions)):
            raise DamagedModelError(f"{where} names {name!r} with {list(series.versions)}, which nothing can be called")
    return found


def _digest(series: Mapping[str, Series]) -> str:
    return blake2b(msgspec.json.encode(dict(series), order="deterministic"), digest_size=16).hexdigest()


def _files_served(folder: Path) -> list[str]:
    return [f"{name}.npy" for name in read_manifest(folder).arrays]


def _files_of_artifact(folder: Path) -> list[str]:
    try:
        manifest: dict[str, Any] = msgspec.json.decode((folder / MANIFEST).read_bytes())
        return [str(entry["file"]) for entry in manifest["arrays"].values()]
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError) as error:
        raise DamagedModelError(f"{folder / MANIFEST} is no manifest: {error!r}; fit again") from error


def _artifact_version(text: str, where: str) -> str:
    try:
        return named_arrays.check_name(msgspec.json.decode(text.encode())["version"])
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        raise ServedModelError(f"{where} cannot be read: {error!r}; fit again") from error


def _take_up(root: Path, series: Series) -> None:
    """Let `current.json` name the series' versions, and remove those that neither it nor the one before it names."""
    current = root / CURRENT
    before = current.read_text(encoding="utf-8") if current.is_file() else ""
    if before == series.current:
        return
    write_durably(current, series.current.encode())
    for folder in (root / "versions").iterdir():
        if not folder.name.startswith(".") and folder.name not in series.versions and f'"{folder.name}"' not in before:
            shutil.rmtree(folder, ignore_errors=True)


def _protocols(fs: Any) -> tuple[str, ...]:
    return (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)
