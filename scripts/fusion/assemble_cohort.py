"""In: tables, dictionaries and verdicts of all development blocks, patients sheet, outcome, split.
Out: results/cohort/cohort.h5mu: one modality per block, union of patients, missing values kept.
Source: MuData (Bredikhin 2022, Genome Biology 23:42); docs/architecture.md, section 5.
"""

import json
from pathlib import Path

import pandas as pd

from scripts.core import job as core_job
from scripts.core.features import read_block
from scripts.fusion import blocks
from scripts.fusion.freeze_split import CONFLICT

OBS_NUMBERS = ("age", "follow_up_months")
OBS_TEXT = ("centre", "diagnosis", "stage", "sex", "aetiology", "index_date", "enrolment_date")


def describe_patients(
    patients: pd.DataFrame, split: pd.DataFrame, classes: pd.Series, names: list[str]
) -> pd.DataFrame:
    """obs of the cohort: label, part, group, subgroup columns; "" or NaN = unknown.

    classes : class of every patient; names : all classes, the label is the position among them (with two
    classes 1 is the event)
    """
    table = patients.set_index("patient_id").reindex(split["patient_id"])
    lines = split.set_index("patient_id")
    out = pd.DataFrame(index=table.index)
    out["class"] = classes.reindex(table.index).astype(str)
    out["label"] = out["class"].map({name: code for code, name in enumerate(names)}).astype("int8")
    for column in ("part", "group", "stratum"):
        out[column] = lines[column].astype(str)
    for column in OBS_TEXT:
        values = table[column] if column in table else pd.Series("", index=table.index)
        out[column] = values.fillna("").astype(str)
    for column in OBS_NUMBERS:
        values = table[column] if column in table else pd.Series("", index=table.index)
        out[column] = pd.to_numeric(values.replace("", None)).astype("float64")
    return out.sort_index()


def to_mudata(tables: dict, dictionaries: dict, verdicts: dict, obs: pd.DataFrame):
    """MuData with one modality per block that has rows; feature names become `block__feature`.

    tables : {block: patients x features}, dictionaries : {block: index feature}, verdicts : {block:
    Series patient -> verdict}. Missing values stay NaN, missing rows stay absent.
    """
    import anndata
    import mudata

    modalities = {}
    for block, table in tables.items():
        table = table[table.index.isin(obs.index)]
        if table.empty:
            continue
        var = dictionaries[block].reindex(table.columns)
        var = var.assign(feature=table.columns.astype(str), block=block)
        var.index = pd.Index([f"{block}__{name}" for name in table.columns], dtype=str)
        own = verdicts[block].reindex(table.index).fillna("").astype(str).to_frame("verdict")
        modalities[block] = anndata.AnnData(X=table.to_numpy("float64"), obs=own, var=var)
    with mudata.set_options(pull_on_update=False):
        cohort = mudata.MuData(modalities)
        everyone = obs.reindex(sorted(cohort.obs_names))
        cohort = cohort[list(everyone.index)].copy()
        cohort.obs = everyone
    return cohort


def write_cohort(path: str | Path, cohort) -> None:
    """Write MuData as .h5mu; columns of blocks stay with their block."""
    import mudata

    with mudata.set_options(pull_on_update=False):
        cohort.write(path)


def main(job):
    """Join all blocks of the development patients.

    input: tables, dictionaries, verdicts (lists in the order of the blocks), patients, outcome (TSV),
           description (outcome.json), split
    output: cohort (.h5mu), status, ledger
    params: blocks (list of names)
    """
    with core_job.step(job) as step:
        names = list(job.params.blocks)
        tables = dict(zip(names, map(read_block, _list(job.input.tables)), strict=True))
        dictionaries = dict(
            zip(names, map(blocks.read_features, _list(job.input.dictionaries)), strict=True)
        )
        verdicts = {
            name: blocks.read_verdicts(path).set_index("patient_id")["verdict"]
            for name, path in zip(names, _list(job.input.verdicts), strict=True)
        }
        split = blocks.read_tsv(job.input.split)
        split = split[split["part"] != CONFLICT]
        outcome = json.loads(Path(job.input.description).read_text(encoding="utf-8"))
        classes = blocks.read_classes(job.input.outcome)
        sheet = blocks.read_tsv(_list(job.input.patients)[0])
        obs = describe_patients(sheet, split, classes, outcome["classes"])
        if not any(len(table) for table in tables.values()):
            raise core_job.InputDefect(
                "no block has a single usable row; see the verdicts under results/qc",
                requirement_id="TRC-02",
                check="cohort has data",
            )
        cohort = to_mudata(tables, dictionaries, verdicts, obs)
        missing = {name: 1 - len(t) / max(1, len(obs)) for name, t in tables.items()}
        for name, fraction in missing.items():
            step.check(
                "CLE-01",
                f"share of patients without block {name}",
                "PASS",
                value=float(fraction),
                threshold="stated, not limited",
                acts=False,
            )
        kept = {key: outcome[key] for key in ("name", "kind", "classes")}
        cohort.uns["outcome"] = json.dumps(kept, sort_keys=True, ensure_ascii=False)
        bare = len(obs) - cohort.n_obs
        if bare:
            step.log.info("%d patients have no block at all and are left out", bare)
        write_cohort(step.path(job.output.cohort), cohort)


def _list(value) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
