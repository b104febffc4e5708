"""Fragment features of cell-free DNA of one patient.

In: the alignment of the cfDNA, the reference, arms (BED). Out: row.json, fragment and motif tables, QC records.
Source: fragments.py; Cristiano et al. 2019 (short/long ratio in bins), Jiang et al. 2020 (end motifs).
"""

import json
import re
from pathlib import Path

from scripts.core import job as core_job
from scripts.core.features import write_row
from scripts.genomics import allele_counts, fragments
from scripts.genomics.job_samples import samples_of_job

REQUIREMENT = "OMX-01"
AUTOSOME = re.compile(r"(chr)?[0-9]{1,2}")


def read_arms(path: str | Path, contigs: list[tuple[str, int]]) -> list[tuple[str, str, int, int]]:
    """(arm, contig, start, end): the fourth column of a BED, or whole contigs when there is no BED.

    InputDefect when the BED names no autosome of the reference: every arm would be missing without a word.
    """
    if not path:
        return [(contig.removeprefix("chr"), contig, 0, length) for contig, length in contigs]
    known = dict(contigs)
    arms = []
    try:
        for line in Path(path).read_text(encoding="utf-8-sig").splitlines():
            words = line.split()
            if len(words) >= 4 and words[0] != "track" and not line.startswith("#"):
                contig = allele_counts.contig_in(known, words[0])
                if contig:
                    arms.append((words[3], contig, int(words[1]), int(words[2])))
    except (OSError, ValueError):
        arms = []
    if not arms:
        raise core_job.InputDefect(
            "config key genomics.arms: no line of the BED (contig, start, end, arm) lies on an autosome of the reference",
            requirement_id=REQUIREMENT,
            check="chromosome arms readable",
        )
    return arms


def usable_bins(found: fragments.Fragments, min_fragments: int):
    """Bins with known G+C and enough short-or-long fragments: contig, start index, short, long, all, gc as arrays."""
    import numpy as np

    parts = []
    for contig, counts in found.bins.items():
        gc = found.gc[contig]
        keep = np.flatnonzero(~np.isnan(gc) & (counts[:, :2].sum(1) >= min_fragments))
        parts += [(contig, int(k), *map(int, counts[k]), float(gc[k])) for k in keep]
    names = np.array([p[0] for p in parts], dtype=object)
    numbers = np.array([p[1:] for p in parts], dtype=float).reshape(-1, 5)
    return names, numbers


def bin_features(found: fragments.Fragments, arms: list, settings: dict) -> tuple[dict, bool]:
    """Ratio and coverage of every arm, their spread over bins; and whether G+C was corrected for.

    ratio_<arm>: short/long fragments of the arm's bins, over the ratio of all bins. coverage_<arm>: log2 of the mean
    count of its bins over the median bin. None where an arm has no usable bin.
    """
    import numpy as np

    contigs, numbers = usable_bins(found, settings["min_bin_fragments"])
    features: dict[str, float | None] = {"ratio_bin_sd": None, "coverage_bin_sd": None}
    features |= {f"{kind}_{arm[0]}": None for arm in arms for kind in ("ratio", "coverage")}
    if not len(numbers):
        return features, False
    index, short, long, every, gc = numbers.T
    corrected = len(numbers) >= settings["min_bins_for_gc"]
    if corrected:
        short, long, every = (fragments.gc_corrected(y, gc) for y in (short, long, every))
    ratio = short / np.maximum(long, 1e-9) / (short.sum() / max(long.sum(), 1e-9))
    coverage = every / np.median(every)
    features["ratio_bin_sd"] = float(ratio.std())
    features["coverage_bin_sd"] = float(coverage.std())
    middle = (index + 0.5) * settings["bin_width"]
    for arm, contig, start, end in arms:
        inside = (contigs == contig) & (middle >= start) & (middle < end)
        if inside.any():
            whole = short[inside].sum() / max(long[inside].sum(), 1e-9)
            features[f"ratio_{arm}"] = float(whole / (short.sum() / max(long.sum(), 1e-9)))
            features[f"coverage_{arm}"] = float(np.log2(max(coverage[inside].mean(), 1e-6)))
    return features, corrected


def motif_features(motifs: dict[str, int], named: list[str]) -> dict[str, float | None]:
    """Diversity score of all end motifs and the fractions of the named ones."""
    total = sum(motifs.values())
    features: dict[str, float | None] = {"motif_diversity": fragments.motif_diversity(motifs)}
    return features | {f"motif_{m}": motifs[m] / total if total else None for m in named}


