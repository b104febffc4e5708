"""In: collected blocks and raw files of the development patients, sheets, split. Out: results/cohort/audit.json, before
any model. No raw file of an external patient is opened: those are held against development data by audit_external.
Source: docs/modelling.md, "Audit"; requirements CLE-05, MOD-09, OMX-06.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from scripts.core import job as core_job
from scripts.core.features import read_block
from scripts.core.linked_people import SAME_PERSON
from scripts.fusion import (
    blocks,
    class_separation,
    near_duplicates,
    negative_controls,
    reuse,
    sample_stems,
)
from scripts.fusion.audit_external import equal_or_near
from scripts.fusion.class_separation import MINIMUM_CLASS


@dataclass
class Audit:
    """Checks found so far."""

    checks: list[dict] = field(default_factory=list)

    def add(self, check, requirement, verdict, value, threshold, text_en, text_zh, subjects=()):
        """Add one check; subjects are patients or features."""
        self.checks.append(
            {
                "check": check,
                "requirement_id": requirement,
                "verdict": verdict,
                "value": value,
                "threshold": threshold,
                "text_en": text_en,
                "text_zh": text_zh,
                "subjects": list(subjects),
            }
        )

    def count(self, check, requirement, groups, what_en, what_zh):
        """A check that passes when nothing was found; groups are lists of patients."""
        shown = [" = ".join(group) for group in groups]
        verdict = "WARN" if groups else "PASS"
        self.add(check, requirement, verdict, len(groups), "0", what_en, what_zh, shown)


def stems_across(split: pd.DataFrame, patients: pd.DataFrame, pattern: str) -> list[list[str]]:
    """Patients whose ids differ only in a short suffix (X12-1, X12-2) and who stand in both parts."""
    table = split.set_index("patient_id")
    return [
        group
        for group in sample_stems.same_stem(table.index, patients, pattern)
        if table.loc[group, "part"].nunique() > 1 and table.loc[group, "group"].nunique() > 1
    ]


def check_outcome(audit: Audit, outcome: dict) -> None:
    """Red flags of the outcome: controls whose follow-up nobody recorded, sources of the stage that differ."""
    recorded = outcome["follow_up_recorded"]
    if recorded is not None:
        audit.add(
            "follow-up of controls",
            "REF-01",
            "PASS" if recorded else "WARN",
            0 if recorded else None,
            "recorded",
            ""
            if recorded
            else "follow-up of the controls is not recorded: some may have HCC by now",
            "" if recorded else "未记录对照的随访：其中部分人可能已患肝癌",
        )
    if outcome["stages_disagree"]:
        audit.add(
            "stage differs between sources",
            "CLE-02",
            "WARN",
            len(outcome["stages_disagree"]),
            "0",
            "patients whose recorded and computed stages differ; the first source counts",
            "记录分期与计算分期不一致的患者；以首个来源为准",
            outcome["stages_disagree"],
        )


def small_class_texts(small: dict[str, int]) -> tuple[str, str]:
    """What can be done about classes that are too small, in English and Chinese."""
    if not small:
        return "", ""
    return (
        f"a class of fewer than {MINIMUM_CLASS} patients gets no model; leave it out (empty its label in the sheet, "
        "or put it together with another class) and the others can be told apart",
        f"少于 {MINIMUM_CLASS} 名患者的类别无法建模；可将其剔除（清空该列标签，或与其他类别合并），其余类别仍可区分",
    )


def check_duplicates(audit: Audit, tables: dict, files: dict, settings: Mapping) -> None:
    """Rows, near copies of rows and raw files that occur twice among the development patients: flags."""
    equal = reuse.rows_in_blocks([tables], float(settings["duplicate_bits"]))
    same_file = reuse.equal_files(files)
    near = near_duplicates.in_blocks([tables], set(), settings["near_duplicates"])
    audit.count(
        "near-duplicate rows",
        "CLE-05",
        [list(pair) for pair in near if not any(set(pair) <= set(group) for group in equal)],
        "patients whose feature rows lie nearer together than those of two people",
        "特征行过于接近、不像来自两个人的患者",
    )
    audit.count(
        "duplicate rows",
        "CLE-05",
        sorted(equal),
        "patients whose feature rows are equal",
        "特征行完全相同的患者",
    )
    audit.count(
        "duplicate raw files",
        "CLE-05",
        same_file,
        "patients who share a raw file",
        "共用原始文件的患者",
    )


def check_roles(audit: Audit, patients: pd.DataFrame, assays: pd.DataFrame, roles: dict) -> None:
    """Files, MD5s and people that the sheets name in both roles; raises ReuseAcrossRoles with every one."""
    outside = {p for p, role in roles.items() if role == "external"}
    files = reuse.same_in_sheet(assays, set(roles))
    people = reuse.linked_people(patients, reuse.STRONG_IDS)
    found = [f"{' = '.join(g)} (same raw file)" for g in reuse.across_roles(files, outside)]
    found += [f"{' = '.join(g)} (one person)" for g in reuse.across_roles(people, outside)]
    reuse.stop(found)
    audit.add(
        "reuse across roles",
        "MOD-09",
        "PASS",
        0,
        "0",
        "no raw file and no person stands in both development and external data, by the sheets",
        "据登记表，开发集与外部集之间没有重复的原始文件或人员",
    )


def check_ready(job, patients, tables: dict, dictionaries: dict, settings: Mapping) -> None:
    """Raise ReuseAcrossRoles when a ready-made table holds a row of development once more, or nearly, under an external id.

    Ready-made tables hold both roles; rows of raw files are compared after the lock (audit_external). Only predictors are
    compared, no label is read.
    """
    outside = {p for p, role in job.params.roles.items() if role == "external"}
    external = {}
    for path in _list(job.input.ready) if outside else ():
        block = Path(path).name.removesuffix(".tsv")
        if block not in tables:
            continue
        roles = dictionaries[block]["role"]
        names = [c for c in tables[block] if roles.get(c) in ("predictor", "annotation")]
        table = pd.read_csv(path, sep="\t", dtype={"patient_id": str}).set_index("patient_id")
        own = table.index.isin(sorted(outside)) & table.index.isin(patients["patient_id"])
        external[block] = table.loc[own, [c for c in names if c in table]].astype(float)
    external = {block: t for block, t in external.items() if len(t)}
    inside = {block: tables[block][list(t.columns)] for block, t in external.items()}
    reuse.stop(equal_or_near([inside, external], outside, settings) if external else [])


def check_stems(audit: Audit, patients: pd.DataFrame, roles: dict, settings: Mapping) -> None:
    """Red flag: ids of both roles that read like samples of one person."""
    outside = {p for p, role in roles.items() if role == "external"}
    found = sample_stems.same_stem(roles, patients, str(settings["stem_pattern"]))
    audit.count(
        "sample stems across roles",
        "MOD-09",
        reuse.across_roles(found, outside),
        "ids that read like samples of one person stand in development and external data",
        "疑似同一患者的样本分布在开发集与外部集两侧",
    )


def check_people(
    audit: Audit,
    patients: pd.DataFrame,
    split: pd.DataFrame,
    classes: pd.Series,
    settings: dict,
) -> None:
    """Duplicate people, stems across the split, centre against label."""
    linked = reuse.linked_people(patients, (*reuse.STRONG_IDS, "contact_hash"))
    columns = [name for name in SAME_PERSON if name in patients]
    if columns and (patients[columns].fillna("") != "").to_numpy().any():
        audit.count(
            "duplicate people", "CLE-05", linked, "patients who are one person", "同一人的多次登记"
        )
    else:
        audit.add(
            "duplicate people",
            "CLE-05",
            "NOT_ASSESSED",
            None,
            "0",
            "nobody carries an identifier",
            "无人带有标识",
        )
    audit.count(
        "patient stems across the split",
        "MOD-09",
        stems_across(split, patients, str(settings["stem_pattern"])),
        "ids that look like one patient's samples stand in both parts",
        "疑似同一患者的样本分布在训练与测试两侧",
    )
    own = patients.set_index("patient_id").reindex(split["patient_id"])
    p, v = class_separation.centre_association(
        own["centre"], classes.reindex(own.index).to_numpy(str)
    )
    verdict = "NOT_ASSESSED" if p is None else "WARN" if p < settings["centre_p"] else "PASS"
    audit.add(
        "centre against label",
        "OMX-06",
        verdict,
        p,
        f"p >= {settings['centre_p']:g}",
        "one centre only" if p is None else f"chi-squared p {p:.3g}, Cramer's V {v:.2f}",
        "只有一个中心" if p is None else f"卡方检验 p {p:.3g}，Cramer's V {v:.2f}",
    )


def read_role(paths: list[str]) -> tuple[dict, dict]:
    """Tables and dictionaries of collected blocks; the block is the file's name."""
    tables, dictionaries = {}, {}
    for path in paths:
        block = Path(path).name.removesuffix(".parquet")
        tables[block] = read_block(path)
        dictionaries[block] = blocks.read_features(path.removesuffix(".parquet") + ".features.tsv")
    return tables, dictionaries


