"""In: a cohort and a strategy. Out: trained members (one pipeline each) and their fusion.
Source: late fusion as prior-corrected mean of calibrated log odds; docs/modelling.md, "Missing blocks".
"""

import itertools
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from scripts.model import calibrators, grid_choice, learners, pipelines, rules, stacking
from scripts.model.cohort_tables import Cohort
from scripts.model.harmonisation import Harmoniser, fit_harmoniser
from scripts.model.knowledge import set_preparation
from scripts.model.member_tables import (
    centres_of,
    core_columns,
    matrix,
    measured_blocks,
    present,
    usable_columns,
)
from scripts.model.strategies import JOINT as JOINT
from scripts.model.strategies import KNOWLEDGE, STACKING, Member
from scripts.model.strategies import members_of as members_of


@dataclass
class TrainedMember:
    """A trained pipeline. Calibrated log odds = intercept + slope * its log odds.

    columns : what it was trained on; evidence : calibrated log odds minus the log odds of the prior,
    out of fold, per training patient; weights : {(block, feature): coefficient or gain}; harmoniser :
    takes centres out of the blocks that ask for it, before the preparation; core : columns that decide who has a block
    (member_tables.core_columns), () for all of them
    """

    member: Member
    columns: tuple[tuple[str, str], ...]
    preparation: object
    model: object
    intercept: float
    slope: float
    prior: float
    evidence: pd.Series
    weights: dict[tuple[str, str], float]
    parameters: dict
    harmoniser: Harmoniser | None = None
    core: tuple[tuple[str, str], ...] = ()

    def least(self, minimum_observed: float) -> float:
        """Share of a block's core that a patient needs; locked without a core, several blocks side by side need any value."""
        return minimum_observed if self.core or len(self.member.blocks) == 1 else 0.0

    def evidence_of(self, cohort: Cohort, minimum_observed: float) -> pd.Series:
        """Evidence for hcc of every patient who has enough of the features."""
        return self.judge(cohort, minimum_observed)[0]

    def judge(self, cohort: Cohort, minimum_observed: float) -> tuple:
        """Evidence; what has to be said about the centre of a patient, where there is something; who has which block."""
        least = self.least(minimum_observed)
        table = present(matrix(cohort, self.columns), least, self.core)
        notes = pd.Series("", index=table.index)
        if self.harmoniser is not None and len(table):
            centre = centres_of(cohort, table.index)
            values, said = self.harmoniser.apply(table.to_numpy(float), centre)
            notes = pd.Series(said, index=table.index)
            harmonised = pd.DataFrame(values, index=table.index, columns=table.columns)
            table = present(harmonised, least, self.core)
        measured = measured_blocks(table, least, self.core)
        if table.empty:
            return pd.Series(dtype=float, index=table.index), notes[notes != ""], measured
        linear = pipelines.decision(self.model, self.preparation.transform(table.to_numpy(float)))
        evidence = pd.Series(self.intercept + self.slope * linear - self.prior, index=table.index)
        return evidence, notes[notes != ""], measured


def inner_folds(y: np.ndarray, groups: np.ndarray, folds: int, seed: int) -> list:
    """Grouped, stratified folds in which both sides have both classes."""
    from sklearn.model_selection import StratifiedGroupKFold

    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    found = splitter.split(np.zeros(len(y)), y, groups)
    return [(a, b) for a, b in found if 0 < y[a].sum() < len(a)]


def train_member(member: Member, cohort: Cohort, settings: dict, seed: int) -> TrainedMember | None:
    """Choose the learner's setting and the calibration in inner folds, then fit on all patients.

    None when too few patients of a class have the blocks.
    """
    joint = len(member.blocks) > 1
    table = matrix(cohort, member.columns)
    if table.empty:
        return None
    columns = usable_columns(table, float(settings["maximum_missing"]), joint)
    core = core_columns(table[columns], settings)
    table = present(table[columns], float(settings["minimum_observed"]), core)
    patients = table.index
    y = cohort.obs.loc[patients, "label"].to_numpy(int)
    folds = int(settings["inner_folds"])
    if not columns or min(y.sum(), len(y) - y.sum()) < folds:
        return None
    X, centre = table.to_numpy(float), centres_of(cohort, patients)
    groups = cohort.obs.loc[patients, "group"].to_numpy(str)
    with learners.plain_fits():
        found = _train(member, columns, X, y, centre, groups, patients, settings, seed)
    return replace(found, core=core)


