"""In: the lock, collected blocks and raw files of both roles. Out: results/external/audit.json, before anybody is scored.
Source: docs/modelling.md, "Audit"; requirement MOD-09. External values are compared with development, no label is read.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from scripts.core import job as core_job
from scripts.core.features import read_block
from scripts.fusion import near_duplicates, reuse, sample_stems
from scripts.fusion.blocks import read_tsv


def check_reuse(tables: dict, external: dict, files: dict, roles: dict, settings: Mapping) -> None:
    """Raise ReuseAcrossRoles, every pair named, when a row, a near copy of one or a raw file stands in both roles.

    tables, external : {block: patients x features}; files : {patient: raw files}; roles : {patient: role}; settings :
    fusion.audit
    """
    outside = {p for p, role in roles.items() if role == "external"}
    found = equal_or_near([tables, external], outside, settings)
    same_file = reuse.equal_files(files)
    found += [f"{' = '.join(g)} (same raw file)" for g in reuse.across_roles(same_file, outside)]
    reuse.stop(found)


def equal_or_near(parts: list[dict], outside: set[str], settings: Mapping) -> list[str]:
    """Pairs of rows across the roles that are equal, or nearer than those of two people, in words."""
    equal = reuse.rows_in_blocks(parts, float(settings["duplicate_bits"]))
    across = reuse.across_roles(equal, outside)
    found = [f"{' = '.join(g)} (equal rows in {', '.join(equal[tuple(g)])})" for g in across]
    known = [set(group) for group in across]
    for pair, blocks in near_duplicates.in_blocks(
        parts, outside, settings["near_duplicates"]
    ).items():
        if not any(set(pair) <= group for group in known):
            found.append(
                f"{' = '.join(pair)} (rows nearer than two people's in {', '.join(blocks)})"
            )
    return found


def main(job):
    """Hold the external patients against the development patients.

    input: lock, tables, external (lists of Parquet), patients (sheet), raw (files)
    output: audit (JSON), ledger
    params: settings (fusion.audit), roles {patient: role}, files {patient: raw files}
    """
    with core_job.step(job) as step:
        tables, external = (
            {Path(p).name.removesuffix(".parquet"): read_block(p) for p in _list(paths)}
            for paths in (job.input.tables, job.input.external)
        )
        settings, roles = job.params.settings, job.params.roles
        check_reuse(tables, external, job.params.files, roles, settings)
        patients = read_tsv(_list(job.input.patients)[0])
        outside = {p for p, role in roles.items() if role == "external"}
        stems = sample_stems.same_stem(roles, patients, str(settings["stem_pattern"]))
        stems = reuse.across_roles(stems, outside)
        step.check(
            "MOD-09",
            "no sample stem in both development and external data",
            "WARN" if stems else "PASS",
            value=len(stems),
            threshold="0",
            reason=f"ids that read like samples of one person: {'; '.join(map(' = '.join, stems))}"
            if stems
            else "",
            acts=False,
        )
        compared = len(set().union(*(set(t.index) for t in external.values())))
        step.check(
            "MOD-09",
            "no row and no raw file in both development and external data",
            "PASS",
            value=compared,
            unit="external patients",
            acts=False,
        )
        result = {"status": "ASSESSED", "patients": compared, "reused": [], "stems": stems}
        text = json.dumps(result, sort_keys=True, indent=1) + "\n"
        step.path(job.output.audit).write_text(text, encoding="utf-8")


def _list(value) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
