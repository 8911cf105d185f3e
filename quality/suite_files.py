"""Great Expectations' suites that users bring: a JSON or YAML file an asset, in Great Expectations' own form.

Files are read without Great Expectations, which takes six seconds to import, so that pages and commands can say what is
wrong with one. A file that is none stops nothing: its check fails with the reason, and the others run.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from buddies_core.errors import BuddiesError
from buddies_core.settings import Settings
from quality.registry import dataset_specs

SHIPPED = Path(__file__).parent / "suites"
ENDINGS = (".json", ".yml", ".yaml")
LARGEST_FILE = 1 << 20
OWN = "own-"
"""What the results of users' suites begin with."""
_SUITE_KEYS = {
    *("name", "expectation_suite_name", "expectations", "id", "meta", "notes", "suite_parameters"),
    *("data_asset_type", "ge_cloud_id"),
}
_KEYS = {"type", "expectation_type", "kwargs", "meta", "notes", "description", "severity", "id", "windows"}
_KEYS |= {"rendered_content", "ge_cloud_id"}
_TYPE = re.compile(r"expect_[a-z0-9_]+")
SEVERITIES = ("critical", "warning", "info")


class SuiteFileError(BuddiesError):
    """A file of a suite that cannot be read, or that is no suite; names the file and the key."""


@dataclass(frozen=True)
class SuiteFile:
    """A file that was found: the asset that its name says, and what is wrong with it in a line, or nothing."""

    path: Path
    asset: str
    trouble: str = ""

    @property
    def result(self) -> str:
        """What its result is called among those of the suites that ship."""
        return f"{OWN}{self.asset}"


def suite_files() -> list[SuiteFile]:
    """The files of BUDDIES_SUITES_DIR, or of the folder that ships, in order of name; none where it is not there."""
    named = Settings().suites_dir
    folder = Path(named) if named else SHIPPED
    if not folder.is_dir():
        if named:
            return [SuiteFile(folder, "", f"BUDDIES_SUITES_DIR {folder} is no folder: make it, or name another.")]
        return []
    found: list[SuiteFile] = []
    for path in sorted(path for path in folder.iterdir() if path.suffix in ENDINGS):
        taken = next((other.path.name for other in found if other.asset == path.stem), None)
        found.append(SuiteFile(path, path.stem, _trouble(path, taken)))
    return found


def checked_files() -> list[SuiteFile]:
    """The first file of each asset that is a table here: those whose suites become checks."""
    tables, found = _tables(), dict[str, SuiteFile]()
    for file in suite_files():
        if file.asset in tables:
            found.setdefault(file.asset, file)
    return list(found.values())


def read_suite(path: Path) -> list[dict[str, Any]]:
    """The expectations of a file: `type`, `kwargs`, `meta` and `severity` of each.

    Raises:
        SuiteFileError: it is no suite.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
        raise SuiteFileError(f"{path} cannot be read: {reason}.") from None
    if len(text) > LARGEST_FILE:
        raise SuiteFileError(f"{path} has more than {LARGEST_FILE:,} characters.")
    suite = _parsed(path, text)
    if not isinstance(suite, Mapping) or not isinstance(suite.get("expectations"), list):
        raise SuiteFileError(f"{path}: expectations: a suite is a mapping with a list `expectations`.")
    _only(path, "", suite, _SUITE_KEYS)
    return [_expectation(path, f"expectations[{n}]", given) for n, given in enumerate(suite["expectations"])]


def _parsed(path: Path, text: str) -> Any:
    from yaml import YAMLError, safe_load

    try:
        return json.loads(text) if path.suffix == ".json" else safe_load(text)
    except (ValueError, RecursionError, YAMLError) as error:
        raise SuiteFileError(f"{path} is no {'JSON' if path.suffix == '.json' else 'YAML'}: {_line(error)}.") from None


def _expectation(path: Path, where: str, given: Any) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise SuiteFileError(f"{path}: {where}: an expectation is a mapping with `type` and `kwargs`.")
    _only(path, f"{where}.", given, _KEYS)
    kind, kwargs = given.get("type", given.get("expectation_type")), given.get("kwargs", {})
    if not isinstance(kind, str) or not _TYPE.fullmatch(kind):
        raise SuiteFileError(f"{path}: {where}.type: {kind!r} is no expectation; they begin with expect_.")
    if not isinstance(kwargs, Mapping):
        raise SuiteFileError(f"{path}: {where}.kwargs: it is no mapping.")
    severity = given.get("severity", SEVERITIES[0])
    if severity not in SEVERITIES:
        raise SuiteFileError(f"{path}: {where}.severity: {severity!r} is none of {', '.join(SEVERITIES)}.")
    return {"type": kind, "kwargs": dict(kwargs), "meta": given.get("meta"), "severity": severity}


def _only(path: Path, where: str, given: Mapping[str, Any], allowed: set[str]) -> None:
    for key in given:
        if key not in allowed:
            near = get_close_matches(str(key), allowed, 1)
            hint = f"; did you mean {near[0]}" if near else ""
            raise SuiteFileError(f"{path}: {where}{key}: no such key in a suite{hint}.")


def _trouble(path: Path, taken: str | None) -> str:
    tables = _tables()
    if path.stem not in tables:
        near = get_close_matches(path.stem, tables, 1)
        hint = f"; did you mean {near[0]}" if near else ""
        return f"{path}: there is no table {path.stem!r} to judge{hint}: the file's name is the asset's."
    if taken is not None:
        return f"{path}: {path.stem} has a suite already, in {taken}: one file an asset."
    try:
        read_suite(path)
    except SuiteFileError as error:
        return str(error)
    return ""


def _tables() -> set[str]:
    return {name for name, spec in dataset_specs().items() if spec.schema and not spec.load}


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
