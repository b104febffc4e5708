"""match_samples: two samples of one person agree, a swapped one does not."""

import json
from pathlib import Path

import pytest

from scripts.genomics import match_samples
from tests.unit.genomics.conftest import SLICE, aligned, make_job, settings_of


def matched(folder: Path, reference: dict, samples: dict[str, dict], **changes) -> dict[str, str]:
    """Run match_samples on {block: outputs of align_reads}; returns its outputs."""
    folder.mkdir(parents=True, exist_ok=True)
    output = {name: str(folder / f"identity.{name}") for name in ("table", "status", "ledger")}
    job = make_job(
        "match_samples",
        input={
            "alignment": [s["alignment"] for s in samples.values()],
            "align_status": [s["status"] for s in samples.values()],
            "reference": reference["fasta"],
            "contigs": reference["contigs"],
            "targets": reference["targets"],
        },
        output=output,
        params={
            "blocks": list(samples),
            "evidence": [f"P_{block}" for block in samples],
            "settings": settings_of("identity", **changes),
        },
        wildcards={"patient": "P0001"},
    )
    match_samples.main(job)
    return output


def verdicts(output: dict) -> dict[str, str]:
    blocks = json.loads(Path(output["status"]).read_text())["blocks"]
    return {name: block["verdict"] for name, block in blocks.items()}


def numbers(output: dict) -> tuple[int, int]:
    cells = Path(output["table"]).read_text().splitlines()[1].split("\t")
    return int(cells[2]), int(cells[3])


def pair_of(demo, tmp_path, patient: str) -> dict[str, dict]:
    return {
        block: aligned(tmp_path / block, demo["reference"], [demo["rows"][f"{patient}_{block}"]], block=block)
        for block in ("wes", "cfdna")
    }  # fmt: skip


def test_exome_and_cfdna_of_one_person_agree(demo, tmp_path):
    output = matched(tmp_path / "o", demo["reference"], pair_of(demo, tmp_path, "P0001"))
    sites, discordant = numbers(output)
    assert sites >= 40 and discordant / sites < 0.1
    assert verdicts(output) == {"wes": "pass", "cfdna": "pass"}


def test_planted_swap_fails_both_samples(demo, tmp_path):
    output = matched(tmp_path / "o", demo["reference"], pair_of(demo, tmp_path, "P0011"))
    sites, discordant = numbers(output)
    assert discordant / sites > 0.3
    assert verdicts(output) == {"wes": "fail", "cfdna": "fail"}
    records = [json.loads(line) for line in Path(output["ledger"]).read_text().splitlines()]
    assert [(r["block"], r["requirement_id"], r["verdict"]) for r in records] == [
        ("wes", "QCP-02", "FAIL"),
        ("cfdna", "QCP-02", "FAIL"),
    ]


def test_a_sample_that_could_not_be_aligned_is_left_out(demo, demo_exome, tmp_path):
    failed = tmp_path / "failed.json"
    failed.write_text(json.dumps({"verdict": "fail", "reasons": ["truncated"], "blocks": {}}))
    samples = {"wes": demo_exome, "cfdna": demo_exome | {"status": str(failed)}}
    output = matched(tmp_path / "o", demo["reference"], samples)
    assert verdicts(output) == {"wes": "pass", "cfdna": "pass"}  # nothing is said against either
    assert "NOT_ASSESSED" in Path(output["ledger"]).read_text()


def test_genotypes_that_are_unsure_do_not_count():
    lines = ["0/1:40\t0/1:30\t", "0/1:40\t1/1:5\t", "./.:.\t0/0:50\t", "0|1:99\t1/1:99\t"]
    assert match_samples.concordance(lines, 0, 1, 20) == (2, 1)


@pytest.mark.parametrize(
    ("sites", "discordant", "verdict"),
    [(19, 0, "NOT_ASSESSED"), (100, 10, "PASS"), (100, 11, "WARN"), (100, 26, "FAIL")],
)
def test_verdicts_at_the_limits(sites, discordant, verdict):
    assert match_samples.judge(sites, discordant, settings_of("identity"))[0] == verdict


def test_thinning_keeps_an_even_share_and_is_repeatable():
    intervals = [("c", k * 1000, k * 1000 + 500) for k in range(100)]
    thinned = match_samples.thin(intervals, 10_000)
    assert sum(end - start for _, start, end in thinned) == 10_000
    assert thinned == match_samples.thin(intervals, 10_000)
    assert match_samples.thin(intervals, 50_000) == intervals


@pytest.mark.real
def test_hg002_labelled_as_na12878_is_found_and_the_true_pair_passes(
    testdata, chr20, na12878, tmp_path
):
    """Another person: at least 46 % of genotypes discordant (design note); half of one person's reads agrees."""
    import pysam

    folder = testdata / "genomics" / "deepvariant"
    other = {"assay_id": "HG002", "file": str(folder / "HG002_NIST_150bp_downsampled_30x.chr20.10_10p1mb.bam")}  # fmt: skip
    swapped = {"wgs": na12878, "cfdna": aligned(tmp_path / "hg002", chr20, [other], block="cfdna")}
    region = tmp_path / "sites.bed"
    region.write_text(f"chr20\t{10_000_000 - SLICE[0]}\t{10_100_000 - SLICE[0]}\n")
    output = matched(tmp_path / "a", chr20, swapped, identity_sites=str(region))
    sites, discordant = numbers(output)
    assert sites > 100 and discordant / sites > 0.4
    assert verdicts(output) == {"wgs": "fail", "cfdna": "fail"}

    half = tmp_path / "half.bam"
    source = folder / "NA12878_S1.chr20.10_10p1mb.bam"
    pysam.view("-b", "-s", "7.4", "-o", str(half), str(source), catch_stdout=False)
    row = {"assay_id": "half", "file": str(half)}
    same = {"wgs": na12878, "cfdna": aligned(tmp_path / "half", chr20, [row], block="cfdna")}
    output = matched(tmp_path / "b", chr20, same, identity_sites=str(region))
    sites, discordant = numbers(output)
    assert sites > 50 and discordant / sites < 0.1
    assert verdicts(output) == {"wgs": "pass", "cfdna": "pass"}
