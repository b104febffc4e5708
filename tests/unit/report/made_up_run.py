"""A made-up run for the report: sheets, plan, verdict tables, performance, validation, conformance.

The figures are invented, in the shape of docs/outputs.md; nothing here is a result.
"""

import json
import math
import random
from pathlib import Path

from scripts.core.gate import compute_gate, withdrawn_patients
from tests.unit.report.made_up_structure import make_associations, make_explore

BLOCKS = {
    "clinical": "clinical",
    "lcms": "metabolomics",
    "ct_arterial": "imaging",
    "cfdna": "genomics",
}
REQUIREMENTS = Path(__file__).resolve().parents[3] / "resources" / "requirements.yaml"


def make_patients(n: int, external: bool) -> list[dict]:
    rng = random.Random(1)
    rows = []
    for number in range(n):
        hcc = number % 2 == 0
        outside = external and number % 4 == 3
        row = {
            "patient_id": f"P{number + 1:04d}",
            "centre": f"E{1 + number % 2}" if outside else f"C{1 + number % 2}",
            "diagnosis": "hcc" if hcc else rng.choice(["cirrhosis", "chronic_hepatitis"]),
            "role": "external" if outside else "development",
            "sex": rng.choice(["male", "female"]),
            "age": float(rng.randint(30, 80)),
            "aetiology": rng.choice(["hbv", "hcv", "ald"]),
        }
        if hcc:
            row["stage"] = rng.choice(["early", "early", "advanced"])
        rows.append(row)
    return rows


def make_consents(patients: list[dict]) -> list[dict]:
    """Everybody signs; the 2nd withdraws, the 5th has no base consent, the 6th no genomics notice."""
    rows = []
    for number, patient in enumerate(patients):
        shared = {
            "patient_id": patient["patient_id"],
            "status": "signed",
            "signed_date": "2025-01-01",
        }
        if number != 4:
            rows.append(
                shared | {"kind": "base", "status": "withdrawn" if number == 1 else "signed"}
            )
        scope = "clinical;imaging;genomics;metabolomics;proteomics"
        use = {"kind": "data_use", "scope_modalities": scope, "scope_purposes": "research"}
        rows.append(shared | use)
        if number != 5:
            rows.append(shared | {"kind": "special", "special_test": "genomics"})
    return rows


def make_plan(patients: list[dict], consents: list[dict] | None) -> dict:
    plan = compute_gate(patients, consents, [], as_of="2026-03-01", purpose="research")
    plan |= {
        "sheets": dict.fromkeys(("patients", "samples", "labs", "ihc"), "0"),
        "tables": {},
        "encodings": {"labs": "gb18030"},
    }
    plan["blocks"] = {
        name: {"modality": name.split("_")[0], "domain": domain, "patients": [], "table": False}
        for name, domain in BLOCKS.items()
    }
    return plan


def estimate(value: float, half: float = 0.05) -> dict:
    return {"value": value, "low": round(value - half, 3), "high": round(min(1.0, value + half), 3)}


def make_entry(auc: float, n: int, kind: str, blocks: list[str], half: float = 0.05) -> dict:
    """An assessed strategy whose ROC is that of two normal scores with this AUC (binormal curve)."""
    power = 1 / max(auc, 0.501) - 1
    at = {
        prevalence: {"ppv": estimate(0.1 * position, 0.02), "npv": estimate(0.99, 0.005)}
        for position, prevalence in enumerate(("0.01", "0.03", "0.05"), 1)
    }
    point = {key: estimate(0.8) for key in ("sensitivity", "specificity", "ppv", "npv", "accuracy")}
    return {
        "title": kind,
        "kind": kind,
        "learner": "elastic_net",
        "blocks": blocks,
        "status": "ASSESSED",
        "reason": "",
        "n": n,
        "events": n // 2,
        "coverage": 0.98,
        "metrics": {
            "auc": estimate(auc, half),
            "brier": estimate(0.13),
            "calibration_slope": estimate(0.95, 0.3),
            "calibration_intercept": estimate(0.02, 0.4),
            "o_e": estimate(0.98, 0.15),
        },
        "thresholds": {
            "youden": {"threshold": 0.47, **point, "at_prevalence": at},
            "high_specificity": {"threshold": 0.8, **point, "at_prevalence": at},
        },
        "roc": [{"fpr": k / 50, "tpr": (k / 50) ** power} for k in range(51)],
        "calibration": [
            {"predicted": p, "observed": p * 0.95, "low": p * 0.8, "high": min(1, p * 1.1), "n": 12}
            for p in (0.1, 0.3, 0.5, 0.7, 0.9)
        ],
        "decision_curve": [
            {
                "threshold": t / 50,
                "model": 0.5 * math.exp(-t / 40) * auc,
                "all": 0.5 - 0.5 * t / (50 - t),
                "none": 0.0,
            }
            for t in range(1, 49)
        ],
        "features": [{"block": "clinical", "feature": "afp", "selected": 1.0, "weight": 0.8}],
    }


