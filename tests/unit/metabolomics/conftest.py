"""Settings, jobs, a small demo cohort, and the chain from runs to rows without Snakemake."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from scripts.core.config import default_config
from scripts.demo import simulate_gcms, simulate_lcms
from scripts.demo.latent import CENTRES, make_people
from scripts.demo.mzml_writer import Spectrum, write_mzml
from scripts.metabolomics import (
    apply_gcms,
    apply_lcms,
    detect_gcms,
    detect_lcms,
    fit_gcms,
    fit_lcms,
    fit_lcms_batch,
)
from scripts.metabolomics.step_settings import settings_of

SEED = 5


class Named(list):
    """A list whose members may be reached by name, as in Snakemake's job object."""

    def __init__(self, items=(), **named):
        super().__init__(items)
        self.__dict__.update(named)

    def get(self, name, default=None):
        return self.__dict__.get(name, default)


def make_job(rule, input, output, params, wildcards, by_hand=False):
    """A job object as a step gets it."""
    job = Named()
    for name, values in (
        ("input", input),
        ("output", output),
        ("params", params),
        ("wildcards", wildcards),
    ):
        setattr(job, name, Named(values.values(), **values))
    job.log, job.threads, job.resources = [], 1, Named()
    job.rule, job.by_hand = rule, by_hand
    return job


@dataclass
class Chain:
    """Runs a chain in one folder: `runs` are rows like those of rules/common.smk, with the patient's `role_of_patient`."""

    folder: Path
    runs: list[dict]
    settings: dict
    files: dict = field(default_factory=dict)

    def path(self, name: str) -> str:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return str(path)

    def outputs(self, stem: str, **named: str) -> dict:
        out = {key: self.path(f"{stem}.{suffix}") for key, suffix in named.items()}
        return out | {
            "status": self.path(f"{stem}.status.json"),
            "ledger": self.path(f"{stem}.jsonl"),
        }

    def status(self, stem: str) -> dict:
        return json.loads(Path(self.path(f"{stem}.status.json")).read_text())

    def records(self, stem: str) -> list[dict]:
        return [
            json.loads(line) for line in Path(self.path(f"{stem}.jsonl")).read_text().splitlines()
        ]

    def fit_rows(self) -> list[dict]:
        samples = [r for r in self.runs if r["role"] == "sample" and r["development"]]
        batches = {r["batch"] for r in samples}
        controls = [r for r in self.runs if r["role"] in ("qc", "blank") and r["batch"] in batches]
        enough = sum(r["role"] == "qc" for r in controls) >= self.settings["min_qcs"]
        return controls if enough else [*controls, *samples]

    def each(self, rows: list[dict], key: str) -> list[str]:
        return [self.files[row["assay"]][key] for row in rows]

    def row(self, patient: str) -> dict:
        text = Path(self.path(f"{patient}.row.json")).read_text()
        return json.loads(text) if text else {}


class LcChain(Chain):
    def detect(self, run: dict) -> None:
        out = self.outputs(run["assay"], features="npz", centroids="centroids.npz")
        self.files[run["assay"]] = out
        params = {
            "settings": settings_of("detect_lcms", self.settings),
            "subject": run["patient"] or run["assay"],
        }
        inputs, wildcards = {"run": run["file"]}, {"run": run["assay"]}
        detect_lcms.main(make_job("detect_lcms", inputs, out, params, wildcards))

    def fit(self, standards: str = "") -> None:
        rows = self.fit_rows()
        controls = [row for row in rows if row["role"] != "sample"]
        inputs = {
            "features": self.each(rows, "features"),
            "statuses": self.each(rows, "status"),
            "centroids": self.each(controls, "centroids"),
        } | ({"standards": standards} if standards else {})
        out = self.outputs(
            "reference",
            reference="npz",
            quality="quality.tsv",
            dictionary="dictionary.tsv",
            stability="stability.tsv",
        )
        params = {"settings": settings_of("fit_lcms", self.settings), "runs": rows}
        fit_lcms.main(make_job("fit_lcms", inputs, out, params, {"block": "lcms"}))

    def fit_batch(self, batch: str) -> None:
        rows = [r for r in self.runs if r["batch"] == batch and r["role"] in ("qc", "blank")]
        qcs = [row for row in rows if row["role"] == "qc"]
        inputs = {
            "reference": self.path("reference.npz"),
            "reference_status": self.path("reference.status.json"),
            "features": self.each(qcs, "features"),
            "statuses": self.each(qcs, "status"),
            "centroids": self.each(qcs, "centroids"),
        }
        orders = [r["order"] for r in self.runs if r["batch"] == batch]
        params = {
            "settings": settings_of("fit_lcms_batch", self.settings),
            "runs": rows,
            "orders": orders,
        }
        out = self.outputs(f"batch_{batch}", batch="npz")
        wildcards = {"block": "lcms", "batch": batch}
        fit_lcms_batch.main(make_job("fit_lcms_batch", inputs, out, params, wildcards))

    def apply(self, patient: str) -> None:
        rows = [row for row in self.runs if row["patient"] == patient]
        inputs = {
            "features": self.each(rows, "features"),
            "centroids": self.each(rows, "centroids"),
            "statuses": self.each(rows, "status"),
            "references": [self.path("reference.npz")] * len(rows),
            "reference_statuses": [self.path("reference.status.json")] * len(rows),
            "batches": [self.path(f"batch_{row['batch']}.npz") for row in rows],
        }
        params = {"settings": settings_of("apply_lcms", self.settings), "runs": rows}
        out = self.outputs(patient, row="row.json")
        apply_lcms.main(make_job("apply_lcms", inputs, out, params, {"patient": patient}))

    def all(self, standards: str = "") -> None:
        for run in self.runs:
            self.detect(run)
        self.fit(standards)
        for batch in sorted({run["batch"] for run in self.runs}):
            self.fit_batch(batch)
        for patient in sorted({run["patient"] for run in self.runs} - {""}):
            self.apply(patient)


