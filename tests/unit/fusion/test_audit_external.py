"""External patients against development patients, after the lock."""

import numpy as np
import pandas as pd
import pytest

from scripts.core.config import default_config
from scripts.fusion.audit_external import check_reuse
from scripts.fusion.reuse import ReuseAcrossRoles

SETTINGS = default_config()["fusion"]["audit"]


def table(patients, features=20, seed=0):
    rng = np.random.default_rng(seed)
    columns = [f"f{i}" for i in range(features)]
    return pd.DataFrame(rng.normal(size=(len(patients), features)), patients, columns)


@pytest.fixture
def two_roles():
    inside = table([f"P{i}" for i in range(40)])
    outside = table([f"E{i}" for i in range(20)], seed=1)
    roles = dict.fromkeys(inside.index, "development") | dict.fromkeys(outside.index, "external")
    return inside, outside, roles


def test_row_reused_in_external_data_stops_the_run_and_is_named(two_roles):
    inside, outside, roles = two_roles
    outside.loc["E3"] = inside.loc["P7"] * (1 + 1e-9)
    with pytest.raises(ReuseAcrossRoles, match=r"E3 = P7 \(equal rows in lcms\)"):
        check_reuse({"lcms": inside}, {"lcms": outside}, {}, roles, SETTINGS)


def test_same_raw_file_under_another_name_stops_the_run(two_roles, tmp_path):
    inside, outside, roles = two_roles
    for name in ("a.mzML", "b.mzML"):
        (tmp_path / name).write_bytes(b"x" * 3_000_000)
    files = {"P1": [str(tmp_path / "a.mzML")], "E1": [str(tmp_path / "b.mzML")]}
    with pytest.raises(ReuseAcrossRoles, match=r"E1 = P1 \(same raw file\)"):
        check_reuse({"lcms": inside}, {"lcms": outside}, files, roles, SETTINGS)


def test_row_twice_among_external_patients_does_not_stop_the_run(two_roles):
    inside, outside, roles = two_roles
    outside.loc["E3"] = outside.loc["E4"]
    check_reuse({"lcms": inside}, {"lcms": outside}, {}, roles, SETTINGS)


def test_people_measured_again_are_named(two_roles):
    inside, outside, roles = two_roles
    rng = np.random.default_rng(4)
    for number in range(5):
        again = inside.iloc[number] + 0.05 * rng.normal(size=inside.shape[1])
        outside.iloc[number] = again
    with pytest.raises(ReuseAcrossRoles) as stopped:
        check_reuse({"lcms": inside}, {"lcms": outside}, {}, roles, SETTINGS)
    assert all(f"E{n} = P{n} (rows nearer" in str(stopped.value) for n in range(5))
    assert "E5" not in str(stopped.value)
