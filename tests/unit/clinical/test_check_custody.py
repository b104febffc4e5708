"""The chain of custody: boundaries, and what a failed sample takes with it. Limits: config clinical.custody."""

import csv
from pathlib import Path

import pytest

from scripts.clinical import check_custody
from scripts.clinical.sample_chain import (
    all_checks,
    collection_said,
    draw_to_spin,
    freeze_thaw,
    order_of_events,
    spins_fit,
    storage,
    tube_fits,
)
from scripts.clinical.samples import Sample
from scripts.clinical.sprec import code_agrees, sprec
from scripts.core.config import default_config

LIMITS = default_config()["clinical"]["custody"]
REQUIREMENTS = str(Path(__file__).parents[3] / "resources" / "requirements.yaml")
OUTPUTS = {
    "verdicts": "custody.tsv",
    "exclusions": "custody.exclusions.tsv",
    "status": "status.json",
    "ledger": "ledger.jsonl",
}


def tube(number: int = 1, uses: str = "cfdna", **changes) -> dict:
    row = {
        "sample_id": f"S{number}",
        "patient_id": f"P{number}",
        "centre": "C1",
        "specimen": "plasma",
        "tube_type": "K2EDTA",
        "intended_assays": uses,
        "collected_at": "2025-06-10 08:00:00",
        "free_hb_mg_dl": 10,
    }
    return {k: v for k, v in (row | changes).items() if v is not None}


def event(kind: str, time: str, number: int = 1, **more) -> dict:
    return {
        "sample_id": f"S{number}",
        "event": kind,
        "time": f"2025-06-10 {time}" if len(time) < 9 else time,
        **more,
    }


def spun_at(time: str, uses: str = "cfdna", **changes) -> Sample:
    return Sample(tube(uses=uses, **changes), [event("centrifuged", time, rcf_g=1600)])


def verdict(findings, requirement: str) -> str:
    return next(f.verdict for f in findings if f.requirement_id == requirement)


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("12:00:00", "PASS"),  # 4.0 h
        ("12:00:36", "WARN"),  # 4.01 h
        ("14:00:00", "WARN"),  # 6.0 h
        ("14:00:36", "FAIL"),  # 6.01 h
    ],
)
def test_edta_blood_for_cfdna_is_warned_above_four_hours_and_fails_above_six(time, expected):
    assert verdict(draw_to_spin(spun_at(time), LIMITS), "BLD-03") == expected


@pytest.mark.parametrize(
    ("time", "expected"), [("10:00:00", "PASS"), ("12:00:00", "WARN"), ("12:00:36", "FAIL")]
)
def test_plasma_for_metabolomics_is_warned_above_two_hours_and_fails_above_four(time, expected):
    assert verdict(draw_to_spin(spun_at(time, "lcms"), LIMITS), "BLD-03") == expected


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2025-06-17 08:00", "PASS"),
        ("2025-06-17 08:01", "WARN"),
        ("2025-06-24 08:00", "WARN"),
        ("2025-06-24 08:01", "FAIL"),
    ],
)
def test_streck_tube_is_warned_above_seven_days_and_fails_above_fourteen(time, expected):
    assert (
        verdict(draw_to_spin(spun_at(time, tube_type="STRECK_BCT"), LIMITS), "BLD-03") == expected
    )


def test_a_bare_date_says_nothing_about_hours():
    sample = Sample(tube(collected_at="2025-06-10"), [event("centrifuged", "09:00")])
    assert verdict(draw_to_spin(sample, LIMITS), "BLD-03") == "NOT_ASSESSED"


@pytest.mark.parametrize(
    ("uses", "count", "expected"),
    [
        ("lcms", 1, "PASS"),
        ("lcms", 2, "WARN"),
        ("lcms", 3, "WARN"),
        ("lcms", 4, "FAIL"),
        ("dia", 2, "PASS"),
        ("dia", 4, "FAIL"),
        ("cfdna", 2, "WARN"),
        ("cfdna", 3, "FAIL"),
    ],
)
def test_freeze_thaw_by_use(uses, count, expected):
    sample = Sample(tube(uses=uses), aliquots=[{"freeze_thaw_count": count}])
    assert verdict(freeze_thaw(sample, LIMITS), "BLD-06") == expected


