"""The share package: de-identified tables for a declared recipient and purpose, of those only whose consent covers sharing.

In: frozen sheets, laboratory rows, feature tables, config key `share`. Out: a folder of tables with dictionary, terms, hashes
and RO-Crate; a line in locks/exports.tsv; QC records.
Source: requirements SHR-01, ETH-08 to ETH-10; docs/clinical.md, "Share package".
"""

import csv
import datetime
import json
import shutil
from pathlib import Path

import pandas as pd

from scripts import __version__
from scripts.core import job as core_job
from scripts.core.assays import assay_rows
from scripts.core.features import read_block
from scripts.core.hashing import digest_of_file
from scripts.core.plan import load_plan
from scripts.core.sheets import rows_of, schema_of, write_tsv
from scripts.core.withdrawal import append
from scripts.share import crate, package_scan
from scripts.share.deidentified import PATIENT_COLUMNS, SHEETS, Sharer, small_cells
from scripts.share.pseudonyms import Pseudonyms, read_key
from scripts.share.readme import readme
from scripts.share.terms import GENETIC, ExportRefused, Terms, check_declared, people_to_share

LOG_COLUMNS = [
    *("exported_at", "purpose", "recipient", "domains", "subjects", "left_out"),
    *("hgr_document", "package", "files"),
]
LAB_COLUMNS = ["subject", "variable", "value", "censor", "day", "used"]
DICTIONARY_COLUMNS = ["table", "column", "description", "unit"]
_IDS = ("patient_id", "sample_id", "label", "assay_id", "study_id", "pathology_no", "person_id")
_OWN = {
    "subject": "pseudonym of the patient, for this recipient and purpose only",
    "person": "pseudonym of the person; one person may be enrolled twice",
    "sample": "pseudonym of the sample",
    "site": "pseudonym of the centre",
    "shared": "kinds of data that the consent covers for this purpose",
    "age_pooled": "yes = the age is above the oldest that is told",
    "variable": "name in this dictionary, table labs.variable",
    "value": "value in the unit of the dictionary",
    "censor": "< below, > above the limit from which the value was made",
    "day": "day of collection",
    "used": "yes = the value that counts for the models",
}


class Package:
    """A package that is built in a folder: its tables and their dictionary."""

    def __init__(self, folder: Path, sharer: Sharer):
        self.folder, self.sharer = folder, sharer
        self.dictionary: list[dict] = []
        self.counts: dict[str, int] = {}

    def table(self, name: str, columns: list[str], rows: list[dict], described: dict) -> None:
        """Write one table; `described`: {column: (description, unit)}."""
        write_tsv(self.folder / f"{name}.tsv", columns, rows)
        self.counts[name] = len(rows)
        for column in columns:
            text, unit = described.get(column, (_OWN.get(column, ""), ""))
            line = {"table": name, "column": column, "description": text, "unit": unit}
            self.dictionary.append(line)

    def sheets(self, paths: list[str]) -> None:
        """The sheets that have anything that may leave."""
        for path in paths:
            name = Path(path).stem
            if name in SHEETS:
                columns, rows = self.sharer.sheet_rows(name, rows_of(path))
                if rows:
                    self.table(name, columns, rows, _described(name))

    def labs(self, path: str, variables: str) -> None:
        """Canonical laboratory values, and what the variables are."""
        rows = self.sharer.lab_rows(pd.read_parquet(path))
        if not rows:
            return
        self.table("labs", LAB_COLUMNS, rows, {})
        seen = {row["variable"] for row in rows}
        with open(variables, encoding="utf-8-sig", newline="") as handle:
            for row in csv.DictReader(handle):
                if row["variable"] in seen:
                    text = f"{row['en']} ({row['zh']})"
                    text += f"; LOINC {row['loinc']}" if row["loinc"] else ""
                    line = {"table": "labs.variable", "column": row["variable"]}
                    self.dictionary.append(line | {"description": text, "unit": row["unit"]})

    def block(self, name: str, tables: list[str], dictionary: str, domain: str, ages: set) -> None:
        """The feature table of a block, development and external patients together."""
        parts = [self.sharer.features(read_block(path), domain, ages) for path in tables]
        parts = [part for part in parts if len(part)]
        if not parts:
            return
        table = pd.concat(parts).sort_index()
        path = self.folder / "features" / f"{name}.tsv"
        path.parent.mkdir(exist_ok=True)
        table.to_csv(path, sep="\t", lineterminator="\n")
        self.counts[f"features/{name}"] = len(table)
        described = pd.read_csv(dictionary, sep="\t", dtype=str, keep_default_na=False)
        for row in described.to_dict("records"):
            line = {"table": f"features/{name}", "column": row["feature"]}
            text = f"{row.get('description', '')} [{row['role']}]".strip()
            self.dictionary.append(line | {"description": text, "unit": row.get("unit", "")})


