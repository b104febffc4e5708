"""The data-quality report for a data manager: rows that add up, variables, units, repairs, gaps, distributions, modalities.

In: labs.parquet and the frozen labs sheet, verdicts, findings, the plan, the variable dictionary. Out:
results/report/data_quality.html. Source: docs/report.md, "Data-quality report".
"""

import datetime

from scripts import __version__
from scripts.core import job as core_job
from scripts.report import (
    cells,
    distributions,
    lab_rows,
    modalities,
    normalisation,
    page,
    unit_columns,
    variables,
)
from scripts.report.page import Section, text
from scripts.report.results import Results, one, read_results


def sections_of(
    results: Results,
    labs,
    in_sheet: dict[str, int],
    dictionary: dict,
    settings: dict,
    most: int,
    columns: list[dict],
) -> list[Section]:
    """All sections. `labs` is None for a cohort without laboratory values; `settings` is config:
    clinical; `most` is how many single cells a table lists; `columns` is read by unit_columns.read_columns.
    ValueError when rows do not add up."""
    names = {variable: entry.name for variable, entry in dictionary.items()}
    if labs is None:
        return [
            lab_rows.section(None),
            normalisation.section(results.plan, None, names),
            modalities.section(results),
        ]
    return [
        lab_rows.section(lab_rows.count(labs, in_sheet, results.plan)),
        normalisation.section(results.plan, labs, names),
        variables.section(labs, dictionary, results.plan),
        variables.gap_section(labs, dictionary, results.plan),
        *unit_columns.section(columns, dictionary),
        cells.section(labs, dictionary, most),
        cells.outlier_section(labs, results.findings, dictionary, settings),
        distributions.section(labs, dictionary),
        modalities.section(results),
    ]


def main(job) -> None:
    """Write the page.

    input: patients, [labs] (parquet), [unit_columns], [labs_sheet], [verdicts], [external_verdicts], findings,
    dictionary; output: report; params: settings (config: report), clinical, plan
    """
    with core_job.step(job) as step:
        settings = job.params.settings
        results = read_results(job.input, job.params.plan, "", {})
        labs_path, sheet = one(job.input.get("labs")), one(job.input.get("labs_sheet"))
        labs = lab_rows.read_labs(labs_path, results.plan) if labs_path else None
        in_sheet = lab_rows.rows_of_sheet(sheet) if sheet else {}
        dictionary = variables.read_dictionary(one(job.input.dictionary))
        run_date = datetime.date.today().isoformat()
        written = page.render(
            sections_of(
                results,
                labs,
                in_sheet,
                dictionary,
                job.params.clinical,
                settings["cells_listed"],
                unit_columns.read_columns(one(job.input.get("unit_columns"))),
            ),
            here="data",
            language=settings["language"],
            head={
                "meta": text("page.meta", as_of=results.plan["as_of"], run_date=run_date),
                "version": __version__,
            },
        )
        hidden = page.write(step.path(job.output.report), written)
        step.log.info(
            "%d laboratory rows, page of %d kB", sum(in_sheet.values()), len(written) // 1000
        )
        if hidden:
            step.log.warning("%d identifiers of persons masked in the report", hidden)


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
