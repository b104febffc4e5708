"""The verdict as an exit code, for scripts and release checks.

In: conformance.json. Out: the verdict of the cohort and of every centre on stdout, an exit code: 0 conformant, 2 no readable
conformance.json, 3 not conformant because requirements fail, 4 not conformant because evidence is missing. Source:
docs/report.md, "Exit codes".
"""

import json
import sys
from pathlib import Path

from scripts.core import job as core_job
from scripts.core.job import InputDefect

CODES = {"requirements fail": 3, "evidence is missing": 4}


def exit_code(verdict: dict, which: str = "process") -> int:
    """0, 3 or 4; failures count before missing evidence. `which` is process (of the sites) or data (what was analysed)."""
    grounds = verdict["grounds" if which == "process" else "data_grounds"]
    return min((CODES[ground] for ground in grounds), default=0)


def lines_of(conformance: dict) -> list[str]:
    """What a person reads: verdicts of the cohort and of every centre."""
    verdicts = {"cohort": conformance["verdict"], **conformance["centres"]}
    lines = []
    for name, verdict in verdicts.items():
        why = f" ({', '.join(verdict['grounds'])})" if verdict["grounds"] else ""
        failed = f"; fails: {', '.join(verdict['failed'])}" if verdict["failed"] else ""
        gaps = f"; not assessed: {verdict['not_assessed']}" if verdict["not_assessed"] else ""
        lines.append(f"{name}: {verdict['process']}{why}{failed}{gaps}")
    return [*lines, conformance["wording"]]


def main(job):
    """Print the verdict and end with its exit code: 0 conformant, 3 requirements fail, 4 evidence is missing.

    input: conformance (results/report/conformance.json); params: which = process (default) or data
    """
    with core_job.step(job) as step:
        path = Path(str(job.input.conformance))
        try:
            conformance = json.loads(path.read_text(encoding="utf-8"))
            code = exit_code(conformance["verdict"], getattr(job.params, "which", "process"))
        except (OSError, ValueError, KeyError) as error:
            text = f"{path.name} cannot be read ({type(error).__name__}); run the workflow first"
            step.log.error("%s", text)  # no verdict, unlike the exit codes below
            raise InputDefect(text) from None
        for line in lines_of(conformance):
            sys.stdout.write(line + "\n")
            step.log.info("%s", line)
    if step.failed:
        raise SystemExit(2)
    if code:
        raise SystemExit(code)


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
