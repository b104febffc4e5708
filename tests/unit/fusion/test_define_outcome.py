"""Which class of the outcome a patient belongs to, and why to none."""

import json

import pytest

from scripts.core.config import default_config
from scripts.core.job import Named
from scripts.core.outcome import outcome_of
from scripts.fusion import define_outcome
from scripts.fusion.define_outcome import no_control, sort_patients, stage_sources

SETTINGS = default_config()["model"]["outcome"]


def named(name):
    return outcome_of({**SETTINGS, "name": name})


def person(diagnosis="cirrhosis", months=12.0, **more):
    row = {"diagnosis": diagnosis, **more}
    return row if months is None else row | {"follow_up_months": months}


def sort(outcome, patients, stages=None, labels=None):
    roles = dict.fromkeys(patients, "development")
    table, recorded = sort_patients(outcome, roles, patients, stages or {}, labels or {}, 180)
    lines = table.set_index("patient_id")
    return {p: tuple(lines.loc[p, ["class", "reason"]]) for p in patients}, recorded


def test_control_needs_the_configured_follow_up():
    # 180 d of 30.44 d a month are 5.91 months
    assert no_control(person(months=6.0), 180) == ""
    assert no_control(person(months=5.8), 180) == "short_follow_up"
    assert no_control(person(months=None), 180) == "no_follow_up"


def test_hcc_against_controls_leaves_controls_without_follow_up_out():
    people = {
        "A": person("hcc", None),
        "B": person(),
        "C": person(months=2),
        "D": person(months=None),
    }
    found, recorded = sort(named("hcc_vs_controls"), people)
    assert recorded
    assert found == {
        "A": ("hcc", ""),
        "B": ("control", ""),
        "C": ("", "short_follow_up"),
        "D": ("", "no_follow_up"),
    }


def test_without_any_follow_up_nobody_is_dropped_and_it_is_said():
    people = {"A": person("hcc", 3.0), "B": person(months=None)}
    found, recorded = sort(named("hcc_vs_controls"), people)
    assert found["B"] == ("control", "") and not recorded


def test_early_outcome_leaves_late_and_unknown_stages_out():
    people = {name: person("hcc") for name in "ABC"} | {"D": person()}
    stages = {"A": "early", "B": "intermediate"}
    found, _ = sort(named("early_hcc_vs_controls"), people, stages)
    assert found == {
        "A": ("early_hcc", ""),
        "B": ("", "stage_left_out"),
        "C": ("", "stage_unknown"),
        "D": ("control", ""),
    }


def test_stage_outcome_has_a_class_for_every_group():
    people = {name: person("hcc") for name in "ABC"} | {"D": person()}
    stages = {"A": "early", "B": "intermediate", "C": "advanced"}
    found, _ = sort(named("stage"), people, stages)
    assert [found[p][0] for p in "ABCD"] == ["early_hcc", "advanced_hcc", "advanced_hcc", "control"]


def test_subtype_takes_the_cells_as_they_are():
    outcome = outcome_of({**SETTINGS, "name": "subtype"}, ["Her2", "Basal"])
    assert outcome.classes == ("Basal", "Her2")
    people = {name: person("hcc") for name in "ABC"}
    found, _ = sort(outcome, people, labels={"A": {"Basal"}, "B": {"Basal", "Her2"}})
    assert found == {"A": ("Basal", ""), "B": ("", "labels_differ"), "C": ("", "no_label")}


def test_stage_is_taken_from_the_most_direct_source():
    # BCLC A and CNLC Ib are early, BCLC C advanced (BCLC 2022, CNLC 2022)
    found = stage_sources({"stage": "early"}, {"bclc": "C", "cnlc": "Ib"}, {"bclc": 1.0})
    assert found == {
        "patients.stage": "early",
        "history.bclc": "advanced",
        "history.cnlc": "early",
        "clinical.bclc": "early",
    }
    assert stage_sources({}, {}, {"bclc": float("nan"), "cnlc": 6.0}) == {
        "clinical.cnlc": "advanced"
    }


