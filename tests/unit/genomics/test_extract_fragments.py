"""extract_fragments: lengths, end motifs, bins and arms of cell-free DNA."""

import json
from pathlib import Path

import numpy as np
import pytest

from scripts.core.features import read_row, read_status
from scripts.core.job import InputDefect
from scripts.genomics import extract_fragments, fragments
from tests.unit.genomics.conftest import aligned, make_job, read_2bit, settings_of


def extracted(folder: Path, reference: dict, alignment: dict, **changes) -> dict[str, str]:
    """Run extract_fragments; returns its outputs."""
    folder.mkdir(parents=True, exist_ok=True)
    output = {name: str(folder / f"{name}.json") for name in ("row", "status", "ledger")}
    output["tables"] = str(folder / "fragments")
    limits = {
        "bin_width": 10_000,
        "min_fragments": {"warn": 4000, "fail": 2000},
        "min_bins_for_gc": 30,
    }
    job = make_job(
        "extract_fragments",
        input={
            "alignment": alignment["alignment"],
            "metrics": alignment["metrics"],
            "align_status": alignment["status"],
            "reference": reference["fasta"],
            "contigs": reference["contigs"],
        },
        output=output,
        params={
            "blocks": ["cfdna"],
            "evidence": ["P_cfdna"],
            "settings": settings_of("fragments", **(limits | changes)),
        },
        wildcards={"patient": "P0001"},
    )
    extract_fragments.main(job)
    return output


@pytest.fixture(scope="session")
def plasma(demo):
    row = demo["rows"]["P0001_cfdna"]
    return aligned(demo["folder"] / "P0001_cf", demo["reference"], [row], block="cfdna")


def test_row_has_exactly_the_features_of_the_dictionary(demo, plasma, tmp_path):
    from scripts.genomics.describe_genomics import fragment_features

    row = read_row(extracted(tmp_path, demo["reference"], plasma)["row"], "cfdna")
    arms = ["1", "2", "3", "4", "5", "13", "16", "17"]
    described = fragment_features(arms, settings_of("fragments")["motifs"], "predictor")
    assert sorted(f.feature for f in described) == sorted(row)
    assert not any(np.isnan(value) for value in row.values())


def test_fragments_that_were_simulated_come_back(demo, plasma, tmp_path):
    """simulate_genomics: 20,000 pairs, mode 166 to 168, CCCA among the most frequent ends."""
    output = extracted(tmp_path, demo["reference"], plasma)
    row = read_row(output["row"], "cfdna")
    assert row["fragments"] > 0.85 * 20_000
    assert 160 <= row["length_mode"] <= 172
    lines = (Path(output["tables"]) / "cfdna.motifs.tsv").read_text().splitlines()[1:]
    assert len(lines) == 256
    counts = {m: int(n) for m, n in (line.split("\t") for line in lines)}
    assert sorted(counts, key=counts.get)[-1] == "CCCA"


def test_too_few_fragments_fail_with_the_number(demo, plasma, tmp_path):
    output = extracted(
        tmp_path, demo["reference"], plasma, min_fragments={"warn": 10**6, "fail": 10**6}
    )
    verdict, (reason,) = read_status(output["status"], "cfdna")
    assert verdict == "fail" and "at least 1000000 are needed" in reason
    assert read_row(output["row"], "cfdna") == {}


def test_failed_alignment_is_handed_on(demo, plasma, tmp_path):
    status = tmp_path / "s.json"
    status.write_text(json.dumps({"verdict": "fail", "reasons": ["truncated"], "blocks": {}}))
    output = extracted(tmp_path / "o", demo["reference"], plasma | {"status": str(status)})
    assert read_status(output["status"], "cfdna") == ("fail", ["truncated"])


def test_motif_diversity_runs_from_zero_to_one():
    assert fragments.motif_diversity({"AAAA": 9, "CCCC": 0}) == 0
    assert fragments.motif_diversity(dict.fromkeys(fragments.MOTIFS, 3)) == pytest.approx(1)
    assert fragments.motif_diversity({}) is None


