"""An alignment that a site delivers: is it used as it is, and why not.

In: BAM or CRAM, the prepared reference. Out: a reason to align its reads anew, or the file itself with a clean header, its
index and metrics. Source: SAM 1.6 (HD SO, SQ M5, PG); samtools stats (samtools documentation).
"""

import re
from itertools import islice
from pathlib import Path

from scripts.genomics import hts, umis
from scripts.genomics.allele_counts import read_contigs

LOOKED_AT = 100_000  # reads at the beginning of the file
DUPLICATES = re.compile(
    r"mark ?dup|dedup|samblaster|sormadup|rmdup|GroupReadsByUmi|consensus", re.I
)
BY_UMI = re.compile(r"barcode|\bumi|GroupReadsByUmi|consensus|\bRX\b", re.I)


def sequences_of(header: dict) -> dict[str, tuple[int, str]]:
    """{contig: (length, MD5 or "")} of a SAM header."""
    return {s["SN"]: (int(s["LN"]), s.get("M5", "")) for s in header.get("SQ", [])}


def other_reference(found: dict, declared: dict, optional: set[str]) -> str:
    """How the contigs of an alignment differ from those of the reference; "" when they do not. `optional` may be absent."""
    for name in declared.keys() - found.keys() - optional:
        return f"contig {name} of the reference is not in its header"
    for name, (length, digest) in found.items():
        if name not in declared:
            return f"its contig {name} is not in the reference"
        if length != declared[name][0]:
            return (
                f"its contig {name} has {length} bases, that of the reference {declared[name][0]}"
            )
        if digest and declared[name][1] and digest.lower() != declared[name][1].lower():
            return f"its contig {name} has another sequence (M5) than the reference"
    return ""


def _without_alt_marks(path: str, reference: str, alternate: list[str]) -> str:
    """Why reads on ALT contigs may not be trusted: bwa tells its hits there (tag pa) when it knows them as such."""
    import pysam

    with pysam.AlignmentFile(path, reference_filename=reference) as alignment:
        if not alignment.has_index():
            return "no index, so that its reads on ALT contigs cannot be looked at"
        reads = (read for name in alternate for read in alignment.fetch(name))
        placed = [read for read in islice(reads, 1000) if not read.is_unmapped]
    if any(not read.is_supplementary and not read.has_tag("pa") for read in placed) and not any(
        read.has_tag("pa") for read in placed
    ):
        return "its aligner did not know the ALT contigs (no .alt file)"
    return ""


def reason_to_align(rows: list[dict], reference: str, settings: dict) -> str:
    """Why the reads of these rows are aligned anew; "" when their one file is used as it is."""
    import pysam

    if settings["realign"] == "always":
        return "realign is always"
    if len(rows) > 1:
        return "several files of one sample"
    path = rows[0]["file"]
    dictionary = Path(reference).with_suffix(".dict").read_text(encoding="utf-8")
    declared = sequences_of(pysam.AlignmentHeader.from_text(dictionary).to_dict())
    viral = {name for name, _ in read_contigs(Path(reference).parent / "contigs.tsv")["hbv"]}
    with pysam.AlignmentFile(path, reference_filename=reference, check_sq=False) as alignment:
        header = alignment.header.to_dict()
        if header.get("HD", {}).get("SO") != "coordinate":
            return "not sorted by coordinate"
        differs = other_reference(sequences_of(header), declared, viral)
        if differs:
            return differs
        reads = list(islice(alignment.fetch(until_eof=True), LOOKED_AT))
    if not any(read.is_paired for read in reads):
        return "no read pairs"
    places = [(r.reference_id, r.reference_start) for r in reads if r.reference_id >= 0]
    if places != sorted(places):
        return "not sorted by coordinate, whatever its header says"
    programs = [" ".join(map(str, p.values())) for p in header.get("PG", [])]
    if not any(map(DUPLICATES.search, programs)) and not any(r.is_duplicate for r in reads):
        return "its duplicates are not marked"
    carry = umis.are_umis([umi_of(read) for read in reads[:5000]]) and settings["umi"] != "none"
    if carry and not any(map(BY_UMI.search, programs)):
        return "its reads carry UMIs and its duplicates were marked without them"
    marks = Path(f"{reference}.alt")
    alternate = marks.read_text(encoding="utf-8").split() if marks.is_file() else []
    return _without_alt_marks(path, reference, alternate) if alternate else ""