def test_thaws_are_counted_from_the_events_too():
    sample = Sample(tube(uses="lcms"), [event("thawed", f"1{i}:00") for i in range(4)])
    assert verdict(freeze_thaw(sample, LIMITS), "BLD-06") == "FAIL"


@pytest.mark.parametrize(
    ("temperature", "expected"), [(-80, "PASS"), (-70, "PASS"), (-69.9, "FAIL"), (-20, "FAIL")]
)
def test_storage_temperature(temperature, expected):
    sample = Sample(tube(uses="lcms"), aliquots=[{"storage_temp_c": temperature}])
    assert verdict(storage(sample, LIMITS), "BLD-05") == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("K2EDTA", "PASS"), ("STRECK_BCT", "PASS"), ("LI_HEPARIN", "FAIL"), (None, "NOT_ASSESSED")],
)
def test_heparin_does_not_fit_cfdna(kind, expected):
    assert verdict(tube_fits(Sample(tube(tube_type=kind)), LIMITS), "BLD-01") == expected


@pytest.mark.parametrize(
    ("forces", "expected"),
    [
        ([1600, 16000], "PASS"),
        ([1600], "FAIL"),
        ([1600, 3000], "FAIL"),
        ([], "FAIL"),
        ([1600, None], "NOT_ASSESSED"),
    ],
)
def test_cfdna_needs_two_spins(forces, expected):
    events = [event("collected", "08:00")]
    events += [
        event("centrifuged", f"09:{i}0", minutes=10, temp_c=4, **({"rcf_g": f} if f else {}))
        for i, f in enumerate(forces)
    ]
    assert verdict(spins_fit(Sample(tube(), events), LIMITS), "BLD-04") == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(1.79, "FAIL"), (1.8, "PASS"), (2.0, "PASS"), (2.01, "FAIL")]
)
def test_a260_280_passes_at_both_ends(value, expected):
    sample = Sample(tube(), extractions=[{"kind": "cfdna", "a260_280": value}])
    assert verdict(all_checks(sample, LIMITS), "EXT-01") == expected


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"rin": 7}, "PASS"),
        ({"rin": 6.9}, "FAIL"),
        ({"rin": 5, "dv200": 30}, "PASS"),
        ({}, "NOT_ASSESSED"),
    ],
)
def test_rna_integrity(row, expected):
    sample = Sample(tube(uses="rnaseq"), extractions=[{"kind": "rna", **row}])
    assert verdict(all_checks(sample, LIMITS), "EXT-04") == expected


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [("08:30", "PASS"), ("08:31", "WARN"), ("09:00", "WARN"), ("09:01", "FAIL")],
)
def test_cold_ischaemia_of_tissue(minutes, expected):
    sample = Sample(tube(uses="wes", specimen="tumour"), [event("frozen", minutes)])
    assert verdict(all_checks(sample, LIMITS), "TIS-01") == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(50, "PASS"), (50.1, "WARN"), (100, "WARN"), (100.1, "FAIL")]
)
def test_haemolysis(value, expected):
    assert verdict(all_checks(Sample(tube(free_hb_mg_dl=value)), LIMITS), "BLD-07") == expected


def test_events_out_of_order_are_found():
    early = Sample(tube(), [event("centrifuged", "07:00")])
    assert "before collection" in order_of_events(early)[0].reason
    late = Sample(tube(), [event("frozen", "10:00"), event("centrifuged", "11:00")])
    assert "centrifuged after freezing" in order_of_events(late)[0].reason


@pytest.mark.parametrize(
    ("events", "problem"),
    [
        ([("frozen", "2025-02-01")], "frozen before collection"),
        ([("frozen", "2025-06-10")], ""),
        ([("frozen", "10:00"), ("shipped", "2025-06-20"), ("received", "2025-06-21 09:00")], ""),
        ([("centrifuged", "10:00"), ("assayed", "09:00")], "assayed before the spin"),
        ([("frozen", "10:00"), ("thawed", "11:00"), ("centrifuged", "11:30")], ""),
        ([("frozen", "10:00"), ("centrifuged", "11:30"), ("thawed", "12:00")], "centrifuged after"),
    ],
)
def test_order_by_day_and_after_a_shipment_on_dry_ice(events, problem):
    [found] = order_of_events(Sample(tube(), [event(*e) for e in events]))
    assert found.verdict == ("FAIL" if problem else "PASS") and problem in found.reason


