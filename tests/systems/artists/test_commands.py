"""`buddies fit` and `buddies evaluate artists` on files of one's own: what they refuse, and in which words."""

import numpy as np
import polars as pl
import pytest

from buddies_assets.systems.artists.commands import evaluate_files, fit
from buddies_core.artifact.errors import ServedModelError
from buddies_core.errors import NothingReadError
from buddies_core.interactions.labelled_plays import LabelledPlays

UNUSABLE = 'user,item,weight\nu,x,0\nv,y,-2\nv,z,"3,5"\n'


def test_a_file_without_a_usable_row_is_named_with_its_reasons_and_nothing_is_stored(tmp_path):
    path = tmp_path / "plays.csv"
    path.write_text(UNUSABLE, encoding="utf-8")
    said = r"plays\.csv.*2 × weight_not_positive \(first: plays\.csv, line or pid 2, weight.*1 × not_a_number"
    with pytest.raises(NothingReadError, match=said):
        fit(tmp_path / "home", path, "plays")
    with pytest.raises(NothingReadError, match="none of 3 rows could be used"):
        evaluate_files(path, path, tmp_path / "out.tsv")
    assert not (tmp_path / "home").exists()


def test_a_name_that_no_experiment_may_have_is_refused_before_the_file_is_read(tmp_path):
    with pytest.raises(ServedModelError, match=r"the name '\.\./x' is unusable"):
        fit(tmp_path / "home", tmp_path / "there is no such file", "../x")


def test_the_sum_of_weights_stays_a_number():
    twice = pl.DataFrame({"user": ["u", "u"], "item": ["x", "x"], "weight": [3e38, 3e38]})
    assert LabelledPlays.of(twice).matrix.data.tolist() == [float(np.finfo(np.float32).max)]
