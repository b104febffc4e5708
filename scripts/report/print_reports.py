"""The pages for auditors and data managers as PDF in one language, where this machine can make them.

In: pages of results/report as HTML, the language. Out: a folder with one PDF a page, and printed.tsv, which says of each
whether it was made and, if not, why. Source: docs/report.md, "PDF".
"""

import csv
from pathlib import Path

from scripts.core import job as core_job
from scripts.report.printing import Printer, find_printer, printed

COLUMNS = ("page", "language", "file", "note")


def print_page(page: Path, folder: Path, language: str, printer: Printer) -> dict:
    """Print one page if the machine can print its language; its row of printed.tsv."""
    row = {"page": page.name, "language": language, "file": "", "note": printer.reason}
    if language in printer.languages:
        pdf, missing = printed(page.read_text(encoding="utf-8"), language)
        row["file"] = f"{page.stem}.{language}.pdf"
        row["note"] = f"words stand for {len(missing)} letters without a font" if missing else ""
        (folder / row["file"]).write_bytes(pdf)
    return row


def write_list(path: Path, rows: list[dict]) -> None:
    """printed.tsv: page, language, file ("" = not made), note."""
    with open(path, "w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, COLUMNS, delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main(job) -> None:
    """Print the pages. input: pages; output: pdf (a folder); wildcards: language"""
    with core_job.step(job) as step:
        language = job.wildcards.language
        folder = step.path(job.output.pdf)
        folder.mkdir()
        printer = find_printer()
        if language not in printer.languages:
            step.log.warning("no %s PDF, the HTML pages alone: %s", language, printer.reason)
        pages = [job.input.pages] if isinstance(job.input.pages, str) else job.input.pages
        rows = [print_page(Path(page), folder, language, printer) for page in pages]
        write_list(folder / "printed.tsv", rows)
        for row in rows:
            step.log.info("%s: %s", row["page"], row["file"] or "not printed")


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
