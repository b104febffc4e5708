"""The verdict as an exit code: 0 conformant, 2 unreadable, 3 requirements fail, 4 evidence is missing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.report.check_conformance import exit_code, lines_of

ROOT = Path(__file__).parents[3]


def verdict(*grounds: str, failed=()) -> dict:
    word = "not conformant" if grounds else "conformant"
    return {
        "process": word,
        "data": word,
        "grounds": list(grounds),
        "data_grounds": [],
        "failed": list(failed),
        "not_assessed": 0,
    }


def result(*grounds: str) -> dict:
    wording = "checked against the project's reading of the draft notes"
    return {"verdict": verdict(*grounds), "centres": {"C1": verdict(*grounds)}, "wording": wording}


@pytest.mark.parametrize(
    ("grounds", "code"),
    [
        ([], 0),
        (["requirements fail"], 3),
        (["evidence is missing"], 4),
        (["requirements fail", "evidence is missing"], 3),
    ],
)
def test_failures_count_before_missing_evidence(grounds, code):
    assert exit_code(verdict(*grounds)) == code
    assert exit_code(verdict(*grounds), "data") == 0


def test_lines_name_cohort_centres_and_what_fails():
    shown = {
        "verdict": verdict("requirements fail", failed=["PER-01"]),
        "centres": {"C1": verdict()},
        "wording": "w",
    }
    assert lines_of(shown) == [
        "cohort: not conformant (requirements fail); fails: PER-01",
        "C1: conformant",
        "w",
    ]


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        (json.dumps(result()), 0, "cohort: conformant"),
        (json.dumps(result("evidence is missing")), 4, "C1: not conformant (evidence is missing)"),
        ("", 2, "cannot be read"),
    ],
)
def test_command_ends_with_the_documented_code(tmp_path, text, code, words):
    path = tmp_path / "conformance.json"
    path.write_text(text, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "scripts.report.check_conformance",
        "--input",
        f"conformance={path}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == code
    assert words in done.stdout + done.stderr and "Traceback" not in done.stderr