def _train(member, columns, X, y, centre, groups, patients, settings, seed) -> TrainedMember:
    """`train_member` on arrays; the checks of scikit-learn are left out, the arrays are ours."""
    folds = int(settings["inner_folds"])
    grid = pipelines.learner_grid(member.learner, settings, seed)
    screens = pipelines.screens(settings, list(_sizes(columns).values()))
    if member.sets:
        screens = screens[:1]  # sets are not screened
    linear = np.full((len(y), len(screens), len(grid)), np.nan)
    for train, test in inner_folds(y, groups, folds, seed):
        harmoniser = fit_harmoniser(columns, settings, X[train], centre[train])
        inside, outside = _harmonised(harmoniser, X, centre, train, test)
        for place, screen in enumerate(screens):
            ready = _preparation(member, columns, settings, screen, seed).fit(inside, y[train])
            a, b = ready.transform(inside), ready.transform(outside)
            fresh = pipelines.learner_grid(member.learner, settings, seed)
            for number, learner in enumerate(fresh):
                linear[test, place, number] = pipelines.decision(learner.fit(a, y[train]), b)
        linear[test[np.isnan(outside).all(axis=1)]] = np.nan
    scored = ~np.isnan(linear[:, 0, 0])
    losses = [
        grid_choice.loss_of(
            linear[scored, place], y[scored], member.learner in learners.UNCALIBRATED
        )
        for place in range(len(screens))
    ]
    place = int(np.argmin([loss.mean(0).min() for loss in losses]))
    best, linear = grid_choice.best(losses[place]), linear[:, place]
    intercept, slope = calibrators.fit_line(linear[scored, best], y[scored])
    prior = float(logit(y.mean()))
    harmoniser = fit_harmoniser(columns, settings, X, centre)
    X = _harmonised(harmoniser, X, centre, slice(None))[0]
    ready = _preparation(member, columns, settings, screens[place], seed).fit(X, y)
    model = grid[best].fit(ready.transform(X), y)
    evidence = pd.Series(intercept + slope * linear[:, best] - prior, index=patients)
    return TrainedMember(
        member=member,
        columns=tuple(columns),
        preparation=ready,
        model=model,
        intercept=intercept,
        slope=slope,
        prior=prior,
        evidence=evidence.dropna(),
        weights=feature_weights(ready, model, columns),
        parameters=learners.parameters(model)
        | ({"screen": screens[place]} if len(screens) > 1 else {}),
        harmoniser=harmoniser,
    )


def _harmonised(harmoniser: Harmoniser | None, X: np.ndarray, centre: np.ndarray, *parts) -> list:
    if harmoniser is None:
        return [X[rows] for rows in parts]
    return [harmoniser.apply(X[rows], centre[rows])[0] for rows in parts]


def _sizes(columns) -> dict[str, int]:
    """{block: number of its columns}."""
    sizes: dict[str, int] = {}
    for block, _ in columns:
        sizes[block] = sizes.get(block, 0) + 1
    return sizes


def _preparation(member: Member, columns, settings: dict, screen: int, seed: int):
    if member.sets:
        return set_preparation(columns, member.sets, settings)
    sizes = _sizes(columns)
    if len(sizes) > 1:
        return pipelines.joint_preparation(
            settings, screen, list(sizes.values()), list(sizes), seed
        )
    return pipelines.preparation(settings, screen, next(iter(sizes)), seed)


def kept_columns(preparation, columns) -> list:
    """Columns that reach the learner, in its order."""
    columns = list(columns)
    if "sets" in preparation.named_steps:
        return [(columns[0][0], name) for name in preparation.named_steps["sets"].names_]
    if "blocks" not in preparation.named_steps:
        kept = np.flatnonzero(preparation.named_steps["usable"].kept_)
        return [columns[i] for i in kept[preparation.named_steps["screen"]._get_support_mask()]]
    out = []
    for name, part, positions in preparation.named_steps["blocks"].transformers_:
        if name != "remainder":
            out += kept_columns(part, [columns[i] for i in positions])
    return out


def feature_weights(preparation, model, columns) -> dict:
    """{(block, feature or set): coefficient, share of gain ...} of what is in use."""
    values = learners.importances(model)
    kept = kept_columns(preparation, columns)
    return {c: float(v) for c, v in zip(kept, values, strict=True) if abs(v) > 1e-9}