def test_interval_that_runs_backwards_is_no_pass():
    early = spun_at("07:00:00")
    assert [f.verdict for f in draw_to_spin(early, LIMITS)] == ["NOT_ASSESSED"]
    tissue = Sample(tube(specimen="tumour"), [event("frozen", "07:00")])
    assert verdict(all_checks(tissue, LIMITS), "TIS-01") == "NOT_ASSESSED"


def test_tube_is_checked_for_the_run_that_names_it(cohort):
    bad = tube(1, None, tube_type="LI_HEPARIN")
    events = [event("centrifuged", "2025-06-11 08:00", rcf_g=100)]
    run = {"patient_id": "P1", "modality": "cfdna", "assay_id": "A", "sample_id": "S1"}
    checked = Checked(cohort, [bad], events=events, assays={"cfdna": {"P1": [run]}})
    assert {(p, m) for p, m, _ in checked.excluded} == {("P1", "cfdna")}
    assert {"BLD-01", "BLD-03", "BLD-04"} <= {r for _, r in checked.failed()}
    serology = tube(1, "serology", tube_type="LI_HEPARIN")
    checked = Checked(cohort, [serology], events=events, assays={"cfdna": {"P1": [run]}})
    assert "BLD-01" in {r for _, r in checked.failed()}


def test_sprec_code_is_derived_and_compared():
    row = tube(uses="lcms", transport_temp_c=20)
    sample = Sample(row, [event("centrifuged", "09:30"), event("centrifuged", "09:45")])
    assert (
        sprec(sample) == "PL2-PED-A-X-X-X-X"
    )  # double-spun plasma of K-EDTA, under 2 h at room temperature
    right = Sample(row | {"sprec": "PL2-PED-A-B-G-A-A"}, sample.events)
    wrong = Sample(row | {"sprec": "PL1-PED-E-B-N-A-A"}, sample.events)
    assert [f.verdict for f in code_agrees(right) + code_agrees(wrong)] == ["PASS", "FAIL"]
    assert "element 1, 3" in code_agrees(wrong)[0].reason


class Checked:
    """Run of the step."""

    def __init__(self, cohort, tubes, *, events=(), extractions=(), assays=None, consents=()):
        patients = [
            {"patient_id": f"P{n}", "centre": "C1", "diagnosis": "hcc", "role": "development",
             "index_date": "2025-06-10", "age": 50}
            for n in (1, 2)
        ]  # fmt: skip
        cohort.plan(patients, assays=assays or {})
        sheets = {"samples": tubes, "patients": patients}
        optional = {
            "events": ("sample_events", events),
            "extractions": ("extractions", extractions),
            "consents": ("consents", consents),
        }
        inputs = {name: cohort.sheet(name, rows) for name, rows in sheets.items()}
        inputs |= {
            k: cohort.sheet(n, list(rows)) if rows else [] for k, (n, rows) in optional.items()
        }
        inputs |= {"aliquots": [], "requirements": REQUIREMENTS}
        job = cohort.job("check_custody", inputs, OUTPUTS, settings=LIMITS)
        check_custody.main(job)
        with open(job.output.exclusions, encoding="utf-8", newline="") as handle:
            self.exclusions = list(csv.DictReader(handle, delimiter="\t"))
        with open(job.output.verdicts, encoding="utf-8", newline="") as handle:
            self.verdicts = {
                row["sample_id"]: row for row in csv.DictReader(handle, delimiter="\t")
            }
        self.records = cohort.records(job)

    @property
    def excluded(self) -> set[tuple]:
        return {(r["patient_id"], r["modality"], r["requirement_id"]) for r in self.exclusions}

    def failed(self) -> set[tuple]:
        return {(r["subject"], r["requirement_id"]) for r in self.records if r["verdict"] == "FAIL"}


