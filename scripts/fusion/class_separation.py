"""In: feature tables, classes of the outcome, centres. Out: what tells the classes apart too well or by recruitment alone.
Source: docs/modelling.md, "Audit"; chi-squared test with Cramer's V (Cramer 1946); requirement OMX-06.
"""

import numpy as np
import pandas as pd

MINIMUM_CLASS = 10


def centre_association(centre: pd.Series, label: np.ndarray) -> tuple[float | None, float | None]:
    """p of the chi-squared test and Cramer's V of centre against label; None with one centre."""
    from scipy.stats import chi2_contingency

    counts = pd.crosstab(centre.to_numpy(), label)
    if min(counts.shape) < 2:
        return None, None
    statistic, p, _, _ = chi2_contingency(counts)
    return float(p), float(np.sqrt(statistic / counts.to_numpy().sum()))


def single_features(
    tables: dict, dictionaries: dict, classes: pd.Series, names: list[str], limit: float
) -> list[dict]:
    """{block, feature, class} of predictors whose AUC of one class against the rest lies above the limit, either way round.

    classes : class of every patient; names : classes to tell from the rest (of two, one is enough)
    """
    from scipy.stats import rankdata

    found = []
    for block, table in tables.items():
        roles = dictionaries[block]["role"].reindex(table.columns)
        own = table.loc[table.index.isin(classes.index), (roles == "predictor").to_numpy()]
        for column in own:
            values = own[column].dropna()
            label = classes.reindex(values.index).to_numpy()
            ranks = rankdata(values)
            for name in names[1:] if len(names) == 2 else names:
                y = label == name
                m, n = int(y.sum()), int((~y).sum())
                if min(m, n) < MINIMUM_CLASS:
                    continue
                auc = (ranks[y].sum() - m * (m + 1) / 2) / (m * n)
                if max(auc, 1 - auc) > limit:
                    found.append({"block": block, "feature": str(column), "class": name})
    return found


def in_words(line: dict, names: list[str]) -> str:
    """A feature of `single_features` with its block; with three or more classes also the class."""
    versus = f" ({line['class']})" if len(names) > 2 else ""
    return f"{line['block']}: {line['feature']}{versus}"


def small_classes(classes: pd.Series, names: list[str]) -> dict[str, int]:
    """{class: patients} of those that are too small to be told from the rest, of three or more classes."""
    sizes = classes.value_counts()
    found = {name: int(sizes.get(name, 0)) for name in names}
    return {name: n for name, n in found.items() if n < MINIMUM_CLASS} if len(names) > 2 else {}


def one_sided(tables: dict, classes: pd.Series, names: list[str]) -> list[str]:
    """Blocks that patients of some class have and hardly any of another: they tell how people were
    recruited, and the models leave them out. A class that is too small with all its patients shows nothing of that."""
    found = []
    sizes = classes.value_counts()
    names = [name for name in names if sizes.get(name, 0) >= MINIMUM_CLASS]
    if len(names) < 2:
        return []
    for block, table in tables.items():
        have = classes.reindex(table.index).value_counts()
        counts = sorted(int(have.get(name, 0)) for name in names)
        if counts[0] < MINIMUM_CLASS <= counts[-1]:
            found.append(block)
    return found
