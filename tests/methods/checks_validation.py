"""Acceptance figures of validation: DeLong, resampling, the audit on planted defects, a real cohort without signal.

In: the folder of real test data. Out: CHECKS, see validate_methods.py.
Source: the acceptance list of docs/modelling.md; pROC (R); met_gu: Zuo 2021, 60 hcc and 60 cirrhosis patients, 39 metabolites.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
ABSENT = "real test data are not here (HCC_OMICS_TESTDATA)"

NAMES = ["control", "hcc"]


def line(name: str, data: str, measured: str, limit: str, holds: bool | None) -> dict:
    """A line of the table."""
    return {"name": name, "data": data, "measured": measured, "limit": limit, "holds": holds}


def absent(name: str, data: str, limit: str) -> dict:
    """A line that cannot be measured."""
    return line(name, data, ABSENT, limit, None)


def delong_equals_proc(folder: Path | None) -> dict:
    """AUCs, variances, covariance and p against R's pROC."""
    from scripts.model import metrics

    name, limit = "DeLong against R's pROC, largest difference", "<= 1e-6"
    if folder is None:
        return absent(name, "stats/delong_proc.json", limit)
    stored = json.loads((folder / "stats" / "delong_proc.json").read_text())
    gaps = []
    for case in stored["cases"]:
        y, a, b = (np.array(case[key]) for key in ("y", "a", "b"))
        areas, covariance = metrics.delong(y, a, b)
        p = metrics.delong_test(y, a, b)["p"]
        ours = [*areas, covariance[0, 0], covariance[1, 1], covariance[0, 1], p]
        theirs = [case[k] for k in ("auc_a", "auc_b", "var_a", "var_b", "cov_ab", "p")]
        gaps.append(np.abs(np.subtract(ours, theirs)).max())
    data = f"{len(gaps)} cases of stats/delong_proc.json"
    worst = float(max(gaps))
    measured = f"{worst:.1e} (AUCs, variances, covariance, p)"
    return line(name, data, measured, limit, worst <= 1e-6)


def resampling_is_fast(folder: Path | None) -> dict:
    """Time of 1000 stratified resamples of 1000 patients, and that they equal a plain bootstrap."""
    from scripts.model import metrics

    rng = np.random.default_rng(0)
    y = np.arange(1000) % 2
    score = y + rng.normal(0, 1, 1000)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        counts = metrics.resample_counts(y, 1000, seed=1)
        drawn = metrics.resampled_auc(y, score, counts)
        times.append(time.perf_counter() - start)
    rows = [np.repeat(np.arange(1000), counts[i]) for i in range(20)]
    plain = [metrics.auc(y[r], score[r]) for r in rows]
    gap = float(np.abs(drawn[:20] - plain).max())
    best = min(times)
    return {
        "name": "1000 stratified resamples of an AUC, n = 1000",
        "data": "made: 500 + 500 normal scores",
        "measured": f"{best:.3f} s (best of 5); difference from sorting each resample {gap:.0e}",
        "limit": "< 0.2 s",
        "holds": best < 0.2 and gap < 1e-12,
    }


def _tables(folder: Path | None, patients: int = 80) -> tuple[str, pd.DataFrame]:
    """A real metabolite table, a made one where there is none."""
    if folder is not None:
        table = pd.read_csv(folder / "tables" / "met_gu" / "met_gu.csv", index_col=0)
        return "met_gu (120 patients, 39 metabolites)", table.drop(columns="HCC")
    rng = np.random.default_rng(0)
    index = [f"X{i}" for i in range(patients)]
    return "made: 80 x 39 normal values", pd.DataFrame(rng.normal(size=(patients, 39)), index)


def reused_rows_stop_the_run(folder: Path | None) -> dict:
    """Five development rows put among the external ones, slightly rounded: all five must be named."""
    from scripts.fusion import audit_external, reuse

    data, table = _tables(folder)
    inside, outside = table.iloc[:60], table.iloc[60:].copy()
    outside.index = [f"E{i}" for i in range(len(outside))]
    planted = dict(zip(outside.index[::4][:5], inside.index[::11][:5], strict=True))
    for theirs, ours in planted.items():
        outside.loc[theirs] = inside.loc[ours] * (1 + 1e-9)
    roles = dict.fromkeys(inside.index, "development") | dict.fromkeys(outside.index, "external")
    message = ""
    try:
        blocks = ({"metabolites": inside}, {"metabolites": outside})
        audit_external.check_reuse(*blocks, {}, roles, 30)
    except reuse.ReuseAcrossRoles as error:
        message = str(error)
    pairs = [" = ".join(sorted(pair)) for pair in planted.items()]
    named = sum(f"{pair} (" in message for pair in pairs)
    extra = message.count(" = ") - named
    return {
        "name": "audit: rows reused between development and external data",
        "data": f"{data}, 5 rows planted",
        "measured": f"{'stopped' if message else 'went on'}, {named} of 5 named, {extra} others",
        "limit": "stops, names 5 of 5 and nothing else",
        "holds": bool(message) and named == 5 and extra == 0,
    }


