"""In: scores of patients (n x few). Out: how many clusters there are, if any, who is in which, how stable they are.
Source: gap statistic (Tibshirani 2001, J R Stat Soc B 63:411); silhouette (Kaufman and Rousseeuw 1990: up to .25 is no
substantial structure); stability by resampling (Hennig 2007, Comput Stat Data Anal 52:258: below .75 is not stable);
adjusted Rand index (Hubert and Arabie 1985).
"""

import warnings

import numpy as np

DISTANCES = 2000  # patients among whom silhouettes are computed


def k_means(X: np.ndarray, k: int, seed: int, starts: int = 5) -> tuple[np.ndarray, float]:
    """Labels (0 = the largest cluster) and the within-cluster sum of squares."""
    from sklearn.cluster import KMeans

    if k == 1:
        return np.zeros(len(X), int), float(((X - X.mean(axis=0)) ** 2).sum())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fewer distinct points than clusters
        model = KMeans(k, n_init=starts, random_state=seed).fit(X)
    order = np.argsort(-np.bincount(model.labels_, minlength=k), kind="stable")
    rank = np.empty(k, int)
    rank[order] = np.arange(k)
    return rank[model.labels_], float(model.inertia_)


def gaps(X: np.ndarray, most: int, references: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Gap and its simulation error for k = 1..most, against uniform points in the box along the principal axes."""
    rng = np.random.default_rng(seed)
    centred = X - X.mean(axis=0)
    turned = centred @ np.linalg.svd(centred, full_matrices=False)[2].T
    low, high = turned.min(axis=0), turned.max(axis=0)
    own = np.array([np.log(max(k_means(X, k, seed)[1], 1e-12)) for k in range(1, most + 1)])
    drawn = np.empty((references, most))
    for b in range(references):
        points = rng.uniform(low, high, X.shape)
        drawn[b] = [np.log(max(k_means(points, k, seed, 2)[1], 1e-12)) for k in range(1, most + 1)]
    return drawn.mean(axis=0) - own, drawn.std(axis=0) * np.sqrt(1 + 1 / references)


def agreement(X: np.ndarray, labels: np.ndarray, k: int, resamples: int, seed: int) -> float:
    """Mean adjusted Rand index of the clusters of subsamples (80 %) with those of everybody."""
    from sklearn.metrics import adjusted_rand_score

    rng = np.random.default_rng(seed)
    found = []
    for _ in range(resamples):
        some = np.sort(rng.choice(len(X), int(0.8 * len(X)), replace=False))
        found.append(adjusted_rand_score(labels[some], k_means(X[some], k, seed, 2)[0]))
    return float(np.mean(found))


def find_clusters(X: np.ndarray, settings: dict, seed: int) -> dict:
    """The clusters of X, or none.

    settings : clusters (most k), references, resamples, minimum_silhouette, minimum_agreement. k is the first whose gap is
    not beaten by the next by more than its error; k > 1 counts only when silhouette and agreement reach their minima.
    Returns k (1 = none found), labels (list), table (one entry a k), reason.
    """
    from sklearn.metrics import silhouette_score

    most = min(int(settings["clusters"]), len(X) // 10)
    if most < 2:
        return {
            "k": 1,
            "labels": [0] * len(X),
            "table": [],
            "reason": f"{len(X)} patients are too few",
        }
    gap, error = gaps(X, most, int(settings["references"]), seed)
    table, labelled = [], {}
    for k in range(2, most + 1):
        labels, _ = k_means(X, k, seed)
        labelled[k] = labels
        several = len(set(labels)) > 1
        silhouette = (
            silhouette_score(X, labels, sample_size=min(len(X), DISTANCES), random_state=seed)
            if several
            else 0.0
        )
        stable = agreement(X, labels, k, int(settings["resamples"]), seed)
        row = {
            "k": k,
            "silhouette": float(silhouette),
            "gap": float(gap[k - 1]),
            "gap_error": float(error[k - 1]),
        }
        table.append(
            {**row, "agreement": stable, "sizes": np.bincount(labels, minlength=k).tolist()}
        )
    table.insert(
        0,
        {
            "k": 1,
            "silhouette": None,
            "gap": float(gap[0]),
            "gap_error": float(error[0]),
            "agreement": None,
        },
    )
    chosen = next((k for k in range(1, most) if gap[k - 1] >= gap[k] - error[k]), most)
    row = table[chosen - 1]
    reason = ""
    if chosen == 1:
        reason = "the gap statistic prefers one group"
    elif row["silhouette"] < float(settings["minimum_silhouette"]):
        reason = f"{chosen} groups are not apart (silhouette {row['silhouette']:.2f})"
    elif row["agreement"] < float(settings["minimum_agreement"]):
        reason = f"{chosen} groups do not come again in resamples (adjusted Rand index {row['agreement']:.2f})"
    if reason:
        return {"k": 1, "labels": [0] * len(X), "table": table, "reason": reason}
    return {"k": chosen, "labels": labelled[chosen].tolist(), "table": table, "reason": ""}
