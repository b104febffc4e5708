"""The sheet of new patients: errors name row, column and what is allowed."""

import pytest

from scripts.core import job as core_job
from scripts.model.predict import read_new


def test_block_without_values_counts_as_not_measured(tmp_path):
    path = tmp_path / "new.tsv"
    path.write_text("patient_id\tcentre\tct__a\tlcms__b\nN1\tC1\t1.5\tNA\nN2\t\t\t2\n")
    cohort = read_new(path)
    assert list(cohort.tables["ct"].index) == ["N1"]
    assert list(cohort.tables["lcms"].index) == ["N2"]
    assert cohort.obs["centre"].to_dict() == {"N1": "C1", "N2": ""}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("id\tct__a\nN1\t1\n", "needs a column patient_id"),
        ("patient_id\tct__a\nN1\t1\nN1\t2\n", "patient_id twice: N1"),
        ("patient_id\tage\nN1\t1\n", "unknown columns age"),
        ("patient_id\tct__a\nN1\thigh\n", "row 2, column ct__a: 'high' is not a number"),
    ],
)
def test_bad_sheet_is_refused_in_plain_words(tmp_path, text, message):
    path = tmp_path / "new.tsv"
    path.write_text(text)
    with pytest.raises(core_job.InputDefect, match=message):
        read_new(path)
