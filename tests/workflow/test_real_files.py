"""Real files of five kinds, from raw data to the report in one command."""

import json
import math
from pathlib import Path

import pytest

from scripts.core.features import read_row
from tests.workflow.runs import run_snakemake, write_sheet

pytestmark = pytest.mark.real
PLASMA = "NZ_20200227_{}.mzML.gz"
# Rows of the ILPD table (Age, Gender, TB and DB in mg/dL, ALP, ALT, AST in U/L, TP and ALB in g/dL), its lines 2 and 3.
ILPD = {
    "R1": ("65", "female", "0.7", "0.1", "187", "16", "18", "6.8", "3.3"),
    "R2": ("62", "male", "10.9", "5.5", "699", "64", "100", "7.5", "3.2"),
}
ANALYTES = (
    *(("TBIL", "mg/dL"), ("DBIL", "mg/dL"), ("ALP", "U/L"), ("ALT", "U/L"), ("AST", "U/L")),
    *(("TP", "g/dL"), ("ALB", "g/dL")),
)


def fastq_of(bam: Path, folder: Path) -> tuple[Path, Path]:
    """The read pairs of an alignment as two gzipped FASTQ files."""
    import pysam

    folder.mkdir(parents=True)
    pair = folder / "R1_1.fastq.gz", folder / "R1_2.fastq.gz"
    collated = folder / "collated.bam"
    pysam.collate("-o", str(collated), str(bam))
    pysam.fastq(
        *("-1", str(pair[0]), "-2", str(pair[1]), "-0", "/dev/null", "-s", "/dev/null", "-n"),
        str(collated),
    )
    collated.unlink()
    return pair


def first_bases(fasta: Path, count: int, out: Path) -> Path:
    """The first bases of the only contig of a FASTA: what lies behind them takes a minute to index and is not needed."""
    import gzip

    lines, left = [], count
    with gzip.open(fasta, "rt") as handle:
        for line in handle:
            lines.append(line)
            left -= 0 if line.startswith(">") else len(line) - 1
            if left <= 0:
                break
    out.write_text("".join(lines))
    return out


def assay_rows(data: Path, pair: tuple[Path, Path]) -> list[dict]:
    """Rows of assays.tsv that name real files where they lie."""
    blank = dict.fromkeys(
        ("patient_id", "modality", "file", "file2", "mask", "phase", "batch", "run_order", "sample_role"), ""
    )  # fmt: skip
    rows = [
        {"patient_id": "R1", "modality": "wes", "file": pair[0], "file2": pair[1]},
        {
            "patient_id": "R1",
            "modality": "ct",
            "phase": "portal",
            "file": data / "imaging/totalseg/example_ct_dicom",
            "mask": data / "imaging/totalseg/example_seg_dicom.nii.gz",
        },
        {"patient_id": "R1", "modality": "dda", "file": data / "ms/proteomics/BSA1.mzML.gz"},
        {"patient_id": "R2", "modality": "dda", "file": data / "ms/proteomics/BSA2.mzML.gz"},
    ]
    runs = (("", "025"), ("R1", "039"), ("", "049"), ("R2", "059"), ("", "079"))
    for order, (patient, number) in enumerate(runs, 1):
        rows.append(
            {
                "patient_id": patient,
                "modality": "lcms",
                "file": data / "ms/plasma" / PLASMA.format(number),
                "batch": "B1",
                "run_order": order,
                "sample_role": "sample" if patient else "qc",
            }
        )
    return [blank | row for row in rows]