@pytest.fixture
def run(tmp_path):
    """Run the step on sheets that are given as text."""

    def run(settings, patients, history="", role="", development=None):
        inputs = {"labels": [], "history": [], "clinical": []}
        for name, text in (("patients", patients), ("history", history)):
            if text:
                (tmp_path / f"{name}.tsv").write_text(text)
                inputs[name] = [str(tmp_path / f"{name}.tsv")]
        inputs["labels"] = [str(tmp_path / f"{settings['sheet']}.tsv")]
        lines = [line.split("\t") for line in patients.splitlines()[1:]]
        lines = [cells for cells in lines if role in ("", cells[3])]
        if development:
            (tmp_path / "development.json").write_text(json.dumps({"classes": development}))
            inputs["development"] = str(tmp_path / "development.json")
        output = {k: str(tmp_path / f"outcome.{k}") for k in ("table", "description", "ledger")}
        job = Named(
            rule="define_outcome",
            input=Named(**inputs),
            output=Named(**output),
            params=Named(settings=settings, roles={c[0]: c[3] for c in lines}, follow_up_days=180),
            wildcards=Named(),
            log=[str(tmp_path / "log")],
            threads=1,
        )
        define_outcome.main(job)
        description = json.loads((tmp_path / "outcome.description").read_text())
        lines = (tmp_path / "outcome.ledger").read_text().splitlines()
        records = [json.loads(line) for line in lines]
        return description, records

    return run


def test_numbers_of_every_role_add_up(run):
    head = "patient_id\tcentre\tdiagnosis\trole\tstage\tfollow_up_months\n"
    rows = "A\tC\thcc\tdevelopment\tearly\t\nB\tC\thcc\tdevelopment\tadvanced\t\n"
    rows += "D\tC\thealthy\tdevelopment\t\t3\nE\tC\thealthy\texternal\t\t12\n"
    history = "patient_id\tbclc\nA\tC\n"
    settings = {**SETTINGS, "name": "early_hcc_vs_controls"}
    description, records = run(settings, head + rows, history)
    assert description["counts"]["development"] == {
        "admitted": 3,
        "classes": {"control": 0, "early_hcc": 1},
        "left_out": {"short_follow_up": 1, "stage_left_out": 1},
    }
    assert description["counts"]["external"]["classes"] == {"control": 1, "early_hcc": 0}
    assert description["stages_disagree"] == ["A"]
    assert {r["requirement_id"]: r["verdict"] for r in records} == {
        "REF-01": "PASS",
        "CLE-02": "WARN",
    }


def test_missing_follow_up_field_is_a_warning_record(run):
    head = "patient_id\tcentre\tdiagnosis\trole\n"
    description, records = run(
        SETTINGS, head + "A\tC\thcc\tdevelopment\nB\tC\thealthy\tdevelopment\n"
    )
    assert description["follow_up_recorded"] is False
    assert description["counts"]["development"]["left_out"] == {}
    assert [(r["requirement_id"], r["verdict"]) for r in records] == [("REF-01", "WARN")]


def test_labels_of_a_subtype_come_from_the_named_column(run):
    settings = {**SETTINGS, "name": "subtype", "column": "label_pam50"}
    head = "patient_id\tcentre\tdiagnosis\trole\tlabel_pam50\n"
    rows = "A\tC\thcc\tdevelopment\tLumA\nB\tC\thcc\tdevelopment\tBasal\nD\tC\thcc\tdevelopment\t\n"
    description, records = run(settings, head + rows)
    assert description["classes"] == ["Basal", "LumA"] and records == []
    assert description["counts"]["development"]["left_out"] == {"no_label": 1}


def test_follow_up_of_external_controls_decides_nothing_about_development(run):
    head = "patient_id\tcentre\tdiagnosis\trole\tfollow_up_months\n"
    rows = "A\tC\thcc\tdevelopment\t\nB\tC\thealthy\tdevelopment\t\nE\tC\thealthy\texternal\t12\n"
    description, _ = run(SETTINGS, head + rows, role="development")
    assert description["counts"]["development"]["classes"] == {"control": 1, "hcc": 1}
    description, _ = run(SETTINGS, head + rows, role="external", development=["control", "hcc"])
    assert description["counts"]["external"]["classes"] == {"control": 1, "hcc": 0}


def test_label_of_an_external_patient_alone_is_no_class(run):
    settings = {**SETTINGS, "name": "subtype", "column": "label_type"}
    head = "patient_id\tcentre\tdiagnosis\trole\tlabel_type\n"
    rows = "A\tC\thcc\tdevelopment\tx\nB\tC\thcc\tdevelopment\ty\n"
    rows += "E\tC\thcc\texternal\tz\nF\tC\thcc\texternal\tx\n"
    description, _ = run(settings, head + rows, role="development")
    assert (description["classes"], description["kind"]) == (["x", "y"], "binary")
    description, _ = run(settings, head + rows, role="external", development=["x", "y"])
    assert description["classes"] == ["x", "y"]
    assert description["counts"]["external"]["left_out"] == {"label_unknown": 1}
