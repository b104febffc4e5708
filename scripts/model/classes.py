"""In: a cohort of three or more classes and a strategy. Out: one fused model per class against the rest, coupled to
probabilities that add up to one.
Source: one against the rest with a softmax of the log odds, its slope and intercepts fitted out of fold (vector of biases and
one temperature: Guo 2017, ICML; coupling: Zadrozny and Elkan 2002); docs/modelling.md, "Three or more classes".
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from scripts.model import fused, metrics
from scripts.model.cohort_tables import Cohort

PRIOR_SD = 2.0  # of slope (around 1) and intercepts (around 0) of the coupling, as in calibrators
BETWEEN = "."  # block and position of the class in the names of a bundle's members


def probability_columns(classes) -> list[str]:
    """Columns of the probabilities in the order of the classes."""
    return [f"p{code}" for code in range(len(classes))]


def against_rest(cohort: Cohort, code: int) -> Cohort:
    """The cohort with label 1 for one class and 0 for all others."""
    name = cohort.outcome["classes"][code]
    outcome = {"name": name, "kind": "binary", "classes": ["rest", name]}
    label = (cohort.labels == code).astype(int)
    return replace(cohort, obs=cohort.obs.assign(label=label), outcome=outcome)


@dataclass
class ClassModel:
    """Models of every class against the rest, all with members of the same names.

    classes : names in the order of the labels; models : one a class; slope, intercepts : of the coupling,
    probabilities = softmax(slope * log odds + intercepts)
    """

    classes: list[str]
    models: list[fused.FusedModel]
    slope: float
    intercepts: np.ndarray

    @property
    def members(self) -> list[str]:
        """Names of the members, of each class alike."""
        return [m.member.name for m in self.models[0].members]

    def couple(self, log_odds: np.ndarray) -> np.ndarray:
        """Probabilities (patients x classes) from log odds of every class against the rest."""
        return softmax(self.slope * log_odds + self.intercepts, axis=1)

    def score(self, cohort: Cohort) -> pd.DataFrame:
        """Probability of every class for every patient.

        Returns index patient_id; p0, p1 ... (NaN when refused), class (the most probable, "" when refused),
        pattern, calibrated_on, refused and notes as FusedModel.score says them.
        """
        tables = [model.score(cohort) for model in self.models]
        odds = np.column_stack([metrics.to_logit(t["probability"].to_numpy()) for t in tables])
        out = tables[0][["pattern", "calibrated_on", "refused"]].copy()
        for table in tables[1:]:
            fewer = table["calibrated_on"].str.len() < out["calibrated_on"].str.len()
            out.loc[fewer, "calibrated_on"] = table.loc[fewer, "calibrated_on"]
            other = (out["refused"] == "") & (table["refused"] != "")
            out.loc[other, "refused"] = table.loc[other, "refused"]
        said = pd.concat([table["notes"] for table in tables], axis=1)
        out["notes"] = [joined_notes(row) for row in said.to_numpy(object)]
        known = ~np.isnan(odds).any(axis=1)
        probability = np.full(odds.shape, np.nan)
        probability[known] = self.couple(odds[known])
        called = np.array([*self.classes, ""], dtype=object)
        out["class"] = called[np.where(known, odds_argmax(probability), len(self.classes))]
        for column, values in zip(probability_columns(self.classes), probability.T, strict=True):
            out[column] = values
        return out

    def alone(self, member: str, cohort: Cohort, settings: dict) -> "ClassModel | None":
        """The model of one member only, its coupling fitted anew; `cohort` : what it was trained on."""
        models = []
        for code, model in enumerate(self.models):
            own = [m for m in model.members if m.member.name == member]
            models.append(fused.fuse(own, against_rest(cohort, code), settings))
        return coupled(self.classes, models, cohort)

    def packed(self) -> fused.FusedModel:
        """All members of all classes as one model, the shape that a bundle is written from."""
        members, evidence = [], {}
        for code, model in enumerate(self.models):
            for trained in model.members:
                name = f"{trained.member.name}{BETWEEN}{code}"
                members.append(replace(trained, member=replace(trained.member, name=name)))
                evidence[name] = model.evidence[trained.member.name]
        table = pd.DataFrame(evidence)
        labels = np.full(len(table), -1)
        for code, model in enumerate(self.models):
            events = model.evidence.index[model.y == 1]
            labels[table.index.isin(events)] = code
        return replace(self.models[0], members=members, evidence=table, y=labels)


def unpacked(packed: fused.FusedModel, description: dict) -> ClassModel:
    """The model of a bundle that `packed` and the description of the bundle give."""
    classes = description["outcome"]["classes"]
    models = []
    for code in range(len(classes)):
        members = []
        for trained in packed.members:
            name, _, own = trained.member.name.rpartition(BETWEEN)
            if int(own) == code:
                members.append(replace(trained, member=replace(trained.member, name=name)))
        evidence = packed.evidence[[f"{m.member.name}{BETWEEN}{code}" for m in members]]
        evidence = evidence.set_axis([m.member.name for m in members], axis=1)
        known = evidence.notna().any(axis=1).to_numpy()
        y = (packed.y == code).astype(int)
        models.append(replace(packed, members=members, evidence=evidence[known], y=y[known]))
    coupling = description["coupling"]
    return ClassModel(classes, models, coupling["slope"], np.array(coupling["intercepts"]))


def joined_notes(notes) -> str:
    """What the models of all classes say of one patient, each thing once."""
    return "; ".join(dict.fromkeys(part for text in notes for part in text.split("; ") if part))


def odds_argmax(probability: np.ndarray) -> np.ndarray:
    """Position of the most probable class, the first of equal ones; 0 where nothing is known."""
    return np.nan_to_num(probability, nan=-1.0).argmax(axis=1)


def train(members: list, cohort: Cohort, settings: dict, seed: int) -> ClassModel | None:
    """Train every class against the rest; None when a class has too few patients for any member."""
    codes = range(len(cohort.outcome["classes"]))
    views = [against_rest(cohort, code) for code in codes]
    models = [fused.train(members, view, settings, seed) for view in views]
    if any(model is None for model in models):
        return None
    shared = set.intersection(*({m.member.name for m in model.members} for model in models))
    if not shared:
        return None
    for code, model in enumerate(models):
        kept = [m for m in model.members if m.member.name in shared]
        if len(kept) < len(model.members):
            models[code] = fused.fuse(kept, views[code], settings)
    return coupled(cohort.outcome["classes"], models, cohort)


def coupled(classes: list[str], models: list, cohort: Cohort) -> ClassModel | None:
    """The models with the coupling that their out-of-fold evidence gives; None when there is too little of it."""
    odds = pd.concat([out_of_fold_odds(model) for model in models], axis=1).dropna()
    y = cohort.obs.loc[odds.index, "label"].to_numpy(int)
    if set(y) != set(range(len(classes))):
        return None
    slope, intercepts = fit_coupling(odds.to_numpy(), y)
    return ClassModel(list(classes), list(models), slope, intercepts)


def out_of_fold_odds(model: fused.FusedModel) -> pd.Series:
    """Calibrated log odds of the training patients from their out-of-fold evidence, pattern by pattern."""
    evidence = model.evidence
    odds = pd.Series(np.nan, index=evidence.index)
    for key, rows in evidence.groupby([evidence[c].notna() for c in evidence.columns]):
        key = key if isinstance(key, tuple) else (key,)
        names = tuple(sorted(n for n, has in zip(evidence.columns, key, strict=True) if has))
        used = model.fallback(names) if names else ()
        if used:
            intercept, slope = model.calibration(used)
            odds[rows.index] = intercept + slope * model.mean_evidence(rows, used)
    return odds


def fit_coupling(odds: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """Slope and intercepts of the softmax of log odds, maximum a posteriori.

    odds : patients x classes; y : positions of the classes. Priors: slope N(1, 2), intercepts N(0, 2).
    """
    one_hot = np.eye(odds.shape[1])[y]

    def loss(parameters):
        slope, intercepts = parameters[0], parameters[1:]
        logs = log_softmax(slope * odds + intercepts, axis=1)
        surplus = np.exp(logs) - one_hot
        value = -(one_hot * logs).sum()
        value += ((slope - 1) ** 2 + (intercepts**2).sum()) / (2 * PRIOR_SD**2)
        gradient = np.r_[(surplus * odds).sum(), surplus.sum(axis=0)]
        return value, gradient + np.r_[slope - 1, intercepts] / PRIOR_SD**2

    start = np.r_[1.0, np.zeros(odds.shape[1])]
    bounds = [(1e-3, None), *[(None, None)] * odds.shape[1]]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, tol=1e-12)
    return float(found.x[0]), found.x[1:]