def make_performance(n: int, auc: float = 0.91) -> dict:
    block, fused = ["lcms"], ["clinical", "lcms", "ct_arterial"]
    failed = {"title": "IHC", "kind": "block", "blocks": ["ihc"], "status": "NOT_ASSESSED", "n": 3}
    failed |= {"reason": "too few patients", "events": 3}
    strategies = {
        "late": make_entry(auc, n, "fusion", fused) | {"title": "late fusion"},
        "early": make_entry(auc - 0.04, n, "fusion", fused) | {"title": "early fusion"},
        "block_lcms": make_entry(auc - 0.02, n, "block", block),
        "block_ihc": failed,
        "afp": make_entry(max(0.5, auc - 0.15), n, "baseline", ["clinical"]),
    }
    increments = [
        {
            "strategy": "late",
            "baseline": baseline,
            "n": n,
            "events": n // 2,
            "auc": auc,
            "auc_baseline": round(auc - delta, 2),
            "delta_auc": estimate(delta, 0.05),
            "p_delong": 0.0004,
            "delta_net_benefit": 0.05,
            "net_benefit": [
                {"threshold": t, "value": 0.3, "baseline": 0.25, "delta": estimate(0.05, 0.02)}
                for t in (0.1, 0.2)
            ],
            "nri": {"total": estimate(0.4, 0.2)},
            "idi": estimate(0.1, 0.05),
        }
        for baseline, delta in (("block_lcms", 0.02), ("afp", 0.15))
    ]
    verdict = {"fusion": "late", "better": ["afp"], "not_shown": ["block_lcms"], "worse": []}
    verdict |= {"text_en": "Fusion (late) does not win.", "text_zh": "融合（late）未能胜出。"}
    groups = (("stage", "early"), ("stage", "advanced"), ("sex", "female"), ("afp", "negative"))
    subgroups = [
        {"group": g, "value": v, "n": 40, "events": 18, "status": "ASSESSED", "auc": estimate(0.85)}
        | {"sensitivity": estimate(0.7), "specificity": estimate(0.9)}
        for g, v in groups
    ]
    subgroups.append(
        {"group": "centre", "value": "C9", "n": 4, "events": 1, "status": "NOT_ASSESSED"}
    )
    return {
        "status": "ASSESSED",
        "reason": "",
        "cohort": {"train": {"n": n, "events": n // 2}, "test": {"n": 30, "events": 15}},
        "settings": {"outer_folds": 5, "inner_folds": 5, "repeats": 2, "resamples": 1000},
        "selected": "late",
        "strategies": strategies,
        "increments": increments,
        "fusion_verdict": verdict,
        "subgroups": subgroups,
        "patterns": [
            {
                "pattern": "clinical+lcms",
                "n": 30,
                "events": 14,
                "auc": 0.9,
                "brier": 0.1,
                "o_e": 1.0,
            }
        ],
        "blocks": [{"block": "ihc", "used": False, "reason": "no predictor in its dictionary"}],
        "sample_size": {
            "events": n // 2,
            "candidate_predictors": 800,
            "events_per_variable": 0.075,
            "riley_minimum": 3000,
            "verdict": "WARN",
        },
        "confounding": [
            {"model": "calendar time", "status": "ASSESSED", "reason": "", "flag": True, "n": n}
            | {"auc": estimate(0.6), "difference": estimate(0.2), "within": estimate(0.8)}
            | {"separable": True},
            {"model": "centre", "status": "NOT_ASSESSED", "reason": "nothing varies", "flag": False}
            | {"auc": None, "difference": None, "within": None, "separable": None, "n": 0},
        ],
        "verdict": {
            "code": "discriminates",
            "discrimination": "useful",
            "separable_from_acquisition": True,
        },
    }


def make_validation(n: int, centres: tuple[str, ...]) -> dict:
    return {
        "status": "ASSESSED",
        "reason": "",
        "flow": {"admitted": n, "scored": n - 3, "refused": 3, "reasons": {"no AFP": 3}},
        "pooled": make_entry(0.86, n - 3, "fusion", ["clinical"]),
        "centres": {c: make_entry(0.84, n // 2, "fusion", ["clinical"], 0.1) for c in centres},
        "subgroups": [],
        "baselines": {"afp": make_entry(0.75, n - 3, "baseline", ["clinical"])} if centres else {},
        "prospective": {"status": "FAIL", "before_lock": 12, "after_lock": n - 12, "unknown": 0}
        if centres
        else {},
    }


def make_internal(n: int, auc: float = 0.91) -> dict:
    shown = {"auc": auc, "brier": 0.1, "calibration_intercept": 0.0, "calibration_slope": 1.4}
    quantities = {
        name: {"apparent": v + 0.05, "optimism": 0.05, "corrected": estimate(v), "n": 1000}
        | {"outside": estimate(v - 0.02), "classical": estimate(v + 0.01), "method": ".632+"}
        for name, v in shown.items()
    }
    centres = {
        c: {"status": "ASSESSED", "reason": "", "n": n // 2, "events": n // 4}
        | {"metrics": {"auc": estimate(auc - 0.03), "brier": estimate(0.12)}}
        for c in ("C1", "C2")
    }
    centres["C3"] = {"status": "NOT_ASSESSED", "reason": "one class", "n": 3, "events": 3}
    pooled = estimate(auc - 0.03) | {"centres": 3, "tau2": 0.1, "i2": 0.4}
    pooled |= {"predicted_low": 0.6, "predicted_high": 0.97}
    points = [
        {"fraction": f, "n": n * f, "events": n * f / 2, "auc": estimate(auc - 0.2 * (1 - f))}
        | {"brier": estimate(0.12)}
        for f in (0.4, 0.7, 1.0)
    ]
    criteria = {"overall risk": 384, "error of a probability": None, "shrinkage": 3000}
    size = {"n": n, "events": n // 2, "candidate_predictors": 50, "events_per_variable": 0.6}
    size |= {"criteria": criteria, "minimum": 3000, "verdict": "WARN"}
    return {
        "status": "ASSESSED",
        "reason": "",
        "strategy": "late",
        "refits": {"number": 1000, "drawn_again": 0, "held": "", "quantities": quantities},
        "centres": {"status": "ASSESSED", "reason": "", "centres": centres, "pooled": pooled},
        "learning_curve": {"status": "ASSESSED", "reason": "", "points": points, "rising": False}
        | {"gain": {"value": 0.01, "low": -0.02, "high": 0.04}, "scored": n},
        "sample_size": {"chosen": size, "all": size | {"candidate_predictors": 800}},
    }


def make_audit() -> dict:
    return {
        "status": "ASSESSED",
        "checks": [
            {"check": "duplicate rows", "verdict": "PASS", "value": 0, "threshold": "0"}
            | {
                "text_en": "no two patients share a row",
                "text_zh": "没有重复的数据行",
                "subjects": [],
            },
            {
                "check": "centre and label",
                "verdict": "WARN",
                "value": 0.001,
                "threshold": "p >= 0.01",
            }
            | {
                "text_en": "label depends on centre",
                "text_zh": "诊断与中心相关",
                "subjects": ["C1"],
            },
        ],
        "negative_controls": [
            {"model": "missing mask", "status": "ASSESSED", "n": 90, "events": 45, "flag": True}
            | {"auc": estimate(0.62)},
            {"model": "centre", "status": "NOT_ASSESSED", "reason": "one centre"},
        ],
    }


def record(requirement: str, subject: str, verdict: str, **more) -> dict:
    shared = {"check": "a check", "value": None, "unit": "", "threshold": "", "evidence": ""}
    shared |= {"step": "a_step", "version": "0", "time": "", "block": "", "reason": ""}
    return shared | {"requirement_id": requirement, "subject": subject, "verdict": verdict} | more


class Run:
    """A made-up run folder; the working directory of the test is this folder."""

    def __init__(self, folder: Path):
        self.folder = folder

    def write(self, path: str, content) -> str:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, dict):
            content = json.dumps(content)
        elif isinstance(content, list):
            columns = list(dict.fromkeys(column for row in content for column in row))
            lines = [columns] + [[str(row.get(c, "")) for c in columns] for row in content]
            content = "".join("\t".join(line) + "\n" for line in lines)
        target.write_text(content, encoding="utf-8")
        return path

    def ledger(self, step: str, subject: str, *records: dict) -> None:
        lines = "".join(json.dumps(r | {"step": step}, ensure_ascii=False) + "\n" for r in records)
        self.write(f"results/qc/ledger/{step}/{subject}.jsonl", lines)

    def base(self, n: int = 120, external: bool = True, blocks: bool = True, consents=True) -> dict:
        """Sheets, plan and verdict tables; returns the inputs of write_report by name."""
        patients = make_patients(n, external)
        documents = make_consents(patients) if consents else None
        plan = make_plan(patients, documents)
        gone = withdrawn_patients(documents, plan["as_of"])  # they are not in a frozen sheet
        patients = [row for row in patients if row["patient_id"] not in gone]
        if not blocks:
            plan["blocks"] = {}
        rng = random.Random(2)
        inputs = {
            "plan": self.write(".hcc/plan.json", plan),
            "patients": [self.write(".hcc/sheets/patients.tsv", patients)],
            "verdicts": [],
            "external_verdicts": [],
        }
        for role, where in (("development", "results/qc"), ("external", "results/external/qc")):
            members = sorted(p for p, row in plan["patients"].items() if row["role"] == role)
            for block in plan["blocks"] if members else ():
                rows = []
                for patient in members:
                    verdict = rng.choice(["pass"] * 6 + ["warn", "fail", "missing"])
                    reasons = {
                        "warn": "coverage 18x (required: >= 20x)",
                        "fail": rng.choice(["truncated FASTQ", "sample S1: spun late (BLD-03)"]),
                        "missing": "not measured",
                    }.get(verdict, "")
                    row = {"patient_id": patient, "block": block, "verdict": verdict}
                    rows.append(row | {"reasons": reasons})
                name = "verdicts" if role == "development" else "external_verdicts"
                inputs[name].append(self.write(f"{where}/{block}.verdicts.tsv", rows))
        split = [
            {
                "patient_id": p,
                "group": p,
                "stratum": "all",
                "part": "test" if i % 3 == 0 else "train",
            }
            for i, p in enumerate(sorted(plan["patients"]))
            if plan["patients"][p]["role"] == "development"
        ]
        inputs["split"] = self.write("results/cohort/split.tsv", split)
        return inputs

    def full(self, auc: float = 0.91) -> dict:
        """A whole run with model, validation and conformance."""
        inputs = self.base()
        inputs["audit"] = self.write("results/cohort/audit.json", make_audit())
        inputs["explore"] = self.write("results/cohort/explore/explore.json", make_explore())
        inputs["associations"] = self.write(
            "results/cohort/associations/associations.json", make_associations()
        )
        inputs["performance"] = self.write(
            "results/model/performance.json", make_performance(60, auc)
        )
        inputs["internal"] = self.write("results/model/internal.json", make_internal(60, auc))
        inputs["test"] = self.write("results/model/test.json", make_validation(30, ()))
        external = make_validation(30, ("E1", "E2"))
        inputs["external"] = self.write("results/external/performance.json", external)
        reused = {"status": "ASSESSED", "patients": 30, "reused": []}
        inputs["external_audit"] = self.write("results/external/audit.json", reused)
        bundle = {"bundle": "3f2a" * 16, "locked_at": "2026-03-01T10:00:00+00:00", "reason": ""}
        inputs["bundle"] = self.write("locks/bundle.json", bundle)
        opening = {"opened_at": "2026-03-02", "bundle": "3f2a" * 16, "data_sha256": "ab" * 32}
        opening |= {"patients": 30, "events": 15}
        inputs["openings"] = self.write("locks/openings.tsv", [opening])
        return inputs
