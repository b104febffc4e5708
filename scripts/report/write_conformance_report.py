"""The conformance report for an auditor: verdicts, what does not conform and who acts, every requirement, every record.

In: conformance.json, findings.tsv, requirements.yaml, the plan, patients and samples sheets, nonconformities.tsv where there
is one. Out: results/report/conformance.html. Source: docs/report.md, "Conformance report"; the project's reading of the
draft notes.
"""

import datetime

from scripts import __version__
from scripts.core import job as core_job
from scripts.core.ledger import STATUSES
from scripts.core.sheets import read_sheet
from scripts.report import nonconformity_table, page, records, requirement_list
from scripts.report.assess_conformance import read_requirements
from scripts.report.conformity import centre_table, requirement_name, verdict_cell
from scripts.report.page import Facts, Heading, Paragraph, Section, join, text
from scripts.report.results import Results, many, one, read_results, read_table


def _link(name: str):
    """A requirement id that filters the records when it is clicked."""
    from markupsafe import Markup

    return Markup('<a href="#records" data-requirement="{0}">{0}</a>').format(name)


def verdict_section(results: Results) -> Section:
    """Verdict of the cohort and of every centre, requirements by status."""
    found = results.conformance
    counts = found["counts"]
    words = [verdict_cell(found["verdict"][kind]).content for kind in ("process", "data")]
    parts = [
        Paragraph(text("conformance.intro")),
        Paragraph(
            text(
                "verdicts.lead",
                process=words[0],
                data=words[1],
                failed=len(found["verdict"]["failed"]),
                missing=found["verdict"]["not_assessed"],
                n=len(found["requirements"]),
            ),
            "lead",
        ),
        Facts(
            [(text(f"status.{s}"), str(counts[s]), text(f"status_meaning.{s}")) for s in STATUSES]
        ),
        centre_table(results),
        requirement_list.status_table(results),
    ]
    return Section("verdicts", text("section.verdicts"), parts)


def failures_section(results: Results, written: list[dict]) -> Section:
    """What does not conform, with owner and action."""
    names = {name: requirement_name(r) for name, r in results.conformance["requirements"].items()}
    listed = nonconformity_table.table(written, names, _link)
    parts: list = [listed or Paragraph(text("conformance.no_failures"), "note")]
    loose = results.conformance.get("unassigned_failures", 0)
    if loose:
        parts.append(Paragraph(text("nonconformity.unassigned", n=loose), "small"))
    return Section("nonconformities", text("section.nonconformities"), parts)


def requirements_section(results: Results, requirements: dict) -> Section:
    """Every requirement, section by section of the notes."""
    parts = [
        Paragraph(text("requirements.intro")),
        requirement_list.requirement_table(results, requirements, _link),
    ]
    return Section("requirements", text("section.requirements"), parts)


def records_section(results: Results, samples: list[dict], most: int, path: str) -> Section:
    """All records, to be searched."""
    known = records.owners(results.plan, samples)
    part = records.part(results.findings, known, most, path)
    return Section("records", text("section.records"), [Paragraph(text("records.intro")), part])


def reading_section() -> Section:
    """How a status and a verdict come about."""
    parts = [Heading(text("reading.status"))]
    parts += [
        Paragraph(join([text(f"status.{s}"), text(f"reading.{s}")], "：", ": ")) for s in STATUSES
    ]
    parts += [Heading(text("reading.verdict")), Paragraph(text("conformance.verdict_note"))]
    return Section("reading", text("section.reading"), parts)


def report_page(
    results: Results, requirements: dict, samples: list[dict], written: list[dict], **page_settings
) -> str:
    """The whole page.

    page_settings : language (zh or en), run_date, most (records that the page takes), path (file
    with all of them)
    """
    sections = [
        verdict_section(results),
        failures_section(results, written),
        requirements_section(results, requirements),
        records_section(results, samples, page_settings["most"], page_settings["path"]),
        reading_section(),
    ]
    meta = text("page.meta", as_of=results.plan["as_of"], run_date=page_settings["run_date"])
    return page.render(
        sections,
        here="conformance",
        language=page_settings["language"],
        head={"meta": meta, "version": __version__},
    )


def main(job) -> None:
    """Write the page.

    input: patients, [samples], findings, conformance, requirements, [nonconformities]; output:
    report; params: settings (config: report), plan
    """
    with core_job.step(job) as step:
        settings = job.params.settings
        results = read_results(job.input, job.params.plan, "", {})
        samples = [row for path in many(job.input.get("samples")) for row in read_sheet(path).rows]
        written = report_page(
            results,
            read_requirements(one(job.input.requirements)),
            samples,
            read_table(one(job.input.get("nonconformities"))),
            language=settings["language"],
            run_date=datetime.date.today().isoformat(),
            most=settings["records_listed"],
            path=one(job.input.findings),
        )
        hidden = page.write(step.path(job.output.report), written)
        step.log.info("%d findings, page of %d kB", len(results.findings), len(written) // 1000)
        if hidden:
            step.log.warning("%d identifiers of persons masked in the report", hidden)


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
