"""Stub runs are marked and never meet results."""

import pytest

from scripts.core.stub import StubError, check_folder, mark_folder


@pytest.fixture(autouse=True)
def run_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_empty_folder_takes_either_kind_of_run():
    check_folder(stub=True)
    check_folder(stub=False)


def test_real_run_in_a_stub_folder_is_refused_and_says_what_to_remove():
    mark_folder()
    check_folder(stub=True)
    with pytest.raises(StubError, match="--directory, or remove results"):
        check_folder(stub=False)


@pytest.mark.parametrize("mark", [".hcc/stub", "results/STUB_RUN.txt"])
def test_one_of_the_two_marks_is_enough(run_folder, mark):
    mark_folder()
    for name in {".hcc/stub", "results/STUB_RUN.txt"} - {mark}:
        (run_folder / name).unlink()
    with pytest.raises(StubError):
        check_folder(stub=False)


@pytest.mark.parametrize("result", ["results/report", "locks/split.tsv", "bundles/0a1b"])
def test_stub_run_over_results_is_refused(run_folder, result):
    (run_folder / result).mkdir(parents=True)
    with pytest.raises(StubError, match="would overwrite"):
        check_folder(stub=True)


def test_cohort_made_before_is_no_result(run_folder):
    (run_folder / "cohort").mkdir()
    (run_folder / "logs").mkdir()
    check_folder(stub=True)
