"""Run a step of the domain by hand: a function that returns (exit code, status) and leaves the outputs in a folder."""

import json
from pathlib import Path

import pytest

from scripts.core import job as core_job


@pytest.fixture
def by_hand(tmp_path):
    """run(main, inputs, params, wildcards) -> (exit code, status dict); outputs lie in tmp_path / "out"."""

    def run(main, inputs, outputs, params=(), wildcard="patient=P1"):
        out = tmp_path / "out"
        arguments = ["--log", str(out / "step.log"), "--wildcard", wildcard]
        arguments += [a for item in inputs for a in ("--input", item)]
        names = [*outputs, "status=status.json", "ledger=ledger.jsonl"]
        for item in names:
            name, file = item.split("=")
            arguments += ["--output", f"{name}={out / file}"]
        arguments += [a for item in params for a in ("--param", item)]
        code = 0
        try:
            main(core_job.job_from_command_line(main, arguments))
        except SystemExit as stop:
            code = stop.code
        return code, json.loads((out / "status.json").read_text())

    return run


def reasons_of(status: dict) -> str:
    """All reasons of a status as one text."""
    blocks = [reason for block in status["blocks"].values() for reason in block["reasons"]]
    return "; ".join([*status["reasons"], *blocks])


@pytest.fixture(scope="session")
def demo_proteomics(tmp_path_factory) -> Path:
    """Raw proteomics files of the first four demo people, without planted defects."""
    from scripts.demo.latent import make_people
    from scripts.demo.simulate_proteomics import simulate

    folder = tmp_path_factory.mktemp("demo")
    simulate(make_people(7, 4, 0), folder, 7, False)
    return folder


@pytest.fixture
def reasons():
    """The function `reasons_of`."""
    return reasons_of
