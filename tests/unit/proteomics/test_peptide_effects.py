import numpy as np
import pandas as pd
import pytest

from scripts.proteomics.peptide_effects import (
    apply_effects,
    fit_effects,
    median_polish,
    nan_median,
    normalise,
)
from tests.unit.proteomics.rda import read_frame

RNG = np.random.default_rng(5)


def made(proteins=20, ions=5, runs=6, missing=0.0):
    """Log2 areas of a known additive truth, {ion: protein}, true protein levels (proteins x runs)."""
    truth = RNG.normal(20, 1, (proteins, 1)) + RNG.normal(0, 0.3, (proteins, runs))
    effects = RNG.normal(0, 2, (proteins, ions))
    table = (truth[:, None, :] + effects[:, :, None]).reshape(-1, runs)
    names = [f"P{p}_{i}" for p in range(proteins) for i in range(ions)]
    table = pd.DataFrame(table, index=names, columns=[f"R{r}" for r in range(runs)])
    table = table.mask(RNG.random(table.shape) < missing)
    return table, {name: name.split("_")[0] for name in names}, truth


def test_median_polish_of_tukeys_additive_table_is_exact():
    # rows 1 2 3 plus columns 10 20 30, no residuals: row effects -1 0 1, columns 12 22 32
    rows, columns = median_polish(np.add.outer([1, 2, 3], [10, 20, 30]))
    assert np.allclose(rows, [-1, 0, 1]) and np.allclose(columns, [12, 22, 32])


def test_one_wild_value_does_not_move_the_protein():
    table = np.add.outer(np.arange(5.0), np.arange(4.0))
    wild = table.copy()
    wild[2, 1] += 8
    assert np.allclose(median_polish(wild)[1], median_polish(table)[1])


def test_loading_differences_are_taken_out():
    table, _, _ = made()
    loaded = table + np.array([0, 1, -2, 0.5, 3, 0])
    assert np.allclose(normalise(loaded).std(axis=1), normalise(table).std(axis=1), atol=0.15)


def test_apply_recovers_protein_differences_from_incomplete_ions():
    table, protein_of, truth = made(missing=0.2)
    reference = fit_effects(table, protein_of)
    found = {}
    for run in table:
        shifted = table[run].dropna() + 1.7  # another injection amount
        found[run], _, seen = apply_effects(shifted, reference, 1)
        assert seen == len(shifted)
    error = pd.DataFrame(found) - pd.DataFrame(truth, [f"P{p}" for p in range(20)], list(table))
    error = error.sub(error.median(axis=1), axis=0)  # the level of a protein is not identified
    error = error - error.median()  # nor is the loading of a run
    assert error.abs().max().max() < 0.1


def test_apply_of_one_run_does_not_depend_on_others():
    table, protein_of, _ = made()
    reference = fit_effects(table, protein_of)
    alone = apply_effects(table["R0"], reference, 1)[0]
    assert alone.equals(apply_effects(table[["R0", "R3"]]["R0"], reference, 1)[0])


def test_protein_without_ions_is_missing_not_zero():
    table, protein_of, _ = made()
    reference = fit_effects(table, protein_of)
    quantities, shift, seen = apply_effects(
        table["R0"].drop([f"P3_{i}" for i in range(5)]), reference, 1
    )
    assert np.isnan(quantities["P3"]) and quantities.notna().sum() == 19
    nothing, shift, seen = apply_effects(pd.Series(dtype=float), reference, 1)
    assert seen == 0 and np.isnan(shift) and nothing.isna().all()


def test_min_ions_is_kept():
    table, protein_of, _ = made(proteins=2, ions=2)
    reference = fit_effects(table, protein_of)
    quantities, _, _ = apply_effects(table["R0"].drop("P0_1"), reference, 2)
    assert np.isnan(quantities["P0"]) and quantities["P1"] == pytest.approx(quantities["P1"])


def test_median_without_nan_equals_numpys():
    table = RNG.normal(size=(30, 7))
    table[RNG.random(table.shape) < 0.4] = np.nan
    table[3], table[:, 2] = np.nan, np.nan
    for axis in (0, 1):
        wanted = pd.DataFrame(table).median(axis=axis).to_numpy()
        assert np.allclose(nan_median(table, axis), wanted, equal_nan=True)


@pytest.mark.real
@pytest.mark.parametrize("fitted_on", ["1234", "12"])
def test_ups1_mixture_of_known_amounts(testdata, fitted_on):
    """UPS1 proteins at 25, 50 and 100 fmol in a constant background, four runs each (baldur, MIT).

    Truth: log2 ratios 1 and 2, background 0; tolerances and >= 38 of 46 proteins are the design note's. Welch's t, 5 % FDR,
    |log2| > 1. Also fitted on half of the runs and applied to the others.
    """
    from scipy.stats import false_discovery_control, ttest_ind

    frame = read_frame(testdata / "ms" / "proteomics" / "baldur_ups.rda").set_index("identifier")
    areas = np.log2(frame.where(frame > 0))
    reference = fit_effects(
        areas[[run for run in areas if run[-1] in fitted_on]].dropna(how="all"),
        {ion: ion.split("--")[0] for ion in areas.index},
    )
    table = pd.DataFrame(
        {run: apply_effects(areas[run].dropna(), reference, 1)[0] for run in areas}
    )
    table = table[reference.groupby("protein").size().reindex(table.index) >= 2]
    amount = {f: table.filter(regex=f"^fmol{f}_") for f in (25, 50, 100)}
    ups = table.index.str.contains("UPS")
    for fmol, truth, tolerance in ((50, 1, 0.15), (100, 2, 0.2)):
        ratio = amount[fmol].mean(axis=1) - amount[25].mean(axis=1)
        assert ratio[ups].median() == pytest.approx(truth, abs=tolerance)
        assert abs(ratio[~ups].median()) < 0.05
    p = ttest_ind(amount[100].T, amount[25].T, equal_var=False, nan_policy="omit").pvalue
    p = np.where(np.isnan(p), 1, p)
    found = (false_discovery_control(p) < 0.05) & (ratio.abs() > 1)
    assert (found & ups).sum() >= 38
    assert (found & ~ups).sum() <= 3