class GcChain(Chain):
    library: str = ""

    def detect(self, run: dict) -> None:
        ladders = [r for r in self.runs if r["role"] == "ladder" and r["batch"] == run["batch"]]
        inputs = {
            "run": run["file"],
            "ladders": [row["file"] for row in ladders],
            "library": self.library,
        }
        params = {
            "settings": settings_of("detect_gcms", self.settings),
            "ladders": [row["assay"] for row in ladders],
            "batch": run["batch"],
            "subject": run["patient"] or run["assay"],
        }
        self.files[run["assay"]] = out = self.outputs(run["assay"], compounds="npz")
        detect_gcms.main(make_job("detect_gcms", inputs, out, params, {"run": run["assay"]}))

    def fit(self) -> None:
        rows = self.fit_rows()
        inputs = {"compounds": self.each(rows, "compounds"), "statuses": self.each(rows, "status")}
        out = self.outputs(
            "reference",
            reference="npz",
            quality="quality.tsv",
            dictionary="dictionary.tsv",
            stability="stability.tsv",
        )
        params = {"settings": settings_of("fit_gcms", self.settings), "runs": rows}
        fit_gcms.main(make_job("fit_gcms", inputs, out, params, {"block": "gcms"}))

    def apply(self, patient: str) -> None:
        rows = [row for row in self.runs if row["patient"] == patient]
        batches = {row["batch"] for row in rows}
        qcs = [row for row in self.runs if row["role"] == "qc" and row["batch"] in batches]
        inputs = {
            "compounds": self.each(rows, "compounds"),
            "statuses": self.each(rows, "status"),
            "references": [self.path("reference.npz")] * len(rows),
            "reference_statuses": [self.path("reference.status.json")] * len(rows),
            "qcs": self.each(qcs, "compounds"),
            "qc_statuses": self.each(qcs, "status"),
        }
        params = {"settings": settings_of("apply_gcms", self.settings), "runs": rows, "qcs": qcs}
        out = self.outputs(patient, row="row.json")
        apply_gcms.main(make_job("apply_gcms", inputs, out, params, {"patient": patient}))

    def all(self) -> None:
        for run in self.runs:
            if run["role"] != "ladder":
                self.detect(run)
        self.fit()
        for patient in sorted({run["patient"] for run in self.runs} - {""}):
            self.apply(patient)


def run_rows(simulated, people, folder: Path) -> list[dict]:
    """Rows of a simulated cohort as rules/common.smk hands them on."""
    centre = {p.patient_id: p.centre for p in people}
    rows = []
    for row in simulated.assays:
        patient, role = row.get("patient_id", ""), row.get("sample_role", "sample")
        rows.append(
            {
                "assay": f"{patient or role}_{row['batch']}_{row['run_order']}",
                "file": str(folder / row["file"]),
                "patient": patient,
                "role": role,
                "block": row["modality"],
                "batch": row["batch"],
                "order": row["run_order"],
                "development": bool(patient) and CENTRES[centre[patient]] == "development",
            }
        )
    return rows


