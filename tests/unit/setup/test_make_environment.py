import json
from pathlib import Path

import pytest

from scripts.setup import make_environment as setup

ROOT = Path(setup.__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A folder with both locks and an environment that was made from them."""
    for lock in setup.LOCKS.values():
        (tmp_path / lock).write_text("a==1 --hash=sha256:0\n")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").touch()
    (tmp_path / ".venv" / "pyvenv.cfg").write_text(f"version = {setup.machine.VERSION}.2\n")
    setup.Setup(tmp_path)._write_state(dev=True)
    return tmp_path


def ready(checkout: Path, dev: bool) -> bool:
    return setup.is_ready(checkout / ".venv", checkout, dev)


def test_second_time_there_is_nothing_to_do(checkout, monkeypatch):
    monkeypatch.setattr(setup.Setup, "make", lambda *_: pytest.fail("installed again"))
    assert setup.main(["--dev"], checkout) == 0


def test_development_environment_serves_a_run_too(checkout):
    assert ready(checkout, dev=False)


def test_runtime_environment_does_not_serve_tests(checkout):
    setup.Setup(checkout)._write_state(dev=False)
    assert ready(checkout, dev=False)
    assert not ready(checkout, dev=True)


def test_changed_lock_is_installed_anew(checkout):
    (checkout / "requirements.lock").write_text("a==2 --hash=sha256:1\n")
    (checkout / "requirements-dev.lock").write_text("a==2 --hash=sha256:1\n")
    assert not ready(checkout, dev=False)


def test_moved_checkout_is_made_anew(checkout, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("moved") / "checkout"
    checkout.rename(elsewhere)
    assert not ready(elsewhere, dev=False)


def test_removed_interpreter_is_noticed(checkout):
    python = checkout / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python3.11")
    assert not ready(checkout, dev=False)


def test_interrupted_installation_is_not_ready(checkout):
    (checkout / ".venv" / "hcc-omics.json").unlink()
    assert not ready(checkout, dev=False)


def test_other_python_is_taken_only_when_it_was_asked_for(checkout, monkeypatch):
    made = []
    monkeypatch.setattr(setup.Setup, "make", lambda *arguments: made.append(arguments))
    monkeypatch.setattr(setup.machine, "missing", lambda *_, **__: [])
    (checkout / ".venv" / "pyvenv.cfg").write_text("version = 3.99.0\n")
    assert setup.main([], checkout) == 0
    assert made == []
    assert setup.main(["--this-python"], checkout) == 0
    assert len(made) == 1


def test_lacking_machine_ends_with_one_and_plain_words(checkout, monkeypatch, capsys):
    (checkout / ".venv" / "hcc-omics.json").unlink()
    monkeypatch.setattr(setup.machine, "missing", lambda *_, **__: ["Python has no venv module."])
    assert setup.main([], checkout) == 1
    assert "Python has no venv module." in capsys.readouterr().err


def test_network_failure_is_told_from_other_failures(checkout):
    making = setup.Setup(checkout)
    making.log.parent.mkdir(parents=True, exist_ok=True)
    making.log.write_text("$ pip\nConnection refused\n$ pip\nerror: cc failed\n")
    assert making.network_failure() == ""
    making.log.write_text("$ pip\nfine\n$ pip\nERROR: Temporary failure in name resolution\n")
    assert "name resolution" in making.network_advice(making.network_failure())


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_lock_has_hashes_and_no_host_names(lock):
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "://" not in text
    packages = [block for block in text.split("\n") if block and not block.startswith(" ")]
    assert all(line.endswith(" \\") and "==" in line for line in packages)


def test_state_is_written_whole(checkout):
    state = json.loads((checkout / ".venv" / "hcc-omics.json").read_text())
    assert set(state) == {"root", "requirements.lock", "requirements-dev.lock"}


@pytest.fixture
def packages(checkout) -> Path:
    """The folder of the packages of the environment."""
    folder = checkout / ".venv" / "lib" / "python3.11" / "site-packages"
    folder.mkdir(parents=True)
    return folder


def test_start_of_snakemake_is_placed_once_and_renewed(checkout, packages):
    module, hook = packages / f"{setup.START}.py", packages / f"{setup.START}.pth"
    assert setup.main([], checkout) == 0
    assert hook.read_text() == f"import {setup.START}\n"
    assert module.read_bytes() == (setup.FOR_SETUP / "snakemake_start.py").read_bytes()
    placed = module.stat().st_ino, hook.stat().st_ino
    assert setup.main([], checkout) == 0
    assert (module.stat().st_ino, hook.stat().st_ino) == placed
    module.write_text("old")
    assert setup.main([], checkout) == 0
    assert module.read_text() != "old" and len(list(packages.iterdir())) == 2


def test_a_look_changes_nothing(checkout, packages, monkeypatch, capsys):
    monkeypatch.setattr(setup.Setup, "make", lambda *_: pytest.fail("installed"))
    assert setup.main(["--look"], checkout) == 1 and not list(packages.iterdir())
    assert setup.main([], checkout) == setup.main(["--look"], checkout) == 0
    (checkout / "requirements-dev.lock").write_text("a==2 --hash=sha256:1\n")
    assert setup.main(["--look", "--dev"], checkout) == 1
    assert capsys.readouterr() == ("", "")


def test_an_environment_of_somebody_else_serves_without_it(checkout, packages, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.replace", refuse)
    assert setup.main([], checkout) == 0
