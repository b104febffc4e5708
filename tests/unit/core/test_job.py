import json
import math
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from scripts.core import job as core_job

ROOT = Path(core_job.__file__).resolve().parents[2]


@pytest.fixture
def job(tmp_path):
    """A job with one feature row, one folder, status and ledger as Snakemake hands it to a step."""
    made = core_job.Named()
    names = {"row": "row.json", "volumes": "volumes", "status": "status.json", "ledger": "l.jsonl"}
    paths = {name: str(tmp_path / "results" / file) for name, file in names.items()}
    made.output = core_job.Named(paths.values(), **paths)
    made.input, made.params = core_job.Named(), core_job.Named([3], threshold=3)
    made.wildcards = core_job.Named(["P1"], patient="P1")
    made.log, made.threads, made.rule = [str(tmp_path / "logs" / "P1.log")], 1, "measure"
    return made


def measure(job) -> None:
    with core_job.step(job) as step:
        step.path(job.output.row).write_text("{}\n")
        step.path(job.output.volumes).mkdir()


def status_of(job) -> dict:
    return json.loads(Path(job.output.status).read_text())


def records_of(job) -> list[dict]:
    return [json.loads(line) for line in Path(job.output.ledger).read_text().splitlines()]


def left_over(job) -> list[str]:
    return [p.name for p in Path(job.output.row).parent.glob(".tmp*")]


def test_outputs_are_moved_into_place_at_the_end(job):
    with core_job.step(job) as step:
        step.path(job.output.row).write_text("{}")
        assert not Path(job.output.row).exists()
        step.path(job.output.volumes).mkdir()
    assert Path(job.output.row).exists()
    assert status_of(job) == {"subject": "P1", "verdict": "pass", "reasons": [], "blocks": {}}
    assert left_over(job) == []


def test_temporary_name_keeps_the_suffixes(job, tmp_path):
    with core_job.step(job) as step:
        assert step.path(tmp_path / "x.vcf.gz").name.endswith(".x.vcf.gz")


def test_folder_of_an_earlier_run_is_replaced(job):
    Path(job.output.volumes).mkdir(parents=True)
    (Path(job.output.volumes) / "old").touch()
    measure(job)
    assert list(Path(job.output.volumes).iterdir()) == []


def test_program_error_leaves_nothing_and_tells_where_the_log_is(job, capsys):
    with pytest.raises(SystemExit) as end, core_job.step(job) as step:
        step.path(job.output.row).write_text("{}")
        raise KeyError("no such column")
    assert end.value.code == 1
    assert not Path(job.output.row).exists()
    assert left_over(job) == []
    assert (
        capsys.readouterr().err == f"measure P1: KeyError: 'no such column' (log: {job.log[0]})\n"
    )
    assert "Traceback" in Path(job.log[0]).read_text()


def test_killed_step_leaves_nothing_that_looks_finished(job, tmp_path):
    script = textwrap.dedent(f"""
        import os, signal
        from scripts.core import job as core_job
        job = core_job.Named()
        job.output = core_job.Named(["row.json"], row="row.json")
        job.input = job.params = job.wildcards = core_job.Named()
        job.log, job.threads, job.rule = [], 1, "measure"
        with core_job.step(job) as step:
            step.path(job.output.row).write_text("half")
            os.kill(os.getpid(), signal.{signal.SIGKILL.name})
    """)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environment, check=False)
    assert not (tmp_path / "row.json").exists()


def defective(job) -> None:
    with core_job.step(job) as step:
        step.path(job.output.row).write_text("half of it")
        raise core_job.InputDefect(
            "the file ends in the middle of a read", requirement_id="OMX-01", evidence="P1_wes"
        )


def test_defect_of_the_input_is_a_verdict_with_empty_outputs(job):
    defective(job)
    assert Path(job.output.row).read_text() == ""
    assert list(Path(job.output.volumes).iterdir()) == []
    assert status_of(job)["verdict"] == "fail"
    assert status_of(job)["reasons"] == ["the file ends in the middle of a read"]
    (record,) = records_of(job)
    assert (record["verdict"], record["requirement_id"], record["evidence"]) == (
        "FAIL",
        "OMX-01",
        "P1_wes",
    )


