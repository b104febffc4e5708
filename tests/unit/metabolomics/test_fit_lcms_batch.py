from pathlib import Path

from scripts.metabolomics.fit_lcms_batch import load_batch, longest_gap


def test_longest_gap_between_qc_runs():
    assert longest_gap(list(range(1, 13)), [2, 8, 12]) == 5
    assert longest_gap([1, 2, 3], []) is None  # no QC run: no interval that could be good
    assert longest_gap([1, 2, 0], [1]) is None
    assert longest_gap([1, 7, 7], [1]) is None


def test_a_batch_knows_its_qcs_and_reports_held_out_rsd(lc_chain):
    batch = load_batch(lc_chain.path("batch_LB1.npz"))
    assert batch.qcs == sum(r["batch"] == "LB1" and r["role"] == "qc" for r in lc_chain.runs)
    checks = {r["check"]: r for r in lc_chain.records("batch_LB1")}
    assert checks["median RSD of held-out QC runs"]["value"] < 0.2
    assert checks["blank runs in the batch"]["verdict"] == "PASS"
    assert checks["RSD of internal standard octanoylcarnitine_d3 in QC runs"]["value"] < 0.2


def test_a_qc_run_without_signal_is_left_out_with_a_warning(lc_chain, lc_cohort, new_lc_chain):
    _, folder, rows = lc_cohort
    failed = next(row for row in rows if row["patient"] == "P0005")
    rows = [dict(row) for row in rows if row["batch"] == "LB1"]
    spoilt = next(row for row in rows if row["role"] == "qc")
    spoilt["file"] = failed["file"]
    chain = new_lc_chain(rows)
    chain.all()
    assert (
        load_batch(chain.path("batch_LB1.npz")).qcs
        == load_batch(lc_chain.path("batch_LB1.npz")).qcs - 1
    )
    status = chain.status("batch_LB1")
    assert status["verdict"] == "warn" and spoilt["assay"] in status["reasons"][0]
    assert Path(chain.path("reference.npz")).stat().st_size > 0