def test_length_features_by_hand():
    lengths = np.zeros(fragments.MAX_LENGTH + 1, dtype=int)
    lengths[[120, 150, 151, 166, 300]] = (1, 1, 2, 5, 1)
    assert fragments.length_features(lengths) == {
        "length_mode": 166,
        "length_median": 166,
        "short_fraction": 0.2,
        "long_fraction": 0.7,
        "short_long_ratio": 2 / 7,
    }


def test_gc_of_bins_leaves_out_unknown_bases():
    gc = fragments.bin_gc("GGCCAATTNN" + "NNNNNNNNNA" + "GGG", 10)
    assert gc[0] == 0.5 and np.isnan(gc[1])


def test_lowess_follows_a_straight_line_exactly():
    x = np.linspace(0.3, 0.6, 40)
    assert fragments.lowess(x, 5 * x - 1, x) == pytest.approx(5 * x - 1, abs=1e-9)


def test_gc_correction_takes_out_a_gc_trend_and_keeps_a_gain():
    rng = np.random.default_rng(1)
    gc = rng.uniform(0.35, 0.6, 200)
    gain = np.where(np.arange(200) < 40, 1.3, 1.0)
    counts = np.round(1000 * (1 + 3 * (gc - 0.45)) * gain)
    corrected = fragments.gc_corrected(counts, gc)
    assert abs(np.corrcoef(corrected[40:], gc[40:])[0, 1]) < 0.3
    assert corrected[:40].mean() / corrected[40:].mean() == pytest.approx(1.3, abs=0.03)


def test_arms_come_from_the_bed_whatever_the_contigs_are_called(tmp_path):
    bed = tmp_path / "arms.bed"
    bed.write_text("chr1\t0\t50\t1p\nchr1\t50\t100\t1q\nchrUn\t0\t5\tx\n")
    arms = extract_fragments.read_arms(str(bed), [("1", 100)])
    assert arms == [("1p", "1", 0, 50), ("1q", "1", 50, 100)]


@pytest.mark.parametrize("text", ["NC_000001.11\t0\t50\t1p\n", "chr1\tx\t50\t1p\n", ""])
def test_arms_of_which_none_can_be_used_are_a_defect(tmp_path, text):
    bed = tmp_path / "arms.bed"
    bed.write_text(text)
    with pytest.raises(InputDefect, match="genomics.arms"):
        extract_fragments.read_arms(str(bed), [("chr1", 100)])


def test_an_arm_without_usable_bins_is_missing():
    found = fragments.Fragments(np.zeros(1001))
    found.bins = {"chr1": np.array([[20, 40, 70]] * 3), "chr2": np.array([[0, 0, 0]])}
    found.gc = {"chr1": np.array([0.4, 0.5, 0.45]), "chr2": np.array([0.5])}
    arms = [("1", "chr1", 0, 3000), ("2", "chr2", 0, 1000)]
    features, corrected = extract_fragments.bin_features(
        found, arms, settings_of("fragments", bin_width=1000)
    )
    assert features["ratio_1"] == 1 and features["coverage_1"] == 0
    assert features["ratio_2"] is None and features["coverage_2"] is None
    assert not corrected


@pytest.mark.real
def test_plasma_cfdna_of_chromosome_1(testdata, tmp_path):
    """FinaleToolkit's plasma CRAM, chr1:0-6 Mb: 42,934 fragments, mode 166, diversity 0.9266 (design note).

    The 2bit lacks base 1 of hg19 chr1 (an N): with it the reads lie on their reference.
    """
    folder = testdata / "genomics" / "cfdna"
    fasta = tmp_path / "chr1.fa"
    fasta.write_text(">chr1\nN" + read_2bit(folder / "hg19.chr1.10Mb.2bit")["chr1"] + "\n")
    found = fragments.count_fragments(
        str(folder / "hg19.chr1.6Mb.cram"), str(fasta), ["chr1"], min_mapping_quality=30, bin_width=100_000
    )  # fmt: skip
    assert found.total == pytest.approx(42_934, rel=0.005)
    assert fragments.length_features(found.lengths)["length_mode"] == pytest.approx(166, abs=1)
    assert fragments.motif_diversity(found.motifs) == pytest.approx(0.9266, abs=0.002)
