"""Do the samples of one patient come from one person? Allele counts of every pair of samples at SNP sites.

In: alignments of one patient (exome, genome, cfDNA). Out: verdict per block, table of the evidence.
Source: bcftools mpileup | call -m of all samples together for the sites; same_person.py for the likelihood ratio.
"""

import itertools
from pathlib import Path

from scripts.core import job as core_job
from scripts.genomics import hts, same_person
from scripts.genomics.allele_counts import read_contigs
from scripts.genomics.job_samples import TISSUES

REQUIREMENT = "QCP-02"  # agreement between two independent records of one thing
FEW_READS = 10  # a share of fewer reads says nothing
COLUMNS = (
    "sample_1",
    "sample_2",
    "sites",
    "discordant",
    "opposite_homozygotes",
    "reads",
    "contradicting",
    "log10_ratio",
)


def thin(intervals: list[tuple[str, int, int]], bases: int) -> list[tuple[str, int, int]]:
    """At most about `bases` bases of the intervals, spread evenly over them; always the same ones."""
    total = sum(end - start for _, start, end in intervals)
    if total <= bases:
        return intervals
    piece = 500
    pieces = [
        (contig, s, min(s + piece, end))
        for contig, start, end in intervals
        for s in range(start, end, piece)
    ]
    every = -(-total // bases)
    return pieces[::every]


def allele_counts_of(alignments: list[str], reference: str, regions: str, settings: dict):
    """Reads with the reference and the alternative allele, (n, 2 per sample), at each biallelic SNV that any sample carries."""
    import numpy as np

    backend = settings["backend"]

    def bcftools(*words) -> list[str]:
        return hts.command("bcftools", *words, backend=backend)

    text = hts.output_of(
        bcftools(
            "mpileup", "--no-version", "-Ou", "-f", reference, "-R", regions, "-I",
            "-q", settings["min_mapping_quality"], "-Q", settings["min_base_quality"],
            "-d", settings["max_depth"], "-a", "FORMAT/AD", *alignments,
        ),
        bcftools("call", "--no-version", "-Ou", "-m", "-v"),
        bcftools(
            "view", "--no-version", "-Ou", "-v", "snps", "-m", "2", "-M", "2",
            "-i", f"QUAL>={settings['min_quality']}",
        ),
        bcftools("query", "-o", "/dev/stdout", "-f", "[%AD\\t]\\n"),
    )  # fmt: skip
    rows = [
        [int(word) if word.isdigit() else 0 for word in line.replace(",", "\t").split("\t") if word]
        for line in text.splitlines()
    ]
    return np.array(rows, dtype=int).reshape(len(rows), 2 * len(alignments))


def may_have_lost(block: str) -> bool:
    """Whether a sample may hold tumour cells, in which heterozygosity is lost: tissue and cell-free DNA."""
    return block.startswith("cfdna") or block.split("_")[-1] in TISSUES


def judge(evidence: same_person.Evidence, settings: dict) -> tuple[str, str]:
    """Verdict and reason for one pair of samples.

    A pair fails on evidence only (ratio and contradicting reads); without evidence either way it is warned of, not passed.
    """
    sure = settings["min_log10_ratio"]
    most = settings["max_contradicting"]["normal" if evidence.normal else "tumour"]
    share = evidence.contradicting / evidence.reads if evidence.reads >= FEW_READS else None
    text = f"{evidence.contradicting} of {evidence.reads} reads contradict the homozygous sites of the other sample"
    if evidence.log10_ratio <= -sure and (share is None or share > most):
        return "FAIL", f"not from one person (swapped sample?): {text}"
    if evidence.log10_ratio < sure or (share or 0) > most:
        return (
            "WARN",
            f"not shown to be from one person: {text}, log10 ratio {evidence.log10_ratio:.1f}",
        )
    if (
        evidence.normal
        and evidence.contradicting >= FEW_READS
        and share > settings["max_contradicting"]["warn"]
    ):
        return "WARN", f"contaminated sample? {text}"
    return "PASS", ""


def regions_of(job, settings: dict) -> list[tuple[str, int, int]]:
    """Where genotypes are compared: the sites of the configuration, else targets, else the human contigs."""
    for path in (settings["identity_sites"], str(job.input.targets)):
        if path and Path(path).stat().st_size:
            lines = Path(path).read_text(encoding="utf-8").splitlines()
            cells = [line.split("\t") for line in lines if line and not line.startswith("#")]
            return thin([(c[0], int(c[1]), int(c[2])) for c in cells], settings["identity_bases"])
    contigs = read_contigs(job.input.contigs)["human"]
    return thin([(name, 0, length) for name, length in contigs], settings["identity_bases"])


def main(job):
    """Compare the samples of one patient pair by pair.

    input: alignment, align_status (one each per block), reference, contigs, targets
    params: blocks, evidence, settings = config section genomics.identity
    output: table (one line per pair: COLUMNS), status (a verdict per block), ledger
    """
    import json

    with core_job.step(job) as step:
        settings = job.params.settings
        samples = []
        for block, evidence, alignment, status in zip(
            job.params.blocks, job.params.evidence, job.input.alignment, job.input.align_status, strict=True
        ):  # fmt: skip
            step.blocks.setdefault(block, {"verdict": "pass", "reasons": []})
            if json.loads(Path(status).read_text(encoding="utf-8"))["verdict"] != "fail":
                samples.append((block, evidence, str(alignment)))
        counts = None
        if len(samples) > 1:
            bed = step.path(job.output.table).with_suffix(".bed")
            regions = regions_of(job, settings)
            bed.write_text("".join(f"{c}\t{s}\t{e}\n" for c, s, e in regions), encoding="utf-8")
            try:
                counts = allele_counts_of(
                    [path for *_, path in samples], str(job.input.reference), str(bed), settings
                )
            finally:
                bed.unlink()
        table = ["\t".join(COLUMNS)]
        for (i, one), (j, other) in itertools.combinations(enumerate(samples), 2):
            found = same_person.compare(
                counts[:, [2 * i, 2 * i + 1, 2 * j, 2 * j + 1]],
                (may_have_lost(one[0]), may_have_lost(other[0])),
                settings["min_genotype_quality"], settings["min_sites"],
            )  # fmt: skip
            numbers = (
                found.sites,
                found.differing,
                found.opposite,
                found.reads,
                found.contradicting,
            )
            table.append(
                "\t".join([one[0], other[0], *map(str, numbers), f"{found.log10_ratio:.1f}"])
            )
            verdict, reason = judge(found, settings)
            for block, evidence, _ in (one, other):
                with step.block(block):
                    step.check(
                        REQUIREMENT, f"same person: {one[0]} and {other[0]}", verdict,
                        value=found.log10_ratio, unit="log10 ratio, one person over two",
                        threshold=f">= {settings['min_log10_ratio']:g}",
                        evidence=evidence, reason=reason,
                    )  # fmt: skip
        if len(samples) < 2:
            step.check(
                REQUIREMENT, "same person", "NOT_ASSESSED", acts=False,
                reason="fewer than two usable samples",
            )  # fmt: skip
        step.path(job.output.table).write_text("\n".join(table) + "\n", encoding="utf-8")


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