def _described(name: str) -> dict[str, tuple[str, str]]:
    columns = schema_of(name)["properties"].items()
    return {column: (rule.get("description", ""), "") for column, rule in columns}


def scope_rows(terms: Terms) -> list[dict]:
    """How many people are shared and left out, by kind of data and reason."""
    out = []
    for domain, reasons in terms.left_out.items():
        out.append({"domain": domain, "state": "shared", "reason": "", "n": terms.count(domain)})
        out += [
            {"domain": domain, "state": "left out", "reason": reason, "n": n}
            for reason, n in sorted(reasons.items())
        ]
    return out


def ids_of_the_site(plan: dict, paths: list[str]) -> set[str]:
    """Ids that must not be in a package: of patients, samples, runs, studies, reports."""
    found = set(plan["patients"]) | {row["patient_id"] for row in plan["refused"]}
    found |= {r["assay_id"] for p in plan["assays"].values() for rows in p.values() for r in rows}
    for path in paths:
        for row in rows_of(path):
            found |= {row[column] for column in _IDS if column in row}
    return found


def finish(package: Package, settings: dict, terms: Terms, today: str, licence: str) -> None:
    """Dictionary, terms, hashes and crate of a package whose tables are written."""
    folder = package.folder
    write_tsv(folder / "data_dictionary.tsv", DICTIONARY_COLUMNS, package.dictionary)
    write_tsv(folder / "scope.tsv", ["domain", "state", "reason", "n"], scope_rows(terms))
    small = small_cells(package.sharer.patient_rows(), settings["smallest_cell"])
    text = readme(settings, package.counts, terms, small, package.sharer.dropped_rows, today)
    (folder / "README.md").write_text(text, encoding="utf-8")
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    sums = [f"{digest_of_file(p)}  {p.relative_to(folder).as_posix()}\n" for p in files]
    (folder / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")
    made = crate.Crate(
        folder,
        name="Share package of hcc-omics",
        description=f"De-identified tables for {settings['recipient']}; purpose: {settings['purpose']}",
        date=today,
        licence=licence,
    )
    for path in [*files, folder / "SHA256SUMS"]:
        made.add_file(path)
    software = made.add("#hcc-omics", "SoftwareApplication", name="hcc-omics", version=__version__)
    made.add(
        "#export",
        "CreateAction",
        name="share_package",
        instrument=software,
        endTime=today,
        result=[{"@id": path.relative_to(folder).as_posix()} for path in files],
    )
    made.crate.root_dataset.append_to("mentions", {"@id": "#export"})
    made.conform(crate.PROFILES[0])
    made.write()


def check_package(folder: Path, ids: set[str], key: bytes) -> None:
    """Raise ExportRefused when the package holds what must not leave, or its crate does not describe it."""
    hits = package_scan.search(folder, ids, key)
    if hits:
        shown = "; ".join(f"{name}: {', '.join(kinds)}" for name, kinds in list(hits.items())[:5])
        raise ExportRefused(f"the package would hold {shown}; nothing is exported")
    wrong = crate.problems(folder)
    if wrong:
        raise ExportRefused(f"the crate does not describe the package: {'; '.join(wrong[:5])}")


def main(job):
    """Make the package.

    input: patients, [consents], [assays], sheets, [labs], variables, tables (feature tables by block, in the order of
    params.blocks), dictionaries; output: package (directory), ledger
    params: settings (config key share), blocks (list of [block, domain, number of its tables]), log (locks/exports.tsv)
    """
    with core_job.step(job) as step:
        settings, plan = dict(job.params.settings), load_plan()
        check_declared(settings)
        patients = {row["patient_id"]: row for row in rows_of(job.input.patients)}
        consents = rows_of(job.input.get("consents")) if job.input.get("consents") else None
        assays = assay_rows(rows_of(job.input.get("assays")), Path(plan["folder"]))
        today = datetime.date.today().isoformat()
        days = [plan["as_of"], today]
        terms = people_to_share(plan, list(patients.values()), consents, assays, settings, days)
        key = read_key(Path(settings["key"]))
        names = Pseudonyms(
            key,
            settings["recipient"],
            settings["purpose"],
            dates=settings["dates"],
            shift_days=settings["shift_days"],
        )
        folder = step.path(job.output.package)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        package = Package(folder, Sharer(terms.people, patients, names, settings["oldest_age"]))
        rows = package.sharer.patient_rows()
        columns = [c for c in PATIENT_COLUMNS if any(c in row for row in rows)]
        package.table("patients", columns, rows, _described("patients"))
        sheets = list(job.input.sheets)
        package.sheets(sheets)
        for path in job.input.get("labs") or []:
            package.labs(path, job.input.variables)
        tables, dictionaries = iter(job.input.tables), iter(job.input.dictionaries)
        for block, domain, n in job.params.blocks:
            own = [next(tables) for _ in range(n)]
            package.block(block, own, next(dictionaries), domain, set(settings["age_features"]))
        finish(package, settings, terms, today, settings["licence"])
        given = [*sheets, *job.input.patients, *(job.input.get("assays") or [])]
        check_package(folder, ids_of_the_site(plan, given), key)
        _record(step, settings, terms, package)
        _log(job, settings, terms, folder)


def _record(step, settings: dict, terms: Terms, package: Package) -> None:
    people, genetic = len(terms.people), GENETIC in settings["domains"]
    shared = {"unit": "people", "acts": False}
    text = "only people whose consent covers sharing"
    step.check("SHR-01", text, "PASS", value=people, **shared)
    step.check(
        "ETH-08",
        "genome data leave with an approval or filing only",
        "ATTESTED" if genetic else "NOT_APPLICABLE",
        value=settings["hgr_document"] if genetic else None,
        reason="" if genetic else "no genome data in the package",
        acts=False,
    )
    step.check("ETH-09", "no identifier in the share package", "PASS", value=0, acts=False)
    step.check("ETH-10", "no link table in the share package", "PASS", value=0, acts=False)
    step.log.info("%d people, %s", people, package.counts)


def _log(job, settings: dict, terms: Terms, folder: Path) -> None:
    """One line of the register of exports; it stands before the package is in its place, so that none is without."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    hashes = {p.relative_to(folder).as_posix(): digest_of_file(p) for p in files}
    left = {domain: sum(reasons.values()) for domain, reasons in terms.left_out.items()}
    line = {
        "exported_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "domains": ";".join(settings["domains"]),
        "subjects": len(terms.people),
        "left_out": ";".join(f"{domain}={n}" for domain, n in left.items()),
        "hgr_document": settings["hgr_document"] if GENETIC in settings["domains"] else "",
        "package": job.output.package,
        "files": json.dumps(hashes, sort_keys=True),
    }
    line |= {name: " ".join(str(settings[name]).split()) for name in ("purpose", "recipient")}
    append(Path(job.params.log), LOG_COLUMNS, line)


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
