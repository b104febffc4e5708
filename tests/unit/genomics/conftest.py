"""Jobs by hand, a small prepared reference, one demo person's reads, and slices of the real files."""

import struct
from pathlib import Path

import pytest

from scripts.core import job as core_job
from scripts.core.config import default_config
from scripts.genomics import align_reads, prepare_reference

OUTPUTS = {
    "fasta": "genome.fa",
    "fai": "genome.fa.fai",
    "dict": "genome.dict",
    "contigs": "contigs.tsv",
    "targets": "targets.bed",
    "annotation": "annotation.gff3",
    "status": "reference.json",
    "ledger": "reference.jsonl",
} | {name: f"genome.fa.{name}" for name in ("amb", "ann", "bwt", "pac", "sa")}


def settings_of(section: str, **changes) -> dict:
    """A section of config genomics, flat, with the keys that its rule adds."""
    config = default_config()["genomics"]
    common = {"backend": "wheels", "alignment_format": "bam", "assembly": "demo", "arms": ""}
    common |= {"population_frequencies": "", "identity_sites": "", "capture": True}
    return config[section] | {"limits": config["variants"]["wes"]} | common | changes


def make_job(
    rule, *, input=None, output=None, params=None, wildcards=None, threads=1, by_hand=False
):
    """A job object as a step gets it."""
    job = core_job.Named()
    for name, values in (
        ("input", input),
        ("output", output),
        ("params", params),
        ("wildcards", wildcards),
    ):
        values = values or {}
        setattr(job, name, core_job.Named(values.values(), **values))
    job.log, job.threads, job.resources = [], threads, core_job.Named()
    job.rule, job.by_hand = rule, by_hand
    return job


def prepared(folder: Path, by_hand: bool = False, **params) -> dict[str, str]:
    """Run prepare_reference into `folder`; returns its outputs."""
    folder.mkdir(parents=True, exist_ok=True)
    output = {name: str(folder / file) for name, file in OUTPUTS.items()}
    empty = {"annotation": "", "targets": "", "hbv": "", "hbv_contigs": []}
    given = empty | {
        key: value if key == "hbv_contigs" else str(value) for key, value in params.items()
    }
    prepare_reference.main(
        make_job("prepare_reference", output=output, params=given, by_hand=by_hand)
    )
    return output


def aligned(
    folder: Path,
    reference: dict,
    rows: list[dict],
    *,
    by_hand=False,
    threads=1,
    form="bam",
    block="wes",
    **changes,
) -> dict[str, str]:
    """Run align_reads into `folder`; returns its outputs."""
    folder.mkdir(parents=True, exist_ok=True)
    suffix = {"bam": "bam.bai", "cram": "cram.crai"}[form]
    output = {
        "alignment": str(folder / f"{block}.{form}"),
        "index": str(folder / f"{block}.{suffix}"),
        "metrics": str(folder / "metrics.json"),
        "status": str(folder / "status.json"),
        "ledger": str(folder / "ledger.jsonl"),
    }
    job = make_job(
        "align_reads",
        input={"reference": reference["fasta"], "reference_status": reference["status"]},
        output=output,
        params={"rows": rows, "settings": settings_of("align", alignment_format=form, **changes)},
        wildcards={"patient": "P0001", "modality": "wes", "block": block},
        threads=threads,
        by_hand=by_hand,
    )
    align_reads.main(job)
    return output


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """Folder, reference and assays rows of a few demo people (with the planted defects)."""
    from scripts.demo.latent import make_people
    from scripts.demo.simulate_genomics import simulate

    folder = tmp_path_factory.mktemp("demo")
    people = [p for p in make_people(20260205, 24, 0) if p.number in (0, 1, 10)]
    simulated = simulate(people, folder, 20260205, mess=True)
    source = folder / "reference"
    reference = prepared(
        folder / "prepared",
        reference=source / "demo.fa",
        annotation=source / "demo.gff3",
        targets=source / "targets.bed",
        hbv=source / "hbv.fa",
    )
    rows = {}
    for row in simulated.assays:
        whole = row | {key: str(folder / row[key]) for key in ("file", "file2")}
        whole["assay_id"] = f"{row['patient_id']}_{row['modality']}"
        rows[whole["assay_id"]] = whole
    return {"folder": folder, "reference": reference, "rows": rows}


@pytest.fixture(scope="session")
def demo_exome(demo):
    """The aligned exome of the first demo person."""
    return aligned(demo["folder"] / "P0001_wes", demo["reference"], [demo["rows"]["P0001_wes"]])


SLICE = (9_995_000, 10_110_000)  # the part of chr20 that the real alignments cover


@pytest.fixture(scope="session")
def chr20(testdata, tmp_path_factory):
    """A prepared reference of chr20:9,995,001-10,110,000 under the name chr20, with HBV genotypes."""
    import pysam

    folder = tmp_path_factory.mktemp("chr20")
    source = testdata / "genomics" / "deepvariant" / "ucsc.hg19.chr20.unittest.fasta.gz"
    with pysam.FastaFile(str(source)) as genome:
        sequence = genome.fetch("chr20", *SLICE)
    (folder / "slice.fa").write_text(f">chr20\n{sequence}\n")
    hbv = testdata / "genomics" / "hbv" / "HBV_refgenomes.fasta"
    return prepared(folder, reference=folder / "slice.fa", hbv=hbv)


@pytest.fixture(scope="session")
def na12878(testdata, chr20, tmp_path_factory):
    """NA12878 aligned anew from the reads of its BAM."""
    source = testdata / "genomics" / "deepvariant" / "NA12878_S1.chr20.10_10p1mb.bam"
    row = {"assay_id": "NA12878", "file": str(source)}
    return aligned(tmp_path_factory.mktemp("na12878"), chr20, [row], block="wgs")


def read_2bit(path: Path) -> dict[str, str]:
    """Sequences of a UCSC 2bit file (version 0), with N where it has gaps."""
    data = path.read_bytes()
    count = struct.unpack_from("<I", data, 8)[0]
    offset, index = 16, {}
    for _ in range(count):
        size = data[offset]
        name = data[offset + 1 : offset + 1 + size].decode()
        index[name] = struct.unpack_from("<I", data, offset + 1 + size)[0]
        offset += 5 + size
    out = {}
    quads = ["".join("TCAG"[byte >> shift & 3] for shift in (6, 4, 2, 0)) for byte in range(256)]
    for name, at in index.items():
        length, gaps = struct.unpack_from("<II", data, at)
        starts = struct.unpack_from(f"<{gaps}I", data, at + 8)
        sizes = struct.unpack_from(f"<{gaps}I", data, at + 8 + 4 * gaps)
        at += 8 + 8 * gaps
        masks = struct.unpack_from("<I", data, at)[0]
        at += 4 + 8 * masks + 4
        sequence = bytearray("".join(quads[b] for b in data[at : at + -(-length // 4)]).encode())
        del sequence[length:]
        for start, gap in zip(starts, sizes, strict=True):
            sequence[start : start + gap] = b"N" * gap
        out[name] = sequence.decode()
    return out
