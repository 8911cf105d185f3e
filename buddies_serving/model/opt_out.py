"""Listeners who are shown to nobody as the owner of a playlist: a file of ids, read again whenever it changes."""

import re
from pathlib import Path

from buddies_serving.model.served_model import ServedModel

_ID = re.compile(r"[0-9]{1,10}|[0-9a-f]{40}")


class OwnerOptOut:
    """The owners who opted out, by index or 40-hex id, a line each; `#` begins a comment.

    While a file that was named cannot be read, no owner at all is shown.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._ids: frozenset[str] = frozenset()
        self.trouble: str | None = None
        self.refresh()

    def refresh(self) -> None:
        """Reads the file if it changed."""
        if self._path is None:
            return
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_ino, status.st_size)
            if stamp != self._seen:
                self._ids = _read(self._path)
                self._seen = stamp
            self.trouble = None
        except (OSError, ValueError) as error:
            self._seen, self.trouble = None, str(error)

    def hides(self, model: ServedModel, owner: int) -> bool:
        """Whether an owner (an index; -1: nobody) is not to be shown."""
        return owner < 0 or self.hides_user(owner, model.user_id(owner))

    def hides_user(self, number: int, user_id: str) -> bool:
        """Whether the user of a number and a 40-hex id is not to be shown as an owner."""
        return self.trouble is not None or str(number) in self._ids or user_id in self._ids


def _read(path: Path) -> frozenset[str]:
    ids = set()
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        text = line.partition("#")[0].strip()
        if text and not _ID.fullmatch(text):
            raise ValueError(f"{path}, line {number}: {text!r} is neither an index nor a 40-hex id")
        if text:
            ids.add(text)
    return frozenset(ids)