@pytest.fixture(scope="session")
def lcms() -> dict:
    """config metabolomics.lcms."""
    return default_config()["metabolomics"]["lcms"]


@pytest.fixture(scope="session")
def gcms() -> dict:
    """config metabolomics.gcms."""
    return default_config()["metabolomics"]["gcms"]


@pytest.fixture(scope="session")
def lc_cohort(tmp_path_factory):
    """(people, folder, rows) of a demo cohort of seven with the planted defects."""
    folder = tmp_path_factory.mktemp("lc_cohort")
    people = make_people(SEED, 7, 0)
    return (
        people,
        folder,
        run_rows(simulate_lcms.simulate(people, folder, SEED, True), people, folder),
    )


@pytest.fixture(scope="session")
def lc_chain(lc_cohort, tmp_path_factory, lcms) -> LcChain:
    """The LC-MS chain of the demo cohort, run to the end."""
    _, folder, rows = lc_cohort
    chain = LcChain(tmp_path_factory.mktemp("lc"), rows, lcms)
    chain.all(str(folder / "reference" / "metabolomics" / "standards.tsv"))
    return chain


@pytest.fixture(scope="session")
def gc_chain(tmp_path_factory, gcms) -> GcChain:
    """The GC-MS chain of a demo cohort of ten with the planted defects, run to the end."""
    folder = tmp_path_factory.mktemp("gc_cohort")
    people = make_people(SEED, 10, 0)
    rows = run_rows(simulate_gcms.simulate(people, folder, SEED, True), people, folder)
    chain = GcChain(tmp_path_factory.mktemp("gc"), rows, gcms)
    chain.library = str(folder / "reference" / "metabolomics" / "ei_library.msp")
    chain.all()
    return chain


@pytest.fixture
def new_lc_chain(tmp_path, lcms):
    """A function rows -> LC-MS chain in a folder of its own."""
    return lambda rows, **changes: LcChain(tmp_path / "chain", rows, lcms | changes)


@pytest.fixture
def new_gc_chain(tmp_path, gcms):
    """A function rows, library -> GC-MS chain in a folder of its own."""

    def make(rows, library, **changes):
        chain = GcChain(tmp_path / "chain", rows, gcms | changes)
        chain.library = library
        return chain

    return make


@pytest.fixture
def mzml(tmp_path):
    """A function (name, level, polarity change) that writes a small mzML of one peak and returns its path."""

    def make(name="run.mzML", level=1, profile=False, negative_scans=0):
        rng = np.random.default_rng(1)
        spectra = []
        for scan in range(40):
            height = 1e5 * np.exp(-0.5 * ((scan - 20) / 2.0) ** 2) + 50
            mz, values = np.array([150.05, 200.1, 300.2]), np.array([height, height / 2, 60.0])
            if profile:
                mz = np.concatenate([m + np.linspace(-0.05, 0.05, 21) for m in mz])
                shape = np.exp(-0.5 * (np.linspace(-0.05, 0.05, 21) / 0.012) ** 2)
                values = np.concatenate([v * shape + rng.uniform(0, 1, 21) for v in values])
            spectra.append(Spectrum(level, scan + 1.0, mz, values, 500.0, 1))
        path = tmp_path / name
        write_mzml(path, spectra)
        text = path.read_text()
        if profile:
            text = text.replace("MS:1000127", "MS:1000128").replace(
                "centroid spectrum", "profile spectrum"
            )
        text = text.replace(
            'accession="MS:1000130" name="positive scan"',
            'accession="MS:1000129" name="negative scan"',
            negative_scans,
        )
        path.write_text(text)
        return path

    return make


@pytest.fixture
def detect_by_hand(tmp_path, lcms):
    """A function path -> (exit code, status, folder of outputs): detect_lcms from the command line's job object."""

    def run(path, **changes):
        out = tmp_path / "out"
        output = {
            "features": str(out / "f.npz"),
            "centroids": str(out / "c.npz"),
            "status": str(out / "status.json"),
            "ledger": str(out / "l.jsonl"),
        }
        params = {"settings": lcms | changes}
        job = make_job("detect_lcms", {"run": str(path)}, output, params, {"run": "R1"}, True)
        code = 0
        try:
            detect_lcms.main(job)
        except SystemExit as stop:
            code = stop.code
        return code, json.loads((out / "status.json").read_text()), out

    return run
