import csv
from pathlib import Path

from scripts.metabolomics.fit_gcms import load_gc_reference


def test_reference_holds_repeatable_compounds_in_order(gc_chain):
    reference = load_gc_reference(gc_chain.path("reference.npz"))
    names = reference.name.tolist()
    assert names == sorted(names) and len(names) >= 14
    with open(gc_chain.path("reference.stability.tsv")) as handle:
        stability = {
            row["feature"]: float(row["stability"])
            for row in csv.DictReader(handle, delimiter="\t")
        }
    assert list(stability) == names and max(stability.values()) <= 0.3
    assert "MSI level 2" in Path(gc_chain.path("reference.dictionary.tsv")).read_text()


def test_external_runs_do_not_touch_the_reference(gc_chain, new_gc_chain):
    inside = {row["batch"] for row in gc_chain.runs if row["development"]}
    rows = [row for row in gc_chain.runs if row["batch"] in inside]
    chain = new_gc_chain(rows, gc_chain.library)
    chain.all()
    for name in ("reference.npz", "reference.quality.tsv", "P0002.row.json"):
        assert Path(chain.path(name)).read_bytes() == Path(gc_chain.path(name)).read_bytes()


def test_without_a_library_every_run_and_the_reference_fail(gc_chain, new_gc_chain):
    rows = [row for row in gc_chain.runs if row["batch"] == "GB1"][:5]
    chain = new_gc_chain(rows, "")
    for run in rows:
        if run["role"] != "ladder":
            chain.library = []
            chain.detect(run)
            assert "EI library" in chain.status(run["assay"])["reasons"][0]
    chain.fit()
    assert chain.status("reference")["verdict"] == "fail"
