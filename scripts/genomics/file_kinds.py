"""What a file is that was given in place of reads: told from its first bytes, else from its name.

In: a path. Out: a kind in plain words, or "" for what may be reads (FASTQ, BAM, CRAM, SAM).
Source: UCSC format pages (wiggle, bedGraph, BED), VCF 4.3, SAM 1.6, SRA, FAST5 and POD5 documentation (first bytes).
"""

import gzip
import re
import zlib
from pathlib import Path

HEAD = 4096  # bytes looked at

COUNTS = "read counts in bins"
_MAGIC = (
    (b"BCF\x02", "variant calls (BCF)"),
    (b"BCF\x04", "variant calls (BCF)"),
    (b"BAI\x01", "the index of a BAM"),
    (b"CSI\x01", "an index"),
    (b"TBI\x01", "an index"),
    (b"NCBI.sra", "an SRA archive; unpack it (fasterq-dump --split-files)"),
    (b"\x89HDF", "an HDF5 file (FAST5 signals or a matrix)"),
    (b"\x8bPOD", "nanopore signals (POD5)"),
    (b"PAR1", "a Parquet table"),
    (b"PK\x03\x04", "a zip archive or workbook; unpack it"),
    (b"%PDF", "a PDF document"),
    (b"\x26\xfc\x8f\x88", f"{COUNTS} (bigWig)"),
    (b"\x88\x8f\xfc\x26", f"{COUNTS} (bigWig)"),
    (b"\xeb\xf2\x89\x87", "regions (bigBed)"),
    (b"\x87\x89\xf2\xeb", "regions (bigBed)"),
    (b"BZh", "a bzip2 archive; pack it with gzip"),
    (b"\xfd7zXZ", "an xz archive; pack it with gzip"),
    (b"##fileformat=VCF", "variant calls (VCF)"),
    (b"##gff-version", "an annotation (GFF3)"),
)
_INTERVAL = re.compile(rb"\S+\t\d+\t\d+(\t|$)")
_NUMBER = re.compile(rb"-?\d+(\.\d+)?([eE][-+]?\d+)?")
_NAMES = {
    ".wig": f"{COUNTS} (WIG)", ".bw": f"{COUNTS} (bigWig)", ".bigwig": f"{COUNTS} (bigWig)",
    ".bedgraph": f"{COUNTS} (bedGraph)", ".cnn": f"{COUNTS} (CNVkit)", ".cnr": "copy ratios (CNVkit)",
    ".cns": "copy-number segments (CNVkit)", ".seg": "copy-number segments", ".vcf": "variant calls (VCF)",
    ".bcf": "variant calls (BCF)", ".maf": "variant calls (MAF)", ".bed": "regions (BED)",
    ".bai": "the index of a BAM", ".crai": "the index of a CRAM", ".fai": "the index of a FASTA",
    ".cel": "microarray intensities (CEL)", ".idat": "microarray intensities (IDAT)", ".tar": "a tar archive; unpack it",
}  # fmt: skip


def _head(path: Path) -> bytes:
    """First bytes, unpacked where they are gzipped (as far as they can be)."""
    with open(path, "rb") as handle:
        head = handle.read(HEAD)
    if head[:2] != b"\x1f\x8b":
        return head
    try:
        with gzip.open(path) as handle:
            return handle.read(HEAD)
    except (OSError, EOFError, zlib.error):
        return b""


def _text_kind(head: bytes) -> str:
    """Kind of a text by its first lines that are no comments."""
    lines = [line.rstrip(b"\r") for line in head.split(b"\n")]
    lines = [line for line in lines[: len(lines) - 1 or 1] if line.strip()]
    if any(
        line.startswith((b"fixedStep", b"variableStep", b"track type=wiggle"))
        for line in lines[:50]
    ):
        return f"{COUNTS} (WIG)"
    if lines and lines[0].startswith(b">"):
        return "sequences without qualities (FASTA)"
    if lines and lines[0].startswith(b"Hugo_Symbol\t"):
        return "variant calls (MAF)"
    body = [line for line in lines if not line.startswith((b"#", b"track", b"browser"))]
    if len(body) > 1 and not _INTERVAL.match(body[0]):
        body = body[1:]  # a header line
    if body and all(_INTERVAL.match(line) for line in body):
        last = body[0].split(b"\t")[-1]
        counts = len(body[0].split(b"\t")) >= 4 and _NUMBER.fullmatch(last)
        return f"{COUNTS} (bedGraph or a table of regions)" if counts else "regions (BED)"
    if body and all(_NUMBER.fullmatch(line.strip()) for line in body):
        return "a list of numbers"
    return ""


def kind_of(path: str | Path) -> str:
    """What the file is, in plain words; "" when it may be reads."""
    path = Path(path)
    head = _head(path)
    for start, kind in _MAGIC:
        if head.startswith(start):
            return kind
    if head[257:262] == b"ustar":
        return "a tar archive; unpack it"
    if head[:1] in (b"@", b"") or head.startswith((b"BAM\x01", b"CRAM")):
        return "" if head else _NAMES.get(path.suffix.lower(), "")
    bare = path.with_suffix("") if path.suffix == ".gz" else path
    return _text_kind(head) or _NAMES.get(bare.suffix.lower(), "")
