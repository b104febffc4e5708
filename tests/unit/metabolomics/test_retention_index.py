import csv

import numpy as np
import pytest

from scripts.core.job import InputDefect
from scripts.demo.metabolite_panel import alkane_ions
from scripts.metabolomics.deconvolution import Component
from scripts.metabolomics.retention_index import alkanes, ladder_from_run, make_ladder, read_ladder


def component(rt, ions, size=1.0):
    mass = np.array(sorted(ions))
    height = size * np.array([float(ions[m]) for m in mass])
    return Component(rt, mass, height, height)


def test_index_between_alkanes_and_outside_the_ladder():
    ladder = make_ladder([10, 11, 13], [100.0, 150.0, 250.0], "L")
    # worked by hand: 1000 + 100 * 25/50; C12 is missing: 1100 + 200 * 50/100
    assert ladder.index(np.array([125.0, 200.0, 250.0])) == pytest.approx([1050, 1200, 1300])
    assert np.isnan(ladder.index(np.array([99.0, 251.0]))).all()


@pytest.mark.real
@pytest.mark.parametrize("name", ["Alkanes_20210325.csv", "Alkanes_ri.csv"])
def test_indices_of_real_features_equal_the_published_ones(testdata, name):
    # RIAssigner test data: ladder in minutes, features in seconds, values sorted by time; 4,424 inside, 1,457 outside
    folder = testdata / "ms" / "gcms"
    with open(folder / "ria_xcms_variable_metadata.csv") as handle:
        rt = np.sort([float(row["rt"]) for row in csv.DictReader(handle)])
    index = read_ladder(folder / name, "L", "min").index(rt)
    inside = np.isfinite(index)
    assert (inside.sum(), (~inside).sum()) == (4424, 1457)
    expected = np.load(folder / "ria_kovats_xcms_variable_metadata.npy")
    assert np.abs(index - expected)[inside].max() < 0.01


def test_minutes_read_as_seconds_put_everything_outside(testdata):
    ladder = read_ladder(testdata / "ms/gcms/Alkanes_20210325.csv", "L", "s")
    assert np.isnan(ladder.index(np.array([200.0, 400.0]))).all()


@pytest.mark.parametrize(
    "text",
    ["", "RT\n1\n", "RT,Carbon_Number\n1,10\nx,11\n", "RT,RI\n2,1000\n1,1100\n", "RT,RI\n2,1000\n"],
)
def test_a_bad_ladder_table_is_a_defect(tmp_path, text):
    path = tmp_path / "ladder.csv"
    path.write_text(text)
    with pytest.raises(InputDefect):
        read_ladder(path, "L", "min")


def test_alkanes_are_told_from_other_compounds():
    other = {73: 100, 147: 80, 205: 60, 57: 5, 71: 4, 85: 3}
    found = alkanes(
        [component(10, alkane_ions(12)), component(20, other), component(30, alkane_ions(30))]
    )
    assert [c.rt for c in found] == [10, 30]


def test_ladder_run_is_named_by_order_and_checked_by_molecular_ions():
    run = [component(10.0 * n, alkane_ions(n)) for n in range(10, 21)]
    ladder = ladder_from_run(run, 10, 20, "L")
    assert ladder.index(np.array([105.0]))[0] == pytest.approx(1050)
    with pytest.raises(InputDefect, match="starts with C10, not with C11"):
        ladder_from_run(run, 11, 21, "L")
    with pytest.raises(InputDefect, match="shows 11 alkanes"):
        ladder_from_run(run, 10, 24, "L")


def test_a_ladder_of_another_encoding_is_a_defect_and_empty_rows_are_skipped(tmp_path):
    path = tmp_path / "ladder.csv"
    path.write_bytes(b"RT,Carbon_Number,n\n1,10,\xe9\n2,11,x\n")
    with pytest.raises(InputDefect, match="cannot be read as text"):
        read_ladder(path, "L", "min")
    path.write_text("RT,Carbon_Number\n1,10\n,\n2,11\n")
    assert read_ladder(path, "L", "min").rt.tolist() == [60.0, 120.0]