def test_defect_ends_with_two_by_hand(job, capsys):
    job.by_hand = True
    with pytest.raises(SystemExit) as end:
        defective(job)
    assert end.value.code == 2
    assert "measure P1: the file ends in the middle of a read" in capsys.readouterr().err


def test_checks_are_recorded_and_lower_the_verdict(job):
    with core_job.step(job) as step:
        step.check("QCP-01", "depth", "PASS", value=31, unit="x", threshold=">= 30")
        step.check("QCP-02", "duplicates", "WARN", value=0.4, threshold="<= 0.3")
        step.check("QCP-03", "sex", "FAIL", value="female", threshold="male", acts=False)
        step.path(job.output.row).write_text("{}")
        step.path(job.output.volumes).mkdir()
    assert status_of(job)["verdict"] == "warn"
    assert status_of(job)["reasons"] == ["duplicates: 0.4 (required: <= 0.3)"]
    assert [r["verdict"] for r in records_of(job)] == ["PASS", "WARN", "FAIL"]
    assert {r["step"] for r in records_of(job)} == {"measure"}


@pytest.mark.parametrize(
    ("value", "held"),
    [
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (1 / 3, 0.333333),
        (math.nan, None),
        (np.float64("inf"), None),
        ("male", "male"),
    ],
)
def test_values_are_held_as_plain_json(job, value, held):
    with core_job.step(job) as step:
        step.check("QCP-01", "x", "PASS", value=value)
    assert records_of(job)[0]["value"] == held


def test_defect_of_one_block_leaves_the_others(job):
    with core_job.step(job) as step:
        with step.block("ct_arterial"):
            raise core_job.InputDefect("empty mask")
        with step.block("ct_portal"):
            step.check("QCP-01", "spacing", "WARN", reason="slices of 5 mm")
    found = status_of(job)
    assert found["verdict"] == "pass"
    assert found["blocks"]["ct_arterial"] == {"verdict": "fail", "reasons": ["empty mask"]}
    assert found["blocks"]["ct_portal"]["verdict"] == "warn"
    assert [r["block"] for r in records_of(job)] == ["ct_arterial", "ct_portal"]


def test_step_of_which_every_block_failed_has_failed(job):
    job.by_hand = True
    with pytest.raises(SystemExit) as end, core_job.step(job) as step, step.block("ct_arterial"):
        raise core_job.InputDefect("empty mask")
    assert end.value.code == 2
    assert status_of(job)["verdict"] == "fail"


def test_next_step_hands_a_defect_on_without_recording_it_twice(job, tmp_path):
    defective(job)
    earlier = Path(job.output.status).rename(tmp_path / "earlier.json")
    with core_job.step(job) as step:
        step.require(earlier)
        pytest.fail("went on with a failed input")
    assert status_of(job)["reasons"] == ["the file ends in the middle of a read"]
    assert records_of(job) == []


def test_next_step_hands_warnings_on(job, tmp_path):
    with core_job.step(job) as step:
        step.check("QCP-01", "x", "WARN", reason="late spin")
    earlier = Path(job.output.status).rename(tmp_path / "earlier.json")
    with core_job.step(job) as step:
        step.require(earlier)
    assert (status_of(job)["verdict"], status_of(job)["reasons"]) == ("warn", ["late spin"])


def test_block_of_a_step_that_failed_later_is_not_used(job, tmp_path):
    with core_job.step(job) as step:
        with step.block("ct_portal"):
            pass
        raise core_job.InputDefect("the second series is truncated")
    earlier = Path(job.output.status).rename(tmp_path / "earlier.json")
    with core_job.step(job) as step:
        step.require(earlier, block="ct_portal")
        pytest.fail("went on with a failed input")


def test_seed_and_threads_come_from_the_job(job):
    job.params, job.threads = core_job.Named([7], seed=7), 3
    draws = []
    for _ in range(2):
        with core_job.step(job):
            draws.append(np.random.rand())
            assert os.environ["OMP_NUM_THREADS"] == "3"
    assert draws[0] == draws[1]


