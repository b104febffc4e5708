import subprocess
from pathlib import Path

import pytest

from scripts.setup import requirements_of_machine as machine

FIND_PYTHON = Path(machine.__file__).with_name("find_python.sh")


def test_machine_with_everything_lacks_nothing(tmp_path):
    assert machine.missing(tmp_path, glibc="2.36", free_gb=100) == []


@pytest.mark.parametrize("glibc", ["2.31", ""])
def test_old_or_other_c_library_is_named(tmp_path, glibc):
    (problem,) = machine.missing(tmp_path, glibc=glibc, free_gb=100)
    assert "glibc 2.34 or newer" in problem
    assert "To cure it" in problem


def test_full_disk_says_how_much_is_needed(tmp_path):
    (problem,) = machine.missing(tmp_path, glibc="2.36", free_gb=1.2)
    assert "4.0 GB" in problem
    assert "1.2 GB" in problem


def test_missing_venv_module_comes_with_the_command_of_the_system(tmp_path, monkeypatch):
    monkeypatch.setattr(machine.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(machine, "system_family", lambda: "apt")
    (problem,) = machine.missing(tmp_path, glibc="2.36", free_gb=100)
    assert f"sudo apt-get install python{machine.VERSION}-venv" in problem


def test_all_lacks_are_told_at_once(tmp_path):
    assert len(machine.missing(tmp_path, glibc="2.17", free_gb=0.1)) == 2


def test_broken_compiler_is_no_compiler(tmp_path, monkeypatch):
    for name in ("cc", "gcc", "clang"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    assert machine.working_compiler() == ""


def test_headers_cannot_be_fetched_without_apt(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine.fetch_python_headers(tmp_path) == ""


def interpreter(folder: Path, name: str, version: str, new_enough: bool) -> None:
    """A stand-in for an interpreter that answers the two questions of find_python.sh."""
    code = 0 if new_enough else 1
    text = f"""#!/bin/sh
case "$2" in
*version_info*) exit {code} ;;
*sys.executable*) echo "$0" ;;
*) echo {version} ;;
esac
"""
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)


def find_python(folder: Path, *names: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["/bin/sh", FIND_PYTHON, *names], env={"PATH": str(folder)}, capture_output=True, text=True
    )


def test_python_3_11_is_preferred_to_a_newer_one(tmp_path):
    interpreter(tmp_path, "python3", "3.13.0", True)
    interpreter(tmp_path, "python3.11", "3.11.2", True)
    assert find_python(tmp_path).stdout.strip() == str(tmp_path / "python3.11")


def test_shim_that_does_not_run_is_passed_over(tmp_path):
    interpreter(tmp_path, "python3.11", "", False)
    interpreter(tmp_path, "python3", "3.12.1", True)
    assert find_python(tmp_path).stdout.strip() == str(tmp_path / "python3")


def test_python_that_was_asked_for_is_not_replaced_by_another(tmp_path):
    interpreter(tmp_path, "python3.11", "3.11.2", True)
    interpreter(tmp_path, "python3.9", "3.9.2", False)
    done = find_python(tmp_path, "python3.9")
    assert done.returncode == 1
    assert "3.9.2" in done.stderr


def test_no_python_is_said_with_a_command(tmp_path):
    done = find_python(tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "To cure it: " in done.stderr
