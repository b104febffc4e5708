"""Do the samples of one patient come from one person? Genotype concordance of every pair of samples.

In: alignments of one patient (exome, genome, cfDNA). Out: verdict per block, concordance table.
Source: bcftools mpileup | call -m of both samples together; measured on real pairs: same person 2.8 % of genotypes
discordant, another person 46 %.
"""

import itertools
from pathlib import Path

from scripts.core import job as core_job
from scripts.genomics import hts
from scripts.genomics.allele_counts import read_contigs

REQUIREMENT = "QCP-02"  # agreement between two independent records of one thing


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


def genotype_lines(
    alignments: list[str], reference: str, regions: str, settings: dict
) -> list[str]:
    """Tab-separated GT and GQ of every sample at each biallelic SNV that any of them carries."""
    backend = settings["backend"]

    def bcftools(*words) -> list[str]:
        return hts.command("bcftools", *words, backend=backend)

    text = hts.output_of(
        bcftools(
            "mpileup", "--no-version", "-Ou", "-f", reference, "-R", regions, "-I",
            "-q", settings["min_mapping_quality"], "-Q", settings["min_base_quality"],
            "-d", settings["max_depth"], "-a", "FORMAT/DP", *alignments,
        ),
        bcftools("call", "--no-version", "-Ou", "-m", "-v", "-a", "FORMAT/GQ"),
        bcftools(
            "view", "--no-version", "-Ou", "-v", "snps", "-m", "2", "-M", "2",
            "-i", f"QUAL>={settings['min_quality']}",
        ),
        bcftools("query", "-o", "/dev/stdout", "-f", "[%GT:%GQ\\t]\\n"),
    )  # fmt: skip
    return text.splitlines()


def concordance(lines: list[str], first: int, second: int, min_quality: float) -> tuple[int, int]:
    """(sites, discordant sites) of two samples: genotypes of both known with at least `min_quality`."""
    sites = discordant = 0
    for line in lines:
        cells = line.split("\t")
        genotypes = []
        for column in (first, second):
            genotype, _, quality = cells[column].partition(":")
            if "." in genotype or quality in ("", ".") or float(quality) < min_quality:
                break
            genotypes.append(tuple(sorted(genotype.replace("|", "/").split("/"))))
        if len(genotypes) == 2:
            sites += 1
            discordant += genotypes[0] != genotypes[1]
    return sites, discordant


def judge(sites: int, discordant: int, settings: dict) -> tuple[str, str]:
    """Verdict and reason for one pair of samples."""
    if sites < settings["min_sites"]:
        return "NOT_ASSESSED", f"only {sites} sites with a sure genotype in both samples"
    fraction = discordant / sites
    text = f"{100 * fraction:.1f} % of {sites} genotypes differ"
    if fraction > settings["max_discordance"]["fail"]:
        return "FAIL", f"{text}: not from one person (swapped sample?)"
    if fraction > settings["max_discordance"]["warn"]:
        return "WARN", f"{text}: contamination or a swapped sample?"
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
    output: table (pair, sites, discordant), status (a verdict per block), ledger
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
        lines: list[str] = []
        if len(samples) > 1:
            bed = step.path(job.output.table).with_suffix(".bed")
            regions = regions_of(job, settings)
            bed.write_text("".join(f"{c}\t{s}\t{e}\n" for c, s, e in regions), encoding="utf-8")
            try:
                lines = genotype_lines(
                    [path for *_, path in samples], str(job.input.reference), str(bed), settings
                )
            finally:
                bed.unlink()
        table = ["sample_1\tsample_2\tsites\tdiscordant"]
        for (i, one), (j, other) in itertools.combinations(enumerate(samples), 2):
            sites, discordant = concordance(lines, i, j, settings["min_genotype_quality"])
            table.append(f"{one[0]}\t{other[0]}\t{sites}\t{discordant}")
            verdict, reason = judge(sites, discordant, settings)
            for block, evidence, _ in (one, other):
                with step.block(block):
                    step.check(
                        REQUIREMENT, f"same person: {one[0]} and {other[0]}", verdict,
                        value=discordant / sites if sites else None, unit="fraction of genotypes",
                        threshold=f"<= {settings['max_discordance']['fail']}",
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
