"""In: who has which block. Out: the patterns of blocks, and whether having a block goes with label or centre.
Source: requirement CLE-01; docs/modelling.md, "Missing blocks": being measured must not tell who is ill.
"""

import numpy as np
import pandas as pd

from scripts.fusion.covariates import adjusted_p, table_p


def describe(measured: pd.DataFrame, obs: pd.DataFrame, permutations: int, seed: int) -> dict:
    """patterns (blocks, n and numbers by class, of two classes also the events; most frequent first), coverage of every block,
    and tests with q-values.

    measured : patients x blocks, bool; obs : index patient_id; label, class, centre.
    """
    names = obs.drop_duplicates("label").sort_values("label")["class"].astype(str).tolist()
    patterns: list[dict] = []
    if len(measured.columns) and len(measured):
        for key, own in measured.groupby(list(measured.columns), sort=False):
            has = [
                b for b, there in zip(measured.columns, np.atleast_1d(key), strict=True) if there
            ]
            counts = obs.loc[own.index, "class"].astype(str).value_counts()
            entry = {"blocks": has, "n": len(own)}
            entry["classes"] = {name: int(counts.get(name, 0)) for name in names}
            if obs["label"].max() < 2:
                entry["events"] = int(obs.loc[own.index, "label"].sum())
            patterns.append(entry)
    patterns.sort(key=lambda entry: (-entry["n"], entry["blocks"]))
    tests = []
    for block in measured:
        has = measured[block].to_numpy()
        for variable in ("label", "centre"):
            if 0 < has.sum() < len(has) and variable in obs:
                p = table_p(has, obs[variable].astype(str), permutations, seed)
                tests.append({"block": str(block), "variable": variable, "p": p})
    found = adjusted_p([np.nan if t["p"] is None else t["p"] for t in tests])
    for test, q in zip(tests, found, strict=True):
        test["q"] = None if np.isnan(q) else float(q)
    coverage = {
        str(block): float(measured[block].mean()) if len(measured) else 0.0 for block in measured
    }
    return {"patterns": patterns, "coverage": coverage, "tests": tests}
