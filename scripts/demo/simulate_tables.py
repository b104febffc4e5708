"""Ready-made feature tables of the demo's table people, from the same latent burden as the raw
files.

In: resources/demo/feature_model.json (measured on simulated raw files by calibrate_tables). Out:
features/<block>.tsv.
Source: per feature a line on the modality's latent value plus correlated and own residuals.
"""

import json
from pathlib import Path

import numpy as np

from scripts.core.hashing import ROOT
from scripts.demo.latent import Person, Simulated, generator

MODEL = ROOT / "resources" / "demo" / "feature_model.json"


def draw_row(block: dict, latent: float, rng: np.random.Generator) -> list[float]:
    """One person's values of a block: (intercept + slope * latent + loadings @ z + own noise),
    back-transformed."""
    factors = rng.standard_normal(block["factors"])
    row = []
    for feature in block["features"]:
        value = feature["intercept"] + feature["slope"] * latent
        value += float(np.dot(feature["loadings"], factors)) + feature["sd"] * rng.standard_normal()
        if feature["log"]:
            value = float(np.exp(value))
        value = min(max(value, feature["low"]), feature["high"])
        row.append(round(value) if feature["integer"] else value)
    return row


def simulate(people: list[Person], folder: Path, seed: int, mess: bool) -> Simulated:
    """Write features/<block>.tsv for the people without raw files; no mess of its own."""
    del mess
    model = json.loads(MODEL.read_text(encoding="utf-8"))
    for name, block in model["blocks"].items():
        modality = block["modality"]
        lines = ["\t".join(["patient_id", *(f["feature"] for f in block["features"])])]
        for person in people:
            if person.raw or modality not in person.modalities:
                continue
            rng = generator(seed, f"tables {name}", person.number)
            row = draw_row(block, person.latent[modality], rng)
            lines.append("\t".join([person.patient_id, *(f"{value:.6g}" for value in row)]))
        if len(lines) > 1:
            path = folder / "features" / f"{name}.tsv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Simulated()