def test_duplicate_sample_label_of_two_patients_excludes_both(cohort):
    checked = Checked(cohort, [tube(1, "lcms", label="L1"), tube(2, "lcms", label="L1")])
    assert checked.excluded == {("P1", "lcms", "BLD-02"), ("P2", "lcms", "BLD-02")}
    assert "P2" in checked.exclusions[0]["reason"]


def test_duplicate_sample_label_in_two_centres_is_refused(cohort):
    twin = tube(1, "lcms", sample_id="S9", label="L1", centre="C2")
    checked = Checked(cohort, [tube(1, "lcms", label="L1"), twin])
    assert {r["sample_id"] for r in checked.exclusions} == {"S1", "S9"}


def test_late_spin_excludes_the_use_that_it_spoils_and_no_other(cohort):
    rows = [tube(1, "cfdna;dia")]
    events = [event("centrifuged", "11:00", rcf_g=1600), event("centrifuged", "11:10", rcf_g=16000)]
    assert Checked(cohort, rows, events=events).excluded == set()  # 3 h: a warning for proteomics
    events = [event("centrifuged", "13:00", rcf_g=1600), event("centrifuged", "13:10", rcf_g=16000)]
    assert Checked(cohort, rows, events=events).excluded == {("P1", "dia", "BLD-03")}  # 5 h


def test_severity_major_is_a_record_and_excludes_nothing(cohort):
    checked = Checked(cohort, [tube()], events=[event("centrifuged", "09:00", rcf_g=1600)])
    assert checked.failed() == {("P1", "BLD-04")}
    assert checked.exclusions == []
    assert checked.verdicts["S1"]["verdict"] == "fail"


def test_run_that_names_its_tube_frees_the_other_tubes(cohort):
    bad = tube(1, "lcms", free_hb_mg_dl=300)
    good = tube(1, "lcms", sample_id="S9")
    assert Checked(cohort, [bad, good]).excluded == {("P1", "lcms", "BLD-07")}
    run = {"patient_id": "P1", "modality": "lcms", "assay_id": "A", "sample_id": "S9"}
    assert Checked(cohort, [bad, good], assays={"lcms": {"P1": [run]}}).excluded == set()


def test_run_of_an_unknown_or_foreign_tube_is_found(cohort):
    runs = {n: [{"patient_id": n, "assay_id": f"A{n}", "sample_id": "S1"}] for n in ("P1", "P2")}
    checked = Checked(cohort, [tube(1, "lcms")], assays={"lcms": runs})
    assert ("P2", "CHN-01") in checked.failed()
    assert ("P1", "CHN-01") not in checked.failed()


def test_collection_before_consent_birth_or_in_the_future_is_found(cohort):
    consents = [
        {"patient_id": f"P{n}", "kind": "base", "status": "signed", "signed_date": "2025-06-10"}
        for n in (1, 2)
    ]
    on_the_day = Checked(cohort, [tube()], consents=consents)
    assert ("P1", "ETH-05") not in on_the_day.failed()
    before = Checked(cohort, [tube(collected_at="2025-06-09 08:00")], consents=consents)
    assert before.excluded == {("P1", "cfdna", "ETH-05")}
    assert ("P1", "CLE-06") in Checked(cohort, [tube(collected_at="1970-01-01 08:00")]).failed()
    assert ("P1", "BLD-02") in Checked(cohort, [tube(collected_at="2026-03-02 08:00")]).failed()


def test_tube_of_a_patient_who_may_not_enter_leaves_no_record(cohort):
    checked = Checked(cohort, [tube(1), tube(3)])
    assert set(checked.verdicts) == {"S1"}
    assert {r["subject"] for r in checked.records} == {"P1", "cohort"}


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [(360, "PASS"), (359, "FAIL"), (4320, "PASS"), (4321, "FAIL"), (None, "NOT_ASSESSED")],
)
def test_time_in_formalin(minutes, expected):  # 6 and 72 h
    more = {} if minutes is None else {"minutes": minutes}
    sample = Sample(tube(uses="wes", specimen="tumour"), [event("fixed", "08:20", **more)])
    assert verdict(all_checks(sample, LIMITS), "TIS-02") == expected


