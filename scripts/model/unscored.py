"""In: scores of patients outside training. Out: why they give no figures, in words that are true of these patients.
Source: docs/modelling.md, "Missing blocks"; requirement EVA-04.
"""

import pandas as pd

MINIMUM, REQUIRED = "below the minimum set of blocks", "required block missing"


def why_unscored(scores: pd.DataFrame, description: dict) -> str:
    """Why none of these patients has a score, "" when one has.

    scores : index patient_id; refused (plain reason or "") ; description : of the bundle
    """
    if not len(scores):
        return "no patient is in a class of the outcome"
    refused = scores["refused"].astype(str)
    if (refused == "").any():
        return ""
    kinds = refused.str.split(":").str[0].value_counts()
    kind, n = str(kinds.index[0]), int(kinds.iloc[0])
    blocks = ", ".join(sorted({entry["block"] for entry in description["features"]}))
    settings = description["settings"]
    if kind == MINIMUM:
        least = int(settings["minimum_blocks"])
        why = f"{n} have fewer than {least} usable of the blocks that the model needs ({blocks})"
    elif kind == REQUIRED:
        why = f"{n} lack a required block ({', '.join(settings['required_blocks'])})"
    else:
        why = f"{n} x {kind}"
    return f"none of the {len(scores)} patients can be scored: {why}"


def among_scored(reason: str, scored: int, admitted: int) -> str:
    """The reason why too few were scored for figures, with how many of all patients it speaks of."""
    if not reason or scored == admitted:
        return reason
    return f"{reason} among the {scored} of {admitted} patients who can be scored"
