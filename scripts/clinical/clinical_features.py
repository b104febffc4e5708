"""Features of the clinical block: age, sex, aetiology, laboratory values, indices, and annotations
that never predict.

In: canonical values, upper limits of normal, person and history columns. Out: feature table,
reasons of missing indices.
Source: variable dictionary (units, log scale), scripts/clinical/indices.py (formulas),
docs/clinical.md.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from scripts.clinical import indices, staging
from scripts.clinical.terminology import Dictionary
from scripts.core.features import Feature

CREATININE, BILIRUBIN = 88.4, 17.1  # umol/L per mg/dL, as in units.tsv
_GRADES = {
    "ascites": {"none": 1.0, "mild": 2.0, "moderate_severe": 3.0},
    "encephalopathy": {"none": 1.0, "grade1_2": 2.0, "grade3_4": 3.0},
}
HISTORY_PREDICTORS = {
    "cirrhosis": "cirrhosis (yes = 1)",
    "antiviral": "antiviral treatment (yes = 1)",
    "warfarin": "vitamin K antagonist, raises PIVKA-II (yes = 1)",
    "family_hcc": "first-degree relative with HCC (yes = 1)",
    "diabetes": "diabetes mellitus (yes = 1)",
    "alcohol_g_day": "alcohol per day",
}
_AETIOLOGIES = ("hbv", "hcv", "ald", "masld")
_MVI = {"M0": 0.0, "M1": 1.0, "M2": 2.0}
_BCLC = {stage: float(i) for i, stage in enumerate(("0", "A", "B", "C", "D"))}
_CNLC = {
    stage: float(i) for i, stage in enumerate(("Ia", "Ib", "IIa", "IIb", "IIIa", "IIIb", "IV"))
}


@dataclass(frozen=True)
class Index:
    """An index: `inputs` name columns of `index_inputs`, in the order of the function's
    arguments."""

    name: str
    function: Callable
    inputs: tuple[str, ...]
    unit: str
    description: str
    role: str = "predictor"


INDICES = (
    Index("fib4", indices.fib4, ("age", "ast", "alt", "plt"), "1", "FIB-4 (Sterling 2006)"),
    Index("apri", indices.apri, ("ast", "ast_uln", "plt"), "1", "APRI (Wai 2003)"),
    Index("gpr", indices.gpr, ("ggt", "ggt_uln", "plt"), "1", "GGT to platelet ratio (Lemoine 2016)"),
    Index("de_ritis", indices.ratio, ("ast", "alt"), "1", "De Ritis ratio AST/ALT"),
    Index("nlr", indices.ratio, ("neut", "lymph"), "1", "neutrophils to lymphocytes"),
    Index("plr", indices.ratio, ("plt", "lymph"), "1", "platelets to lymphocytes"),
    Index("albi", indices.albi, ("tbil", "alb"), "1", "ALBI score (Johnson 2015)"),
    Index("albi_grade", lambda t, a: indices.albi_grade(indices.albi(t, a)), ("tbil", "alb"), "1",
          "ALBI grade 1 to 3 (Johnson 2015)", "annotation"),
    Index("child_pugh", indices.child_pugh,
          ("tbil", "alb", "inr", "ascites_points", "encephalopathy_points"), "1",
          "Child-Pugh points 5 to 15"),
    Index("meld_i", indices.meld_i, ("crea_mg", "tbil_mg", "inr", "dialysis"), "1",
          "MELD(i), not rounded (UNOS 2016)"),
    Index("meld_na", indices.meld_na, ("crea_mg", "tbil_mg", "inr", "na", "dialysis"), "1",
          "MELD-Na (OPTN 2016)"),
    Index("meld3", indices.meld3,
          ("female", "tbil_mg", "na", "inr", "crea_mg", "alb_g_dl", "dialysis"), "1",
          "MELD 3.0 (Kim 2021)"),
    Index("egfr", indices.egfr_2021, ("crea_mg", "age", "female"), "mL/min/1.73m2",
          "eGFR (CKD-EPI 2021)"),
    Index("amap", indices.amap, ("age", "male", "tbil", "alb", "plt"), "1", "aMAP score (Fan 2020)"),
    Index("asap", indices.asap_logit, ("age", "female", "afp", "pivka2"), "logit",
          "ASAP linear predictor, chronic hepatitis B (Yang 2019)"),
    Index("galad", indices.galad, ("age", "male", "afp", "afp_l3", "dcp_ng"), "logit",
          "GALAD linear predictor, DCP in ng/mL (Johnson 2014)"),
    Index("page_b", indices.page_b, ("age", "male", "plt"), "1",
          "PAGE-B, chronic hepatitis B (Papatheodoridis 2016)"),
    Index("mpage_b", indices.mpage_b, ("age", "male", "plt", "alb"), "1",
          "modified PAGE-B, chronic hepatitis B (Kim 2018)"),
    Index("reach_b", indices.reach_b, ("age", "male", "alt", "hbeag", "hbv_copies"), "1",
          "REACH-B, chronic hepatitis B, HBV DNA in copies/mL (Yang 2011)"),
    Index("child_pugh_class", lambda *a: indices.child_pugh_class(indices.child_pugh(*a)),
          ("tbil", "alb", "inr", "ascites_points", "encephalopathy_points"), "1",
          "Child-Pugh class A, B, C as 1 to 3", "annotation"),
    Index("fib4_group", lambda *a: indices.fib4_group(indices.fib4(*a)), ("age", "ast", "alt", "plt"), "1",
          "FIB-4 below 1.45, to 3.25, above as 1 to 3 (Sterling 2006)", "annotation"),
    Index("amap_group", lambda *a: indices.amap_group(indices.amap(*a)),
          ("age", "male", "tbil", "alb", "plt"), "1",
          "aMAP risk low, medium, high as 1 to 3 (Fan 2020)", "annotation"),
    Index("page_b_group", lambda *a: indices.page_b_group(indices.page_b(*a)), ("age", "male", "plt"), "1",
          "PAGE-B risk low, intermediate, high as 1 to 3 (Papatheodoridis 2016)", "annotation"),
    Index("mpage_b_group", lambda *a: indices.mpage_b_group(indices.mpage_b(*a)),
          ("age", "male", "plt", "alb"), "1",
          "modified PAGE-B risk low, intermediate, high as 1 to 3 (Kim 2018)", "annotation"),
    Index("bmi", indices.bmi, ("weight_kg", "height_cm"), "kg/m2", "body mass index"),
)  # fmt: skip
# Variables behind the inputs of formulas that have another unit.
_VARIABLES = {
    "crea_mg": "crea",
    "tbil_mg": "tbil",
    "alb_g_dl": "alb",
    "dcp_ng": "dcp",
    "hbv_copies": "hbv_dna_copies",
}
_NAMES = {
    "ascites_points": "ascites",
    "encephalopathy_points": "encephalopathy",
    "crea_mg": "creatinine",
    "tbil_mg": "total bilirubin",
    "alb_g_dl": "albumin",
    "female": "sex",
    "male": "sex",
    "dcp_ng": "DCP in ng/mL (PIVKA-II in mAU/mL is never converted)",
    "hbv_copies": "HBV DNA in copies/mL",
}


def declared(settings: dict, key: str) -> float:
    """A factor that the site declares; NaN without a value or without the document behind it."""
    return settings[key] if settings[key] and settings["factor_document"] else np.nan


def index_inputs(
    values: pd.DataFrame, uln: pd.DataFrame, person: pd.DataFrame, settings: dict
) -> pd.DataFrame:
    """Every quantity that an index may need, one column each, in the unit of the formula; NaN =
    missing.

    An upper limit comes from the sheet, else from `settings["uln"]` by sex. PIVKA-II becomes ng/mL
    and HBV DNA copies only
    with a factor that the site declares.
    """
    out = values.copy()
    for name in ("ast", "alt", "ggt", "plt", "tbil", "alb", "inr", "crea", "na", "afp", "afp_l3"):
        out[name] = values.get(name, np.nan)
    for name in ("pivka2", "dcp", "neut", "lymph", "hbeag", "hbv_dna", "hbv_dna_copies"):
        out[name] = values.get(name, np.nan)
    out["age"] = person["age"]
    out["male"] = person["sex"].map({"male": 1.0, "female": 0.0})
    out["female"] = 1 - out["male"]
    for name, by_sex in settings["uln"].items():
        own = uln[name] if name in uln else pd.Series(np.nan, index=out.index)
        out[f"{name}_uln"] = own.fillna(person["sex"].map(by_sex))
    out["crea_mg"], out["tbil_mg"] = out["crea"] / CREATININE, out["tbil"] / BILIRUBIN
    out["alb_g_dl"] = out["alb"] / 10
    for name, points in _GRADES.items():
        out[f"{name}_points"] = person[name].map(points) if name in person else np.nan
    out["dialysis"] = person["dialysis"].fillna(0.0) if "dialysis" in person else 0.0
    for name in ("weight_kg", "height_cm"):
        out[name] = person.get(name, np.nan)
    mass, copies = (declared(settings, key) for key in ("pivka2_ng_per_mau", "hbv_copies_per_iu"))
    out["dcp_ng"] = out["dcp"].fillna(out["pivka2"] * mass)
    out["hbv_copies"] = out["hbv_dna_copies"].fillna(out["hbv_dna"] * copies)
    return out.astype(float)


def compute_indices(
    inputs: pd.DataFrame, aetiology: pd.Series, hbv_only: list[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """All indices, and the reasons of those that are missing (columns patient_id, index, reason).

    Indices of `hbv_only` were derived in chronic hepatitis B: with another or an unknown aetiology
    they are missing.
    """
    table = pd.DataFrame(index=inputs.index)
    reasons = []
    with_hbv = aetiology.isin(["hbv", "hbv_hcv"]).to_numpy()
    for index in INDICES:
        columns = [inputs[name].to_numpy() for name in index.inputs]
        value = np.asarray(index.function(*columns), dtype=float)
        only_hbv = index.name.removesuffix("_group") in hbv_only
        if only_hbv:
            value = np.where(with_hbv, value, np.nan)
        table[index.name] = value
        gone = np.flatnonzero(np.isnan(value))
        if len(gone) == 0:
            continue
        bits = [np.isnan(column[gone]) for column in columns]
        if only_hbv:
            bits.append(~with_hbv[gone])
        code = sum(bit.astype(np.int64) << i for i, bit in enumerate(bits))
        kinds, which = np.unique(code, return_inverse=True)
        texts = [_reason(index, int(kind)) for kind in kinds]
        reasons.append(
            pd.DataFrame(
                {
                    "patient_id": inputs.index[gone],
                    "index": index.name,
                    "reason": pd.Categorical.from_codes(which, range(len(texts))).rename_categories(
                        texts
                    )
                    if len(set(texts)) == len(texts)
                    else [texts[i] for i in which],
                }
            ).astype({"reason": str})
        )
    empty = pd.DataFrame({"patient_id": [], "index": [], "reason": []}, dtype=str)
    return table, pd.concat(reasons, ignore_index=True) if reasons else empty


def from_limits(
    table: pd.DataFrame, censored: pd.DataFrame
) -> tuple[pd.DataFrame, list[Feature], pd.DataFrame]:
    """Marks of indices that were made from a value below or above a limit of detection.

    table : indices, patients x names; censored : 1 where the value that counts is a limit, patients x variables. Returns
    annotations `<index>_limit` (1 marked, 0 not, NaN where the index is missing) of indices that anybody has a mark for, their
    dictionary, and rows (patient_id, index, reason) that name the variables.
    """
    marks, features, rows = pd.DataFrame(index=table.index), [], []
    for index in INDICES:
        own = [
            v for v in dict.fromkeys(_VARIABLES.get(n, n) for n in index.inputs) if v in censored
        ]
        limited = censored.reindex(columns=own).eq(1.0)
        marked = limited.any(axis=1) & table[index.name].notna()
        if not marked.any():
            continue
        name = f"{index.name}_limit"
        marks[name] = marked.astype(float).where(table[index.name].notna())
        text = f"{index.description}: from a value beyond a limit of detection (yes = 1)"
        features.append(Feature(name, text, "1", "annotation", "labs.tsv"))
        for patient in table.index[marked]:
            said = ", ".join(limited.columns[limited.loc[patient]])
            rows.append((patient, index.name, f"from a value beyond a limit of detection: {said}"))
    return marks, features, pd.DataFrame(rows, columns=["patient_id", "index", "reason"], dtype=str)


def _reason(index: Index, code: int) -> str:
    names = [_NAMES.get(name, name) for i, name in enumerate(index.inputs) if code >> i & 1]
    parts = [f"missing: {', '.join(dict.fromkeys(names))}"] if names else []
    if code >> len(index.inputs) & 1:
        parts.append("derived in chronic hepatitis B, aetiology is another or unknown")
    return "; ".join(parts) or "an input is zero or below"


def log10_above(values: pd.Series, floor: float) -> pd.Series:
    """log10 of values; those below `floor` (the smallest plausible value) count as the floor."""
    return np.log10(values.clip(lower=floor if floor > 0 else 0.01))


def predictors(
    values: pd.DataFrame, person: pd.DataFrame, dictionary: Dictionary
) -> tuple[pd.DataFrame, list[Feature]]:
    """Age, sex, aetiology, history and laboratory values; right-skewed ones as log10."""
    table = pd.DataFrame(index=values.index)
    features = [
        Feature("age", "age at the index date", "a", source="patients.tsv"),
        Feature("male", "male sex (1) against female (0)", "1", source="patients.tsv"),
    ]
    table["age"] = person["age"]
    table["male"] = person["sex"].map({"male": 1.0, "female": 0.0})
    known = person["aetiology"].notna()
    for name in _AETIOLOGIES:
        has = person["aetiology"].fillna("").str.split("_").map(lambda kinds, n=name: n in kinds)
        table[f"aetiology_{name}"] = has.astype(float).where(known)
        text = f"aetiology {name.upper()} (yes = 1)"
        features.append(Feature(f"aetiology_{name}", text, "1", source="patients.tsv, history.tsv"))
    for name, description in HISTORY_PREDICTORS.items():
        if name in person:
            table[name] = person[name].astype(float)
            unit = "g/d" if name.endswith("_day") else "1"
            features.append(Feature(name, description, unit, source="history.tsv"))
    for name, variable in dictionary.variables.items():
        if name not in values:
            continue
        source = f"labs.tsv; LOINC {variable.loinc}" if variable.loinc else "labs.tsv"
        if variable.log10:
            floor = variable.soft[0]
            table[name] = log10_above(values[name], floor)
            text, unit = f"log10 of {variable.en} ({variable.zh})", f"log10({variable.unit})"
        else:
            table[name] = values[name]
            text, unit = f"{variable.en} ({variable.zh})", variable.unit or "1"
        features.append(Feature(name, text, unit, source=source))
    return table, features


def annotations(
    values: pd.DataFrame,
    person: pd.DataFrame,
    child_pugh: pd.Series,
    bins: dict[str, list[float]],
    dictionary: Dictionary,
) -> tuple[pd.DataFrame, list[Feature]]:
    """Declared bins, tumour findings and stages: shown and used for subgroups, never given to a
    classifier."""
    table = pd.DataFrame(index=values.index)
    features = []

    def add(name: str, column, description: str, unit: str = "1", source: str = "history.tsv"):
        table[name] = pd.Series(column, index=table.index, dtype=float)
        features.append(Feature(name, description, unit, "annotation", source))

    for name, cuts in bins.items():
        if name in values:
            unit = dictionary.variables[name].unit
            known = values[name].notna()
            level = pd.Series(np.digitize(values[name], cuts), index=table.index, dtype=float)
            text = ", ".join(f"{cut:g}" for cut in cuts)
            add(
                f"{name}_bin",
                level.where(known),
                f"bin of {name}: from {text} {unit}",
                "1",
                "config",
            )
    for name in ("tumour_number", "tumour_max_cm", "vascular_invasion", "extrahepatic", "ecog_ps"):
        if name in person:
            add(name, person[name], name.replace("_", " "), "cm" if name.endswith("_cm") else "1")
    if "us_category" in person:
        text = "surveillance ultrasound, US-1 to US-3 (ACR US LI-RADS)"
        add("us_category", person["us_category"], text)
    if "mvi" in person:
        add(
            "mvi",
            person["mvi"].map(_MVI),
            "microvascular invasion M0 to M2",
            source="pathology.tsv",
        )
    findings = ["tumour_number", "tumour_max_cm", "vascular_invasion", "extrahepatic"]
    if set(findings) <= set(person):
        tumour = [person[name].tolist() for name in findings]
        milan = [staging.within_milan(*row) for row in zip(*tumour, strict=True)]
        add(
            "milan", [np.nan if m is None else float(m) for m in milan], "within the Milan criteria"
        )
        if "ecog_ps" in person:
            classes = indices.child_pugh_class(child_pugh.to_numpy())
            letters = [{1.0: "A", 2.0: "B", 3.0: "C"}.get(c) for c in classes.tolist()]
            rows = list(zip(person["ecog_ps"], letters, *tumour, strict=True))
            bclc = [_BCLC.get(staging.bclc(*row), np.nan) for row in rows]
            cnlc = [_CNLC.get(staging.cnlc(*row), np.nan) for row in rows]
            add("bclc", bclc, "BCLC 2022 stage, 0 to D as 0 to 4")
            add("cnlc", cnlc, "CNLC stage, Ia to IV as 0 to 6")
    return table, features


def index_features() -> list[Feature]:
    """The dictionary lines of the indices."""
    return [
        Feature(i.name, i.description, i.unit, i.role, "scripts/clinical/indices.py")
        for i in INDICES
    ]