def main(job):
    """Audit the data before any model sees them.

    input: tables (Parquet), patients, assays, samples, events (sheets), outcome, description (outcome.tsv and .json),
           split, raw (files), ready (ready-made tables)
    output: audit (JSON), controls (Parquet: model, patient_id, stratum, score0 ... of the negative controls), ledger
    params: settings (fusion.audit), seed, roles {patient: role}, files {patient: raw files}
    """
    with core_job.step(job) as step:
        settings, seed = job.params.settings, int(job.params.seed)
        tables, dictionaries = read_role(_list(job.input.tables))
        patients = blocks.read_tsv(_list(job.input.patients)[0])
        patients = patients[patients["patient_id"].isin(set(job.params.roles))]
        sheets = _list(job.input.assays)
        assays = blocks.read_tsv(sheets[0]) if sheets else pd.DataFrame()
        split = blocks.read_tsv(job.input.split)
        outcome = json.loads(Path(job.input.description).read_text(encoding="utf-8"))
        classes, names = blocks.read_classes(job.input.outcome), outcome["classes"]
        classes = classes[classes.index.isin(set(split["patient_id"]))]
        audit = Audit()
        check_roles(audit, patients, assays, job.params.roles)
        check_ready(job, patients, tables, dictionaries, settings)
        check_stems(audit, patients, job.params.roles, settings)
        check_duplicates(audit, tables, job.params.files, settings)
        check_people(audit, patients, split, classes, settings)
        check_outcome(audit, outcome)
        bare = class_separation.one_sided(tables, classes, names)
        audit.add(
            "block of one class only",
            "OMX-06",
            "WARN" if bare else "PASS",
            len(bare),
            "0",
            "blocks that hardly any patient of the other class has; no model uses them",
            "几乎只有一类患者才有的数据块；模型不使用",
            bare,
        )
        small = class_separation.small_classes(classes, names)
        offered_en, offered_zh = small_class_texts(small)
        if small:
            audit.add(
                "class too small",
                "CLE-02",
                "WARN",
                len(small),
                f">= {MINIMUM_CLASS} patients",
                offered_en,
                offered_zh,
                [f"{name}: {n}" for name, n in small.items()],
            )
        limit = float(settings["single_feature_auc"])
        perfect = class_separation.single_features(tables, dictionaries, classes, names, limit)
        audit.add(
            "single feature too good",
            "CLE-02",
            "WARN" if perfect else "PASS",
            len(perfect),
            f"AUC <= {limit:g}",
            "features that alone separate the classes",
            "单独即可区分两类的特征",
            [class_separation.in_words(line, names) for line in perfect],
        )
        controls, scores = negative_controls.control_models(
            tables,
            dictionaries,
            patients,
            assays,
            split,
            classes,
            names,
            settings,
            seed,
            *(
                blocks.read_tsv(found[0]) if (found := _list(sheet)) else None
                for sheet in (job.input.samples, job.input.events)
            ),
        )
        scores.to_parquet(step.path(job.output.controls), index=False)
        for control in controls:
            status, auc = control["status"], control["auc"]
            audit.add(
                f"negative control: {control['model']}",
                "OMX-06",
                status if status == "NOT_ASSESSED" else "WARN" if control["flag"] else "PASS",
                None if auc is None else auc["value"],
                "interval of the AUC includes 0.5",
                control["reason"] or f"AUC {auc['value']:.2f} ({auc['low']:.2f}-{auc['high']:.2f})",
                control["reason"]
                or f"AUC {auc['value']:.2f}（{auc['low']:.2f}-{auc['high']:.2f}）",
            )
        for check in audit.checks:
            step.check(
                check["requirement_id"],
                check["check"],
                check["verdict"],
                value=check["value"],
                threshold=check["threshold"],
                reason=check["text_en"] if check["verdict"] != "PASS" else "",
                acts=False,
            )
        result = {"status": "ASSESSED", "checks": audit.checks, "negative_controls": controls}
        result["separating_features"] = perfect
        text = json.dumps(_rounded(result), sort_keys=True, indent=1, ensure_ascii=False) + "\n"
        step.path(job.output.audit).write_text(text, encoding="utf-8")


def _rounded(value):
    if isinstance(value, dict):
        return {key: _rounded(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(entry) for entry in value]
    if isinstance(value, float | np.floating):
        return round(float(value), 6)
    return value.item() if isinstance(value, np.generic) else value


def _list(value) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
