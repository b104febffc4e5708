"""The report: one HTML page in Chinese and English that opens without a network.

In: plan, patients sheet, verdicts, split, audit, performance, validation, bundle, conformance.
Out: results/report/report.html, tripod_ai.csv. Source: docs/report.md; STARD 2015, TRIPOD+AI for what it shows.
"""

import datetime

from scripts import __version__
from scripts.core import job as core_job
from scripts.report import (
    associations,
    audit,
    classes,
    cohort,
    conformity,
    exploration,
    flow,
    internal,
    page,
    performance,
    provenance,
    quality,
    summary,
    tripod,
    validation,
)
from scripts.report.page import Section, text
from scripts.report.results import Results, read_results


def sections_of(results: Results, run_date: str) -> list[Section]:
    """All sections in their order; every one exists, and says so when it has nothing to show."""
    counted = flow.count(results)
    many = classes.multiclass(results)
    return [
        classes.summary_section(results, counted) if many else summary.section(results, counted),
        flow.section(results, counted),
        cohort.section(results),
        quality.section(results),
        audit.section(results),
        exploration.section(results),
        associations.section(results),
        classes.section(results) if many else performance.section(results),
        internal.section(results),
        classes.validation_section(results) if many else validation.section(results),
        provenance.bundle_section(results),
        tripod.section(results),
        conformity.section(results),
        provenance.run_section(results, run_date),
    ]


def report_page(results: Results, *, language: str, run_date: str) -> str:
    """The whole page. `language` (zh or en) is what it opens with; the button switches."""
    meta = text("page.meta", as_of=results.plan["as_of"], run_date=run_date)
    return page.render(
        sections_of(results, run_date),
        here="report",
        language=language,
        head={"meta": meta, "version": __version__},
    )


def main(job) -> None:
    """Write the report; anything that looks like an identifier of a person is masked and
    counted."""
    with core_job.step(job) as step:
        params = job.params
        results = read_results(
            job.input,
            params.plan,
            params.openings,
            dict(params.shown),
            params.withdrawals,
            params.iterations,
        )
        today = datetime.date.today().isoformat()
        written = report_page(results, language=params.settings["language"], run_date=today)
        hidden = page.write(step.path(job.output.report), written)
        checklist = tripod.as_csv(results)
        step.path(job.output.tripod).write_text(checklist, encoding="utf-8")
        if hidden:
            step.log.warning("%d identifiers of persons masked in the report", hidden)


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
