"""In: a model and patients. Out: of every patient and block how many features are there, how many are needed, which are missing.
Source: docs/modelling.md, "Missing blocks": the core of a block decides (member_tables.core_columns).
"""

import math

import pandas as pd

from scripts.model import rules
from scripts.model.cohort_tables import Cohort

COLUMNS = ["block", "features", "measured", "core", "core_measured", "needed", "usable", "missing"]
NAMED = 30  # missing core features that a sentence names


def features_by_block(members) -> dict[str, tuple[list[str], list[str]]]:
    """{block: (features of the model, those of its core)} over all members."""
    found: dict[str, tuple[dict, dict]] = {}
    for member in members:
        for block, feature in member.columns:
            found.setdefault(block, ({}, {}))[0][feature] = None
        for block, feature in member.core or member.columns:
            found[block][1][feature] = None
    return {block: (list(whole), list(core)) for block, (whole, core) in found.items()}


def coverage(model, cohort: Cohort) -> pd.DataFrame:
    """Long table (index patient_id, COLUMNS); missing : names of core features that lack, blanks between them."""
    seen, rows = rules.withheld(cohort, model.rules), []
    minimum = float(model.settings["minimum_observed"])
    for block, (whole, core) in features_by_block(model.members).items():
        table = seen.tables.get(block, pd.DataFrame()).reindex(cohort.obs.index)
        have = table.reindex(columns=whole).notna()
        least = min(m.least(minimum) for m in model.members if block in m.member.blocks)
        needed = max(1, math.ceil(least * len(core) - 1e-9))
        for patient in cohort.obs.index:
            own = have.loc[patient]
            lacking = [name for name in core if not own[name]]
            rows.append(
                {
                    "patient_id": patient,
                    "block": block,
                    "features": len(whole),
                    "measured": int(own.sum()),
                    "core": len(core),
                    "core_measured": len(core) - len(lacking),
                    "needed": needed,
                    "usable": len(core) - len(lacking) >= needed,
                    "missing": " ".join(lacking),
                }
            )
    return pd.DataFrame(rows, columns=["patient_id", *COLUMNS]).set_index("patient_id")


def sentence(line: dict) -> str:
    """What lacks of one block: counts and names."""
    names = line["missing"].split()
    more = len(names) - NAMED
    shown = ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
    return (
        f"{line['block']}: {line['measured']} of the model's {line['features']} features measured, "
        f"{line['core_measured']} of the {line['core']} of its core, at least {line['needed']} needed; missing: {shown}"
    )


def add_what_lacks(scores: pd.DataFrame, table: pd.DataFrame) -> None:
    """Say behind the reason of every refusal which fields lack, of each block that the patient has too little of."""
    for patient in scores.index[scores["refused"] != ""]:
        lines = table.loc[[patient]].to_dict("records")
        short = [sentence(line) for line in lines if not line["usable"]]
        scores.loc[patient, "refused"] = " | ".join([scores.loc[patient, "refused"], *short])
