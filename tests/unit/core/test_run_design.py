import pytest

from scripts.core.run_design import flaws_of, lines_of


def run(name, batch="B1", order=None, role="sample", modality="lcms", **more):
    row = {"assay_id": name, "modality": modality, "block": modality, "file": f"raw/{name}"}
    row |= {"sample_role": role, "batch": batch, **more}
    if order is not None:
        row["run_order"] = order
    if role == "sample":
        row["patient_id"] = name.split(".")[0]
    return row


def plan_of(rows, cases=()):
    plan = {"assays": {}, "runs": {}, "patients": {}}
    for row in rows:
        if row["sample_role"] != "sample":
            plan["runs"].setdefault(row["modality"], []).append(row)
            continue
        patient = row["patient_id"]
        plan["assays"].setdefault(row["modality"], {}).setdefault(patient, []).append(row)
        diagnosis = "hcc" if patient in cases else "cirrhosis"
        plan["patients"][patient] = {"role": "development", "diagnosis": diagnosis}
    return plan


def good(batch="B1", first=1, people=(1, 2, 3, 4)):
    """A blank, QC runs at both ends, samples between."""
    names = [f"M{n}" for n in people]
    rows = [run(f"blank{batch}", batch, first, "blank"), run(f"qa{batch}", batch, first + 1, "qc")]
    rows += [run(name, batch, first + 2 + k) for k, name in enumerate(names)]
    return [*rows, run(f"qb{batch}", batch, first + 2 + len(names), "qc")]


def found(rows, cases=("M1", "M3")):
    return {(f.subject, f.check, f.verdict) for f in flaws_of(plan_of(rows, cases))}


def test_a_good_design_has_no_flaw():
    assert found(good() + good("B2", 1, (5, 6, 7, 8)), ("M1", "M3", "M5", "M7")) == set()


FLAWS = {
    "no QC run": (
        lambda rows: [r for r in rows if r["sample_role"] != "qc"],
        ("batch B1", "QC runs in the batch", "FAIL"),
    ),
    "no blank anywhere": (
        lambda rows: [r for r in rows if r["sample_role"] != "blank"],
        ("lcms", "blank runs in the batch", "WARN"),
    ),
    "no blank in one batch": (
        lambda rows: rows + [r for r in good("B2", 1, (5, 6)) if r["sample_role"] != "blank"],
        ("batch B2", "blank runs in the batch", "WARN"),
    ),
    "one order several times": (
        lambda rows: [r | ({"run_order": 4} if r["sample_role"] == "sample" else {}) for r in rows],
        ("batch B1", "injection order stands once", "FAIL"),
    ),
    "order missing for some": (
        lambda rows: [
            {k: v for k, v in r.items() if k != "run_order" or r["assay_id"] != "M2"} for r in rows
        ],
        ("batch B1", "injection order is known", "WARN"),
    ),
    "order missing for all": (
        lambda rows: [{k: v for k, v in r.items() if k != "run_order"} for r in rows],
        ("batch B1", "injection order is known", "WARN"),
    ),
    "QC runs at one end only": (
        lambda rows: [r for r in rows if r["assay_id"] != "qbB1"],
        ("batch B1", "QC runs at both ends", "WARN"),
    ),
    "no batch given": (
        lambda rows: [
            {k: v for k, v in r.items() if k != "batch"} for r in rows if r["sample_role"] != "qc"
        ],
        ("lcms", "QC runs in the batch", "FAIL"),
    ),
    "a file twice": (
        lambda rows: [r | ({"file": "raw/M1"} if r["assay_id"] == "M2" else {}) for r in rows],
        ("lcms", "a run is listed once", "FAIL"),
    ),
}


@pytest.mark.parametrize("kind", FLAWS)
def test_a_flaw_is_named_by_its_batch(kind):
    change, expected = FLAWS[kind]
    assert expected in found(change(good()))


def test_gas_chromatography_needs_a_ladder_in_each_batch():
    rows = [r | {"modality": "gcms", "block": "gcms"} for r in good()]
    assert ("batch B1", "ladder in the batch", "FAIL") in found(rows)
    assert found([*rows, run("L", "B1", None, "ladder", "gcms")]) == set()


@pytest.mark.parametrize("modality", ["dia", "dda", "wes", "cfdna", "ct"])
@pytest.mark.parametrize(
    ("column", "word"), [("batch", "batch"), ("equipment_id", "device"), ("reader", "reader")]
)
def test_a_batch_that_is_the_diagnosis_is_named_in_every_modality(modality, column, word):
    rows = [
        run(f"P{n}", modality=modality) | {column: "X1" if n < 4 else "X2", "file": f"{n}"}
        for n in range(8)
    ]
    cases = [f"P{n}" for n in range(4)]
    assert found(rows, cases) == {(modality, f"{word} and diagnosis are mixed", "FAIL")}
    assert found(rows, ["P0", "P1", "P4", "P5"]) == set()


def test_one_batch_of_one_class_among_mixed_ones_is_a_warning():
    rows = [run(f"P{n}", f"B{n // 4}", modality="dia") for n in range(12)]
    cases = ["P0", "P1", "P4", "P5", "P8", "P9", "P10", "P11"]
    assert found(rows, cases) == {("batch B2", "batch and diagnosis are mixed", "WARN")}


def test_all_cases_before_all_controls_of_a_batch():
    people = range(1, 9)
    cases = [f"M{n}" for n in range(1, 5)]
    expected = {("batch B1", "order and diagnosis are mixed", "FAIL")}
    assert found(good(people=people), cases) == expected
    assert found(good(people=people), ["M1", "M3", "M5", "M7"]) == set()


def test_flaws_as_lines_of_the_terminal():
    rows = good()[:1] + [r | {"run_order": 7} for r in good() if r["sample_role"] == "sample"]
    lines = lines_of(flaws_of(plan_of(rows, ("M1", "M3"))))
    assert any("lcms batch B1: no QC run beside 4 samples" in line for line in lines)
    assert any("run_order 7 stands 4 times (M1, M2, M3, M4)" in line for line in lines)
