"""The raw read files of one sample: what may be wrong with them, said before and while they are read.

In: FASTQ pairs, or a BAM/CRAM. Out: nothing when they are sound, else one InputDefect that names the assay.
Source: FASTQ variants after Cock et al. 2010 (Nucleic Acids Res 38:1767); messages of cutadapt 5.2 and samtools 1.23.1.
"""

import re
from itertools import islice
from pathlib import Path

from scripts.core.hashing import digest_of_file
from scripts.core.job import InputDefect
from scripts.genomics.file_kinds import kind_of

REQUIREMENT = "OMX-01"
LOOKED_AT = 5000  # reads at the beginning of a file that tell its quality encoding
PHRED64_LOWEST = 64  # "@": no Phred+33 file of thousands of reads stays at or above Q31
PHRED33_HIGHEST = 74  # "J": highest usual Phred+33 character (Q41)

# Last block of a BAM and name of the last container of a CRAM (SAM and CRAM specifications).
_BAM_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_CRAM_END = b"\xe0EOF"

ALIGNED_SUFFIXES = (".bam", ".cram", ".sam")


def defect(reason: str, assay_id: str) -> InputDefect:
    """A FAIL of the input of one assay."""
    return InputDefect(
        f"{assay_id}: {reason}",
        requirement_id=REQUIREMENT,
        check="read files readable",
        evidence=assay_id,
    )


def is_aligned(path: str | Path) -> bool:
    """Whether a file is a BAM, CRAM or SAM by its name."""
    return str(path).lower().endswith(ALIGNED_SUFFIXES)


def check_files(row: dict) -> None:
    """Look at the files of one assay row (file, file2, md5, file2_md5): present, not empty, checksum, FASTQ, Phred+33."""
    assay = row["assay_id"]
    files = [row[column] for column in ("file", "file2") if row.get(column)]
    for path in files:
        if not Path(path).is_file():
            raise defect(f"there is no file {Path(path).name}", assay)
        if Path(path).stat().st_size == 0:
            raise defect(f"{Path(path).name} is empty (0 bytes)", assay)
    for path, md5 in zip(files, (row.get("md5"), row.get("file2_md5")), strict=False):
        if md5 and digest_of_file(path, "md5") != md5:
            name = Path(path).name
            reason = f"{name} is not the file whose md5 stands in assays.tsv; copy it again"
            raise defect(reason, assay)
    for path in files:
        if kind := kind_of(path):
            raise defect(
                f"{Path(path).name} holds no reads but is {kind}; paired FASTQ, or a BAM or CRAM, is needed",
                assay,
            )
    if is_aligned(files[0]):
        if len(files) > 1:
            raise defect(
                f"{Path(files[0]).name} needs no file2: a BAM or CRAM holds both mates", assay
            )
        _check_aligned(files[0], assay)
        return
    if len(files) < 2:
        raise defect(
            "file2 is missing: paired reads are needed (two FASTQ files; an interleaved one is to be split)",
            assay,
        )
    if Path(files[0]).resolve() == Path(files[1]).resolve():
        raise defect("file and file2 are the same file", assay)
    for path in files:
        _check_fastq_head(path, assay)


def _check_aligned(path: str | Path, assay: str) -> None:
    """A BAM, CRAM or SAM by its content, with its end: one cut off between two blocks reads without any error."""
    import pysam

    name = Path(path).name
    try:
        with pysam.AlignmentFile(str(path), check_sq=False, ignore_truncation=True) as alignment:
            binary = alignment.is_bam or alignment.is_cram
            known = binary or alignment.is_sam
    except (OSError, ValueError):
        known = False
    if not known:
        raise defect(f"{name} is no BAM, CRAM or SAM file, or its header is damaged", assay)
    with open(path, "rb") as handle:
        handle.seek(-min(64, Path(path).stat().st_size), 2)
        end = handle.read()
    if binary and not end.endswith(_BAM_END) and _CRAM_END not in end:
        raise defect(
            f"{name} is truncated: its end-of-file marker is missing; copy it again", assay
        )
    if not binary and not end.endswith(b"\n"):
        raise defect(f"{name} is truncated: its last line is not complete; copy it again", assay)


def _check_fastq_head(path: str | Path, assay: str) -> None:
    """First reads of a FASTQ: parse, and tell the quality encoding."""
    import dnaio

    name = Path(path).name
    try:
        with dnaio.open(str(path)) as reads:
            qualities = [read.qualities for read in islice(reads, LOOKED_AT)]
    except (dnaio.FileFormatError, dnaio.UnknownFileFormat) as error:
        reason = f"{name} is not a FASTQ file, or is cut off ({_first_line(error)})"
        raise defect(reason, assay) from None
    except Exception as error:  # gzip, isal and zlib-ng each have their own kinds of error
        raise defect(f"{name} is truncated or damaged ({_first_line(error)})", assay) from None
    if not qualities or qualities[0] is None or not any(qualities):
        raise defect(f"{name} holds no reads with qualities", assay)
    lowest = min(min(q) for q in qualities if q)
    highest = max(max(q) for q in qualities if q)
    if ord(lowest) >= PHRED64_LOWEST and ord(highest) > PHRED33_HIGHEST:
        raise defect(
            f"{name} has Phred+64 qualities (Illumina before 1.8); convert them to Phred+33", assay
        )
    if ord(lowest) < 33:
        raise defect(f"{name} has quality characters that no FASTQ has", assay)


def _first_line(error: Exception | str) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:160] if lines else type(error).__name__


NOT_MATES = "unequal mates: reads at the same place of the two files have different names"

# Message of a tool -> what is wrong with the file, in plain words.
_MEANINGS = (
    (
        r"more reads in file (\d)",
        "unequal mates: the two files hold different numbers of reads; copy both again",
    ),
    (
        r"Odd number|Interleaved input file incomplete",
        "unequal mates: a read without its mate",
    ),
    (
        r"improperly paired|do(?:es)? not match|not identical",
        NOT_MATES,
    ),
    (
        r"Unable to fetch reference|[Rr]eference.*(not|mismatch)|MD5 checksum",
        "the CRAM was made with another reference than genomics.reference",
    ),
    (
        r"end-of-stream|EOFError|[Tt]runcat|unexpected end|Premature end|ended prematurely|EOF marker"
        r"|inflate|zlib|isal|CRC|checksum|Error -?\d+ while|BGZF|igzip|gzip|Error reading input file"
        r"|Couldn't read header",
        "truncated or damaged file: it ends in the middle; copy it again",
    ),
    (r"FastqFormatError|FASTQ|format", "not a FASTQ file"),
)


def explain(message: str, assay: str) -> InputDefect | None:
    """The defect of the input behind a tool's error message, None when it does not speak of the input."""
    for pattern, meaning in _MEANINGS:
        if re.search(pattern, message):
            return defect(meaning, assay)
    return None
