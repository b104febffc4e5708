"""What the clinical table costs for a large cohort: 100,000 patients with 30 analytes, mixed units, names and date forms.

In: a folder, a number of patients. Out: seconds of CPU and peak memory of build_clinical_table, printed. Source:
docs/clinical.md, "Cost"; run by hand: `python -m tests.bench.clinical_costs FOLDER [PATIENTS]`.
"""

import json
import os
import resource
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from scripts.clinical import build_clinical_table
from scripts.clinical.terminology import Dictionary, Units
from scripts.core.config import default_config
from scripts.core.hashing import ROOT
from scripts.core.job import Named

DOMAINS = ["clinical", "imaging", "genomics", "metabolomics", "proteomics", "ihc"]
DATES = ("2025-06-10", "2025/6/9", "2025年6月11日", "45818")


def write_cohort(folder: Path, patients: int) -> None:
    """labs.tsv, patients.tsv and the plan; every value plausible in one of the units that its variable has."""
    dictionary = Dictionary.read(ROOT / "resources" / "variable_dictionary.csv")
    units = Units.read(ROOT / "resources" / "units.tsv")
    numbers = [v for v in dictionary.variables.values() if not v.qualitative][:30]
    rng = np.random.default_rng(1)
    with open(folder / "labs.tsv", "w", encoding="utf-8") as handle:
        handle.write("patient_id\tanalyte\tvalue\tunit\tdate\n")
        for variable in numbers:
            rows = [
                r
                for r in units.rows[variable.dimension]
                if r.common and r.action == "" and not r.becomes
            ]
            low, high = np.where(np.isnan(variable.soft), variable.hard, variable.soft)
            values = np.exp(rng.uniform(np.log(max(low, 0.01)), np.log(high), patients))
            for i, value in enumerate(values):
                row = rows[i % len(rows)]
                name = variable.zh if i % 2 else variable.en
                cells = (f"P{i:06d}", name, f"{value / row.factor:.4g}", row.unit, DATES[i % 4])
                handle.write("\t".join(cells) + "\n")
    plan = {
        "as_of": "2026-03-01",
        "purpose": "research",
        "assays": {},
        "runs": {},
        "refused": [],
        "blocks": {},
        "patients": {},
    }
    with open(folder / "patients.tsv", "w", encoding="utf-8") as handle:
        handle.write("patient_id\tcentre\tdiagnosis\trole\tindex_date\tsex\tage\taetiology\n")
        for i in range(patients):
            diagnosis, centre = ("hcc", "cirrhosis")[i % 2], f"C{i % 7}"
            handle.write(
                f"P{i:06d}\t{centre}\t{diagnosis}\tdevelopment\t2025-06-10\tmale\t{30 + i % 50}\thbv\n"
            )
            plan["patients"][f"P{i:06d}"] = {
                "centre": centre,
                "role": "development",
                "diagnosis": diagnosis,
                "domains": DOMAINS,
            }
    (folder / ".hcc").mkdir(exist_ok=True)
    (folder / ".hcc/plan.json").write_text(json.dumps(plan), encoding="utf-8")


def main(folder: Path, patients: int) -> None:
    """Make the cohort in a process of its own, build its table, print what that cost."""
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    if os.fork() == 0:
        write_cohort(Path(), patients)
        os._exit(0)
    os.wait()
    names = {
        "table": "t.parquet",
        "verdicts": "v.tsv",
        "dictionary": "d.tsv",
        "labs": "l.parquet",
        "indices": "i.parquet",
    }
    names |= {"missing": "m.tsv", "columns": "c.json", "status": "s.json", "ledger": "ledger.jsonl"}
    inputs = {"labs": "labs.tsv", "patients": "patients.tsv", "history": [], "pathology": []}
    inputs["dictionary_table"] = str(ROOT / "resources" / "variable_dictionary.csv")
    inputs["units"] = str(ROOT / "resources" / "units.tsv")
    job = SimpleNamespace(
        input=Named([], **inputs),
        output=Named(list(names.values()), **names),
        wildcards=Named(),
        params=SimpleNamespace(settings=default_config()["clinical"]),
        log=["log.txt"],
        threads=1,
        rule="build_clinical_table",
    )
    before, started = time.process_time(), time.monotonic()
    build_clinical_table.main(job)
    cpu, wall = time.process_time() - before, time.monotonic() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    sys.stdout.write(
        f"{patients} patients: {cpu:.0f} s of CPU, {wall:.0f} s, {peak:.2f} GB at most\n"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), int(sys.argv[2]) if len(sys.argv) > 2 else 100_000)
