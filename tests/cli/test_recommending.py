"""`buddies recommend` on the home of version 0.1.0: who opted out, or was forgotten, is no owner on the terminal."""

import tarfile
from pathlib import Path

import pytest

from buddies_assets.cli.recommending import Recommender
from buddies_core.storage.datasets import DatasetStore

ARCHIVE = Path(__file__).parents[1] / "fixtures" / "home-0.1.0.tar.xz"
USER = "7"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> DatasetStore:
    folder = tmp_path_factory.mktemp("before")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    return DatasetStore.at(str(folder / "home"))


def owners(store: DatasetStore) -> tuple[list[str], str]:
    """What the owners' column says, and the table's title."""
    recommender = Recommender(store)
    table = recommender.table(recommender.find_user(USER))
    return [str(cell) for cell in table.columns[3].cells], str(table.title)


def test_an_owner_who_opted_out_by_number_is_not_shown(
    store: DatasetStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, _ = owners(store)
    named = next(cell for cell in before if cell.startswith("user "))
    number = named.removeprefix("user ").partition(",")[0]
    (tmp_path / "out.txt").write_text(f"{number}\n")
    monkeypatch.setenv("BUDDIES_OWNER_OPT_OUT_FILE", str(tmp_path / "out.txt"))
    after, _ = owners(store)
    theirs = [cell.partition(",")[0] == f"user {number}" for cell in before]
    assert after == ["not shown" if is_theirs else cell for cell, is_theirs in zip(before, theirs, strict=True)]
    assert "not shown" in after


def test_while_the_file_cannot_be_read_no_owner_is_shown_and_the_title_says_why(
    store: DatasetStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUDDIES_OWNER_OPT_OUT_FILE", str(tmp_path / "missing.txt"))
    cells, title = owners(store)
    assert not any("user" in cell for cell in cells)
    assert "BUDDIES_OWNER_OPT_OUT_FILE cannot be read" in title
