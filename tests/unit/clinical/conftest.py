"""A small cohort as the clinical steps see it: sheets in a folder, a plan, a job object."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from scripts.core.config import default_config
from scripts.core.job import Named

ROOT = Path(__file__).parents[3]


def write_sheet(folder: Path, name: str, rows: list[dict], encoding: str = "utf-8") -> str:
    """Write rows as TSV and return the path."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    lines = [columns] + [
        ["" if row.get(c) is None else str(row[c]) for c in columns] for row in rows
    ]
    path = folder / f"{name}.tsv"
    path.write_bytes(("\n".join("\t".join(line) for line in lines) + "\n").encode(encoding))
    return str(path)


class Cohort:
    """Sheets, plan and job of one clinical step in a working directory of its own."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.settings = default_config()["clinical"]

    def sheet(self, name: str, rows: list[dict], encoding: str = "utf-8") -> str:
        return write_sheet(self.folder, name, rows, encoding)

    def plan(self, patients: list[dict], **changes) -> dict:
        plan = {
            "as_of": "2026-03-01",
            "purpose": "research",
            "patients": {
                row["patient_id"]: {
                    "centre": row["centre"],
                    "role": row["role"],
                    "diagnosis": row["diagnosis"],
                    "domains": [
                        "clinical",
                        "imaging",
                        "genomics",
                        "metabolomics",
                        "proteomics",
                        "ihc",
                    ],
                }
                for row in patients
            },
            "assays": {},
            "runs": {},
            "refused": [],
            "withdrawn": {},
            "blocks": {},
            "sheets": {},
            "encodings": {},
        } | changes
        (self.folder / ".hcc").mkdir(exist_ok=True)
        (self.folder / ".hcc" / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
        return plan

    def job(self, rule: str, inputs: dict, outputs: dict, **params):
        """A job object; outputs lie under the folder."""
        outputs = {name: str(self.folder / "out" / file) for name, file in outputs.items()}
        return SimpleNamespace(
            input=Named([p for p in inputs.values() if p], **inputs),
            output=Named(list(outputs.values()), **outputs),
            wildcards=Named(),
            params=SimpleNamespace(**params),
            log=[str(self.folder / "log.txt")],
            threads=1,
            rule=rule,
        )

    def records(self, job) -> list[dict]:
        text = Path(job.output.ledger).read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def cohort(tmp_path, monkeypatch) -> Cohort:
    """A cohort in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    return Cohort(tmp_path)
