"""The pages for auditors and data managers as PDF, in Chinese and English, where this machine can make them.

In: pages of results/report as HTML. Out: a folder with one PDF a page and language, and printed.tsv, which says of each
whether it was made and, if not, why and what to install. Source: docs/report.md, "PDF".
"""

import csv
from pathlib import Path

from scripts.core import job as core_job
from scripts.report.page import LANGUAGES
from scripts.report.printing import PACKAGES, Printer, find_printer, printed

COLUMNS = ("page", "language", "file", "note")


def print_page(page: Path, folder: Path, printer: Printer) -> list[dict]:
    """Print one page in every language that the machine can print; one row of printed.tsv a
    language."""
    html = page.read_text(encoding="utf-8")
    rows = []
    for language in LANGUAGES:
        row = {"page": page.name, "language": language, "file": "", "note": printer.reason}
        if language in printer.languages:
            pdf, missing = printed(html, language)
            row["file"] = f"{page.stem}.{language}.pdf"
            row["note"] = (
                f"words stand for {len(missing)} letters without a font" if missing else ""
            )
            (folder / row["file"]).write_bytes(pdf)
        rows.append(row)
    return rows


def write_list(path: Path, rows: list[dict]) -> None:
    """printed.tsv: page, language, file ("" = not made), note."""
    with open(path, "w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, COLUMNS, delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main(job) -> None:
    """Print the pages. input: pages; output: pdf (a folder)"""
    with core_job.step(job) as step:
        folder = step.path(job.output.pdf)
        folder.mkdir()
        printer = find_printer()
        if printer.reason:
            kept = "English PDF only" if printer.languages else "no PDF, the HTML pages alone"
            step.log.warning(
                "%s: %s; on Debian: apt-get install %s", kept, printer.reason, PACKAGES
            )
        pages = [job.input.pages] if isinstance(job.input.pages, str) else job.input.pages
        rows = [row for page in pages for row in print_page(Path(page), folder, printer)]
        write_list(folder / "printed.tsv", rows)
        made = [row["file"] for row in rows if row["file"]]
        step.log.info("printed: %s", ", ".join(made) or "nothing")


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
