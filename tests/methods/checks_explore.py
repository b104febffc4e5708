"""Figures of the unsupervised view and of the association between blocks, for the table of docs/validation.md.

Every function takes the folder of the real test data (or None) and returns name, data, measured, limit and holds (None = not
measured: no data).
"""

from pathlib import Path

import numpy as np
import pandas as pd

from scripts.fusion import associate_blocks, explore_cohort
from scripts.fusion.training_blocks import Parts
from tests.unit.fusion.drawn_cohort import draw_parts, settings_of

NO_ASSAYS = pd.DataFrame()
NOISE_COHORTS = 40


def _result(name: str, data: str, measured: str, limit: str, holds: bool | None) -> dict:
    return {"name": name, "data": data, "measured": measured, "limit": limit, "holds": holds}


def _as_parts(tables: dict[str, pd.DataFrame], label: np.ndarray) -> Parts:
    """Real tables as a cohort of training patients of one centre."""
    index = next(iter(tables.values())).index
    obs = pd.DataFrame({"label": label, "part": "train", "centre": "C1"}, index=index)
    obs["diagnosis"] = obs["label"].map({1: "hcc", 0: "cirrhosis"})
    obs["class"] = obs["label"].map({1: "hcc", 0: "control"})
    entry = {"role": "predictor", "unit": "", "stability": np.nan}
    dictionaries = {n: pd.DataFrame(entry, index=t.columns.astype(str)) for n, t in tables.items()}
    return Parts(obs, tables, dictionaries)


def breast_tcga(folder: Path) -> Parts:
    """150 breast cancers with messenger RNA, micro-RNA and protein (Rohart 2017, PLoS Comput Biol 13:e1005752); label = basal."""
    folder = folder / "tables" / "breast_tcga"
    names = ("mrna", "mirna", "protein")
    tables = {n: pd.read_csv(folder / f"train_{n}.csv", index_col=0) for n in names}
    subtype = pd.read_csv(folder / "train_subtype.csv")["subtype"]
    return _as_parts(tables, (subtype == "Basal").astype(int).to_numpy())


def met_gu(folder: Path) -> Parts:
    """60 HCC and 60 cirrhosis patients with serum metabolites (Zuo 2021); nothing separates them."""
    table = pd.read_csv(folder / "tables" / "met_gu" / "met_gu.csv").set_index("subject")
    return _as_parts({"metabolites": table.drop(columns="HCC")}, table["HCC"].to_numpy())


def factor_recovered(folder: Path | None) -> dict:
    """A planted factor against the first MOFA factor, in training patients and in projected test patients."""
    parts = draw_parts(n=160, shared=1.0, missing=0.15, seed=1)
    summary, tables = explore_cohort.explore(parts, NO_ASSAYS, {}, settings_of("explore"), 1)
    scores = tables["scores"]["factor1"].reindex(parts.obs.index)
    found = [
        abs(scores[p].corr(parts.obs["latent"][p])) for p in map(parts.patients, ("train", "test"))
    ]
    return _result(
        "planted factor recovered by MOFA, training / projected test part",
        "drawn: 160 patients, 3 blocks, 15 % of blocks missing",
        f"correlation {found[0]:.3f} / {found[1]:.3f}",
        "> .9 both",
        min(found) > 0.9,
    )


def projection_error(folder: Path | None) -> dict:
    """Training patients projected in closed form against the factors that MOFA gave them."""
    parts = breast_tcga(folder) if folder else draw_parts(n=160, shared=1.0, missing=0.15, seed=1)
    summary, _ = explore_cohort.explore(parts, NO_ASSAYS, {}, settings_of("explore"), 1)
    error = summary["factors"]["projection_error"]
    return _result(
        "projection of training patients gives their own MOFA factors",
        "breast_tcga, 150 patients, 3 blocks" if folder else "drawn, 3 blocks",
        f"largest difference {error:.4f} SD of a factor",
        "< .01",
        error < 0.01,
    )


def noise_structure(folder: Path | None) -> dict:
    """Components, factors, clusters and flags found in noise."""
    settings = settings_of("explore", resamples=20, references=10, mofa_iterations=200)
    found = {"components": 0, "factors": 0, "clusters": 0, "flags": 0}
    cohorts = 10
    for seed in range(cohorts):
        summary, _ = explore_cohort.explore(
            draw_parts(n=100, seed=seed), NO_ASSAYS, {}, settings, 1
        )
        found["components"] += sum(note["above_noise"] for note in summary["blocks"])
        found["factors"] += len(summary["factors"]["above_noise"])
        found["clusters"] += summary["clusters"]["k"] > 1
        found["flags"] += len(summary["technical"])
    return _result(
        "nothing found in noise without labels",
        f"drawn: {cohorts} cohorts of 100 patients, 3 blocks",
        ", ".join(f"{n} {name}" for name, n in found.items()),
        "at most 2 components (1 % of 30 expected), nothing else",
        found["components"] <= 2
        and not found["factors"]
        and not found["clusters"]
        and not found["flags"],
    )