def umi_of(read) -> str:
    """UMI of an alignment: its RX tag, else the end of its name."""
    return str(read.get_tag("RX")) if read.has_tag("RX") else umis.in_name(read.query_name)


def take_over(
    row: dict, sample: str, reference: str, paths: dict, settings: dict, folder: str
) -> dict:
    """Write the alignment as it is under a header without names, paths and comments; returns its metrics."""
    import pysam

    def samtools(*words) -> list[str]:
        return hts.command("samtools", *words, backend=settings["backend"])

    with pysam.AlignmentFile(row["file"], reference_filename=reference) as alignment:
        sequences = sequences_of(alignment.header.to_dict())
    lines = ["@HD\tVN:1.6\tSO:coordinate"]
    lines += [
        f"@SQ\tSN:{name}\tLN:{length}" + (f"\tM5:{digest}" if digest else "")
        for name, (length, digest) in sequences.items()
    ]
    clean = Path(folder, "header.sam")
    clean.write_text("\n".join(lines) + "\n", encoding="utf-8")
    group = f"@RG\tID:{row['assay_id']}\tSM:{sample}\tLB:{row.get('sample_id') or sample}\tPL:{settings['platform']}"
    written = f"{paths['alignment']}##idx##{paths['index']}"
    hts.run(
        samtools("view", "-u", "--no-PG", "--reference", reference, row["file"]),
        samtools("reheader", "--no-PG", clean, "-"),
        samtools(
            "addreplacerg", "--no-PG", "-m", "overwrite_all", "-r", group, "--write-index",
            "-O", settings["alignment_format"], "--reference", reference, "-o", written, "-",
        ),
    )  # fmt: skip
    stats = samtools("stats", "-F", "0x900", "--reference", reference, paths["alignment"])
    return metrics_of(hts.output_of(stats))


def metrics_of(text: str) -> dict:
    """Metrics of `samtools stats` under the names of align_reads; what it cannot tell (trimming) is None."""
    numbers, inserts, qualities = {}, [], {}
    for line in text.splitlines():
        cells = line.split("\t")
        if cells[0] == "SN":
            numbers[cells[1].rstrip(":")] = float(cells[2])
        elif cells[0] == "IS":
            inserts.append((int(cells[1]), int(cells[2])))
        elif cells[0] in ("FFQ", "LFQ"):
            for quality, count in enumerate(cells[2:]):
                qualities[quality] = qualities.get(quality, 0) + int(count)
    reads, mapped = int(numbers["raw total sequences"]), numbers["reads mapped"]
    bases = sum(qualities.values())
    half, below, median = sum(count for _, count in inserts) / 2, 0, None
    for insert, count in inserts:
        below += count
        if count and below >= half:
            median = insert
            break
    return {
        "reads": reads,
        "mapped_fraction": mapped / reads if reads else None,
        "properly_paired_fraction": numbers["reads properly paired"] / reads if reads else None,
        "q30_base_fraction": sum(n for q, n in qualities.items() if q >= 30) / bases
        if bases
        else None,
        "median_insert_size": median,
        "pairs": reads // 2,
        "pairs_kept_fraction": None,
        "adapter_fraction": None,
        "quality_trimmed_bases": None,
        "duplicates": int(numbers["reads duplicated"]),
        "duplicate_fraction": numbers["reads duplicated"] / max(1, mapped),
    }
