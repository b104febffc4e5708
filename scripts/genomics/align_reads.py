"""Trim, align, mark duplicates: the read files of one sample become one sorted, indexed alignment.

In: FASTQ pairs (several lanes) or BAM/CRAM of one block, the prepared reference. Out: BAM or CRAM with index, metrics.
A BAM or CRAM that fits is used as it is (delivered.py). UMIs keep molecules apart (umis.py).
Source: cutadapt 5.2; bwa mem; samtools fixmate -m | sort | markdup (samtools documentation, "markdup").
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.core import job as core_job
from scripts.genomics import delivered, hts, umis
from scripts.genomics.alignment_metrics import Metrics, judge
from scripts.genomics.bwa_pairs import PairAligner, UnpairedReads, batches, give_mates_one_name
from scripts.genomics.read_files import NOT_MATES, check_files, defect, explain, is_aligned
from scripts.genomics.read_umis import carry_umis, cutting_options, umis_of


def read_command(row: dict, settings: dict, reference: str, report: str, backend: str) -> list:
    """Commands that write the trimmed reads of one assay row, interleaved, on stdout."""
    trim = [sys.executable, "-m", "cutadapt", "--quiet", "--interleaved", "--json", report]
    for option, key in (("-a", "adapter_read1"), ("-A", "adapter_read2")):
        if settings[key]:
            trim += [option, settings[key]]
    trim += ["--overlap", str(settings["adapter_overlap"])]
    if settings["quality_cutoff"]:
        trim += ["--quality-cutoff", str(settings["quality_cutoff"])]
    if settings["two_colour_chemistry"]:
        trim += ["--nextseq-trim", str(max(settings["quality_cutoff"], 20))]
    trim += ["--minimum-length", str(settings["min_read_length"]), "-o", "-"]
    trim += cutting_options(settings)
    if not is_aligned(row["file"]):
        return [[*trim, row["file"], row["file2"]]]
    folder = str(Path(report).parent / "collate")
    return [
        hts.command(
            "samtools", "collate", "-O", "-u", "--no-PG", "--reference", reference, row["file"], folder,
            backend=backend,
        ),
        hts.command("samtools", "fastq", "-n", "-T", "RX", "-0", "/dev/null", "-s", "/dev/null", "-", backend=backend),
        [*trim, "-"],
    ]  # fmt: skip


def output_commands(
    settings: dict, reference: str, paths: dict, folder: str, with_umis: bool
) -> list:
    """Commands that make a sorted, duplicate-marked, indexed file out of name-grouped BAM on stdin."""
    backend = settings["backend"]
    form = settings["alignment_format"]
    written = f"{paths['alignment']}##idx##{paths['index']}"
    carried = [[sys.executable, "-I", str(Path(umis.__file__).resolve())]] if with_umis else []
    barcode = ["--barcode-tag", "RX"] if with_umis else []
    distance = ["-d", settings["optical_distance"]] if settings["optical_distance"] else []
    return [
        hts.command("samtools", "fixmate", "-m", "-u", "--no-PG", "-", "-", backend=backend),
        hts.command(
            "samtools", "sort", "-u", "--no-PG", "-m", f"{settings['sort_memory_mb']}M",
            "-T", f"{folder}/sort", "-", backend=backend,
        ),
        *carried,
        hts.command(
            "samtools", "markdup", "-s", "--json", "-f", f"{folder}/markdup.json", *distance, *barcode, "--no-PG",
            "-T", f"{folder}/markdup", "--write-index", "-O", form, "--reference", reference,
            "-", written, backend=backend,
        ),
    ]  # fmt: skip


def align_row(
    aligner, row: dict, settings: dict, reference: str, folder: str, sink, metrics, with_umis: bool
) -> dict:
    """Trim and align one assay row into the open BAM stream `sink`; returns cutadapt's counts."""
    import pysam

    report = f"{folder}/{row['assay_id']}.json"
    commands = read_command(row, settings, reference, report, settings["backend"])
    try:
        with (
            hts.piped(commands, sink=subprocess.PIPE) as pipe,
            pysam.FastxFile(f"/dev/fd/{pipe.result.fileno()}", persist=True) as reads,
        ):
            for batch in batches(reads):
                if len(batch) % 2:
                    break  # the trimmer died; its own words follow from the pipe
                give_mates_one_name(batch)
                molecules = umis_of(batch, settings) if with_umis else ()
                results, proper, inserts = aligner.align(batch)
                metrics.add(batch, results, proper, inserts)
                for number, records in enumerate(results):
                    umi = molecules[number // 2] if with_umis else ""
                    for record in records:
                        record.set_tag("RG", row["assay_id"])
                        if umi:
                            record.set_tag("RX", umi)
                        sink.write(record)
    except UnpairedReads:
        raise defect(NOT_MATES, row["assay_id"]) from None
    except hts.CommandError as error:
        raise explain(error.message, row["assay_id"]) or error from None
    trimmed = json.loads(Path(report).read_text(encoding="utf-8"))
    counts = trimmed["read_counts"]
    if not counts["input"]:
        raise defect("the file holds no read pairs", row["assay_id"])
    adapters = (counts["read1_with_adapter"] or 0) + (counts["read2_with_adapter"] or 0)
    return {
        "pairs": counts["input"],
        "pairs_kept": counts["output"],
        "reads_with_adapter": adapters,
        "bases_quality_trimmed": trimmed["basepair_counts"]["quality_trimmed"] or 0,
    }


def align_sample(
    rows: list[dict], sample: str, reference: str, paths: dict, settings: dict, threads: int
) -> dict:
    """Align all assay rows of one sample; write alignment and index to `paths`; return the metrics."""
    import pysam

    with_umis = carry_umis(rows, reference, settings)
    aligner = PairAligner(reference, threads)
    header = aligner.header
    header["RG"] = [
        {
            "ID": row["assay_id"],
            "SM": sample,
            "LB": row.get("sample_id") or sample,
            "PL": settings["platform"],
        }
        for row in rows
    ]
    metrics, trimmed = Metrics(), []
    prefix = f".tmp{os.getpid()}."  # as the frame names what is not finished: a killed step leaves it, a resumed run clears it
    with tempfile.TemporaryDirectory(dir=Path(paths["alignment"]).parent, prefix=prefix) as folder:
        commands = output_commands(settings, reference, paths, folder, with_umis)
        with (
            hts.piped(commands, source=subprocess.PIPE) as pipe,
            pysam.AlignmentFile(pipe.feed, "wbu", header=header) as sink,
        ):
            for row in rows:
                counted = align_row(
                    aligner, row, settings, reference, folder, sink, metrics, with_umis
                )
                trimmed.append(counted)
        duplicates = json.loads(Path(folder, "markdup.json").read_text(encoding="utf-8"))
    total = {key: sum(part[key] for part in trimmed) for key in trimmed[0]}
    found = metrics.as_dict()
    found |= {
        "pairs": total["pairs"],
        "pairs_kept_fraction": total["pairs_kept"] / total["pairs"],
        "adapter_fraction": total["reads_with_adapter"] / (2 * total["pairs"]),
        "quality_trimmed_bases": total["bases_quality_trimmed"],
        "duplicates": duplicates["DUPLICATE TOTAL"],
        "duplicate_fraction": duplicates["DUPLICATE TOTAL"] / max(1, duplicates["EXAMINED"]),
        "told_apart_by_umi": with_umis,
    }
    return found


def delivered_or_aligned(
    step, rows: list[dict], sample: str, reference: str, paths: dict, settings: dict, threads: int
) -> dict:
    """Metrics of the alignment: the file as it is where it fits, else its reads aligned; which, and why, is recorded."""
    evidence = rows[0]["assay_id"]
    if not any(is_aligned(row["file"]) for row in rows):
        return align_sample(rows, sample, reference, paths, settings, threads)
    try:
        reason = delivered.reason_to_align(rows, reference, settings)
        if reason and settings["realign"] == "never":
            raise defect(
                f"the alignment cannot be used as it is ({reason}), and realign is never", evidence
            )
        step.check(
            "OMX-01", "alignment used as delivered", "NOT_ASSESSED" if reason else "PASS", evidence=evidence,
            acts=False, reason=f"its reads were aligned anew: {reason}" if reason else "",
        )  # fmt: skip
        if reason:
            return align_sample(rows, sample, reference, paths, settings, threads)
        prefix = f".tmp{os.getpid()}."
        with tempfile.TemporaryDirectory(
            dir=Path(paths["alignment"]).parent, prefix=prefix
        ) as folder:
            return delivered.take_over(rows[0], sample, reference, paths, settings, folder)
    except hts.CommandError as error:
        raise explain(error.message, evidence) or error from None
    except OSError as error:  # pysam while it looks at a damaged file
        raise explain(str(error), evidence) or error from None


def main(job):
    """Align the reads of one sample.

    input: reference = genome.fa with its bwa index beside it, reference_status; the read files themselves come with
    params: rows = [{assay_id, file, file2, md5, file2_md5, sample_id}, ...], settings = config section genomics.align
    output: alignment, index, metrics, status, ledger
    """
    with core_job.step(job) as step:
        settings = dict(job.params.settings)
        if hasattr(job.input, "reference_status"):
            step.require(job.input.reference_status)
        rows = sorted((dict(row) for row in job.params.rows), key=lambda row: row["assay_id"])
        for row in rows:
            check_files(row)
        paths = {
            "alignment": str(step.path(job.output.alignment)),
            "index": str(step.path(job.output.index)),
        }
        with contextlib.suppress(KeyError):
            settings["alignment_format"] = {".bam": "bam", ".cram": "cram"}[
                Path(job.output.alignment).suffix
            ]
        sample = (
            f"{step.subject}_{getattr(job.wildcards, 'block', rows[0].get('modality', 'reads'))}"
        )
        found = delivered_or_aligned(
            step, rows, sample, str(job.input.reference), paths, settings, int(job.threads)
        )
        judge(step, found, settings, rows[0]["assay_id"])
        step.path(job.output.metrics).write_text(
            json.dumps(found, sort_keys=True, indent=1) + "\n", encoding="utf-8"
        )


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