def test_frozen_tissue_was_never_in_formalin_but_a_block_was():
    frozen = Sample(tube(specimen="tumour"), [event("frozen", "08:20")])
    assert verdict(all_checks(frozen, LIMITS), "TIS-02") == "NOT_APPLICABLE"
    block = Sample(tube(specimen="tumour", tube_type="FFPE_BLOCK"))
    assert verdict(all_checks(block, LIMITS), "TIS-02") == "NOT_ASSESSED"


@pytest.mark.parametrize(
    ("percent", "expected"), [(20, "PASS"), (19, "FAIL"), (None, "NOT_ASSESSED")]
)
def test_tumour_cells(percent, expected):
    sample = Sample(tube(specimen="tumour", tumour_content_pct=percent))
    assert verdict(all_checks(sample, LIMITS), "TIS-03") == expected


def test_extract_of_which_something_was_not_measured_is_not_assessed():
    full = {"kind": "gdna", "a260_280": 1.9, "a260_230": 1.8, "total_ng": 900, "din": 8}
    full["conc_ng_ul"] = 18
    for gone in (None, "a260_280", "a260_230", "conc_ng_ul", "total_ng", "din"):
        row = {k: v for k, v in full.items() if k != gone}
        found = all_checks(Sample(tube(uses="wes"), extractions=[row]), LIMITS)
        verdicts = {f.verdict for f in found if f.requirement_id == "EXT-01"}
        assert verdicts == ({"PASS"} if gone is None else {"PASS", "NOT_ASSESSED"})


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"internal_standard_cv": 0.2, "blank_present": True}, "PASS"),
        ({"internal_standard_cv": 0.21, "blank_present": True}, "FAIL"),
        ({"internal_standard_cv": 0.1, "blank_present": False}, "FAIL"),
        ({"internal_standard_cv": 0.1}, "NOT_ASSESSED"),
        ({"blank_present": True}, "NOT_ASSESSED"),
        ({}, "NOT_ASSESSED"),
    ],
)
def test_metabolite_extraction_needs_internal_standard_and_process_blank(row, expected):
    sample = Sample(tube(uses="lcms"), extractions=[{"kind": "metabolite", **row}])
    assert verdict(all_checks(sample, LIMITS), "EXT-02") == expected


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "collection_site"),
        ({"collection_site": "ward", "fasting_h": 10}, ""),
        ({"collection_site": "ward"}, "fasting_h"),
        ({"collection_site": "ward", "fasting_h": 10, "collected_at": "2025-06-10"}, "time of day"),
    ],
)
def test_place_time_and_fasting_of_the_collection(changes, words):
    [finding] = collection_said(Sample(tube(uses="lcms", **changes)), LIMITS)
    assert finding.verdict == ("NOT_ASSESSED" if words else "PASS") and words in finding.reason


def test_run_without_any_tube_is_not_assessed_and_so_is_a_tube_without_its_extract(cohort):
    runs = {"lcms": {"P2": [{"patient_id": "P2", "assay_id": "A"}]}}
    checked = Checked(
        cohort, [tube(1, "wes")], assays=runs,
        extractions=[{"extraction_id": "X", "sample_id": "S1", "kind": "cfdna", "total_ng": 20}],
    )  # fmt: skip
    gaps = {
        (r["subject"], r["requirement_id"], r["check"])
        for r in checked.records
        if r["verdict"] == "NOT_ASSESSED"
    }
    assert ("P2", "CHN-01", "run traces back to a sample") in gaps
    assert ("P1", "EXT-01", "extract recorded") in gaps


def test_tumour_without_a_paired_normal_fails_and_a_cohort_without_tissue_is_not_applicable(cohort):
    alone = Checked(cohort, [tube(1, "wes", specimen="tumour")])
    assert ("P1", "TIS-03") in alone.failed()
    paired = [tube(1, "wes", specimen="tumour"), tube(1, "wes", sample_id="S9", specimen="blood")]
    assert ("P1", "TIS-03") not in Checked(cohort, paired).failed()
    none = Checked(cohort, [tube(1)])
    tissue = {r["verdict"] for r in none.records if r["requirement_id"].startswith("TIS")}
    assert tissue == {"NOT_APPLICABLE"}