def check_fragments(step, found: fragments.Fragments, settings: dict, evidence: str) -> None:
    """FAIL (as an input defect) or WARN when there are too few fragments."""
    limits = settings["min_fragments"]
    if found.total < limits["fail"]:
        raise core_job.InputDefect(
            f"{evidence}: {found.total} fragments; at least {limits['fail']} are needed",
            requirement_id=REQUIREMENT,
            check="number of fragments",
            evidence=evidence,
        )
    verdict = "PASS" if found.total >= limits["warn"] else "WARN"
    step.check(
        REQUIREMENT, "number of fragments", verdict, value=found.total, unit="fragments",
        threshold=f">= {limits['warn']}", evidence=evidence,
    )  # fmt: skip
    mode = int(found.lengths.argmax())
    low, high = settings["length_mode"]
    step.check(
        REQUIREMENT, "most frequent fragment length", "PASS" if low <= mode <= high else "WARN",
        value=mode, unit="bp", threshold=f"{low} to {high}", evidence=evidence,
        reason="" if low <= mode <= high
        else f"most fragments are {mode} bp long, not {low} to {high}: genomic DNA or over-trimmed?",
    )  # fmt: skip


def write_tables(found: fragments.Fragments, folder: Path, block: str, width: int) -> None:
    """Lengths, motifs and bins as TSV, for plots and for panels of normals."""
    lengths = [f"{n}\t{int(c)}" for n, c in enumerate(found.lengths) if c]
    motifs = [f"{motif}\t{count}" for motif, count in found.motifs.items()]
    bins = [
        f"{contig}\t{k * width}\t{short}\t{long}\t{every}\t{found.gc[contig][k]:.4f}"
        for contig, counts in found.bins.items()
        for k, (short, long, every) in enumerate(counts.tolist())
    ]
    for name, header, lines in (
        ("lengths", "length\tfragments", lengths),
        ("motifs", "motif\tends", motifs),
        ("bins", "contig\tstart\tshort\tlong\tall\tgc", bins),
    ):
        path = folder / f"{block}.{name}.tsv"
        path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")


def summarise_sample(
    step, files: dict, block: str, settings: dict, folder: Path, evidence: str
) -> dict:
    """All features of one cfDNA sample; writes its tables into `folder`. Too few fragments end the block."""
    contigs = allele_counts.read_contigs(files["contigs"])
    autosomes = [pair for pair in contigs["human"] if AUTOSOME.fullmatch(pair[0])]
    if not autosomes:
        raise core_job.InputDefect(
            "the reference names no autosome 1-22 (or chr1-chr22): fragments cannot be counted",
            requirement_id=REQUIREMENT,
            check="autosomes in the reference",
            evidence=evidence,
        )
    found = fragments.count_fragments(
        files["alignment"], files["reference"], [name for name, _ in autosomes],
        min_mapping_quality=settings["min_mapping_quality"], bin_width=settings["bin_width"],
    )  # fmt: skip
    check_fragments(step, found, settings, evidence)
    metrics = json.loads(Path(files["metrics"]).read_text(encoding="utf-8"))
    features: dict[str, float | None] = {
        "fragments": found.total,
        "duplicate_fraction": metrics["duplicate_fraction"],
    }
    features |= fragments.length_features(found.lengths)
    features |= motif_features(found.motifs, settings["motifs"])
    by_bin, corrected = bin_features(found, read_arms(settings["arms"], autosomes), settings)
    features |= by_bin
    step.check(
        REQUIREMENT, "bins corrected for G+C", "PASS" if corrected else "NOT_ASSESSED",
        threshold=f">= {settings['min_bins_for_gc']} bins", evidence=evidence, acts=False,
    )  # fmt: skip
    features |= allele_counts.hbv_features(
        files, [name for name, _ in contigs["hbv"]], metrics["reads"], settings
    )
    write_tables(found, folder, block, settings["bin_width"])
    return features


def main(job):
    """Count fragments and make the features of one patient's cfDNA.

    input: alignment, metrics, align_status (one each per block, in the order of params.blocks), reference, contigs;
    identity = status of match_samples where the patient has several samples
    params: blocks, evidence (assay id of each block), settings = config section genomics.fragments
    output: row, tables (folder with <block>.lengths.tsv, .motifs.tsv, .bins.tsv), status, ledger
    """
    with core_job.step(job) as step:
        settings = job.params.settings
        folder = step.path(job.output.tables)
        folder.mkdir(parents=True, exist_ok=True)
        rows = {}
        for sample in samples_of_job(job):
            with step.block(sample.block):
                sample.require(step)
                files = {
                    "alignment": sample.alignment,
                    "metrics": sample.metrics,
                    "reference": str(job.input.reference),
                    "contigs": str(job.input.contigs),
                }
                features = summarise_sample(
                    step, files, sample.block, settings, folder, sample.evidence
                )
                rows[sample.block] = features
        write_row(step.path(job.output.row), rows)


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
