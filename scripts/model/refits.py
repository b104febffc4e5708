"""In: a trained model, the patients it was trained on. Out: the same pipelines refitted on resampled patients,
and how well each refit does.
Source: Harrell 1996 (Stat Med 15:361), optimism by bootstrap; Efron and Tibshirani 1997 (JASA 92:548), .632+.

Refitted in every resample: harmonisation of centres, filters, logarithms, imputation, scaling, screening and the learner
of every member. Held as the final fit chose them: the learner's setting, the lines that calibrate members and patterns,
and the strategy.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from scripts.model import fused, learners, member_tables, metrics, pipelines, rules
from scripts.model.cohort_tables import Cohort
from scripts.model.harmonisation import fit_harmoniser

QUANTITIES = ("auc", "brier", "calibration_intercept", "calibration_slope")
WHERE = (
    "apparent",
    "original",
    "outside",
)  # the resample, the whole training part, who was not drawn
ATTEMPTS = 50
PLUS, CLASSICAL = ".632+", "classical"  # how a corrected value was made
CHANCE_BRIER = "brier_no_information"
NO_SPAN = 1e-9  # an apparent value this close to chance leaves nothing to correct
LEAST = 2  # patients of each class that every member must keep in a resample


@dataclass
class Rows:
    """What a member was trained on: X (patients x features, not harmonised), labels, places in the cohort, centres, and who has
    which block (patients x blocks).
    """

    member: fused.TrainedMember
    X: np.ndarray
    y: np.ndarray
    place: np.ndarray
    centre: np.ndarray
    measured: pd.DataFrame


def rows_of(member: fused.TrainedMember, cohort: Cohort, minimum_observed: float) -> Rows:
    """The training rows of a member; `cohort` : without what rules withhold."""
    least = member.least(minimum_observed)
    table = member_tables.present(member_tables.matrix(cohort, member.columns), least, member.core)
    place = cohort.obs.index.get_indexer(table.index)
    centre = member_tables.centres_of(cohort, table.index)
    measured = member_tables.measured_blocks(table, least, member.core)
    return Rows(member, table.to_numpy(float), cohort.labels[place], place, centre, measured)


def draw(groups: np.ndarray, seed: int, number: int, attempt: int = 0) -> np.ndarray:
    """How often each patient is in resample `number`; linked patients are drawn together.

    It depends on the seed and the number alone, so that it does not matter which job draws it.
    """
    _, place = np.unique(groups, return_inverse=True)
    size = int(place.max()) + 1
    rng = np.random.default_rng([seed, number, attempt])
    return np.bincount(rng.integers(0, size, size), minlength=size)[place]


def refit(rows: Rows, counts: np.ndarray, settings: dict) -> fused.TrainedMember | None:
    """The member's steps and learner, trained again on the drawn patients; None when too few of a class are left."""
    drawn = np.repeat(np.arange(len(rows.y)), counts[rows.place])
    y = rows.y[drawn]
    if min(y.sum(), len(y) - y.sum()) < LEAST:
        return None
    X, centre, harmoniser = rows.X[drawn], rows.centre[drawn], None
    if rows.member.harmoniser is not None:
        harmoniser = fit_harmoniser(rows.member.columns, settings, X, centre)
        X = harmoniser.apply(X, centre)[0]
    return replace(fit_again(rows.member, X, y), harmoniser=harmoniser)


def fit_again(member: fused.TrainedMember, X: np.ndarray, y: np.ndarray) -> fused.TrainedMember:
    """The member with its steps and learner, their settings unchanged, trained on other rows (harmonised already)."""
    from sklearn.base import clone

    preparation = clone(member.preparation).fit(X, y)
    model = clone(member.model).fit(preparation.transform(X), y)
    return replace(member, preparation=preparation, model=model)


def scores_of(
    model: fused.FusedModel, members: list[Rows], trained: list[fused.TrainedMember], cohort: Cohort
) -> np.ndarray:
    """Probability of every training patient by the refitted members, as `FusedModel.score` gives it.

    Where neither rules nor harmonisation look at the patients, the members see the rows that are at hand already.
    """
    if model.rules or any(member.harmoniser is not None for member in trained):
        return replace(model, members=trained).score(cohort)["probability"].to_numpy(float)
    found = np.full((len(cohort.obs), len(members)), np.nan)
    for column, (rows, member) in enumerate(zip(members, trained, strict=True)):
        ready = member.preparation.transform(rows.X)
        line = member.intercept + member.slope * pipelines.decision(member.model, ready)
        found[rows.place, column] = line - member.prior
    names = [member.member.name for member in trained]
    evidence = pd.DataFrame(found, index=cohort.obs.index, columns=names)
    nothing = pd.Series("", index=cohort.obs.index, dtype=object)
    measured = [rows.measured for rows in members]
    return model.fuse(evidence, measured, nothing)["probability"].to_numpy(float)


def performance(
    y: np.ndarray, probability: np.ndarray, weights: np.ndarray
) -> dict[str, np.ndarray]:
    """{quantity: value for every row of weights}; a row without one of the classes has NaN."""
    both = (weights[:, y == 1].sum(1) > 0) & (weights[:, y == 0].sum(1) > 0)
    found = {name: np.full(len(weights), np.nan) for name in QUANTITIES}
    used = weights[both]
    if not len(used):
        return found
    lines = metrics.calibration_lines(y, metrics.to_logit(probability), used)
    found["auc"][both] = metrics.resampled_auc(y, probability, used)
    found["brier"][both] = used @ (probability - y) ** 2 / used.sum(1)
    found["calibration_intercept"][both], found["calibration_slope"][both] = lines.T
    return found


