"""Lines for the person at the terminal: gate, report, failed jobs."""

from scripts.core import progress

SNAKEMAKE_LOG = """Select jobs to execute...
Error in rule extract_radiomics:
    message: P0003
    jobid: 7
    output: results/x
    log: logs/extract_radiomics/P0003.log (check log file(s) for error details)
    shell:
        Error in rule of thumb
Error in rule align_reads:
    jobid: 8
    log: logs/align_reads/P0001.wes.log (check log file(s) for error details)
Error in rule extract_radiomics:
    log: logs/extract_radiomics/P0003.log (check log file(s) for error details)
Error in rule without_log:
    jobid: 9
Error in rule select_model:
    log: logs/select_model.log (check log file(s) for error details)
"""


def _run_folder(tmp_path):
    (tmp_path / "run.log").write_text(SNAKEMAKE_LOG)
    for step, subject, words in (
        (
            "extract_radiomics",
            "P0003",
            "2026-01-01 10:00:00,1 ERROR Traceback\n  File\nValueError: boom\n",
        ),
        ("align_reads", "P0001.wes", "2026-01-01 10:00:00,1 INFO align_reads, subject P0001\n"),
    ):
        (tmp_path / "logs" / step).mkdir(parents=True)
        (tmp_path / "logs" / step / f"{subject}.log").write_text(words)


def test_failed_jobs_are_named_once_each_with_patient_step_and_error(tmp_path, monkeypatch, capsys):
    _run_folder(tmp_path)
    monkeypatch.chdir(tmp_path)
    progress.failed(["run.log"])
    said = capsys.readouterr().err
    assert said.startswith("4 failed jobs:\n  P0003, step extract_radiomics: ValueError: boom\n")
    assert "P0001 wes, step align_reads: stopped without an error of its own" in said
    assert "cohort, step without_log: it wrote no log" in said
    assert "cohort, step select_model: it wrote no log" in said
    assert "give the same command again" in said


def test_verdict_by_exit_code_is_no_failed_job(tmp_path, monkeypatch, capsys):
    """check_conformance ends with 3 or 4 when the cohort does not conform (docs/report.md)."""
    monkeypatch.chdir(tmp_path)
    log = "logs/check_conformance/cohort.log"
    (tmp_path / "run.log").write_text(
        f"Error in rule check_conformance:\n    log: {log} (check log file(s) for error details)\n"
    )
    (tmp_path / log).parent.mkdir(parents=True)
    (tmp_path / log).write_text(
        "d t,1 INFO cohort: not conformant\nd t,1 INFO took 0.1 s, peak memory 60 MB\n"
    )
    progress.failed(["run.log"])
    said = capsys.readouterr().err
    assert said.startswith("Not conformant: ") and said.count("\n") == 1
    (tmp_path / log).write_text(
        "d t,1 ERROR no verdict\nd t,1 INFO took 0.1 s, peak memory 60 MB\n"
    )
    progress.failed(["run.log"])
    assert "1 failed jobs:\n  cohort, step check_conformance: no verdict" in capsys.readouterr().err


def test_start_tells_admitted_and_refused(capsys):
    plan = {
        "as_of": "2026-03-01",
        "purpose": "research",
        "patients": {"P1": {"role": "development"}, "P2": {"role": "external"}},
        "refused": [
            {
                "patient_id": "P3",
                "domain": "*",
                "requirement_id": "ETH-01",
                "reason": "no base consent",
            },
            {"patient_id": "P3", "domain": "*", "requirement_id": "ETH-04", "reason": "no proxy"},
            {
                "patient_id": "P1",
                "domain": "genomics",
                "requirement_id": "ETH-03",
                "reason": "none",
            },
        ],
        "withdrawn": {"C1": 2},
        "blocks": {"lcms": {}},
    }
    progress.started(plan)
    said = capsys.readouterr().err
    assert "2 patients admitted (1 development, 1 external), 1 refused, 2 withdrew" in said
    assert "Refused: P3\n  1 x ETH-01: no base consent\n" in said and "lcms" in said
    assert (
        "Kept out of admitted patients by their consents (see the report): genomics of 1\n" in said
    )


def test_end_names_the_report_only_when_it_is_there(tmp_path, capsys):
    progress.finished(str(tmp_path / "report.html"))
    assert capsys.readouterr().err == ""
    (tmp_path / "report.html").touch()
    progress.finished(str(tmp_path / "report.html"))
    assert str(tmp_path / "report.html") in capsys.readouterr().err


def test_why_nobody_may_enter():
    plan = {"sheets": {}, "as_of": "", "refused": [], "withdrawn": {}}
    assert "config key sheets: no folder 'nowhere'" in progress.why_nobody(plan, "nowhere")
    refused = [
        {"patient_id": p, "domain": "*", "requirement_id": "ETH-01", "reason": "no base consent"}
        for p in ("P1", "P2")
    ]
    plan |= {"sheets": {"patients": "x"}, "as_of": "2026-03-01", "refused": refused}
    assert progress.why_nobody(plan | {"withdrawn": {"C1": 1}}, "cohort").splitlines() == [
        "No patient of cohort may enter on 2026-03-01 (patients.tsv, consents.tsv):",
        "  2 x ETH-01: no base consent",
        "  1 x ETH-06: consent withdrawn",
        "Mend patients.tsv or consents.tsv (docs/inputs.md, Consents) and start again.",
    ]


def test_files_that_look_like_sheets_and_later_withdrawals_are_said(tmp_path, capsys):
    for name in ("patients.tsv", "sample_event.tsv", "labs.xlsx", "truth.tsv", "notes.txt"):
        (tmp_path / name).write_text("x\n")
    (tmp_path / "consents.tsv").write_text(
        "patient_id\tkind\tstatus\tsigned_date\twithdrawn_date\n"
        "P1\tbase\tsigned\t2025-01-01\t2026-06-01\n"
        "P2\tbase\tsigned\t2025-01-01\t2026-03-01\n"
        "P3\tbase\tsigned\t2025-01-01\t2027-06-01\n"
        "P4\tbase\tsigned\t2025-01-01\t\n"
    )
    plan = {"as_of": "2026-03-01", "sheets": {"patients": "1", "consents": "2"}}
    progress.noticed(plan, str(tmp_path), today="2026-11-26")
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "Not read: labs.xlsx; save it as labs.tsv (tab-separated text)",
        "Not read: sample_event.tsv; is sample_events.tsv meant?",
        "1 consents were withdrawn after 2026-03-01 (config key as_of) and still count in this run; "
        "leave as_of empty to have the withdrawals acted on",
    ]
    progress.noticed(plan | {"as_of": "2026-11-26"}, str(tmp_path), today="2026-11-26")
    assert "withdrawn" not in capsys.readouterr().err
