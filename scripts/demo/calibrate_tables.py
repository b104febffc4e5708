"""Measure how the features of each block follow the latent burden in simulated raw files.

In: a finished run of a clean cohort of raw people (results/features, results/external/features) and
its seed and size.
Out: resources/demo/feature_model.json, read by simulate_tables. Source: least squares per feature,
residual factors by SVD.

By hand, after a change of a simulator or a chain (docs/architecture.md, "Demo cohort"):
    python -m scripts.demo.calibrate_tables RUN_FOLDER SEED RAW_PEOPLE
"""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from scripts.core.features import read_block
from scripts.demo.latent import make_people
from scripts.demo.simulate_tables import MODEL

MODALITIES = ("wes", "cfdna", "lcms", "gcms", "dda", "dia", "ct", "mri", "us")
FEATURES_PER_BLOCK = 40
FACTORS = 4
MAX_MISSING = 0.2
UNNAMED = re.compile(r"^mz[\d.]+_rt")  # features that each cohort numbers anew


def chosen_features(table: pd.DataFrame, latent: pd.Series) -> list[str]:
    """Named features that vary: half of them the best correlated with the latent value, half evenly
    from the rest."""
    names = [
        c
        for c in table
        if not UNNAMED.match(c) and table[c].isna().mean() <= MAX_MISSING and table[c].nunique() > 1
    ]
    strength = table[names].corrwith(latent, method="spearman").abs().fillna(0)
    ranked = strength.sort_values(ascending=False, kind="stable").index.tolist()
    half = FEATURES_PER_BLOCK // 2
    rest = sorted(ranked[half:])
    step = max(1, len(rest) // half) if rest else 1
    return sorted(ranked[:half] + rest[::step][:half])


def calibrate_block(table: pd.DataFrame, latent: pd.Series, modality: str) -> dict:
    """The generator of one block: table (people x features), latent values of the same people."""
    names = chosen_features(table, latent)
    values = table[names].copy()
    logs = {c: bool((values[c].dropna() > 0).all() and values[c].skew() > 1) for c in names}
    for name in names:
        if logs[name]:
            values[name] = np.log(values[name])
    values = values.fillna(values.median())
    design = np.column_stack([np.ones(len(latent)), latent.to_numpy()])
    coefficients, *_ = np.linalg.lstsq(design, values.to_numpy(), rcond=None)
    residuals = values.to_numpy() - design @ coefficients
    scale = np.where(residuals.std(0) > 0, residuals.std(0, ddof=2), 1.0)
    _, singular, axes = np.linalg.svd(residuals / scale, full_matrices=False)
    factors = min(FACTORS, len(singular))
    loadings = (
        (axes[:factors] * singular[:factors, None]).T / np.sqrt(len(latent) - 2) * scale[:, None]
    )
    own = np.sqrt(np.clip(residuals.var(0, ddof=2) - (loadings**2).sum(1), 0, None))
    features = []
    for i, name in enumerate(names):
        raw = table[name].dropna()
        span = float(raw.max() - raw.min())
        low = 0.0 if (raw >= 0).all() else float(raw.min() - span)
        features.append(
            {
                "feature": name,
                "intercept": _short(coefficients[0, i]),
                "slope": _short(coefficients[1, i]),
                "loadings": [_short(x) for x in loadings[i]],
                "sd": _short(own[i]),
                "log": logs[name],
                "integer": bool((raw == raw.round()).all()),
                "low": _short(low),
                "high": _short(raw.max() + span),
            }
        )
    return {"modality": modality, "factors": factors, "people": len(latent), "features": features}


def _short(value: float) -> float:
    return float(f"{value:.5g}")


def calibrate(run: Path, seed: int, raw: int) -> dict:
    """The whole model from a run's folder."""
    people = {p.patient_id: p for p in make_people(seed, raw, 0)}
    blocks = {}
    for path in sorted((run / "results" / "features").glob("*.parquet")):
        modality = path.stem.split("_")[0]
        if modality not in MODALITIES:
            continue
        external = run / "results" / "external" / "features" / path.name
        table = pd.concat([read_block(p) for p in (path, external) if p.exists()]).sort_index()
        latent = pd.Series({p: people[p].latent[modality] for p in table.index})
        blocks[path.stem] = calibrate_block(table, latent, modality)
    return {
        "source": "scripts/demo/calibrate_tables.py",
        "seed": seed,
        "raw": raw,
        "blocks": blocks,
    }


if __name__ == "__main__":
    model = calibrate(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    MODEL.parent.mkdir(parents=True, exist_ok=True)
    MODEL.write_text(json.dumps(model, sort_keys=True, indent=1) + "\n", encoding="utf-8")
    for name, block in model["blocks"].items():
        print(name, block["people"], "people,", len(block["features"]), "features")
