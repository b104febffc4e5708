"""The genomics simulator: same files for the same person, planted defects and nothing else, plausible genome."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from scripts.core.hashing import digest_of_file
from scripts.demo import simulate_genomics
from scripts.demo.genome import COMPLEMENT, STOPS, make_genome
from scripts.demo.latent import make_people

SEED = 7


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): digest_of_file(path) for path in files}


@pytest.fixture(scope="module")
def cohorts(tmp_path_factory, module_patch):
    """Cohorts of few reads: with mess, clean, and the first three people alone."""
    out = {}
    people = make_people(SEED, 16, 0)
    for name, members, mess in (
        ("mess", people, True),
        ("clean", people, False),
        ("few", people[:3], False),
    ):
        folder = tmp_path_factory.mktemp(name)
        out[name] = (folder, simulate_genomics.simulate(members, folder, SEED, mess))
    return out


@pytest.fixture(scope="module")
def module_patch():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulate_genomics, "EXOME_PAIRS", 300)
        patch.setattr(simulate_genomics, "LOW_DEPTH_PAIRS", 60)
        patch.setattr(simulate_genomics, "CFDNA_PAIRS", 300)
        yield patch


def test_clean_twin_differs_in_the_planted_files_only(cohorts):
    mess, clean = (digests(cohorts[name][0]) for name in ("mess", "clean"))
    assert mess.keys() == clean.keys()
    changed = {Path(name).name for name in mess if mess[name] != clean[name]}
    assert changed == {
        "P0003_R2.fastq.gz",
        "P0011_R1.fastq.gz",
        "P0011_R2.fastq.gz",
        "P0016_R1.fastq.gz",
        "P0016_R2.fastq.gz",
    }
    assert cohorts["clean"][1].findings == []
    assert [(f["subject"], f["block"]) for f in cohorts["mess"][1].findings] == [
        ("P0016", "wes"),
        ("P0003", "cfdna"),
        ("P0011", "wes"),
        ("P0011", "cfdna"),
    ]


def test_more_people_change_nobody(cohorts):
    few, all_people = digests(cohorts["few"][0]), digests(cohorts["clean"][0])
    assert few.items() <= all_people.items()


def test_assays_name_files_of_the_cohort(cohorts):
    folder, simulated = cohorts["clean"]
    assert all(
        (folder / row[key]).is_file() for row in simulated.assays for key in ("file", "file2")
    )


def test_truncated_file_ends_in_the_middle(cohorts):
    folder, _ = cohorts["mess"]
    with pytest.raises(EOFError):
        gzip.decompress((folder / "raw/cfdna/P0003_R2.fastq.gz").read_bytes())


def test_mates_have_the_same_names_and_lengths(cohorts):
    folder, _ = cohorts["clean"]
    lines = [
        gzip.decompress((folder / f"raw/wes/P0001_R{k}.fastq.gz").read_bytes()).splitlines()
        for k in (1, 2)
    ]
    assert lines[0][::4] == lines[1][::4]
    assert {len(line) for line in lines[0][1::4]} == {simulate_genomics.EXOME_READ}


def test_genes_read_through_without_stop_codons():
    for gene in (genome := make_genome(SEED)).genes:
        bases = np.concatenate([genome.sequences[gene.contig][a:b] for a, b in gene.cds])
        if gene.strand == "-":
            bases = COMPLEMENT[bases][::-1]
        text = bases.tobytes().decode()
        codons = [text[k : k + 3] for k in range(0, len(text), 3)]
        assert codons[0] == "ATG" and codons[-1] in STOPS
        assert not set(codons[:-1]) & set(STOPS), gene.name


def test_hot_spots_stand_on_their_reference_base():
    genome = make_genome(SEED)
    for name, _, contig, position, ref, _ in genome.hotspots:
        assert chr(genome.sequences[contig][position - 1]) == ref, name


def test_tumour_dna_shortens_fragments_and_follows_the_latent_burden():
    rng = np.random.default_rng(1)
    healthy, tumour = (simulate_genomics._lengths(rng, 20_000, t) for t in (False, True))
    assert np.bincount(healthy).argmax() == pytest.approx(167, abs=3)
    assert np.median(tumour) <= np.median(healthy) - 8
    fractions = [simulate_genomics.tumour_fraction(x, 0.4) for x in (-1, 0, 1, 2)]
    assert fractions == sorted(fractions) and fractions[0] < 0.01 and fractions[-1] < 0.4