@pytest.fixture(scope="module")
def finished(testdata, tmp_path_factory) -> Path:
    """A run of two patients with real files in an order of their own; the model steps cannot be assessed."""
    folder = tmp_path_factory.mktemp("real")
    cohort = folder / "cohort"
    pair = fastq_of(
        testdata / "genomics/deepvariant/NA12878_S1.chr20.10_10p1mb.bam", cohort / "raw"
    )
    patients, consents, labs = [], [], []
    for name, (age, sex, *values) in ILPD.items():
        about = {"centre": "C1", "role": "development", "index_date": "2025-06-10"}
        diagnosis = {"R1": "hcc", "R2": "cirrhosis"}[name]
        patients.append(
            {"patient_id": name, **about, "diagnosis": diagnosis, "sex": sex, "age": age}
        )
        for kind in ("base", "data_use", "special"):
            consents.append(
                {
                    "patient_id": name,
                    "kind": kind,
                    "status": "signed",
                    "signed_date": "2025-06-01",
                    "scope_modalities": "clinical;imaging;genomics;metabolomics;proteomics",
                    "scope_purposes": "research",
                    "special_test": "genomics" if kind == "special" else "",
                }
            )
        labs += [
            {"patient_id": name, "analyte": analyte, "value": value, "unit": unit, "date": "2025-06-09"}
            for (analyte, unit), value in zip(ANALYTES, values, strict=True)
        ]  # fmt: skip
    write_sheet(cohort / "patients.tsv", patients)
    write_sheet(cohort / "consents.tsv", consents)
    write_sheet(cohort / "labs.tsv", labs)
    write_sheet(cohort / "assays.tsv", assay_rows(testdata, pair))
    variants = testdata / "genomics/deepvariant"
    reference = first_bases(
        variants / "ucsc.hg19.chr20.unittest.fasta.gz", 10_200_000, folder / "chr20.fa"
    )
    config = folder / "config.yaml"
    config.write_text(
        f"""\
sheets: cohort
as_of: "2026-03-01"
genomics:
  reference: {reference}
  assembly: GRCh37
  targets: {variants}/test_nist.b37_chr20_100kbp_at_10mb.bed
  variants: {{wes: {{min_mean_depth: 30, breadth_depth: 20, min_breadth: 0.9, min_on_target: 0}}}}
proteomics:
  dda: {{fasta: {testdata}/ms/proteomics/18Protein_SoCe_Tr_detergents_trace.fasta.gz, decoy_correction: 0}}
imaging:
  ct:
    region_labels: [5]
    required_fields: []
    radiomics: {{image_types: [original], classes: [shape, firstorder, glcm]}}
""",
        encoding="utf-8",
    )
    run_snakemake(folder, config=config)
    return folder


def verdicts_of(run: Path, block: str) -> dict[str, str]:
    lines = (run / f"results/qc/{block}.verdicts.tsv").read_text(encoding="utf-8").splitlines()[1:]
    return {cells[0]: f"{cells[2]} {cells[3]}".strip() for cells in (x.split("\t") for x in lines)}


def test_every_chain_ends_in_a_row_and_the_report_is_made(finished):
    blocks = {
        path.name.removesuffix(".parquet")
        for path in (finished / "results/features").glob("*.parquet")
    }
    assert blocks == {"clinical", "ct_portal", "dda", "lcms", "wes"}
    for block in blocks:
        for patient, verdict in verdicts_of(finished, block).items():
            assert not verdict.startswith("fail"), (block, patient, verdict)
    page = (finished / "results/report/report.html").read_text(encoding="utf-8")
    assert "R1" in page and "R2" in page


def test_too_few_patients_is_said_and_nothing_is_locked(finished):
    performance = json.loads((finished / "results/model/performance.json").read_text())
    assert performance["status"] == "NOT_ASSESSED" and "1 hcc" in performance["reason"]
    assert json.loads((finished / "locks/bundle.json").read_text())["bundle"] is None


def test_exome_is_that_of_na12878(finished):
    metrics = json.loads(
        (finished / "results/genomics/wes/R1/wes.metrics.json").read_text(encoding="utf-8")
    )
    # 221 duplicates, 99.24 % in proper pairs: samtools markdup and flagstat on the alignments of bwa mem 0.7.17
    assert metrics["duplicates"] == pytest.approx(221, abs=5)
    assert metrics["properly_paired_fraction"] == pytest.approx(0.9924, abs=0.001)


def test_albumin_leads_the_bovine_serum_albumin_runs(finished):
    row = read_row(finished / "results/proteomics/dda/R1/row.json", "dda")
    assert any("P02769" in name for name in row)


def test_liver_of_the_ct_has_its_volume(finished):
    # 366,708 voxels of 0.9765625 x 0.9765625 x 2 mm have label 5 (liver) in the mask of the tool's authors
    row = read_row(finished / "results/imaging/ct/R1/row.json", "ct_portal")
    assert row["original_shape_VoxelVolume"] == pytest.approx(366708 * 0.9765625**2 * 2, rel=0.01)


def test_values_of_the_liver_patients_are_converted(finished):
    import pandas as pd

    table = pd.read_parquet(finished / "results/features/clinical.parquet")
    assert table.loc["R1", "tbil"] == pytest.approx(math.log10(0.7 * 17.1))  # bilirubin is logged
    assert table.loc["R2", "alb"] == pytest.approx(32)