def one_patient_in_two_parts(folder: Path | None) -> dict:
    """Two samples of one patient (X12-1, X12-2) on either side of the split."""
    from scripts.fusion import audit_cohort

    ids = [f"X{i}-{k}" for i in range(1, 31) for k in (1, 2)]
    part = ["train"] * 60
    for at in (23, 41):  # X12-2, X21-2
        part[at] = "test"
    split = pd.DataFrame({"patient_id": ids, "part": part, "group": ids})
    found = audit_cohort.stems_across(split)
    clean = split.assign(part="train")
    wanted = [["X12-1", "X12-2"], ["X21-1", "X21-2"]]
    return {
        "name": "audit: one patient's samples in two splits",
        "data": "made: 30 patients with 2 samples, 2 of them split",
        "measured": f"flagged {found}; without the defect {audit_cohort.stems_across(clean)}",
        "limit": "both flagged, nothing else",
        "holds": found == wanted and not audit_cohort.stems_across(clean),
    }


def _mask_cohort(table: pd.DataFrame, seed: int = 0):
    """Noise values whose missingness tells the class: 36 % of a case's features, 24 % of a control's."""
    rng = np.random.default_rng(seed)
    y = np.arange(len(table)) % 2
    share = np.where(y == 1, 0.36, 0.24)[:, None]
    shift = 0.25 * y[:, None]  # and the values tell it about as well
    values = pd.DataFrame(rng.normal(size=table.shape) + shift, table.index, table.columns)
    return y, values.mask(rng.random(table.shape) < share)


def mask_that_predicts_as_well(folder: Path | None) -> dict:
    """A missing mask that predicts the label marks the result as not separable from acquisition."""
    from scripts.fusion import negative_controls
    from scripts.model import confounding, verdicts

    data, table = _tables(folder)
    settings = {"resamples": 1000}
    y, values = _mask_cohort(table)
    groups = table.index.to_numpy(str)

    def control(one: pd.DataFrame) -> dict:
        X = negative_controls.mask_columns({"metabolites": one}, table.index)
        return negative_controls.control_model("missing mask", X, y, groups, NAMES, 10, settings, 1)

    planted = control(values)
    chance = control(table.mask(np.random.default_rng(2).random(table.shape) < 0.3))
    plain = negative_controls.control_model(
        "values", values.fillna(values.median()), y, groups, NAMES, 10, settings, 1
    )
    entry = {"status": "ASSESSED", "metrics": {"auc": plain["auc"]}}
    ours = pd.DataFrame({"label": y, "probability": plain["scores"][:, 0]}, table.index)
    scores = negative_controls.score_table([planted], {}, table.index)
    linked = pd.Series(groups, table.index)
    lines = confounding.judge_controls([planted], scores, ours, linked, settings, 1)
    verdict = verdicts.judge(entry, lines, {"useful_upper": 0.7})
    marked = verdict["separable_from_acquisition"] is False
    shown = f"values {plain['auc']['value']:.2f}, mask {planted['auc']['value']:.2f}"
    return {
        "name": "audit: missing mask that predicts the label as well as the values do",
        "data": f"shape of {data}, values and missingness made",
        "measured": f"AUC of {shown}: {verdict['acquisition_text_en'] or 'not marked'} "
        f"Missing at random: {chance['auc']['value']:.2f}, {'flagged' if chance['flag'] else 'no flag'}",
        "limit": "marked as not separable from acquisition; missing at random is not",
        "holds": marked and planted["flag"] and not chance["flag"],
    }


def write_met_gu(folder: Path, run: Path) -> list[str]:
    """The real cohort as sheets below `run`; returns the command that runs the workflow on it."""
    table = pd.read_csv(folder / "tables" / "met_gu" / "met_gu.csv")
    (run / "cohort" / "features").mkdir(parents=True)
    patients = pd.DataFrame({"patient_id": table["subject"], "centre": "GU"})
    patients["diagnosis"] = table["HCC"].map({1: "hcc", 0: "cirrhosis"})
    patients.assign(role="development").to_csv(run / "cohort/patients.tsv", sep="\t", index=False)
    table = table.drop(columns="HCC").rename(columns={"subject": "patient_id"})
    table.to_csv(run / "cohort" / "features" / "metabolites.tsv", sep="\t", index=False)
    text = "sheets: cohort\nconsent: {not_available: public data, document: met_gu}\n"
    (run / "config.yaml").write_text(text)
    command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile"), "--cores", "2"]
    return [*command, "--directory", str(run), "--configfile", str(run / "config.yaml"), "--"]


def met_gu_is_called_useless(folder: Path | None) -> dict:
    """features/*.tsv alone, one command: no useful discrimination must be said."""
    name, data = "met_gu in one command from its table alone", "met_gu, 120 patients"
    limit = "runs; no useful discrimination"
    if folder is None:
        return absent(name, data, limit)
    with tempfile.TemporaryDirectory() as place:
        run = Path(place)
        command = [*write_met_gu(folder, run), "results/model/test.json"]
        done = subprocess.run(command, cwd=run, capture_output=True, text=True)
        if done.returncode:
            measured = done.stderr.strip().splitlines()[-1]
            return line(name, data, measured, limit, False)
        found = json.loads((run / "results" / "model" / "performance.json").read_text())
    entry = found["strategies"][found["selected"]]["metrics"]["auc"]
    shown = f"AUC {entry['value']:.2f} ({entry['low']:.2f}-{entry['high']:.2f})"
    verdict = found["verdict"]
    measured = f"{shown}, chosen {found['selected']}; verdict: {verdict['text_en']}"
    return line(name, data, measured, limit, verdict["discrimination"] == "none")