def test_log_tells_parameters_time_and_memory(job):
    measure(job)
    text = Path(job.log[0]).read_text()
    assert "measure, subject P1" in text
    assert "parameters {'threshold': 3}" in text
    assert "peak memory" in text


STEP = '''"""A step.

In: words. Out: their number. Source: none.
"""

from pathlib import Path

from scripts.core import job as core_job


def main(job):
    """Count the words of a file."""
    with core_job.step(job) as step:
        words = Path(job.input.words).read_text().split()
        if not words:
            raise core_job.InputDefect("no words")
        step.path(job.output.count).write_text(str(len(words) * job.params.weight))


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
'''


@pytest.fixture
def by_hand(tmp_path):
    """Run the step above from the command line."""
    (tmp_path / "count_words.py").write_text(STEP)

    def run(*arguments: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "count_words.py", *arguments]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True
        )

    return run


def test_step_runs_by_hand(by_hand, tmp_path):
    (tmp_path / "words.txt").write_text("one two")
    done = by_hand("--input", "words=words.txt", "--output", "count=c.txt", "--param", "weight=2")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "c.txt").read_text() == "4"


def test_step_by_hand_tells_a_defect_with_two_and_a_program_error_with_one(by_hand, tmp_path):
    (tmp_path / "empty.txt").touch()
    arguments = ["--output", "count=c.txt", "--param", "weight=2"]
    done = by_hand("--input", "words=empty.txt", *arguments)
    assert done.returncode == 2
    assert "count_words cohort: no words" in done.stderr
    assert by_hand("--input", "words=none.txt", *arguments).returncode == 1


def test_help_tells_what_the_step_does_and_its_exit_codes(by_hand):
    done = by_hand("--help")
    assert "Count the words of a file." in done.stdout
    assert "2 defect of the input" in done.stdout


def test_parameter_may_name_a_key_of_the_configuration():
    from scripts.core.command_line import job_from_command_line
    from scripts.core.config import default_config

    made = job_from_command_line(lambda job: None, ["--param", "seed=@seed", "--param", "x=[1, 2]"])
    assert (made.params.seed, made.params.x) == (default_config()["seed"], [1, 2])


def test_name_given_twice_is_a_list():
    from scripts.core.command_line import job_from_command_line

    made = job_from_command_line(lambda job: None, ["--input", "rows=a", "--input", "rows=b"])
    assert made.input.rows == ["a", "b"]
    assert list(made.input) == ["a", "b"]


def test_raw_file_that_is_not_that_of_the_sheet_is_a_defect(job, tmp_path):
    raw = tmp_path / "a.raw"
    raw.write_bytes(b"abc")
    md5 = "900150983cd24fb0d6963f7d28e17f72"  # of "abc": RFC 1321, A.5
    job.params = core_job.Named([], md5=[["run-1", str(raw), md5]])
    with core_job.step(job) as step:
        step.require_md5()
    raw.write_bytes(b"abd")
    with core_job.step(job) as step:
        step.require_md5()
    assert step.verdict == "fail"
    assert step.reasons == ["a.raw is not the file whose md5 stands in assays.tsv; copy it again"]


def test_warnings_of_libraries_stand_in_the_log_and_not_on_the_terminal(job, capfd):
    with core_job.step(job):
        np.float32(1e300)
    assert "RuntimeWarning: overflow" in Path(job.log[0]).read_text()
    assert capfd.readouterr().err == ""


def test_interrupt_from_the_keyboard_ends_a_step_without_a_traceback(job, capfd):
    def main(job):
        with core_job.step(job) as step:
            step.path(job.output.row).write_text("{}")
            raise KeyboardInterrupt

    with pytest.raises(SystemExit) as ended:
        core_job.entry(main, job)
    assert ended.value.code == 130 and left_over(job) == []
    assert (
        "interrupted after" in Path(job.log[0]).read_text()
    )  # not "took": it did not come to its end
    assert capfd.readouterr().err == ""
