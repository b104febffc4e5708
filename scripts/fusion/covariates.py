"""In: what is known of patients (label, centre, batch, sex, age, blocks measured) and scores or clusters found without it.
Out: whether they go together, plain and with the label (or the centre) held constant, with false-discovery control.
Source: rank transform of the F test (Conover and Iman 1981, Am Stat 35:124); Benjamini and Hochberg 1995; share of variance by
source after principal variance component analysis (Li 2009, in Scherer, Batch Effects and Noise); requirement OMX-06.
"""

import numpy as np
import pandas as pd

TECHNICAL = ("centre", "batch", "blocks measured", "total intensity")
TOTAL_OF = 20  # intensities of a block from which a total is spoken of (project default)
FEWEST = 3  # patients of a level that stands by itself; rarer levels are put together


def batches(assays: pd.DataFrame, patients: pd.Index) -> dict[str, pd.Series]:
    """{modality: batch of every patient} where assays.tsv names more than one; "" = not named (a ready-made table)."""
    found = {}
    if not {"patient_id", "modality", "batch"} <= set(assays.columns):
        return found
    named = assays[assays["patient_id"] != ""]
    for modality, own in named.groupby("modality"):
        batch = own.drop_duplicates("patient_id").set_index("patient_id")["batch"]
        batch = batch.reindex(patients).fillna("").astype(str)
        if batch.nunique() > 1:
            found[str(modality)] = batch
    return found


def total_intensity(table: pd.DataFrame, dictionary: pd.DataFrame) -> pd.Series | None:
    """Mean logarithm of the intensities of every patient, over features that at least half of them have; None for a block
    that holds no intensities of one kind (several units, negative values, fewer than TOTAL_OF features).

    A sample that was diluted, or loaded more, is shifted in all features at once (Dieterle 2006, Anal Chem 78:4281). Each
    feature is held against its own median, so that a missing one moves nothing.
    """
    own = table.loc[:, table.notna().mean() >= 0.5]
    own = own.loc[:, (own.min() >= 0) & (own.max() > 0)]
    units = dictionary.reindex(table.columns)["unit"].astype(str)
    if units.nunique() != 1 or own.shape[1] < max(TOTAL_OF, table.shape[1] / 2):
        return None
    logs = np.log(own.where(own > 0))
    return (logs - logs.median()).median(axis=1)


def levels(values: pd.Series) -> np.ndarray:
    """Indicator columns of a text variable without its commonest level; rare levels are one together."""
    values = values.fillna("").astype(str)
    counts = values.value_counts()
    rare = set(counts.index[counts < FEWEST])
    values = values.where(~values.isin(rare), "(rare)")
    order = sorted(values.unique(), key=lambda v: (-int((values == v).sum()), v))
    return np.column_stack(
        [np.zeros(len(values)), *[(values == v).astype(float) for v in order[1:]]]
    )[:, 1:]


def as_columns(values: pd.Series) -> np.ndarray:
    """A variable as columns of a design: ranks of numbers (missing = middle), indicators of text."""
    if pd.api.types.is_numeric_dtype(values):
        ranks = values.rank()
        return ranks.fillna(ranks.mean() if ranks.notna().any() else 0.0).to_numpy(float)[:, None]
    return levels(values)


def added_fit(
    score: np.ndarray, base: np.ndarray, added: np.ndarray
) -> tuple[float | None, float | None]:
    """p and partial R2 of `added` columns on the ranks of a score, over `base` columns (an intercept is always there).

    None when nothing is added (one level) or no degree of freedom is left.
    """
    from scipy.special import fdtrc
    from scipy.stats import rankdata

    y = rankdata(score)
    ones = np.ones((len(y), 1))
    small = np.hstack([ones, base])
    whole = np.hstack([small, added])
    rank_small, rank_whole = np.linalg.matrix_rank(small), np.linalg.matrix_rank(whole)
    extra, rest = rank_whole - rank_small, len(y) - rank_whole
    if extra < 1 or rest < 3:
        return None, None
    before, after = _residual(y, small), _residual(y, whole)
    gain = max(before - after, 0.0)
    if after <= 1e-12 * max(before, 1e-300):
        return 0.0, 1.0
    return float(fdtrc(extra, rest, (gain / extra) / (after / rest))), float(
        gain / max(before, 1e-300)
    )


def _residual(y: np.ndarray, design: np.ndarray) -> float:
    fitted = design @ np.linalg.lstsq(design, y, rcond=None)[0]
    return float(((y - fitted) ** 2).sum())