def pattern_name(names) -> str:
    """A pattern of present members as text, e.g. "clinical+lcms"."""
    return "+".join(sorted(names))


@dataclass
class FusedModel:
    """Members and how their evidence becomes one probability.

    evidence : training patients x members, out of fold, NaN = not measured; y : their labels;
    weights : {member: weight} of a stacked fusion, empty = plain mean; rules : resolved rules that
    overrule the members (knowledge level); memo : lines and fallbacks of patterns that were asked for
    """

    members: list[TrainedMember]
    evidence: pd.DataFrame
    y: np.ndarray
    settings: dict
    weights: dict[str, float] = field(default_factory=dict)
    rules: list[dict] = field(default_factory=list)
    memo: dict = field(default_factory=dict, repr=False, compare=False)

    @property
    def blocks(self) -> list[str]:
        """Blocks that the members use, in their order."""
        return list(dict.fromkeys(block for m in self.members for block, _ in m.columns))

    def _remembered(self) -> dict:
        """What is known of patterns, shared with copies of the model that have the same evidence, labels and weights."""
        own = (self.evidence, self.y, self.weights)
        if not self.memo:
            self.memo["of"] = own
        elif any(a is not b for a, b in zip(self.memo["of"], own, strict=True)):
            self.memo = {"of": own}
        return self.memo

    def mean_evidence(self, rows: pd.DataFrame, names) -> pd.Series:
        """Mean evidence of these members, weighted where the fusion is stacked.

        Members whose weights are all zero have learned nothing apart: their plain mean.
        """
        own = rows[list(names)]
        return pd.Series(self._mean(own.to_numpy(float), names), index=own.index)

    def _mean(self, values: np.ndarray, names) -> np.ndarray:
        weight = self._weights(names)
        return values @ weight / weight.sum() if weight.any() else values.mean(axis=1)

    def shares(self, names) -> np.ndarray:
        """Share of each member in the mean evidence: equal, unless the fusion is stacked."""
        weight = self._weights(names)
        return weight / weight.sum() if weight.any() else np.full(len(names), 1 / len(names))

    def _weights(self, names) -> np.ndarray:
        return np.array([self.weights.get(name, 0.0) for name in names], float)

    def calibration(self, names: tuple[str, ...]) -> tuple[float, float] | None:
        """Line from the mean evidence of these members to log odds at the overall prior.

        Fitted on all training patients who have at least these members; None when they are too
        few. The share of events of that subset is taken out again: having or not having been
        measured is no evidence.
        """
        known = self._remembered()
        if names not in known:
            known[names] = self._line(names)
        return known[names]

    def _line(self, names: tuple[str, ...]) -> tuple[float, float] | None:
        have = self.evidence[list(names)].notna().all(axis=1).to_numpy()
        y = self.y[have]
        minimum = int(self.settings["minimum_class"])
        if min(int(y.sum()), int(len(y) - y.sum())) < minimum:
            return None
        mean = self.mean_evidence(self.evidence[have], names).to_numpy()
        intercept, slope = calibrators.fit_line(mean, y)
        return intercept - float(logit(y.mean())) + float(logit(self.y.mean())), slope

    def fallback(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """The largest subset of the names that training patients show together often enough."""
        known = self._remembered()
        if ("fallback", names) not in known:
            known["fallback", names] = self._largest(names)
        return known["fallback", names]

    def _largest(self, names: tuple[str, ...]) -> tuple[str, ...]:
        seen = {
            tuple(self.evidence.columns[row])
            for row in self.evidence.notna().to_numpy()
            if row.any()
        }
        options = {tuple(sorted(set(names) & set(p))) for p in seen} | {(n,) for n in names}
        for option in sorted(options, key=lambda o: (-len(o), o)):
            if option and self.calibration(option) is not None:
                return option
        return ()

    def score(self, cohort: Cohort) -> pd.DataFrame:
        """Probability of every patient.

        Returns index patient_id; probability (NaN when refused), pattern (members present),
        calibrated_on (members used), refused (plain reason or ""), notes (centres that training did
        not see where a block is harmonised, rules that acted).
        """
        limit = float(self.settings["minimum_observed"])
        seen = rules.withheld(cohort, self.rules)
        judged = {m.member.name: m.judge(seen, limit) for m in self.members}
        found = pd.DataFrame({name: evidence for name, (evidence, _, _) in judged.items()})
        said = pd.Series("", index=cohort.obs.index, dtype=object)
        for _, notes, _ in judged.values():
            joined = said.loc[notes.index].str.cat(notes, sep="; ").str.removeprefix("; ")
            said.loc[notes.index] = joined
        measured = [own for _, _, own in judged.values()]
        scores = self.fuse(found.reindex(said.index), measured, said)
        return rules.overruled(scores, cohort, self.rules)

    def fuse(
        self, found: pd.DataFrame, measured: list[pd.DataFrame], notes: pd.Series
    ) -> pd.DataFrame:
        """What `score` returns, without rules.

        found : patients x members, NaN = not measured; measured : of every member, who has which block.
        """
        values, columns = found.to_numpy(float), list(found.columns)
        has_block = pd.DataFrame(False, index=found.index, columns=self.blocks)
        for own in measured:
            has_block.loc[own.index, own.columns] |= own
        out = {
            name: np.full(len(found), "", object)
            for name in ("pattern", "calibrated_on", "refused")
        }
        probability = np.full(len(found), np.nan)
        parts = np.hstack([~np.isnan(values), has_block.to_numpy(bool)])
        masks, place = np.unique(parts, axis=0, return_inverse=True)
        for number, mask in enumerate(masks):
            rows = np.flatnonzero(place.ravel() == number)
            names = tuple(sorted(itertools.compress(columns, mask)))
            out["pattern"][rows] = pattern_name(names)
            reason = self.refusal(set(itertools.compress(self.blocks, mask[len(columns) :])))
            used = () if reason else self.fallback(names)
            if not reason and not used:
                reason = "no pattern of blocks like this one was seen in training"
            if reason:
                said = notes.iloc[rows].to_numpy(object)
                out["refused"][rows] = np.where(said == "", reason, reason + "; " + said)
                continue
            intercept, slope = self.calibration(used)
            own = values[np.ix_(rows, [columns.index(name) for name in used])]
            probability[rows] = expit(intercept + slope * self._mean(own, used))
            out["calibrated_on"][rows] = pattern_name(used)
        return pd.DataFrame(
            {"probability": probability, **out, "notes": notes.to_numpy(object)}, index=found.index
        )

    def refusal(self, blocks: set[str]) -> str:
        """Why these blocks of a patient are below the minimum set, "" when they are not."""
        least = min(int(self.settings["minimum_blocks"]), len(self.blocks))
        if len(blocks) < least:
            return f"below the minimum set of blocks: {len(blocks)} usable, {least} needed"
        lacking = sorted(set(self.settings["required_blocks"]) - blocks)
        return f"required block missing: {', '.join(lacking)}" if lacking else ""


def train(members: list[Member], cohort: Cohort, settings: dict, seed: int) -> FusedModel | None:
    """Train all members on a cohort; None when none of them has enough patients."""
    applied = _rules_of(members, cohort, settings)
    seen = rules.withheld(cohort, applied)
    trained = [train_member(m, seen, settings, seed) for m in members]
    return fuse([m for m in trained if m is not None], cohort, settings)


def _rules_of(members: list[Member], cohort: Cohort, settings: dict) -> list[dict]:
    if not any(m.fusion == KNOWLEDGE for m in members):
        return []
    return rules.applicable(settings, cohort)[0]


def fuse(trained: list[TrainedMember], cohort: Cohort, settings: dict) -> FusedModel | None:
    """A FusedModel of trained members; patients without any of them are left out."""
    if not trained:
        return None
    evidence = pd.DataFrame({m.member.name: m.evidence for m in trained})
    evidence = evidence.reindex(cohort.obs.index).dropna(how="all")
    y = cohort.obs.loc[evidence.index, "label"].to_numpy(int)
    weights = {}
    if any(m.member.fusion == STACKING for m in trained):
        ridge = float(settings["stacking"]["ridge"])
        found = stacking.member_weights(evidence.to_numpy(float), y, ridge)
        weights = dict(zip(evidence.columns, map(float, found), strict=True))
    applied = _rules_of([m.member for m in trained], cohort, settings)
    return FusedModel(trained, evidence, y, settings, weights, applied)
