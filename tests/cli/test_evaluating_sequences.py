"""`buddies evaluate` on synthetic slices: a table with every baseline, or one line that says what is missing."""

from pathlib import Path

import pytest
from rich.console import Console

from buddies_assets.cli import evaluating_sequences as evaluating
from buddies_assets.sources.synthetic.write import world_paths, write_world
from buddies_core.errors import SourceNotFoundError
from buddies_core.sequences.fit import SequenceConfig
from buddies_core.sequences.models import CONTINUE, NEXT
from buddies_core.sequences.ranker_training import RankerConfig
from buddies_core.sequences.skipgram import SkipGramConfig
from buddies_core.sequences.training import ModelsConfig
from buddies_core.settings import Settings


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    train, test = (tmp_path_factory.mktemp(name) for name in ("train", "test"))
    write_world(train, 10, 150, 1)
    write_world(test, 10, 40, 2)
    return world_paths(train).mpd, world_paths(test).mpd


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    def config(seed: int) -> ModelsConfig:
        vectors = SkipGramConfig(dimension=4, epochs=1)
        index = SequenceConfig(factors=4, wide_factors=4, iterations=1, skip_gram=vectors)
        ranker = RankerConfig(epochs=1)
        return ModelsConfig(
            index=index, folds=2, prefixes=1, categories=1, rankers=1, next_track=ranker, continuation=ranker, seed=seed
        )

    monkeypatch.setattr(evaluating, "ModelsConfig", config)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(("task", "kinds"), [(NEXT, {"last", "random"}), (CONTINUE, {"0", "1", "25 random", "mean"})])
def test_every_model_is_judged_on_every_kind_of_question(folders: tuple[Path, Path], task: str, kinds: set[str]):
    console = Console(record=True, width=200)
    report = evaluating.evaluate_sequences(console, Settings(mpd_dir=str(folders[0])), task, folders[1])
    assert kinds <= set(report.rows["kind"])
    counts = report.rows.group_by("kind").len()["len"]
    assert counts.n_unique() == 1
    text = console.export_text()
    assert "most popular" in text
    assert "(served)" in text
    assert "0 copies left out" in text


@pytest.mark.usefixtures("small")
def test_copies_of_training_playlists_are_left_out_and_counted(folders: tuple[Path, Path]):
    console = Console(record=True, width=200)
    with pytest.raises(evaluating.SequencesError, match="no playlist"):
        evaluating.evaluate_sequences(console, Settings(mpd_dir=str(folders[0])), NEXT, folders[0])


def test_without_slices_to_learn_from_the_error_names_the_variable(tmp_path: Path):
    with pytest.raises(SourceNotFoundError, match="BUDDIES_MPD_DIR"):
        evaluating.evaluate_sequences(Console(), Settings(), NEXT, tmp_path)


@pytest.mark.usefixtures("small")
def test_the_tutorials_csv_is_learnt_from_and_judged_by_where_no_slices_are_named(tmp_path: Path):
    header = 'user_id, ""artistname"", ""trackname"", ""playlistname""'
    for name, users in (("train", range(60)), ("test", range(60, 80))):
        lines = [
            f'"u{user}","artist {(user + k) % 5}","song {(user * 7 + k * k * user) % 23}","list {user % 4}"'
            for user in users
            for k in range(9)
        ]
        (tmp_path / f"{name}.csv").write_text("\n".join([header, *lines, "u1,too few"]))
    settings = Settings(nowplaying_file=str(tmp_path / "train.csv"))
    console = Console(record=True, width=200)
    evaluating.evaluate_sequences(console, settings, NEXT, tmp_path / "test.csv")
    text = console.export_text()
    assert "60 playlists of" in text
    assert text.count("set aside:") == 2