def external_rows_do_not_reach_the_bundle(folder: Path | None) -> dict:
    """The bundle of a cohort whose external rows exist, and of the same cohort without any of them."""
    from tests.workflow.runs import write_table_cohort

    locked, early = {}, []
    with tempfile.TemporaryDirectory() as place:
        for name in ("with", "without"):
            run = Path(place) / name
            run.mkdir()
            config = write_table_cohort(run, development=60, external=24)
            if name == "without":
                sheet = pd.read_csv(run / "cohort" / "patients.tsv", sep="\t")
                gone = set(sheet.loc[sheet["role"] == "external", "patient_id"])
                for path in (run / "cohort" / "features").glob("*.tsv"):
                    table = pd.read_csv(path, sep="\t", dtype=str)
                    table = table[~table["patient_id"].isin(gone)]
                    table.to_csv(path, sep="\t", index=False)
            command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile")]
            command += ["--cores", "2", "--directory", str(run), "locks/bundle.json"]
            done = subprocess.run(
                [*command, "--configfile", str(config)], cwd=run, capture_output=True, text=True
            )
            if done.returncode:
                raise RuntimeError(done.stderr.strip().splitlines()[-1])
            early += [str(p) for p in (run / "results").rglob("*external*")]
            locked[name] = json.loads((run / "locks" / "bundle.json").read_text())["bundle"]
    same = locked["with"] == locked["without"]
    return {
        "name": "no step reads an external row before the lock",
        "data": "made: 60 development and 24 external patients, two blocks",
        "measured": f"external files before the lock: {len(early)}; bundle {locked['with'][:12]} with external rows, "
        f"{locked['without'][:12]} in a folder that holds none of them",
        "limit": "no file, the same bundle",
        "holds": same and not early and bool(locked["with"]),
    }


def _latent_cohort(patients: int, effect: float, seed: int, features: int = 20):
    """Two blocks, four features of each see the label with `effect` SD; the rest is noise."""
    from scripts.model.cohort_tables import Cohort

    rng = np.random.default_rng(seed)
    index = pd.Index([f"P{i:05d}" for i in range(patients)])
    label = rng.permutation(np.arange(patients) % 2)
    obs = pd.DataFrame({"label": label, "part": "train", "group": index, "centre": "C1"}, index)
    tables, dictionaries = {}, {}
    for block in ("ct", "lcms"):
        columns = [f"f{i}" for i in range(features)]
        seen = np.where(np.arange(features) < 4, effect, 0.0)
        values = rng.normal(size=(patients, features)) + label[:, None] * seen
        tables[block] = pd.DataFrame(values, index, columns)
        entry = {"role": "predictor", "unit": "umol/L", "stability": np.nan}
        dictionaries[block] = pd.DataFrame(entry, index=columns)
    return Cohort(obs, tables, dictionaries)


def optimism_is_measured(folder: Path | None) -> dict:
    """1000 refits on 100 patients: corrected AUC against the same model on 20,000 new patients."""

    from scripts.core.config import default_config
    from scripts.model import fit_model, metrics, refits

    settings = default_config()["model"]
    train = _latent_cohort(100, 0.5, 1)
    model = fit_model.train_chosen("early", train, settings, 1)
    start = time.process_time()
    table = refits.resample(model, train, range(1000), settings, 1)
    seconds = time.process_time() - start
    found = refits.optimism(refits.apparent(model, train), table)["auc"]
    new = _latent_cohort(20000, 0.5, 2)
    truth = metrics.auc(new.labels, model.score(new)["probability"].to_numpy())
    apparent, corrected = found["apparent"], found["corrected"]["value"]
    return {
        "name": "1000 bootstrap refits: AUC corrected for optimism",
        "data": "made: 100 patients, 2 x 20 features, early fusion; truth from 20,000 new patients",
        "measured": f"apparent {apparent:.3f}, corrected {corrected:.3f}, not drawn {found['outside']['value']:.3f}, "
        f"truth {truth:.3f}; {len(table)} refits in {seconds:.0f} s of CPU",
        "limit": "1000 refits; corrected within .06 of the truth and closer than apparent",
        "holds": len(table) == 1000
        and abs(corrected - truth) <= 0.06
        and abs(corrected - truth) < abs(apparent - truth),
    }


CHECKS = [
    delong_equals_proc,
    resampling_is_fast,
    reused_rows_stop_the_run,
    one_patient_in_two_parts,
    mask_that_predicts_as_well,
    external_rows_do_not_reach_the_bundle,
    optimism_is_measured,
    met_gu_is_called_useless,
]
