"""Reader agreement: published values, the strict limit, and who takes part in the fit."""

import csv
import json

import numpy as np
import pytest

from scripts.core.job import job_from_command_line
from scripts.imaging import assess_stability as stability

# Shrout & Fleiss 1979, table 2: six targets, four judges.
SHROUT_FLEISS = [
    [9, 2, 5, 8],
    [6, 1, 3, 2],
    [8, 4, 6, 8],
    [7, 1, 2, 6],
    [10, 5, 6, 9],
    [6, 2, 4, 7],
]


def test_shrout_fleiss_table():
    icc, low, high = stability.icc_2_1(np.array(SHROUT_FLEISS, float)[:, :, None])
    assert icc[0] == pytest.approx(0.2898, abs=5e-5)  # Shrout & Fleiss 1979, table 4: .29
    # Interval by pingouin 0.5 (ICC2): [0.02, 0.76]
    assert low[0] == pytest.approx(0.02, abs=5e-3) and high[0] == pytest.approx(0.76, abs=5e-3)


@pytest.mark.long
def test_vectorised_icc_equals_pingouin():
    pingouin = pytest.importorskip("pingouin")
    import pandas as pd

    rng = np.random.default_rng(1)
    values = rng.normal(size=(20, 1, 5)) + 0.5 * rng.normal(size=(20, 3, 5))
    ours = stability.icc_2_1(values)[0]
    for feature in range(5):
        long = pd.DataFrame(
            {
                "s": np.repeat(np.arange(20), 3),
                "r": np.tile(np.arange(3), 20),
                "y": values[:, :, feature].ravel(),
            }
        )
        table = pingouin.intraclass_corr(long, "s", "r", "y").set_index("Type")
        name = next(n for n in table.index if n in ("ICC2", "ICC(A,1)"))
        assert ours[feature] == pytest.approx(table.loc[name, "ICC"], abs=1e-12)


def test_feature_without_variance_is_undefined():
    values = np.ones((6, 2, 1)) * 3.7
    assert np.isnan(stability.icc_2_1(values)[0][0])


@pytest.mark.parametrize(
    ("icc", "kept"),
    [(0.7499, False), (0.75, False), (0.7501, True), (float("nan"), False)],  # MOD-05
)
def test_limit_is_strict(icc, kept):
    assert stability.stable(icc, 0.75) is kept


def readings(tmp_path, name, *features, readers=("R1", "R2"), block="ct", verdict="pass"):
    """readings.json and verdict of one patient, one reading per given dict of features."""
    folder = tmp_path / name
    folder.mkdir()
    entries = [
        {"reader": reader, "assay_id": f"{name}_{reader}", "features": own}
        for reader, own in zip(readers, features, strict=True)
    ]
    (folder / "readings.json").write_text(json.dumps({block: entries}))
    status = {"verdict": verdict, "reasons": [], "blocks": {}}
    (folder / "status.json").write_text(json.dumps(status))
    return str(folder / "readings.json")


def assess(tmp_path, paths, minimum=5):
    """Run the step by hand; returns exit code, {feature: line}, ledger."""
    arguments = ["--wildcard", "block=ct"]
    arguments += ["--param", f"settings={{threshold: 0.75, min_patients: {minimum}}}"]
    for path in paths:
        arguments += ["--input", f"readings={path}"]
        arguments += ["--input", f"statuses={path.replace('readings.json', 'status.json')}"]
    for name in ("stability.tsv", "status.json", "ledger.jsonl"):
        arguments += ["--output", f"{name.split('.')[0]}={tmp_path / name}"]
    stability.main(job_from_command_line(stability.main, arguments))
    with open(tmp_path / "stability.tsv", newline="") as handle:
        lines = {line["feature"]: line for line in csv.DictReader(handle, delimiter="\t")}
    ledger = [json.loads(x) for x in (tmp_path / "ledger.jsonl").read_text().splitlines()]
    return lines, ledger


def cohort(tmp_path, n=8):
    rng = np.random.default_rng(2)
    paths = []
    for number in range(n):
        size = float(rng.normal(10, 3))
        first = {"size": size, "noise": float(rng.normal()), "flat": 1.0, "part": size}
        second = {"size": size + 0.1, "noise": float(rng.normal()), "flat": 1.0, "part": size}
        if number == 0:
            second["part"] = None
        paths.append(readings(tmp_path, f"P{number}", first, second))
    return paths


def test_stable_noisy_constant_and_partly_missing_features(tmp_path):
    lines, ledger = assess(tmp_path, cohort(tmp_path))
    assert float(lines["size"]["stability"]) > 0.99 and lines["size"]["kind"] == "ICC(2,1)"
    assert float(lines["noise"]["stability"]) < 0.75
    assert lines["flat"]["stability"] == "0" and "undefined" in lines["flat"]["kind"]
    assert lines["part"]["n"] == "7" and lines["size"]["n"] == "8"
    assert ledger[0]["requirement_id"] == "MOD-05" and ledger[0]["value"] == 2


def test_order_of_patients_does_not_matter(tmp_path):
    paths = cohort(tmp_path)
    first, _ = assess(tmp_path, paths)
    second, _ = assess(tmp_path, paths[::-1])
    assert first == second


def test_too_few_patients_is_not_assessed_and_drops_nothing(tmp_path):
    lines, ledger = assess(tmp_path, cohort(tmp_path, 4))
    assert {line["stability"] for line in lines.values()} == {""}
    assert ledger[0]["verdict"] == "NOT_ASSESSED"


def test_nobody_read_twice_is_not_assessed(tmp_path):
    lines, ledger = assess(tmp_path, [])
    assert lines == {} and ledger[0]["verdict"] == "NOT_ASSESSED"


def test_repeated_reading_of_one_reader_is_kept_apart(tmp_path):
    rng = np.random.default_rng(4)
    paths = []
    for number in range(6):
        size = float(rng.normal(10, 3))
        again = {"size": size + float(rng.normal(0, 0.05))}
        other = {"size": size + float(rng.normal(0, 1.0))}
        paths.append(
            readings(
                tmp_path, f"P{number}", {"size": size}, again, other, readers=("R1", "R1", "R2")
            )
        )
    lines, _ = assess(tmp_path, paths)
    assert float(lines["size"]["intra_reader"]) > float(lines["size"]["stability"])


def test_readings_of_an_image_that_failed_have_no_say(tmp_path):
    cohort(tmp_path)
    good = sorted(str(path) for path in tmp_path.glob("P*/readings.json"))
    expected, _ = assess(tmp_path, good)
    swapped = readings(tmp_path, "Z1", {"size": 1.0}, {"size": 99.0}, verdict="fail")
    found, _ = assess(tmp_path, [*good, swapped])
    assert found == expected


def test_the_pair_of_readers_with_most_patients_is_used():
    table = {f"P{i}": {"R1": [{}], "R2": [{}]} for i in range(6)}
    table |= {f"Q{i}": {"R1": [{}], "R3": [{}]} for i in range(3)}
    assert stability.common_readers(table) == (["R1", "R2"], [f"P{i}" for i in range(6)])
    for own in table.values():
        own["R4"] = [{}]
    assert stability.common_readers(table)[0] == ["R1", "R4"]
