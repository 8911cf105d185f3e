"""`buddies logs`: the end of a log, what is written after, and an error that names the logs that there are."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from buddies_assets.cli import main
from buddies_assets.cli.logs import NoLogError, followed, log_of


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "service.log").write_text("one\ntwo\nthree\n")
    monkeypatch.setenv("BUDDIES_HOME", str(tmp_path))
    return tmp_path


def test_the_last_lines_are_shown(home):
    assert CliRunner().invoke(main.app, ["logs", "service", "-n", "2"]).output == "two\nthree\n"
    assert CliRunner().invoke(main.app, ["logs"]).output == "service\n"


def test_a_log_that_is_not_there_is_an_error_that_names_the_others(home):
    with pytest.raises(NoLogError, match="There are: service"):
        log_of(home, "daemon")


def test_what_is_written_later_follows_also_after_the_log_was_begun_anew(home):
    file = home / "logs" / "service.log"
    steps = iter([
        lambda: file.open("a").write("four\nfi"),
        lambda: file.open("a").write("ve\n"),
        lambda: (file.rename(file.with_suffix(".log.1")), file.write_text("six\n")),
    ])  # fmt: skip
    told = followed(file, wait=lambda _: next(steps)())
    assert [next(told) for _ in range(3)] == ["four", "five", "six"]


def test_completion_can_be_installed(home):
    assert "--install-completion" in CliRunner().invoke(main.app, ["--help"]).output