def noise_associations(folder: Path | None) -> dict:
    """False discoveries between blocks of noise, and the distribution of their p-values."""
    from scipy.stats import kstest

    settings = settings_of("associate")
    edges, canonical, histogram = 0, [], np.zeros(20)
    for seed in range(NOISE_COHORTS):
        parts = draw_parts(n=80, widths={"lcms": 40, "dda": 30}, seed=seed)
        summary, _ = associate_blocks.associate(parts, NO_ASSAYS, {}, settings, 1)
        edges += bool(
            summary["edges"]["holds"]
            + summary["edges"]["confounded"]
            + summary["edges"]["weakened"]
        )
        canonical.append(summary["pairs"][0]["p"])
        histogram += summary["pairs"][0]["histogram"]
    uniform = kstest(canonical, "uniform").pvalue
    share = histogram[0] / histogram.sum()
    return _result(
        "noise between blocks: cohorts with any association, p of pairs <= .05, uniformity of canonical p",
        f"drawn: {NOISE_COHORTS} cohorts of 60 training patients, 40 x 30 features",
        f"{edges} of {NOISE_COHORTS} cohorts, {share:.3f}, Kolmogorov-Smirnov p {uniform:.2f}",
        "<= 5 cohorts (P = .01 at .05 each), .045-.055, p > .01",
        edges <= 5 and 0.045 <= share <= 0.055 and uniform > 0.01,
    )


def planted_centre(folder: Path | None) -> dict:
    """A centre effect in both blocks: flagged, and its associations named as the centre's."""
    parts = draw_parts(n=200, widths={"lcms": 40, "dda": 30}, centre_shift=2.5, seed=2)
    view, _ = explore_cohort.explore(
        parts, NO_ASSAYS, {}, settings_of("explore", mofa_iterations=200), 1
    )
    summary, edges = associate_blocks.associate(parts, NO_ASSAYS, {}, settings_of("associate"), 1)
    named = (edges.loc[edges["status"] == "confounded", "cause"] == "centre").mean()
    flagged = any(t["variable"] == "centre" for t in view["technical"])
    pair = summary["pairs"][0]
    return _result(
        "planted centre effect is flagged, its associations are called confounded by the centre",
        "drawn: 150 training patients, centre shift 2.5 SD in half of the features",
        f"flag {'raised' if flagged else 'missing'}, {summary['edges']['confounded']} confounded, {named:.0%} by the centre, "
        f"canonical p {pair['p']:.3f} plain, {pair['p_adjusted']:.2f} held constant",
        "flag, > 95 % by the centre, p < .01 plain and > .05 held constant",
        bool(flagged and named > 0.95 and pair["p"] < 0.01 and pair["p_adjusted"] > 0.05),
    )


def breast_associations(folder: Path | None) -> dict:
    """Real blocks that are known to go together."""
    name, data = (
        "canonical correlation of real omics in patients not fitted",
        "breast_tcga, 150 patients",
    )
    limit = "> .7 for all three pairs, permutation p = 1/1001, > 100 associations that hold in each"
    if folder is None:
        return _result(name, data, "no data", limit, None)
    summary, _ = associate_blocks.associate(
        breast_tcga(folder), NO_ASSAYS, {}, settings_of("associate"), 1
    )
    pairs = summary["pairs"]
    measured = ", ".join(
        f"{p['first']}-{p['second']} {p['held_out']:.2f} ({p['edges']['holds']} hold)"
        for p in pairs
    )
    holds = all(p["held_out"] > 0.7 and p["p"] < 0.001 and p["edges"]["holds"] > 100 for p in pairs)
    return _result(name, data, measured, limit, holds)


def met_gu_view(folder: Path | None) -> dict:
    """Real metabolites: what their components have to do with the diagnosis, against a plain SVD and Wilcoxon's test of SciPy."""
    from scipy.stats import mannwhitneyu

    name, data = "components against the diagnosis", "met_gu, 120 patients, 39 metabolites"
    limit = "those of a plain SVD: every p within a tenth of its order of magnitude"
    if folder is None:
        return _result(name, data, "no data", limit, None)
    parts = met_gu(folder)
    summary, _ = explore_cohort.explore(parts, NO_ASSAYS, {}, settings_of("explore"), 1)
    own = {
        int(t["component"].removeprefix("pc")): t["p"]
        for t in summary["tests"]
        if t["variable"] == "label" and t["above_noise"] and t["component"].startswith("pc")
    }
    table, label = parts.tables["metabolites"], parts.obs["label"] == 1
    left, size, _ = np.linalg.svd(
        ((table - table.mean()) / table.std()).fillna(0), full_matrices=False
    )
    plain = {
        number: mannwhitneyu(*((left * size)[rows, number - 1] for rows in (label, ~label))).pvalue
        for number in own
    }
    far = max((abs(np.log10(own[n] / plain[n])) for n in own), default=np.inf)
    shown = ", ".join(f"pc{n} p {own[n]:.4f} (plain {plain[n]:.4f})" for n in sorted(own))
    return _result(name, data, shown, limit, bool(far <= 0.1))


CHECKS = [
    factor_recovered,
    projection_error,
    noise_structure,
    noise_associations,
    planted_centre,
    breast_associations,
    met_gu_view,
]
