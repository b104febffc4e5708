"""Target-decoy competition: q-values with the +1 rule.

In: raw scores and decoy flags of one best match per spectrum, peptide or protein. Out: q-values of the same length.
Source: Elias & Gygi 2007 (Nat Methods 4:207); +1 rule: Levitsky et al. 2017 (J Proteome Res 16:393).
"""

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def q_values(scores: "np.ndarray", is_decoy: "np.ndarray", correction: int = 1) -> "np.ndarray":
    """q-value of every match: the smallest (decoys + correction) / targets over all cut-offs that keep it.

    `scores` (n,), higher is better; `is_decoy` (n,) bool. Equal scores share one cut-off. At most 1. `correction` 1 is the
    +1 rule, 0 the plain ratio.
    """
    import numpy as np

    scores = np.asarray(scores, dtype=float)
    is_decoy = np.asarray(is_decoy, dtype=bool)
    if scores.size == 0:
        return np.zeros(0)
    order = np.argsort(-scores, kind="stable")
    decoys = np.cumsum(is_decoy[order])
    targets = np.cumsum(~is_decoy[order])
    ranked = scores[order]
    last_of_tie = np.searchsorted(-ranked, -ranked, side="right") - 1
    ratio = (decoys[last_of_tie] + correction) / np.maximum(targets[last_of_tie], 1)
    ratio[targets[last_of_tie] == 0] = 1.0
    monotone = np.minimum.accumulate(ratio[::-1])[::-1]
    out = np.empty_like(monotone)
    out[order] = np.minimum(monotone, 1.0)
    return out


def fewest_targets(q_value: float, correction: int = 1) -> int:
    """Fewest targets above the first decoy with which `q_value` can be reached at all (100 for 1 % and the +1 rule)."""
    return max(1, math.ceil(round(correction / q_value, 9)))


def targets_within(scores: "np.ndarray", is_decoy: "np.ndarray", ratio: float) -> int:
    """How many targets the largest cut-off with decoys / targets <= ratio keeps (no +1 rule)."""
    q = q_values(scores, is_decoy, correction=0)
    return int(((q <= ratio) & ~is_decoy).sum())
