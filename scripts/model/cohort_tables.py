"""In: results/cohort/cohort.h5mu, or the collected blocks of external and new patients.
Out: per block a table of features that may be predictors, with labels, groups and centres.
Source: docs/modelling.md, "What may enter a model"; requirement MOD-05 (ICC strictly above 0.75).
"""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from scripts.core.cohort_file import read_blocks, stable
from scripts.core.features import read_block
from scripts.model.pipelines import largest_share

BINARY = {"name": "hcc_vs_controls", "kind": "binary", "classes": ["control", "hcc"]}


@dataclass
class Cohort:
    """Patients with their blocks.

    obs : index patient_id (sorted); label, part, group, centre ...
    tables : {block: patients x features}, only patients who have the block, missing = NaN
    dictionaries : {block: index feature; role, unit, stability, stability_kind}
    outcome : name, kind (binary or multiclass) and classes; a label is the position of its class
    """

    obs: pd.DataFrame
    tables: dict[str, pd.DataFrame]
    dictionaries: dict[str, pd.DataFrame]
    outcome: dict = field(default_factory=lambda: dict(BINARY))

    def part(self, name: str) -> "Cohort":
        """The patients of one part of the split (train or test)."""
        return self.subset(self.obs.index[self.obs["part"] == name])

    def subset(self, patients) -> "Cohort":
        """Some of the patients."""
        keep = self.obs.index.intersection(patients, sort=True)
        tables = {b: t.loc[t.index.intersection(keep, sort=True)] for b, t in self.tables.items()}
        return replace(self, obs=self.obs.loc[keep], tables=tables)

    @property
    def labels(self) -> np.ndarray:
        """Positions of the classes, in the order of obs; of two classes 1 is the event (hcc)."""
        return self.obs["label"].to_numpy(int)

    @property
    def multiclass(self) -> bool:
        """Whether there are three or more classes to tell apart."""
        return self.outcome["kind"] == "multiclass"


def read_cohort(path: str | Path) -> Cohort:
    """The cohort of development patients; an empty file (no block had a row) gives no patients."""
    obs, tables, dictionaries, others = read_blocks(path)
    outcome = json.loads(str(others["outcome"])) if "outcome" in others else dict(BINARY)
    return Cohort(obs, tables, dictionaries, outcome)


def read_external(patients: pd.DataFrame, blocks: dict[str, str]) -> Cohort:
    """Patients outside the cohort.

    patients : index patient_id; label (or NaN), centre ...; blocks : {block: path of its Parquet},
    the dictionary lying beside it as .features.tsv.
    """
    tables, dictionaries = {}, {}
    for block, path in sorted(blocks.items()):
        table = read_block(path)
        tables[block] = table.loc[table.index.intersection(patients.index, sort=True)]
        dictionary = Path(str(path).removesuffix(".parquet") + ".features.tsv")
        text = pd.read_csv(dictionary, sep="\t", dtype=str, keep_default_na=False)
        dictionaries[block] = text.set_index("feature")
    return Cohort(patients.sort_index(), tables, dictionaries)


def in_classes(cohort: Cohort, sizes: list[int]) -> str:
    """Numbers of patients by class in words: 12 hcc and 9 controls; 30 Basal, 20 Her2, 70 LumA."""
    names = cohort.outcome["classes"]
    if cohort.multiclass:
        return ", ".join(f"{n} {name}" for n, name in zip(sizes, names, strict=True))
    return f"{sizes[1]} {names[1]} and {sizes[0]} {names[0]}{'s' if names[0] == 'control' else ''}"


def varies(table: pd.DataFrame, maximum_same: float) -> bool:
    """Whether any feature has less than this share of its observed values in one single value."""
    values = table.to_numpy(float)
    counts = np.maximum((~np.isnan(values)).sum(0), 1)
    return bool((largest_share(values, counts) <= maximum_same).any())


def predictors(cohort: Cohort, settings: dict) -> tuple[dict[str, list[str]], list[dict]]:
    """{block: features} that may enter a model, and for every block why or why not.

    A block enters with at least one stable predictor and at least `minimum_class` patients of each
    class: what is measured in one class only tells how people were recruited, not who is ill.
    """
    minimum = int(settings["minimum_class"])
    allowed, notes = {}, []
    for block, table in cohort.tables.items():
        dictionary = cohort.dictionaries[block]
        is_predictor = dictionary["role"].astype(str) == "predictor"
        passes = stable(dictionary, settings)
        names = [str(n) for n in dictionary.index[is_predictor & passes] if n in table.columns]
        y = cohort.obs.loc[table.index, "label"]
        sizes = [int((y == code).sum()) for code in range(len(cohort.outcome["classes"]))]
        reason = ""
        if not is_predictor.any():
            reason = "no predictor in its dictionary"
        elif not names:
            reason = "no predictor passes the stability gate"
        elif min(sizes) < minimum:
            reason = f"{in_classes(cohort, sizes)} have it; at least {minimum} of each"
        elif not varies(table[names], float(settings["maximum_same"])):
            reason = "every feature has one value in nearly all patients"
        if not reason:
            allowed[block] = names
        notes.append(
            {
                "block": block,
                "used": not reason,
                "reason": reason,
                "n": len(table),
                "events": sizes[1],  # of the second class; all of them in `classes`
                "classes": sizes,
                "predictors": int(is_predictor.sum()),
                "unstable": int((is_predictor & ~passes).sum()),
                "stability_not_measured": int(
                    (
                        is_predictor
                        & pd.to_numeric(dictionary["stability"], errors="coerce").isna()
                    ).sum()
                ),
            }
        )
    return allowed, notes
