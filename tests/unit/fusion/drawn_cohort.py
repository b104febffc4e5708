"""Cohorts drawn from a known factor model, for the steps that look for structure; every number is drawn, none is a result."""

import numpy as np
import pandas as pd

from scripts.core.config import default_config
from scripts.fusion.training_blocks import Parts

LIMITS = (
    "icc_minimum",
    "rsd_maximum",
    "maximum_missing",
    "minimum_observed",
    "maximum_same",
    "maximum_skew",
)


def settings_of(section: str, **changes) -> dict:
    """The project's settings of fusion.explore or fusion.associate with the limits of features."""
    config = default_config()
    return {**{key: config["model"][key] for key in LIMITS}, **config["fusion"][section], **changes}


def draw_parts(
    n: int = 120,
    widths: dict | None = None,
    shared: float = 0.0,
    centre_shift: float = 0.0,
    label_shift: float = 0.0,
    missing: float = 0.0,
    seed: int = 0,
) -> Parts:
    """n patients, one in four in the test part; two centres and two classes, independent of one another.

    widths : {block: features}. Half of a block's features carry `shared` times one factor that all blocks see, and the shift
    of centre and label; the other half is noise of SD 1. `missing`: share of patients who lack a block. The factor is in
    obs["latent"], which no step reads.
    """
    rng = np.random.default_rng(seed)
    widths = widths or {"lcms": 40, "dda": 30, "ct_arterial": 20}
    index = pd.Index([f"P{i:04d}" for i in range(n)])
    label, second = np.arange(n) % 2, (np.arange(n) // 2) % 2
    obs = pd.DataFrame(
        {
            "label": label,
            "diagnosis": np.where(label == 1, "hcc", "cirrhosis"),
            "part": np.where(np.arange(n) % 4 == 3, "test", "train"),
            "centre": np.where(second == 1, "C2", "C1"),
            "sex": np.where(rng.random(n) < 0.5, "male", "female"),
            "age": rng.uniform(30, 80, n).round(),
            "latent": rng.normal(size=n),
        },
        index=index,
    )
    obs["label"] = rng.permutation(label)
    obs["centre"] = rng.permutation(obs["centre"].to_numpy())
    obs["diagnosis"] = np.where(obs["label"] == 1, "hcc", "cirrhosis")
    obs["class"] = np.where(obs["label"] == 1, "hcc", "control")
    obs["part"] = rng.permutation(obs["part"].to_numpy())
    tables, dictionaries = {}, {}
    for name, width in widths.items():
        seen = shared * obs["latent"].to_numpy()
        seen = seen + centre_shift * (obs["centre"] == "C2") + label_shift * obs["label"]
        carries = (np.arange(width) < width // 2) * rng.choice([-1.0, 1.0], width)
        values = np.outer(seen, carries) + rng.normal(size=(n, width))
        table = pd.DataFrame(values, index=index, columns=[f"f{i}" for i in range(width)])
        tables[name] = table[rng.random(n) >= missing]
        entry = {"role": "predictor", "unit": "umol/L", "stability": np.nan}
        dictionaries[name] = pd.DataFrame(entry, index=table.columns)
    return Parts(obs, tables, dictionaries)