def adjusted_p(p: np.ndarray) -> np.ndarray:
    """Benjamini-Hochberg q-values; NaN stays NaN and is not counted."""
    p = np.asarray(p, float)
    q = np.full(p.shape, np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    scaled = p[order] * len(order) / np.arange(1, len(order) + 1)
    q[order] = np.minimum.accumulate(scaled[::-1])[::-1].clip(max=1.0) if len(order) else []
    return q


def variables_of(
    obs: pd.DataFrame,
    batch: pd.Series | None,
    measured: pd.Series | None,
    total: pd.Series | None = None,
) -> dict[str, pd.Series]:
    """What scores are compared with, by name; variables of one value only are left out."""
    found = {"label": obs["class"].astype(str)}
    for name in ("diagnosis", "centre", "sex", "aetiology"):
        if name in obs:
            found[name] = obs[name].astype(str)
    if batch is not None:
        found["batch"] = batch.reindex(obs.index)
    if "age" in obs:
        found["age"] = pd.to_numeric(obs["age"], errors="coerce")
    if total is not None:
        found["total intensity"] = total.reindex(obs.index).astype(float)
    if measured is not None:
        found["blocks measured"] = measured.reindex(obs.index).astype(float)
    return {name: values for name, values in found.items() if values.dropna().nunique() > 1}


def compare(scores: pd.DataFrame, variables: dict[str, pd.Series]) -> list[dict]:
    """Every column of scores against every variable: p, R2, and p with the label (for the label: the centre) held constant.

    scores : patients x components; patients without a score are left out of it.
    """
    out, columns, patients = [], {}, None
    for component in scores:
        own = scores[component].dropna()
        if patients is None or not patients.equals(own.index):
            patients = own.index
            columns = {n: as_columns(values.reindex(patients)) for n, values in variables.items()}
        nothing = np.zeros((len(own), 0))
        for name, added in columns.items():
            held = "centre" if name in ("label", "diagnosis") else "label"
            p, share = added_fit(own.to_numpy(), nothing, added)
            p_held, share_held = added_fit(own.to_numpy(), columns.get(held, nothing), added)
            entry = {
                "component": str(component),
                "variable": name,
                "n": len(own),
                "p": p,
                "r2": share,
            }
            out.append({**entry, "held": held, "p_held": p_held, "r2_held": share_held})
    return out


def with_q(tests: list[dict]) -> list[dict]:
    """Add q-values over all tests, for the plain and for the adjusted p."""
    for name in ("", "_held"):
        p = np.array([np.nan if t[f"p{name}"] is None else t[f"p{name}"] for t in tests])
        for test, q in zip(tests, adjusted_p(p), strict=True):
            test[f"q{name}"] = None if np.isnan(q) else float(q)
    return tests


def share_of_variance(
    scores: np.ndarray, share: np.ndarray, variables: dict[str, pd.Series], patients
) -> dict:
    """{variable: share of the variance of the given components that it explains}, adjusted for its number of levels."""
    found = {}
    for name, values in variables.items():
        design = as_columns(values.reindex(patients))
        whole = np.hstack([np.ones((len(design), 1)), design])
        rank = np.linalg.matrix_rank(whole)
        if len(design) - rank < 3:
            continue
        explained = []
        for column in scores.T:
            total = float(((column - column.mean()) ** 2).sum())
            r2 = 1 - _residual(column, whole) / total if total > 0 else 0.0
            explained.append(max(0.0, 1 - (1 - r2) * (len(design) - 1) / (len(design) - rank)))
        found[name] = float(np.dot(explained, share) / share.sum()) if share.sum() > 0 else 0.0
    return found


def table_p(labels: np.ndarray, values: pd.Series, permutations: int, seed: int) -> float | None:
    """Permutation p of the chi-squared statistic of two groupings; None when one of them has one level."""
    rows = pd.get_dummies(pd.Series(labels)).to_numpy(float)
    columns = pd.get_dummies(values.fillna("").astype(str)).to_numpy(float)
    if rows.shape[1] < 2 or columns.shape[1] < 2:
        return None
    expected = np.outer(rows.sum(axis=0), columns.sum(axis=0)) / len(rows)
    rng = np.random.default_rng(seed)

    def statistic(order) -> float:
        return float((((rows.T @ columns[order]) - expected) ** 2 / expected).sum())

    own = statistic(np.arange(len(rows)))
    beyond = sum(statistic(rng.permutation(len(rows))) >= own - 1e-9 for _ in range(permutations))
    return (beyond + 1) / (permutations + 1)
