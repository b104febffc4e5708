"""External validation: dates, openings, who is scored."""

import pandas as pd

from scripts.model.validate_external import external_patients, prospective


def obs(*dates):
    return pd.DataFrame({"enrolment_date": list(dates)})


def test_everybody_enrolled_after_the_lock_passes():
    found = prospective(obs("2026-03-02", "2026-04-01"), "2026-03-01T10:00:00+00:00")
    assert found == {
        "status": "PASS",
        "reason": "",
        "after_lock": 2,
        "before_lock": 0,
        "unknown": 0,
    }


def test_enrolment_on_the_day_of_the_lock_is_not_after_it():
    assert prospective(obs("2026-03-01"), "2026-03-01T10:00:00+00:00")["status"] == "FAIL"


def test_missing_dates_are_never_a_pass():
    assert prospective(obs("2026-03-02", None), "2026-03-01")["status"] == "NOT_ASSESSED"
    assert prospective(pd.DataFrame(index=range(3)), "2026-03-01")["unknown"] == 3


def test_only_admitted_patients_are_read(tmp_path):
    (tmp_path / "patients.tsv").write_text(
        "patient_id\tcentre\tdiagnosis\trole\nE2\tE\thcc\texternal\nE1\tE\thealthy\texternal\n"
    )
    outcome = tmp_path / "outcome.tsv"
    outcome.write_text(
        "patient_id\trole\tclass\treason\nE1\texternal\tcontrol\t\nE2\texternal\thcc\t\n"
        "E3\texternal\t\tno_follow_up\n"
    )
    names = ["control", "hcc"]
    table = external_patients(tmp_path / "patients.tsv", ["E2"], outcome, names)
    assert table["label"].to_dict() == {"E2": 1}
    assert external_patients(tmp_path / "patients.tsv", ["E3"], outcome, names).empty


def test_external_patients_are_grouped_by_person_and_contact(tmp_path):
    contact = "0123456789abcdef"
    (tmp_path / "patients.tsv").write_text(
        "patient_id\tcentre\tdiagnosis\trole\tperson_id\tcontact_hash\n"
        f"E1\tE\thcc\texternal\tx\t\nE2\tE\thcc\texternal\tx\t{contact}\n"
        f"E3\tE\thcc\texternal\t\t{contact}\nE4\tE\thcc\texternal\ty\t\n"
    )
    outcome = tmp_path / "outcome.tsv"
    lines = [f"E{i}\texternal\thcc\t\n" for i in (1, 2, 3, 4)]
    outcome.write_text("patient_id\trole\tclass\treason\n" + "".join(lines))
    table = external_patients(
        tmp_path / "patients.tsv", ["E1", "E2", "E3", "E4"], outcome, ["control", "hcc"]
    )
    assert table["group"].to_dict() == {"E1": "E1", "E2": "E1", "E3": "E1", "E4": "E4"}