def apparent(model: fused.FusedModel, cohort: Cohort) -> dict[str, float]:
    """How well the model does on the patients that it was trained on.

    With them the Brier score of these probabilities against the labels of all patients: what they reach where they
    have nothing to do with the labels (Efron and Tibshirani's no-information error).
    """
    scores = model.score(cohort)["probability"].to_numpy(float)
    scored = np.isfinite(scores)
    y, p = cohort.labels[scored], scores[scored]
    found = performance(y, p, np.ones((1, len(y))))
    chance = float((p**2).mean() - 2 * p.mean() * y.mean() + y.mean())
    return {name: float(value[0]) for name, value in found.items()} | {CHANCE_BRIER: chance}


def resample(
    model: fused.FusedModel, cohort: Cohort, numbers: range, settings: dict, seed: int
) -> pd.DataFrame:
    """One line a refit: number, attempts, and every quantity in the resample, in the whole training part
    and among those who were not drawn (columns like apparent_auc).
    """
    minimum = float(settings["minimum_observed"])
    seen = rules.withheld(cohort, model.rules)
    members = [rows_of(m, seen, minimum) for m in model.members]
    groups, lines = cohort.obs["group"].to_numpy(str), []
    with learners.plain_fits():
        for number in numbers:
            for attempt in range(ATTEMPTS):
                counts = draw(groups, seed, number, attempt)
                trained = [refit(rows, counts, settings) for rows in members]
                if all(trained):
                    break
            else:
                raise ValueError(
                    f"{ATTEMPTS} resamples left fewer than {LEAST} patients of a class with a block"
                )
            scores = scores_of(model, members, trained, cohort)
            scored = np.isfinite(scores)
            drawn = counts[scored].astype(float)
            weights = np.vstack([drawn, np.ones(len(drawn)), drawn == 0])
            found = performance(cohort.labels[scored], scores[scored], weights)
            line = {"number": number, "attempts": attempt + 1}
            line |= {
                f"{where}_{name}": values[row]
                for name, values in found.items()
                for row, where in enumerate(WHERE)
            }
            lines.append(line)
    return pd.DataFrame(lines)


def optimism(ours: dict[str, float], refits: pd.DataFrame) -> dict[str, dict]:
    """{quantity: apparent, optimism, corrected {value, low, high}, method, classical, outside, n} from all refits.

    classical = apparent - mean(resample - whole training part) (Harrell 1996). corrected : by .632+ for AUC and Brier
    score (`point_632_plus`), the classical value for the calibration, which has no value without information.
    low and high are the 2.5 and 97.5 percentiles of the same correction taken refit by refit: its spread, no confidence
    interval. A refit without a value (its predictions separate the classes) is left out.
    """
    found = {}
    chance = {"auc": 0.5, "brier": ours.get(CHANCE_BRIER)}
    for name in QUANTITIES:
        own = refits[[f"apparent_{name}", f"original_{name}"]].to_numpy(float)
        own = own[np.isfinite(own).all(axis=1)]
        shift = float((own[:, 0] - own[:, 1]).mean()) if len(own) else np.nan
        outside = refits[f"outside_{name}"].to_numpy(float)
        outside = outside[np.isfinite(outside)]
        left_out = float(outside.mean()) if len(outside) else np.nan
        classical = metrics.interval(ours[name] - shift, ours[name] - own[:, 0] + own[:, 1])
        corrected, method = classical, CLASSICAL
        if chance.get(name) is not None:
            drawn = point_632_plus(ours[name], outside, chance[name])
            value = point_632_plus(ours[name], np.array([left_out]), chance[name])[0]
            corrected, method = metrics.interval(float(value), drawn), PLUS
        found[name] = {
            "apparent": ours[name],
            "optimism": shift,
            "corrected": corrected,
            "method": method,
            "classical": classical,
            "outside": metrics.interval(left_out, outside),
            "n": len(own),
        }
    return found


def point_632_plus(apparent: float, outside: np.ndarray, chance: float) -> np.ndarray:
    """.632+ estimate (Efron and Tibshirani 1997, JASA 92:548) of a quantity, for every value of `outside`.

    (1 - w) apparent + w outside, w = .632 / (1 - .368 R), R = (apparent - outside) / (apparent - chance) within 0 and 1:
    .632 without overfitting, 1 where the refits do no better than chance outside their resample. chance : the value
    without information; outside counts as no worse than it. It holds for measures that rise and that fall.
    """
    span = apparent - chance
    if not np.isfinite(span) or abs(span) < NO_SPAN:
        return np.where(np.isfinite(outside), np.full(len(outside), apparent), np.nan)
    bounded = np.maximum(outside, chance) if span > 0 else np.minimum(outside, chance)
    overfit = np.clip((apparent - bounded) / span, 0.0, 1.0)
    weight = 0.632 / (1 - 0.368 * overfit)
    return (1 - weight) * apparent + weight * bounded
