"""In: the lock, collected blocks and raw files of both roles. Out: results/external/audit.json, before anybody is scored.
Source: docs/modelling.md, "Audit"; requirement MOD-09. External values are hashed, not looked at.
"""

import json
from pathlib import Path

from scripts.core import job as core_job
from scripts.core.features import read_block
from scripts.fusion import reuse


def check_reuse(tables: dict, external: dict, files: dict, roles: dict, bits: float) -> None:
    """Raise ReuseAcrossRoles, every pair named, when a row or a raw file stands in both roles.

    tables, external : {block: patients x features}; files : {patient: raw files}; roles : {patient: role}
    """
    outside = {p for p, role in roles.items() if role == "external"}
    equal = reuse.rows_in_blocks([tables, external], bits)
    found = [
        f"{' = '.join(g)} (equal rows in {', '.join(equal[tuple(g)])})"
        for g in reuse.across_roles(equal, outside)
    ]
    same_file = reuse.equal_files(files)
    found += [f"{' = '.join(g)} (same raw file)" for g in reuse.across_roles(same_file, outside)]
    reuse.stop(found)


def main(job):
    """Hold the external patients against the development patients.

    input: lock, tables, external (lists of Parquet), raw (files)
    output: audit (JSON), ledger
    params: settings (fusion.audit), roles {patient: role}, files {patient: raw files}
    """
    with core_job.step(job) as step:
        tables, external = (
            {Path(p).name.removesuffix(".parquet"): read_block(p) for p in _list(paths)}
            for paths in (job.input.tables, job.input.external)
        )
        bits = float(job.params.settings["duplicate_bits"])
        check_reuse(tables, external, job.params.files, job.params.roles, bits)
        compared = len(set().union(*(set(t.index) for t in external.values())))
        step.check(
            "MOD-09",
            "no row and no raw file in both development and external data",
            "PASS",
            value=compared,
            unit="external patients",
            acts=False,
        )
        result = {"status": "ASSESSED", "patients": compared, "reused": []}
        text = json.dumps(result, sort_keys=True, indent=1) + "\n"
        step.path(job.output.audit).write_text(text, encoding="utf-8")


def _list(value) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
