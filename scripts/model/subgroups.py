"""In: obs and tables of scored patients. Out: boolean masks of the subgroups that are reported.
Source: requirement EVA-04: early stage, AFP-negative, aetiology, centre, sex, age.
"""

import numpy as np

from scripts.model.cohort_tables import Cohort

AFP_NEGATIVE = 20.0  # ng/mL, the surveillance cut-off
OLDER = 60.0  # years


def subgroup_masks(cohort: Cohort) -> dict[tuple[str, str], np.ndarray]:
    """{(group, value): mask over cohort.obs}; a stage is compared with all controls."""
    obs = cohort.obs
    control = obs["label"].to_numpy() == 0
    masks: dict[tuple[str, str], np.ndarray] = {}
    for column in ("centre", "sex", "aetiology", "stage"):
        if column not in obs:
            continue
        values = obs[column].fillna("").astype(str).to_numpy()
        for value in sorted(set(values) - {""}):
            own = values == value
            masks[(column, value)] = own | control if column == "stage" else own
    if "age" in obs:
        age = obs["age"].to_numpy(float)
        masks[("age", f"under {OLDER:.0f}")] = age < OLDER
        masks[("age", f"{OLDER:.0f} and over")] = age >= OLDER
    afp, limit = cohort.tables.get("clinical"), afp_limit(cohort)
    if afp is not None and "afp" in afp and limit is not None:
        value = afp["afp"].reindex(obs.index).to_numpy(float)
        masks[("afp", f"under {AFP_NEGATIVE:.0f} ng/mL")] = value < limit
    return {key: mask for key, mask in masks.items() if mask.any()}


def afp_limit(cohort: Cohort) -> float | None:
    """AFP_NEGATIVE as the clinical block writes AFP (ng/mL or its log10), None where it does not say so."""
    dictionary = cohort.dictionaries.get("clinical")
    if dictionary is None or "afp" not in dictionary.index:
        return None
    limits = {"ng/mL": AFP_NEGATIVE, "log10(ng/mL)": float(np.log10(AFP_NEGATIVE))}
    return limits.get(str(dictionary.loc["afp", "unit"]))
