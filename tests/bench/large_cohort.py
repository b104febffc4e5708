"""A cohort of any size with raw files of all modalities, for what depends on the number of patients and not on the data.

In: a folder, a number of patients. Out: sheets, tiny raw files and a configuration for stub runs; nothing in them can be
analysed. Source: numbers of rows as in the demo cohort (30 laboratory values, 4 tubes, 6 events per tube), CT as folders.
"""

from pathlib import Path

SLICES = 10  # files of a CT series
BATCH = 100  # runs of an LC-MS or GC-MS batch
HEADER = (
    "patient_id\tmodality\tfile\tfile2\tassay_id\tbatch\trun_order\tsample_role"
    "\tspecimen\tphase\tsequence\tmask\treader"
)
ASSAYS = HEADER.split("\t")
ANALYTES = [f"analyte{number}" for number in range(30)]
CONSENTS = (
    "base\t\t\t",
    "data_use\tclinical;imaging;genomics;metabolomics;proteomics;ihc\tresearch\t",
    "special\t\t\tgenomics",
)
EVENTS = ("collected", "received", "centrifuged", "aliquoted", "frozen", "stored")


def write_cohort(folder: Path, patients: int) -> Path:
    """Write `folder`/cohort and `folder`/config.yaml; returns the configuration file. Every fifth patient is external."""
    cohort = folder / "cohort"
    sheets = {
        "patients": ["patient_id\tcentre\tdiagnosis\trole\tindex_date\tsex\tage"],
        "consents": [
            "patient_id\tkind\tstatus\tsigned_date\tscope_modalities\tscope_purposes\tspecial_test"
        ],
        "assays": [HEADER],
        "labs": ["patient_id\tanalyte\tvalue\tunit\tdate"],
        "samples": ["sample_id\tpatient_id\tspecimen\tcollected_at"],
        "sample_events": ["sample_id\tevent\ttime"],
    }
    for number in range(patients):
        name = f"P{number:05d}"
        diagnosis = "hcc" if number % 2 else "cirrhosis"
        role = "external" if number % 5 == 0 else "development"
        sheets["patients"].append(
            f"{name}\tC{number % 4}\t{diagnosis}\t{role}\t2025-02-01\tmale\t60"
        )
        for kind, *scope in (line.split("\t") for line in CONSENTS):
            sheets["consents"].append("\t".join([name, kind, "signed", "2025-01-01", *scope]))
        sheets["assays"] += [_line(row) for row in _assays(name, number)]
        sheets["labs"] += [f"{name}\t{analyte}\t1.5\tng/mL\t2025-02-01" for analyte in ANALYTES]
        for tube in "ABCD":
            sheets["samples"].append(f"S{number:05d}{tube}\t{name}\tplasma\t2025-02-01 08:00")
            sheets["sample_events"] += [
                f"S{number:05d}{tube}\t{event}\t2025-02-01 08:{minute:02d}"
                for minute, event in enumerate(EVENTS)
            ]
    sheets["assays"] += [_line(row) for row in _controls((patients + BATCH - 1) // BATCH)]
    _write_raw_files(cohort, sheets["assays"][1:])
    for sheet, lines in sheets.items():
        (cohort / f"{sheet}.tsv").write_text("\n".join([*lines, ""]), encoding="utf-8")
    for name in ("genome.fa", "proteins.fasta"):
        (cohort / "raw" / name).write_text(">one\nACGT\n")
    config = folder / "config.yaml"
    config.write_text(
        "sheets: cohort\nas_of: '2026-03-01'\nstub: true\n"
        "genomics: {reference: cohort/raw/genome.fa, threads: 1}\n"
        "proteomics: {dda: {fasta: cohort/raw/proteins.fasta}}\n",
        encoding="utf-8",
    )
    return config


def _line(row: dict) -> str:
    return "\t".join(str(row.get(column, "")) for column in ASSAYS)


def _assays(name: str, number: int) -> list[dict]:
    """Rows of assays.tsv of one patient: all modalities that have a chain, one CT read twice."""
    batch = {"batch": f"B{number // BATCH}", "run_order": number % BATCH + 11}
    raw = f"raw/{name}"
    ct = {"modality": "ct", "file": f"{raw}/ct", "phase": "arterial"}
    rows = [
        {
            "modality": kind,
            "file": f"{raw}/{kind}_R1.fastq.gz",
            "file2": f"{raw}/{kind}_R2.fastq.gz",
        }
        for kind in ("wes", "wgs", "cfdna")
    ]
    rows += [{"modality": kind, "file": f"{raw}/{kind}.mzML"} | batch for kind in ("lcms", "gcms")]
    rows += [
        {"modality": "dda", "file": f"{raw}/dda.mzML"},
        {"modality": "dia", "file": "raw/dia_report.tsv", "assay_id": f"{name}_dia"},
        ct | {"mask": f"{raw}/ct_R1.nii.gz", "reader": "R1"},
        ct | {"mask": f"{raw}/ct_R2.nii.gz", "reader": "R2"},
        {
            "modality": "mri",
            "file": f"{raw}/t1.nii.gz",
            "sequence": "t1",
            "mask": f"{raw}/t1_R1.nii.gz",
        },
        {"modality": "us", "file": f"{raw}/us.dcm", "mask": f"{raw}/us_R1.png"},
    ]
    return [{"patient_id": name} | row for row in rows]


def _controls(batches: int) -> list[dict]:
    """QC runs (ten a batch) and a blank or ladder run of every LC-MS and GC-MS batch."""
    rows = []
    for kind, first in (("lcms", "blank"), ("gcms", "ladder")):
        for batch in range(batches):
            roles = [first] + ["qc"] * 9
            rows += [
                {
                    "modality": kind,
                    "file": f"raw/{kind}/B{batch}_{order:02d}.mzML",
                    "batch": f"B{batch}",
                    "run_order": order,
                    "sample_role": role,
                }
                for order, role in enumerate(roles, start=1)
            ]
    return rows


def _write_raw_files(cohort: Path, assays: list[str]) -> None:
    """A few bytes under the name of every file that the sheet names; a CT is a folder of slices."""
    rows = (dict(zip(ASSAYS, line.split("\t"), strict=True)) for line in assays)
    names = sorted({row[c] for row in rows for c in ("file", "file2", "mask") if row[c]})
    made: set[Path] = set()
    for name in names:
        path = cohort / name
        folder = path if path.name == "ct" else path.parent
        if folder not in made:
            folder.mkdir(parents=True, exist_ok=True)
            made.add(folder)
        files = [path / f"{i:03d}.dcm" for i in range(SLICES)] if folder == path else [path]
        for file in files:
            file.write_text(name)
