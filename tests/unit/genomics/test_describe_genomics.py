"""describe_genomics: roles and completeness of the dictionary."""

from pathlib import Path

import pytest

from scripts.genomics import describe_genomics
from tests.unit.genomics.conftest import make_job

RESOURCES = Path(__file__).resolve().parents[3] / "resources" / "genomics"


def described(tmp_path, block: str) -> dict[str, list[str]]:
    contigs = tmp_path / "contigs.tsv"
    contigs.write_text("contig\tlength\tkind\nchr1\t100\thuman\nchrX\t90\thuman\nB\t30\thbv\n")
    output = str(tmp_path / "d.tsv")
    settings = {"assembly": "GRCh38", "breadth_depth": 20, "motifs": ["CCCA"], "arms": ""}
    inputs = {
        "genes": str(RESOURCES / "hcc_genes.tsv"),
        "hotspots": str(RESOURCES / "hotspots.tsv"),
        "contigs": str(contigs),
    }
    job = make_job(
        "describe_genomics", input=inputs, output={"dictionary": output}, params={"block": block, "settings": settings}
    )  # fmt: skip
    describe_genomics.main(job)
    rows = [line.split("\t") for line in Path(output).read_text().splitlines()[1:]]
    assert len({row[0] for row in rows}) == len(rows)
    return {row[0]: row for row in rows}


def test_quality_features_are_no_predictors(tmp_path):
    found = described(tmp_path, "wes")
    assert found["mean_depth"][3] == "qc"
    assert found["altering_tp53"][3] == "predictor"


@pytest.mark.parametrize("block", ["wes_tumour", "wgs_adjacent"])
def test_tumour_tissue_is_annotation_only(tmp_path, block):
    roles = {row[3] for row in described(tmp_path, block).values()}
    assert roles == {"qc", "annotation"}


def test_cfdna_describes_autosomes_only(tmp_path):
    found = described(tmp_path, "cfdna")
    assert "coverage_1" in found and "coverage_X" not in found and "motif_CCCA" in found
