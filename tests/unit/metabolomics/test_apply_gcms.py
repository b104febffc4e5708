import gzip
import re
from pathlib import Path

import pytest

from scripts.metabolomics.fit_gcms import load_gc_reference


def block(chain, patient):
    return chain.status(patient)["blocks"]["gcms"]


def test_patients_pass_with_all_compounds_and_the_planted_defect_fails(gc_chain):
    names = load_gc_reference(gc_chain.path("reference.npz")).name.tolist()
    assert block(gc_chain, "P0002") == {"verdict": "pass", "reasons": []}
    assert sorted(gc_chain.row("P0002")["gcms"]) == names
    assert block(gc_chain, "P0008")["verdict"] == "fail"
    assert "truncated" in block(gc_chain, "P0008")["reasons"][0]
    assert gc_chain.row("P0008") == {}


def test_a_run_scored_alone_equals_the_run_scored_with_others(gc_chain, new_gc_chain):
    patient = next(r for r in gc_chain.runs if r["patient"] and not r["development"])
    own = [
        r
        for r in gc_chain.runs
        if r["batch"] == patient["batch"] and r["patient"] in ("", patient["patient"])
    ]
    chain = new_gc_chain(own, gc_chain.library)
    for run in own:
        if run["role"] != "ladder":
            chain.detect(run)
    for name in ("reference.npz", "reference.status.json"):
        Path(chain.path(name)).write_bytes(Path(gc_chain.path(name)).read_bytes())
    chain.apply(patient["patient"])
    alone, together = (c.row(patient["patient"])["gcms"] for c in (chain, gc_chain))
    assert alone == pytest.approx(together, abs=1e-9)


def test_a_batch_without_qc_runs_is_warned(gc_chain, new_gc_chain):
    rows = [r for r in gc_chain.runs if r["batch"] == "GB1" and r["role"] != "qc"]
    chain = new_gc_chain(rows, gc_chain.library)
    chain.files = gc_chain.files
    for name in ("reference.npz", "reference.status.json"):
        Path(chain.path(name)).write_bytes(Path(gc_chain.path(name)).read_bytes())
    chain.apply("P0002")
    assert block(chain, "P0002")["verdict"] == "warn"
    assert "no usable QC run" in block(chain, "P0002")["reasons"][0]


FAULTS = {
    "half": (lambda lines: lines[: len(lines) // 2], "aborted"),
    "late": (lambda lines: lines[len(lines) // 2 :], "aborted"),
    "hole": (lambda lines: lines[: len(lines) // 3] + lines[2 * len(lines) // 3 :], "interrupted"),
    "seconds called minutes": (
        lambda lines: [
            line.replace('UO:0000010" unitName="second"', 'UO:0000031" unitName="minute"')
            for line in lines
        ],
        "unit of its times",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_run_fails_with_its_own_reason(fault, gc_chain, new_gc_chain, tmp_path):
    change, words = FAULTS[fault]
    run = next(r for r in gc_chain.runs if r["patient"] == "P0002")
    opener = gzip.open if run["file"].endswith(".gz") else open
    with opener(run["file"], "rt") as handle:
        lines = handle.read().splitlines(keepends=True)
    spectra = [line for line in lines if line.startswith("<spectrum ")]
    first = lines.index(spectra[0])
    changed = change(spectra)
    head = re.sub(
        r'List count="\d+" default', f'List count="{len(changed)}" default', "".join(lines[:first])
    )
    path = tmp_path / "P0002.mzML"
    path.write_text(head + "".join(changed) + "".join(lines[first + len(spectra) :]))
    chain = new_gc_chain(gc_chain.runs, gc_chain.library)
    chain.files = dict(gc_chain.files)
    chain.detect(run | {"file": str(path)})
    for name in ("reference.npz", "reference.status.json"):
        Path(chain.path(name)).write_bytes(Path(gc_chain.path(name)).read_bytes())
    chain.apply("P0002")
    block = chain.status("P0002")["blocks"]["gcms"]
    assert block["verdict"] == "fail" and words in block["reasons"][0]
    assert chain.row("P0002") == {}
